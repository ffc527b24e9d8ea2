"""Learning rates follow their formulas, and never jump or vanish."""

import math

import pytest
import torch

from tests.tiny import tiny_config
from trashseg_core.training.schedules import MIN_LR_FACTOR, lr_factor

SCHEDULES = ("cosine", "one_cycle", "poly", "constant")


def factor(progress: float, schedule: str = "cosine", warmup: float = 0.2, poly_power: float = 0.9) -> float:
    return lr_factor(tiny_config(schedule=schedule, warmup=warmup, poly_power=poly_power), progress)


@pytest.mark.parametrize("schedule", ["cosine", "poly", "constant"])
def test_warm_up_rises_linearly_to_the_peak(schedule: str) -> None:
    values = [factor(progress, schedule) for progress in (0.05, 0.1, 0.15, 0.2)]
    assert values == pytest.approx([0.25, 0.5, 0.75, 1])


def test_warm_up_never_starts_at_zero() -> None:
    assert factor(0.0) == MIN_LR_FACTOR


def test_after_the_warm_up_half_a_cosine_falls_to_the_least_factor() -> None:
    assert factor(0.6) == pytest.approx((1 + MIN_LR_FACTOR) / 2)
    assert factor(1 - 1e-9) == pytest.approx(MIN_LR_FACTOR)
    quarter = MIN_LR_FACTOR + (1 - MIN_LR_FACTOR) * 0.5 * (1 + math.cos(math.pi / 4))
    assert factor(0.4) == pytest.approx(quarter)


def test_cosine_and_poly_end_at_a_hundredth_of_the_peak() -> None:
    assert [factor(1 - 1e-9, schedule) for schedule in ("cosine", "poly")] == pytest.approx([0.01, 0.01], abs=1e-6)


@pytest.mark.parametrize("power", [0.9, 2.0])
def test_poly_falls_by_its_power(power: float) -> None:
    expected = MIN_LR_FACTOR + (1 - MIN_LR_FACTOR) * 0.25**power
    assert factor(0.8, "poly", poly_power=power) == pytest.approx(expected)


def test_constant_stays_at_the_peak() -> None:
    assert {factor(progress, "constant") for progress in (0.2, 0.5, 0.999)} == {1.0}


def test_one_cycle_is_torch_s() -> None:
    total, peak = 200, 0.3
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=total + 1, pct_start=0.25)
    rising = 0.25 * (total + 1) - 1  # torch counts both ends of the rise
    for step in range(total):
        share = step / rising * 0.25 if step <= rising else 0.25 + (step - rising) / (total - rising) * 0.75
        assert peak * factor(share, "one_cycle", warmup=0.25) == pytest.approx(
            optimizer.param_groups[0]["lr"], rel=1e-6
        )
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_without_warm_up_the_schedule_starts_at_the_peak(schedule: str) -> None:
    assert factor(0.0, schedule, warmup=0.0) == 1


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.9])
def test_the_factor_is_in_its_range_and_has_no_jump(schedule: str, warmup: float) -> None:
    values = [factor(step / 1000, schedule, warmup) for step in range(1000)]
    assert 0 < min(values) <= max(values) <= 1
    assert max(abs(later - sooner) for sooner, later in zip(values[20:], values[21:], strict=False)) < 0.02
