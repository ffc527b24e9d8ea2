"""A command that cannot be read is answered with the one word to change in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.verbs.refusal import fault_of
from run_search import VERBS
from tests.test_cli import Capture, own_signal_handlers, refused

pytestmark = pytest.mark.reliability("command-line")

__all__ = ["own_signal_handlers"]

REQUIRED = ("--data", "d", "--space", "quick", "--name", "n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "A verb is needed. There are search, resume, "),
        (("serch",), "'serch' is no verb. Did you mean `search`? There are search, resume, "),
        (("-V",), "'-V' is no verb."),
        (("stability", "runs/a", "--no-out"), "`stability` has no flag `--no-out`. Did you mean `--out`?"),
        (
            ("status", "runs/a", "-v"),
            "`status` has no flag `-v`. `python run_search.py status --help` lists its flags.",
        ),
        (("search", "--dta", "d"), "`search` has no flag `--dta`. Did you mean `--data`?"),  # not what else is missing
        (("search", *REQUIRED, "--trails=3"), "`search` has no flag `--trails`. Did you mean `--trials`?"),
        (("search", "--data", "d", "--space", "quick"), "`search` needs `--name` (name of the search;"),
        (("ensemble",), "`ensemble` needs `RUN` (run folder, e.g. runs/first)."),
        (("compare", "runs/a"), "`compare` needs `RUN_B`"),
        (("predict", "e"), "`predict` needs `IMAGES` (folder of photos, one photo, or a COCO file) and `--out` ("),
        (("predict", "e", "photos", "more", "--out", "o"), "`predict` has no use for 'more'."),
        (("search", *REQUIRED, "--top_k", "a"), "The value of `--top-k` is 'a', but must be a whole number."),
        (("search", *REQUIRED, "--trials", "-1.5"), "The value of `--trials` is '-1.5', but must be a whole number."),
        (("search", *REQUIRED, "--reduction-factor", "x"), "is 'x', but must be a number."),
        (("search", *REQUIRED, "--concurrent", "aut"), "must be a whole number or auto. Did you mean `auto`?"),
        (("search", *REQUIRED, "--set", "lr=1", "image_size=64", "--scheduler"), "`--scheduler` needs a value: asha"),
        (("ensemble", "runs/a", "--crf", "maybe"), "is 'maybe', but must be one of auto, on, off."),
        (("ensemble", "runs/a", "--top-k"), "`--top-k` needs a value: a whole number."),
        (
            ("completion", "Bash"),
            "The value of `SHELL` is 'Bash', but must be one of bash, zsh, fish. Did you mean `ba",
        ),
        (("status", "runs/a", "--json=3"), "`--json` takes no value. Leave '3' out."),
    ],
)
def test_a_refused_command_is_answered_with_what_to_change(
    capsys: Capture, words: tuple[str, ...], message: str
) -> None:
    assert message in refused(capsys, *words)


WORDS = [
    *VERBS,
    "--data",
    "--top-k",
    "--json",
    "--no-json",
    "--set",
    "--crf",
    "-x",
    "3",
    "a=b",
    "auto",
    "None",
    "-0.5",
    "--",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(WORDS), max_size=6))
def test_any_words_have_an_answer_of_one_line_or_none(words: list[str]) -> None:
    fault = fault_of(VERBS, words)
    assert fault is None or fault.strip() and "\n" not in fault and len(fault) < 1000


@pytest.mark.parametrize(
    "words",
    [
        ("search", *REQUIRED, "--set", "lr=1", "epochs=3", "--top-k=4", "--concurrent", "auto", "--quiet"),
        ("predict", "--out", "o", "e", "photos", "--overlays", "--no-probabilities"),
        ("completion", "zsh"),
        ("stability", "--csv", "a.csv", "b.csv", "--truth", "t.json"),
    ],
)
def test_nothing_is_found_wrong_in_a_command_that_is_right(words: tuple[str, ...]) -> None:
    assert fault_of(VERBS, list(words)) is None
