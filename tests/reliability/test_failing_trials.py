"""Trials that die, hang, diverge and run out of memory fail with a reason that helps; the others go on."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments import search as search_module
from experiments.journal import Journal, JournalReader, TrialRecord
from experiments.results import TrialResult, read_results
from experiments.searcher import OptunaSearcher
from experiments.stages import failure_summary
from tests.reliability.cases import Cases
from tests.reliability.faulty_search import EPOCHS, HANG_LIMIT_S, search_of, space
from trashseg_core.checkpoint import WEIGHTS, read_weights

pytestmark = pytest.mark.slow
TRIALS = 9
MET = {
    "t0001": "die",
    "t0002": "stop",
    "t0003": "run-out",
    "t0004": "allocate",
    "t0005": "diverge",
    "t0006": "diverge@1",
}


@dataclass
class Search:
    """A search that has ended."""

    folder: Path
    said: list[str]

    @property
    def records(self) -> dict[str, TrialRecord]:
        return JournalReader(self.folder / "journal.jsonl").trials

    @property
    def results(self) -> dict[str, TrialResult]:
        return {one.trial_id: one for one in read_results(self.folder / "results.json")}


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    """Nine trials, of which six meet a fault. Processes that die are tried again once instead of three times."""
    out, said = tmp_path_factory.mktemp("faulty"), list[str]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_module, "MAX_FAILURES", 1)
        return Search(search_of(out, "faulty", MET, TRIALS, said.append).folder, said)


@pytest.mark.reliability("every-trial-fails")
def test_trials_that_fail_cost_the_others_nothing(search: Search, cases: Cases) -> None:
    cases.add(len(MET))
    assert {key: record.status for key, record in search.records.items()} == {
        f"t{number:04d}": "failed" if f"t{number:04d}" in MET else "finished" for number in range(TRIALS)
    }
    assert all(max(record.epochs) == EPOCHS for record in search.records.values() if record.status == "finished")


@pytest.mark.reliability("out-of-memory")
def test_a_trial_that_always_dies_is_tried_again_as_often_as_it_may_and_fails_with_advice(search: Search) -> None:
    error = search.records["t0001"].error or ""
    assert error.startswith("its process was killed or crashed 2 times; the kernel kills what takes too much memory")
    assert "smaller `batch_size`" in error
    assert [one for one in search.said if one.startswith("t0001")] == [
        "t0001: its process died; another one goes on from epoch 1"
    ]


@pytest.mark.reliability("out-of-memory")
@pytest.mark.parametrize("key", ["t0003", "t0004"])
def test_memory_that_cannot_be_had_ends_the_trial_at_once_with_advice(search: Search, key: str) -> None:
    error = search.records[key].error or ""
    assert error.startswith("out of memory: ") and "smaller `batch_size`" in error
    assert not [one for one in search.said if one.startswith(key)]


@pytest.mark.reliability("hanging")
def test_a_trial_that_stands_still_fails_once_and_is_not_tried_again(search: Search) -> None:
    key = "t0002"
    reason = f"hangs: no step for {HANG_LIMIT_S:.0f} s (`--hang-limit`) after epoch 1; its process was ended"
    assert search.records[key].error == reason
    assert [one for one in search.said if one.startswith(key)] == [f"{key}: {reason}"]


@pytest.mark.reliability("hanging")
def test_the_process_of_a_trial_that_hung_is_gone(search: Search) -> None:
    processes = dict(map(str.split, (search.folder / "processes.log").read_text().splitlines()))
    assert processes["t0002"] != processes["t0003"], "the slot has a new process"
    command = Path(f"/proc/{processes['t0002']}/cmdline")
    assert not command.exists() or b"ray::" not in command.read_bytes()


@pytest.mark.reliability("non-finite")
def test_a_trial_that_diverges_fails_with_its_reason(search: Search, cases: Cases) -> None:
    cases.add(2)
    for key, epochs in (("t0005", [1]), ("t0006", [])):
        record = search.records[key]
        assert (record.error or "").startswith("TrainingFailed: The training loss is nan")
        assert sorted(record.epochs) == epochs


@pytest.mark.reliability("non-finite")
def test_what_a_failed_trial_had_reached_before_is_still_there(search: Search) -> None:
    for key in set(MET) - {"t0006"}:
        result = search.results[key]
        assert (result.best_epoch, result.checkpoint) == (1, f"trials/{key}/epoch_0001")
        assert set(read_weights(search.folder / str(result.checkpoint) / WEIGHTS)["weight"].tolist()) == {1.0}
    assert search.results["t0006"].checkpoint is None


@pytest.mark.reliability("non-finite")
def test_no_number_that_is_not_finite_is_in_the_records(search: Search) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is in the file")

    json.loads((search.folder / "results.json").read_text(), parse_constant=refuse)
    for line in (search.folder / "journal.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=refuse)


@pytest.mark.reliability("non-finite")
def test_the_sampler_knows_of_every_end_and_nothing_is_proposed_again(search: Search) -> None:
    study = OptunaSearcher(space, JournalReader(search.folder / "journal.jsonl"), "val_miou", TRIALS, 1).study
    states = Counter(trial.state.name for trial in study.get_trials())
    assert states == {"FAIL": len(MET), "COMPLETE": TRIALS - len(MET)}
    assert len({trial.params["lr"] for trial in study.get_trials()}) == TRIALS


@pytest.mark.reliability("every-trial-fails")
def test_reasons_that_differ_in_numbers_only_are_grouped_and_counted(search: Search) -> None:
    failed = [one for one in search.results.values() if one.status == "failed"]
    summary = failure_summary(sorted(failed, key=lambda one: one.trial_id))
    assert "2 x TrainingFailed: The training loss is nan" in summary and "(t0005, t0006)" in summary
    assert f"1 x hangs: no step for {HANG_LIMIT_S:.0f} s" in summary


@pytest.mark.reliability("hanging")
def test_going_on_leaves_failed_trials_alone(search: Search) -> None:
    before = (search.folder / "journal.jsonl").read_bytes()
    journal = Journal(search.folder / "journal.jsonl")
    journal.retry_what_had_no_room()
    searcher = OptunaSearcher(space, journal, "val_miou", TRIALS, 1)
    assert searcher.suggest("one") == searcher.FINISHED
    journal.close()
    assert (search.folder / "journal.jsonl").read_bytes() == before
