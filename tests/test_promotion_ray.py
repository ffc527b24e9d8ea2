"""Promotion with real Ray: trials pause, go on where they were, and end once; a restart changes nothing."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.journal import Journal
from experiments.search import build_tuner
from tests.tiny import settings_of

pytestmark = pytest.mark.slow
EPOCHS, TRIALS = 9, 8
RUNGS = {3}


def space(trial: Any) -> None:
    """One number."""
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)


def trainable_in(folder: Path) -> Any:
    """A trainable that keeps its last epoch in a file of its own, as the project's keeps checkpoints."""

    def trainable(params: dict[str, Any]) -> None:
        from ray import tune

        state = folder / "states" / params["trial_key"]
        state.parent.mkdir(exist_ok=True)
        last = int(state.read_text()) if state.exists() else 0
        for epoch in range(max(last, 1), EPOCHS + 1):  # the last one is reported again
            state.write_text(str(epoch))
            with open(folder / "steps.log", "a") as stream:
                stream.write(f"{params['trial_key']} {epoch}\n")
            tune.report({"epoch": epoch, "val_miou": (1 - abs(params["lr"] - 0.01)) * epoch / EPOCHS})

    return trainable


@pytest.fixture(scope="module", autouse=True)
def ray_is_stopped() -> Iterator[None]:
    """Leave no Ray behind."""
    yield
    import ray

    ray.shutdown()


def search(folder: Path, concurrent: int) -> Journal:
    settings = settings_of(folder, TRIALS, EPOCHS, concurrent=concurrent, scheduler="promotion")
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder / "journal.jsonl")
    build_tuner(settings, space, trainable_in(folder), journal=journal).fit()
    journal.close()
    return journal


def summary(journal: Journal) -> dict[str, tuple[Any, ...]]:
    return {key: (record.params, sorted(record.epochs), record.status) for key, record in journal.trials.items()}


def test_paused_trials_go_on_where_they_were_and_each_ends_once(tmp_path: Path) -> None:
    journal = search(tmp_path / "two", concurrent=2)
    assert len(journal.trials) == TRIALS
    events = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert sorted(event["key"] for event in events if event["event"] == "end") == sorted(journal.trials)
    for record in journal.trials.values():
        assert sorted(record.epochs) == list(range(1, len(record.epochs) + 1))
        assert len(record.epochs) in (*RUNGS, EPOCHS)
        assert record.status == ("finished" if len(record.epochs) == EPOCHS else "stopped")
    finished = [record for record in journal.trials.values() if record.status == "finished"]
    assert 1 <= len(finished) < TRIALS / 2
    order = [event["key"] for event in events if event["event"] == "epoch"]
    assert any(
        order[n] == record.key and order[n - 1] != record.key for record in finished for n in range(3, len(order))
    )


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that nobody disturbed; one slot, so that its order is fixed."""
    folder = tmp_path_factory.mktemp("calm") / "calm"
    search(folder, concurrent=1)
    return folder


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_new_tuner_over_the_journal_of_a_killed_one_comes_to_the_same_end(
    calm: Path, tmp_path: Path, share: float
) -> None:
    lines = (calm / "journal.jsonl").read_text().splitlines(keepends=True)
    killed = tmp_path / "killed"
    (killed / "states").mkdir(parents=True)
    (killed / "journal.jsonl").write_text("".join(lines[: int(len(lines) * share)]))
    known = Journal(killed / "journal.jsonl")
    for key, record in known.trials.items():
        if record.epochs:
            (killed / "states" / key).write_text(str(max(record.epochs)))
    known.close()
    assert summary(search(killed, concurrent=1)) == summary(Journal(calm / "journal.jsonl"))
    shutil.rmtree(killed)
