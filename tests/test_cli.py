"""The command line ends with an exit code and at most one line that says what was given and what to do."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import run_search
from experiments.journal import Journal
from experiments.manifest import Manifest
from experiments.settings import SearchSettings
from experiments.verbs.command_line import run_command
from tests.tiny import write_folder

ROOT = Path(__file__).parents[1]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_signal_handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put back what `main` changes in the process; and let relative paths lie in the test's own folder."""
    monkeypatch.chdir(tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good data folder of a few photos."""
    folder = tmp_path_factory.mktemp("cli") / "data"
    return write_folder(folder, {"train": [(40, 40)] * 4, "val": [(40, 40)] * 2, "test": [(40, 40)] * 2})


def refused(capsys: Capture, *words: str) -> str:
    """Run a command that must end with exit code 2 and one line on stderr; return the line."""
    code = run_search.main(list(words))
    err = capsys.readouterr().err
    assert (code, err.count("\n"), err[-1:]) == (2, 1, "\n"), err
    assert "Traceback" not in err
    return err


def search_words(data: Path, *more: str) -> tuple[str, ...]:
    return ("search", "--data", str(data), "--space", "quick", "--name", "first", *more)


def write_run(folder: Path, data: Path, epochs: int) -> Path:
    """A run folder as an interrupted search leaves it."""
    settings = SearchSettings(str(data), "quick", folder.name, out=str(folder.parent))
    folder.mkdir(parents=True)
    Manifest(settings, "0.1", {}, {}).write(folder)
    journal = Journal(folder / "journal.jsonl")
    journal.add_trial({}, {}, {})
    for epoch in range(1, epochs + 1):
        journal.add_epoch("t0000", epoch, {"val_miou": 0.5})
    journal.close()
    return folder


def test_no_verb_at_all_is_refused(capsys: Capture) -> None:
    assert "run_search.py" in refused(capsys)


def test_an_unknown_verb_is_refused_with_those_there_are(capsys: Capture) -> None:
    message = refused(capsys, "serach")
    assert "serach" in message and "resume" in message


@pytest.mark.reliability("command-line")
def test_an_unknown_flag_is_refused_by_its_name(capsys: Capture, data: Path) -> None:
    assert "--trails" in refused(capsys, *search_words(data, "--trails", "3"))


def test_a_value_of_the_wrong_type_is_refused(capsys: Capture, data: Path) -> None:
    assert "three" in refused(capsys, *search_words(data, "--trials", "three"))


def test_missing_data_are_refused(capsys: Capture, tmp_path: Path) -> None:
    assert f"{tmp_path / 'nowhere'}: no such data folder" in refused(capsys, *search_words(Path("nowhere")))


@pytest.mark.reliability("command-line")
def test_a_space_that_fails_is_refused(capsys: Capture, data: Path) -> None:
    Path("mine.py").write_text("def space(trial):\n    trial.suggest_float('lr', 0.2, 0.1)\n")
    assert "bounds of `lr` are 0.2 and 0.1" in refused(capsys, *search_words(data, "--space", "mine.py"))


@pytest.mark.reliability("old-state")
def test_a_taken_name_is_refused_with_the_command_that_goes_on(capsys: Capture, data: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs" / "first", data, epochs=1)
    before = (folder / "journal.jsonl").read_bytes()
    assert f"holds a search already. Go on with `resume {folder}`" in refused(capsys, *search_words(data))
    assert (folder / "journal.jsonl").read_bytes() == before


def test_a_search_in_use_by_another_process_is_refused(capsys: Capture, data: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs" / "first", data, epochs=1)
    code = (
        f"import fcntl, sys; f = open({str(folder / '.lock')!r}, 'a'); fcntl.flock(f, 2); print(1, flush=True); input()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert "is in use by process" in refused(capsys, "resume", str(folder))
    finally:
        holder.communicate(b"\n")


@pytest.mark.reliability("old-state")
def test_there_is_nothing_to_resume_in_a_folder_that_does_not_exist(capsys: Capture) -> None:
    assert "runs/none: no such run folder. Start a search with `search`" in refused(capsys, "resume", "runs/none")


@pytest.mark.reliability("old-state")
def test_there_is_nothing_to_resume_in_a_folder_without_a_search(capsys: Capture, tmp_path: Path) -> None:
    assert "there is no search here (manifest.json is missing)" in refused(capsys, "resume", str(tmp_path))


@pytest.mark.reliability("old-state")
def test_there_is_nothing_to_resume_where_nothing_was_saved(capsys: Capture, data: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs" / "first", data, epochs=0)
    assert "stopped before anything was saved. Start it again with `search`" in refused(capsys, "resume", str(folder))


def test_a_folder_that_everybody_may_write_is_not_resumed(capsys: Capture, data: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs" / "first", data, epochs=1)
    folder.chmod(0o777)
    assert "can be written by everybody" in refused(capsys, "resume", str(folder))


@pytest.mark.reliability("old-state")
@pytest.mark.parametrize("verb", ["ensemble", "submit", "report", "ui"])
def test_a_verb_on_a_folder_without_a_search_is_refused(capsys: Capture, tmp_path: Path, verb: str) -> None:
    assert "there is no search here" in refused(capsys, verb, str(tmp_path))


def test_an_ensemble_of_no_trials_is_refused(capsys: Capture, data: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs" / "first", data, epochs=1)
    assert "`--top-k` is 0, but must be 1 or more" in refused(capsys, "ensemble", str(folder), "--top-k", "0")


def test_training_on_nothing_is_refused(capsys: Capture) -> None:
    assert "Nothing to train on. Give `--data DATA`" in refused(capsys, "train")


def test_a_set_of_train_is_checked_too(capsys: Capture, data: Path) -> None:
    assert "Did you mean `lr`?" in refused(capsys, "train", "--data", str(data), "--set", "llr=1")


def collected(words: list[str]) -> tuple[str, ...]:
    """What the verb `search` of a command gets as `--set`."""
    seen: list[SearchSettings] = []

    def search(data: str, set: tuple[str, ...] = (), trials: int = 5) -> None:
        """Keep what was given."""
        seen.append(SearchSettings(data, "quick", "first", set=set, trials=trials))

    def other() -> None:
        """Make `search` a verb among others."""

    assert run_command({"search": search, "other": other}, "", words) == 0
    assert seen[0].trials == 3
    return seen[0].set


@pytest.mark.parametrize(
    "words",
    [
        ["--trials", "3", "--data", "d", "--set", "lr=0.1", "warmup=0.2"],
        ["--trials", "3", "--set", "lr=0.1", "--data", "d", "--set", "warmup=0.2"],
        ["--set", "lr=0.1", "--set", "warmup=0.2", "--trials", "3", "--data", "d"],
        ["--data", "d", "--set=lr=0.1", "--set=warmup=0.2", "--trials", "3"],
    ],
)
def test_repeated_set_flags_are_joined(words: list[str]) -> None:
    assert collected(["search", *words]) == ("lr=0.1", "warmup=0.2")


@pytest.mark.parametrize("flag", ["--warm-start", "--enqueue"])
def test_other_lists_may_be_given_in_several_flags_too(flag: str) -> None:
    seen: list[tuple[str, ...]] = []

    def search(warm_start: tuple[str, ...] = (), enqueue: tuple[str, ...] = ()) -> None:
        """Keep what was given."""
        seen.append(warm_start + enqueue)

    def other() -> None:
        """Make `search` a verb among others."""

    assert run_command({"search": search, "other": other}, "", ["search", flag, "a", flag, "b", "c"]) == 0
    assert seen == [("a", "b", "c")]


def test_check_of_a_good_folder_prints_the_class_table(capsys: Capture, data: Path) -> None:
    assert run_search.main(["check", str(data)]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("paper", "metal", "train (4 photos)", "val (2 photos)", "test (2 photos)"))


def test_check_of_a_bad_folder_names_the_first_finding_and_the_count(capsys: Capture, tmp_path: Path) -> None:
    bad = write_folder(tmp_path / "bad", {"train": [(40, 40)] * 4, "val": [(41, 41)] * 2})
    for number in (1, 3):
        (bad / f"train/{number}.png").write_bytes(b"no picture")
    message = refused(capsys, "check", str(bad))
    assert "train/1.png" in message and "2 finding(s) in all. `--all` lists them." in message


def test_check_lists_every_finding_when_asked(capsys: Capture, tmp_path: Path) -> None:
    bad = write_folder(tmp_path / "bad", {"train": [(40, 40)] * 4, "val": [(41, 41)] * 2})
    for number in (1, 3):
        (bad / f"train/{number}.png").unlink()
    assert run_search.main(["check", str(bad), "--all"]) == 2
    out = capsys.readouterr().out
    assert "train/1.png" in out and "train/3.png" in out


def test_sample_data_refuses_a_folder_that_holds_a_data_set(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "val.json").write_text("do not touch")
    assert "there" in refused(capsys, "sample-data", "there", "--images", "6")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["val.json"]


def test_the_script_itself_hands_its_exit_code_to_the_shell(tmp_path: Path) -> None:
    words = [sys.executable, str(ROOT / "run_search.py"), "resume", "none"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("run_search.py: none: no such run folder")
