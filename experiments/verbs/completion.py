"""Shell completion: a script for bash, zsh or fish that knows every verb, flag and choice.

tyro makes such scripts too, but for a program that is called by its name; this one is called `python run_search.py`.
The words are written into the script: completing starts no Python.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from experiments.verbs.flags import flags_of

Shell = Literal["bash", "zsh", "fish"]

BASH = r"""# Completion of run_search.py for bash and zsh, made by `python run_search.py completion`.
if [ -n "$ZSH_VERSION" ]; then autoload -Uz compinit bashcompinit; compinit -u; bashcompinit; fi

_trashseg_words() { # VERB PREVIOUS: what may follow; nothing where it is a file or a free value
    case "$1 $2" in
@CHOICES@
    esac
    case "$1" in
@FLAGS@
    esac
}

_trashseg() { # the place of the verb on the command line
    local verb_at=$1 current=${COMP_WORDS[COMP_CWORD]} words
    if (( COMP_CWORD == verb_at )); then
        words="@VERBS@ --help"
    else
        words=$(_trashseg_words "${COMP_WORDS[verb_at]}" "${COMP_WORDS[COMP_CWORD - 1]}")
        [[ $current == -* || $words != --* ]] || words=
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}

_trashseg_script() { # ./run_search.py VERB
    _trashseg 1
}

_trashseg_python() { # python run_search.py VERB; what else python is called with is completed as it was before
    if [[ ${COMP_WORDS[1]} == *run_search.py ]] && (( COMP_CWORD > 1 )); then
        _trashseg 2
    elif [ -n "$_trashseg_before" ]; then
        "$_trashseg_before" "$@"
    else
        COMPREPLY=()
    fi
}

[ -n "$ZSH_VERSION" ] || _trashseg_before=$(complete -p python 2>/dev/null | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
[[ $_trashseg_before != _trashseg_python ]] || _trashseg_before=
complete -o default -F _trashseg_script run_search.py
complete -o default -F _trashseg_python python python3
"""

FISH = r"""# Completion of run_search.py for fish, made by `python run_search.py completion fish`.
function __trashseg_called
    string match -q '*run_search.py' -- (commandline -opc)[1..2]
end

function __trashseg_words
    set -l given (commandline -opc)
    string match -q '*run_search.py' -- $given[1]; or set -e given[1]
    if test (count $given) -eq 1
        printf '%s\n' @VERBS@ --help
        return
    end
    switch "$given[2] $given[-1]"
@CHOICES@
    end
    string match -q -- '-*' (commandline -ct); or return
    switch "$given[2]"
@FLAGS@
    end
end

for program in run_search.py python python3
    complete -c $program -n __trashseg_called -a '(__trashseg_words)'
end
"""


def script(shell: Shell, verbs: Mapping[str, Callable[..., Any]]) -> str:
    """The script for one shell; to be sourced."""
    choices, flags = "", ""
    for name, verb in verbs.items():
        for flag in flags_of(verb):
            if flag.choices:
                choices += _case(shell, f"{name} {name if flag.positional else '--' + flag.name}", flag.choices)
        names = [f"--{flag.name}" for flag in flags_of(verb) if not flag.positional]
        flags += _case(shell, name, [*names, "--help"])
    filled = {"@VERBS@": " ".join(verbs), "@CHOICES@": choices.rstrip("\n"), "@FLAGS@": flags.rstrip("\n")}
    template = FISH if shell == "fish" else BASH
    for mark, text in filled.items():
        template = template.replace(mark, text)
    return template


def _case(shell: Shell, words_before: str, words: list[str]) -> str:
    if shell == "fish":
        return f"        case '{words_before}'\n            printf '%s\\n' {' '.join(words)}\n            return\n"
    return f'        "{words_before}") echo "{" ".join(words)}"; return ;;\n'
