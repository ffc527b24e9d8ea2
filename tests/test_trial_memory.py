"""As many trials run side by side as fit into memory, at least one."""

import pytest

from experiments.placement.resources import Slots
from experiments.placement.trial_memory import fit_memory, memory_mb, space_memory_mb
from search_spaces import load
from trashseg_core.config import TrialConfig

GB = 2.0**30


@pytest.mark.parametrize(
    ("memory", "trial_mb", "expected"),
    [(24 * GB, 2000.0, 4), (24 * GB, 8000.0, 3), (1 * GB, 8000.0, 1), (24 * GB, 0.0, 4)],
)
def test_trials_share_the_memory_that_there_is(memory: float, trial_mb: float, expected: int) -> None:
    assert fit_memory(Slots(4, 1.0, 0.0), {"CPU": 4.0, "memory": memory}, trial_mb).concurrent == expected


def test_trials_on_a_gpu_are_not_counted_by_the_memory_of_the_host() -> None:
    assert fit_memory(Slots(4, 1.0, 0.5), {"memory": 1 * GB}, 8000.0).concurrent == 4


def test_a_small_machine_runs_two_quick_trials() -> None:
    needed = space_memory_mb(load("quick"), {"image_size": 128, "seed": 0, "epochs": 9})
    assert fit_memory(Slots(2, 1.0, 0.0), {"memory": 12 * GB}, needed).concurrent == 2


def test_larger_batches_and_photos_take_more_and_accumulation_less() -> None:
    plain = memory_mb(TrialConfig(image_size=256, batch_size=16))
    assert memory_mb(TrialConfig(image_size=512, batch_size=16)) > plain
    assert memory_mb(TrialConfig(image_size=256, batch_size=32)) > plain
    assert memory_mb(TrialConfig(image_size=256, batch_size=16, accumulation=2)) < plain


def test_the_largest_batch_of_a_space_counts() -> None:
    def needed(sizes: list[int]) -> float:
        return space_memory_mb(lambda trial: trial.suggest_categorical("batch_size", sizes), {"seed": 0})

    assert needed([2, 64]) > needed([2, 4])
