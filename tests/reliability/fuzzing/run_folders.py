"""fuzz-results: a run folder whose results.json and journal.jsonl are mutated."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from experiments.forecast import forecast_run
from experiments.journal import Journal
from experiments.limits import Limits
from experiments.manifest import read_manifest
from experiments.points.warm_start import collect
from experiments.report import write_report
from experiments.results import best_trial, candidates, read_results
from experiments.searcher import OptunaSearcher
from experiments.showing.run_status import read_status
from experiments.stages import collect_results, trials_are_done
from experiments.study_export import export_study
from experiments.verbs.comparison import compare_runs, print_comparison
from experiments.verbs.leaderboard import print_leaderboard, read_leaderboard
from experiments.verbs.status_text import print_status
from search_spaces import load
from tests.made_run import add_ensemble, made_search
from tests.reliability.fuzzing.byte_mutations import mutate_bytes
from tests.reliability.fuzzing.case import Case, each_of
from tests.reliability.fuzzing.json_mutations import dump, mutated_json

NUM_TRIALS = 5
SLOW = 8
"""What takes long is done with every eighth case."""


def make_run_folder(folder: Path) -> None:
    """Write the run folder of a search that nobody ran."""
    made_search(folder / "run", NUM_TRIALS)
    add_ensemble(folder / "run", "made")


def run_cases(valid: Path) -> SearchStrategy[Case]:
    """`results.json` or `journal.jsonl` mutated: values, lines, bytes."""
    results = json.loads((valid / "run/results.json").read_text())
    lines = [json.loads(line) for line in (valid / "run/journal.jsonl").read_text().splitlines()]

    @st.composite
    def case(draw: DrawFn) -> Case:
        files, told = dict[str, bytes | None](), []
        which = draw(st.sampled_from(("results", "journal", "journal", "both")))
        if which != "journal":
            files["run/results.json"], done = draw(mutated_json(results))
            told.append(f"results.json: {done}")
        if which != "results":
            files["run/journal.jsonl"], done = draw(mutated_journal(lines))
            told.append(f"journal.jsonl: {done}")
        return Case(files, "; ".join(told))

    return case()


@st.composite
def mutated_journal(draw: DrawFn, lines: list[Any]) -> tuple[bytes, str]:
    """A journal with lines changed, gone, doubled, in another order, or cut."""
    written, told = [dump(line) for line in lines], []
    for _ in range(draw(st.sampled_from((1, 1, 2, 3)))):
        number = draw(st.integers(0, len(written) - 1))
        match draw(st.sampled_from(("value", "value", "value", "value", "gone", "twice", "later", "bytes"))):
            case "value":
                written[number], done = draw(mutated_json(lines[number % len(lines)]))
                told.append(f"line {number}: {done}")
            case "gone" if len(written) > 1:
                del written[number]
                told.append(f"no line {number}")
            case "twice":
                written.insert(number, written[number])
                told.append(f"line {number} twice")
            case "later":
                written.append(written.pop(number))
                told.append(f"line {number} at the end")
            case _:
                written[number], done = mutate_bytes(draw, written[number])
                told.append(f"line {number}: {done}")
    return b"\n".join([*written, b""]), "; ".join(told)


def judge_run_folder(folder: Path, scratch: Path, number: int, changed: Collection[str]) -> None:
    """Look at it as the verbs do, and go on from it as `resume`, `ensemble` and a warm start do."""
    run = folder / "run"
    acts = [
        lambda: judge_status(run),
        lambda: print_leaderboard(read_leaderboard(run, 20)),
        lambda: judge_results(run),
        lambda: judge_resume(run, scratch),
        lambda: collect((str(run),), load("quick"), {}, {}, ("val_miou",), Limits()),
    ]
    slow = [
        lambda: print_comparison(compare_runs(run, run)),
        lambda: json.dumps(forecast_run(run, None), allow_nan=False),
        lambda: write_report(copied(run, scratch / "report")),
        lambda: export_study(run, read_manifest(run), scratch / "study.db"),
    ]
    each_of(*acts, *(slow if number < 0 else [slow[number // SLOW % len(slow)]] if number % SLOW == 0 else []))


def judge_status(run: Path) -> None:
    """The status in words and as JSON."""
    status = read_status(run)
    print_status(status)
    json.dumps(status.document(), allow_nan=False)


def judge_results(run: Path) -> None:
    """What `ensemble` and `train --from` take from the results."""
    results = read_results(run / "results.json")
    best_trial(results, "val_miou")
    for result in candidates(results, 5):
        assert (run / str(result.checkpoint)).resolve().is_relative_to(run.resolve()), "a checkpoint elsewhere"


def judge_resume(run: Path, scratch: Path) -> None:
    """Bring the study back from the journal, propose a trial and write the results anew."""
    settings = read_manifest(copied(run, scratch / "resume")).settings
    trials_are_done(settings)
    journal = Journal(settings.folder / "journal.jsonl")
    OptunaSearcher(load("quick"), journal, "val_miou", 99, 99, first_rung=settings.first_rung, sampler="tpe").suggest(
        "a"
    )
    collect_results(journal, settings)
    journal.close()
    read_results(settings.folder / "results.json")


def copied(run: Path, target: Path) -> Path:
    """A copy that may be written to."""
    if not target.exists():
        shutil.copytree(run, target)
    return target
