"""What a search spends beside its trials: between them, in its driver, in memory."""

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from typing import Any

from tests.bench.end_to_end import ROOT
from tests.bench.rows import Row
from tests.bench.suggest import suggest_ms

NUM_FINISHED = 1000
TABLE_EPOCHS = 27
BUSY_TRIALS, BUSY_SLOTS, BUSY_S = 20, 4, 20.0
GAP_TRIALS = 4


def measure(repeats: int) -> list[Row]:
    """Measure all rows; the hand-over `repeats` times on each side in turn, the long searches once."""
    return [_handover(repeats), _idle(), _suggest(repeats), *_driver()]


def _run(module: str, *words: object) -> dict[str, Any]:
    """Run a search in a process of its own; what it prints last."""
    with tempfile.TemporaryDirectory() as out:
        kind, *rest = words
        command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, [kind, out, *rest])]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return dict(json.loads(done.stdout.splitlines()[-1]))


def _gap(kind: str) -> float:
    """Median seconds between one trial's last moment of work and the next one's first, on one slot."""
    worked = _run("handover_search", kind, GAP_TRIALS, 1, 1.0)["worked"]
    return statistics.median(after["started"] - before["ended"] for before, after in itertools.pairwise(worked))


def _handover(repeats: int) -> Row:
    pairs = [(_gap("own"), _gap("plain")) for _ in range(repeats)]
    own, plain = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Row(
        f"from a trial's end to the next one's first step, {own:.2f} s",
        statistics.median(plain / own for own, plain in pairs),
        ">=",
        15,
        "x shorter",
        f"Ray's default, a fresh actor that imports torch and smp: {plain:.1f} s",
        "Tune's reset of the process and the proposal",
    )


def _idle() -> Row:
    search = _run("handover_search", "own", BUSY_TRIALS, BUSY_SLOTS, BUSY_S)
    worked = search["worked"]
    first, last = min(one["started"] for one in worked), max(one["ended"] for one in worked)
    start, stop = first - search["started"], search["started"] + search["wall"] - last
    return Row(
        f"wall x {BUSY_SLOTS} slots, {BUSY_TRIALS} trials of {BUSY_S:.0f} s run to their ends",
        (last - first) * BUSY_SLOTS / sum(one["ended"] - one["started"] for one in worked),
        "<=",
        1.05,
        "x",
        "the sum of the trials' own seconds; wall from the first trial's start to the last one's end",
        f"the hand-overs (beside them, Ray took {start:.0f} s to start and {stop:.0f} s to stop)",
    )


def _suggest(repeats: int) -> Row:
    return Row(
        f"a proposal after {NUM_FINISHED} finished trials",
        statistics.median(suggest_ms(NUM_FINISHED) for _ in range(repeats)),
        "<=",
        30,
        "ms",
        "baseline space, TPE",
        "TPE's densities over all trials",
    )


def _driver() -> list[Row]:
    search = _run("table_search", "promotion", NUM_FINISHED, TABLE_EPOCHS, TABLE_EPOCHS)
    tenth = len(search["rows"]) // 10
    first, last = _per_report(search["rows"][: tenth + 1]), _per_report(search["rows"][-tenth - 1 :])
    busy, cpu = _per_report(search["rows"])
    journal = f"opening a journal of {search['lines']} lines"
    memory = [row[3] for row in search["rows"]]
    size = f"{NUM_FINISHED} trials x {TABLE_EPOCHS} epochs that train nothing, the whole driver"
    return [
        Row(
            "driver time per report, 20 metrics, MLflow included",
            cpu,
            "<=",
            15,
            "ms",
            f"{size}: CPU of all its threads",
            f"Tune's loop and MLflow's SQLite; {busy:.1f} ms of wall time in which it does not wait for workers",
        ),
        Row(
            "driver time per report, last tenth / first tenth",
            last[1] / first[1],
            "<=",
            1.5,
            "x",
            f"the same run, CPU of all threads: {first[1]:.1f} ms at first, {last[1]:.1f} ms at last",
            "the proposals, which grow with the trials",
        ),
        Row(
            "growth of the driver's memory",
            max(memory) - memory[0],
            "<=",
            200,
            "MB",
            f"the same run, from its first report: {memory[0]:.0f} MiB",
            "Tune's trials, the journal's records",
        ),
        Row(journal, search["open_s"], "<=", 1, "s", "the journal of the same run", "parsing JSON"),
    ]


def _per_report(rows: list[list[float]]) -> tuple[float, float]:
    """Milliseconds of a report between two rows of `table_search.Meter`: of the driver's loop, and of CPU."""
    reports = rows[-1][0] - rows[0][0]
    return 1000 * (rows[-1][1] - rows[0][1]) / reports, 1000 * (rows[-1][2] - rows[0][2]) / reports
