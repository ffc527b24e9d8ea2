"""A search is shown as a live table, plain lines, JSON lines, or by its end only."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from experiments.journal import Journal, TrialRecord
from experiments.results import TrialResult
from experiments.settings import SearchSettings
from experiments.showing import json_lines
from experiments.showing.display import Display, build_display
from experiments.showing.json_lines import JsonLines
from experiments.showing.live_table import LiveTable, window
from experiments.showing.options import Showing
from experiments.showing.plain_lines import PlainLines
from experiments.showing.progress import Progress
from experiments.showing.quiet import Quiet
from experiments.showing.summary import Summary
from experiments.terminal import Terminal
from trashseg_core.ensemble.bundle import Ensemble, Member
from trashseg_core.errors import BadInput

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def report(terminal: Terminal, record: TrialRecord, epoch: int, value: float) -> None:
    terminal.progress.journal.add_epoch(record.key, epoch, {"val_miou": value, "epoch_s": 60.0})
    terminal.epoch_reported(record, epoch)


def end(terminal: Terminal, record: TrialRecord, status: str, error: str | None = None) -> None:
    terminal.progress.journal.end_trial(record.key, status, error)
    terminal.trial_ended(record)


def play(display: Display, journal: Journal) -> Progress:
    """Two trials: one waits at its rung, one fails; a third runs. Something is printed meanwhile."""
    progress = Progress(journal, "val_miou", 6, 9, rungs=(3,), planned_epochs=30.0)
    with display, Terminal(progress, display) as terminal:
        terminal.slots_planned(2)
        params = {"lr": 0.00123456, "optimizer": "sgd", "encoder_name": "tu-tf_efficientnet_lite0"}
        first, second = (journal.add_trial(params, {}, {}) for _ in range(2))
        terminal.trial_started(first)
        terminal.trial_started(second)
        for epoch in (1, 2, 3):
            report(terminal, first, epoch, epoch / 10)
        print("printed by a hop")
        end(terminal, second, "failed", "CUDA out of memory [of device 0]")
        terminal.trial_started(journal.add_trial({"lr": 0.5}, {}, {}))
    return progress


def summary(place: Path) -> Summary:
    settings = SearchSettings("data", "quick", place.name, out=str(place.parent))
    failed = [TrialResult(f"t000{n}", "failed", None, None, None, 0, {}, None, 0.0, "out of memory") for n in (1, 2)]
    best = TrialResult("t0000", "finished", 0.5, 0.4, 3, 9, {"lr": 1.0}, "trials/t0000/epoch_0003", 90.0, None)
    ensemble = Ensemble([Member("t0000", 1.0, 64, [0.5], [0.5])], ["bg", "x"], {"1": 1}, 0.55, 0.52, [], {})
    return Summary(place, settings, [best, *failed], ensemble, "trashseg-first@champion")


def test_plain_lines_say_starts_epochs_ends_and_reasons(journal: Journal) -> None:
    out = io.StringIO()
    play(PlainLines(out), journal)
    lines = out.getvalue().splitlines()
    assert lines[0] == "t0000 starts: lr=0.00123 optimizer=sgd encoder_name=tu-tf_efficientnet_lite0"
    assert lines[2].startswith("t0000 epoch 1/9 val_miou 0.1000  (about ")
    assert lines[5] == "t0001 failed: CUDA out of memory [of device 0]"


def events(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def documented() -> dict[str, set[str]]:
    """Fields of each event by the table in the module's docstring."""
    rows = re.findall(r"^\| (\w+) \| (.+) \|$", json_lines.__doc__ or "", re.MULTILINE)
    return {event: set(re.findall(r"\b[a-z_]+\b(?=[,:;]|$)", re.sub(r" \{.*?\}", "", text))) for event, text in rows}


def test_every_line_is_an_event_with_the_documented_fields(journal: Journal) -> None:
    out = io.StringIO()
    play(JsonLines(out), journal)
    fields, seen = documented(), events(out)
    assert [event["event"] for event in seen] == [
        *("search", "trial", "trial", "epoch", "epoch", "epoch", "message", "trial_end", "trial"),
    ]
    for event in seen:
        expected = {"text"} if event["event"] == "message" else fields[event["event"]]
        assert set(event) == {"event", "time"} | expected


def test_events_tell_the_best_the_slots_and_what_a_hop_printed(journal: Journal) -> None:
    out = io.StringIO()
    play(JsonLines(out), journal)
    seen = events(out)
    epoch = seen[5]
    assert epoch["best"] == {"trial": "t0000", "epoch": 3, "value": 0.3}
    assert (epoch["running"], epoch["slots"], epoch["metrics"]["epoch_s"]) == (1, 2, 60.0)
    assert seen[6]["text"] == "printed by a hop"
    assert seen[7]["error"] == "CUDA out of memory [of device 0]"


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), "interrupted"), (OSError("full"), "failed")])
def test_an_interrupted_search_ends_with_an_event_that_says_how_to_go_on(error: BaseException, status: str) -> None:
    out = io.StringIO()
    error.add_note("Go on with: resume")
    with pytest.raises(type(error)), JsonLines(out):
        raise error
    (last,) = events(out)
    assert (last["event"], last["status"], last["message"]) == ("end", status, "Go on with: resume")


def test_a_quiet_search_says_what_failed_and_its_summary(journal: Journal, tmp_path: Path, capsys: Capture) -> None:
    out = io.StringIO()
    play(Quiet(out), journal)
    assert out.getvalue() == "t0001 failed: CUDA out of memory [of device 0]\n"
    assert capsys.readouterr().out == ""
    with Quiet(out) as quiet:
        quiet.say("MLflow failed")
    assert out.getvalue().endswith("MLflow failed\n")
    Quiet(out).finish(summary(tmp_path / "first"))
    assert "Best trial   t0000: val_miou 0.5000 in epoch 3" in out.getvalue()


def test_the_summary_says_what_to_expect_on_test_where_there_are_test_photos(tmp_path: Path) -> None:
    known = summary(tmp_path / "first")
    assert "expected" not in known.text() and known.document()["ensemble"]["test_interval"] is None
    told = replace(known.ensemble, test_interval=[0.4, 0.6], provenance={"test_photos": 91})
    known = replace(known, ensemble=told)
    assert "\n             expected 0.400 to 0.600 on 91 test photos of the same kind\n" in known.text()
    assert known.document()["ensemble"]["test_interval"] == [0.4, 0.6]


def drawn(progress: Progress, width: int, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="standard")
    with console.capture() as captured:
        console.print(window(progress, height))
    return captured.get().splitlines()


def without_colours(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_live_table_has_one_line_for_each_trial_and_none_is_too_long(journal: Journal, width: int) -> None:
    progress = play(PlainLines(io.StringIO()), journal)
    lines = [without_colours(line) for line in drawn(progress, width)]
    assert max(map(len, lines)) <= width
    heading = next(number for number, line in enumerate(lines) if line.startswith("trial "))
    rows = [line for line in lines[heading + 1 :] if line.strip()]
    assert [row.split()[:2] for row in rows] == [
        ["t0002", "running"],
        ["t0000", "waiting"],
        ["t0001", "failed"],
        ["t0001", "failed:"],
    ]


def test_the_live_table_tells_states_slots_the_best_and_the_time_left(journal: Journal) -> None:
    progress = play(PlainLines(io.StringIO()), journal)
    head = " ".join(without_colours(line) for line in drawn(progress, 200)[:3])
    assert "1 of 6 trials ended · 1 running · 1 waiting · 1 failed" in head
    assert "1 of 2 slots in use" in head and "left" in head
    assert "best val_miou 0.3000: t0000 in epoch 3" in head


def test_many_trials_fit_the_height_of_the_terminal(journal: Journal) -> None:
    for _ in range(40):
        journal.add_epoch(journal.add_trial({}, {}, {}).key, 1, {"val_miou": 0.5})
    assert len(drawn(Progress(journal, "val_miou", 40, 9), 80, height=20)) < 20


def test_no_color_is_respected(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = play(PlainLines(io.StringIO()), journal)
    coloured = re.compile(r"\x1b\[(\d;)?3\dm")
    assert any(coloured.search(line) for line in drawn(progress, 80))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not any(coloured.search(line) for line in drawn(progress, 80))


def test_the_summary_names_the_bound_that_ended_the_trials(tmp_path: Path) -> None:
    counted = summary(tmp_path / "first")
    assert f"--trials {2 * counted.settings.trials}" in counted.text()
    spent = replace(counted, settings=replace(counted.settings, time_budget=3600.0), budget_is_spent=True)
    assert spent.text().endswith("--time-budget 3600")


def test_the_summary_says_what_failed_where_it_lies_and_what_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "my runs" / "first"
    folder.mkdir(parents=True)
    (folder / "submission.csv").touch()
    text = summary(folder).text()
    assert "2 failed: out of memory (t0001, t0002)" in text
    assert f"Submission   {folder / 'submission.csv'}" in text and "Report" not in text
    assert f"resume '{folder}' --trials 40" in text


def test_the_end_for_machines_holds_the_same(tmp_path: Path) -> None:
    out = io.StringIO()
    JsonLines(out).finish(summary(tmp_path))
    (last,) = events(out)
    assert (last["status"], last["best"]["trial_id"], last["ensemble"]["held_out"]) == ("finished", "t0000", 0.52)
    assert last["failures"] == [{"reason": "out of memory", "trials": ["t0001", "t0002"]}]


def test_two_ways_of_showing_at_once_are_refused() -> None:
    with pytest.raises(BadInput, match="two ways of showing"):
        Showing(json=True, quiet=True)


@pytest.mark.parametrize(("term", "kind"), [("xterm-256color", LiveTable), ("dumb", PlainLines)])
def test_a_terminal_gets_the_live_table_if_it_can_move_its_cursor(
    monkeypatch: pytest.MonkeyPatch, term: str, kind: type
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # pytest's output counts as a terminal then
    monkeypatch.setenv("TERM", term)
    assert isinstance(build_display(Showing()), kind)


@pytest.mark.parametrize(
    ("showing", "kind"), [(Showing(json=True), JsonLines), (Showing(quiet=True), Quiet), (Showing(), PlainLines)]
)
def test_a_pipe_gets_plain_lines_unless_told_otherwise(showing: Showing, kind: type) -> None:
    assert isinstance(build_display(showing), kind)
