"""Effects: what trials say about one hyperparameter, and when they say nothing."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from experiments.analysis.effects import MIN_TRIALS, choice_effects, difference, ratio_effect


def keyed(values: list[float]) -> dict[str, float]:
    return {f"t{number:04d}": value for number, value in enumerate(values)}


def test_choices_come_in_the_order_of_their_mean_standing() -> None:
    standing = keyed([0.1, 0.9, 0.3, 0.8, 0.5])
    effects = choice_effects(dict(zip(standing, ("a", "b", "a", "b", "c"), strict=True)), standing)
    assert [(one.choice, round(one.mean, 2), len(one.trial_ids)) for one in effects] == [
        ("b", 0.85, 2),
        ("c", 0.5, 1),
        ("a", 0.2, 2),
    ]


def test_a_single_trial_has_no_interval_and_no_difference() -> None:
    standing = keyed([0.1, 0.9, 0.3])
    single, pair = choice_effects(dict(zip(standing, ("a", "b", "a"), strict=True)), standing)
    assert single.interval is None and pair.interval is not None
    assert difference(single, pair, standing) is None


def test_trials_without_a_standing_are_left_out() -> None:
    assert choice_effects({"t0000": "a", "t0001": "b"}, {"t0001": 0.5})[0].trial_ids == ("t0001",)


@pytest.mark.parametrize(("gap", "beyond_luck"), [(0.5, True), (0.0, False)])
def test_a_difference_leaves_out_0_where_there_is_one(gap: float, beyond_luck: bool) -> None:
    rng = np.random.default_rng(0)
    standing = keyed([*(0.4 + gap + 0.1 * rng.normal(size=10)), *(0.4 + 0.1 * rng.normal(size=10))])
    first, second = choice_effects({key: key < "t0010" for key in standing}, standing)
    interval = difference(first, second, standing)
    assert interval is not None and (interval[0] > 0) == beyond_luck


def test_correlation_is_spearmans_with_ties() -> None:
    rng = np.random.default_rng(1)
    ratios, standing = rng.integers(0, 4, 30).tolist(), rng.integers(0, 9, 30).tolist()
    effect = ratio_effect(keyed(ratios), keyed(standing))
    assert effect is not None and effect.num_trials == 30
    assert effect.correlation == pytest.approx(spearmanr(ratios, standing).statistic)
    assert effect.interval[0] < effect.correlation < effect.interval[1]


def test_a_planted_effect_is_clear_and_chance_mostly_is_not() -> None:
    rng = np.random.default_rng(2)
    ratios = rng.uniform(size=30)
    planted = ratio_effect(keyed(ratios.tolist()), keyed((ratios + 0.3 * rng.normal(size=30)).tolist()))
    assert planted is not None and planted.clear and planted.correlation > 0
    by_chance = [ratio_effect(keyed(ratios.tolist()), keyed(rng.uniform(size=30).tolist())) for _ in range(100)]
    assert 2 <= sum(one is not None and one.clear for one in by_chance) <= 25  # 90 % intervals: about 10


@pytest.mark.parametrize("ratios", [list(range(MIN_TRIALS - 1)), [0.5] * 20], ids=["too few", "all the same"])
def test_where_nothing_can_be_said_nothing_is(ratios: list[float]) -> None:
    assert ratio_effect(keyed(ratios), keyed(list(range(len(ratios))))) is None
