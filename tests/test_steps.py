"""Each step is scored on photos that it did not see, and is kept only for more than chance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.candidates import plain_confusions, random_grid, random_planes, store
from trashseg_core.confusion import miou
from trashseg_core.ensemble.crossfit import Outcome, make_folds
from trashseg_core.ensemble.disagreement import find_disagreement, sample_pixels
from trashseg_core.ensemble.evidence import Evidence
from trashseg_core.ensemble.grid import Grid
from trashseg_core.ensemble.methods import METHODS
from trashseg_core.ensemble.pixels import Pixels
from trashseg_core.ensemble.steps import Candidates, weigh, with_class_weights, with_offsets, with_tta

SHAPES = ((14, 15),) * 10
GRID = random_grid(2, shapes=SHAPES)
PLANES = random_planes(GRID, seed=2)


def offered(folder: Path, grid: Grid = GRID) -> tuple[Candidates, Pixels, Pixels]:
    predictions = store(folder, grid, PLANES)
    folds = make_folds(grid.class_counts())
    candidates = Candidates({(number, "none"): one for number, one in enumerate(predictions)}, grid, folds)
    return candidates, find_disagreement(predictions, grid, folder), sample_pixels(predictions, grid, 10**6)


def poisoned(fold: np.ndarray) -> Grid:
    """The same photos, the truth of some turned into nonsense."""
    grid = random_grid(2, shapes=SHAPES)
    for photo in np.flatnonzero(fold):
        truth = grid.truth[grid.starts[photo] : grid.starts[photo + 1]]
        truth[truth != 255] = (truth[truth != 255] + 1) % 3
    return grid


def test_what_a_step_says_of_held_out_photos_does_not_depend_on_their_truth(tmp_path: Path) -> None:
    """Poisoned truth of one fold changes who scores the others, never who scores the poisoned fold itself."""
    clean, pixels, sample = offered(tmp_path / "clean")
    fold = clean.folds == 2
    changed, bad_pixels, bad_sample = offered(tmp_path / "bad", poisoned(fold))
    changed = replace(changed, folds=clean.folds)
    for name in ("greedy", "refined"):
        (one,), (other,) = weigh(pixels, clean.folds, [name]), weigh(bad_pixels, clean.folds, [name])
        steps = (with_offsets, with_class_weights)
        pairs = [(one, other)] + [
            (step(clean, sample, one.choice), step(changed, bad_sample, other.choice)) for step in steps
        ]
        for mine, theirs in pairs:
            for photo in np.flatnonzero(fold):
                before, after = mine.choice.held_out[photo], theirs.choice.held_out[photo]
                assert np.array_equal(before.weights, after.weights)
                assert np.array_equal(before.offsets, after.offsets)


def test_the_views_of_held_out_photos_do_not_depend_on_their_truth(tmp_path: Path) -> None:
    """All candidates are offered them, as if the final mixtures were the same."""
    clean, pixels, _ = offered(tmp_path / "clean")
    skills = {number: 0.35 + 0.02 * number for number in range(len(PLANES))}
    flipped(clean, tmp_path, skills)
    (uniform,) = weigh(pixels, clean.folds, ["uniform"])
    (mine,) = weigh(pixels, clean.folds, ["refined"])
    for number in range(int(clean.folds.max()) + 1):
        fold = clean.folds == number
        changed, bad_pixels, _ = offered(tmp_path / f"bad{number}", poisoned(fold))
        changed = replace(changed, folds=clean.folds, predictions=clean.predictions)
        (theirs,) = weigh(bad_pixels, clean.folds, ["refined"])
        views = []
        for candidates, outcome in ((clean, mine), (changed, theirs)):
            before = replace(outcome, choice=replace(outcome.choice, mixture=uniform.choice.mixture))
            chosen = with_tta(candidates, before, "flip").choice.held_out_tta
            views.append([chosen[photo] for photo in np.flatnonzero(fold)])
        assert views[0] == views[1]


def test_outcomes_hold_the_confusions_of_their_plans(tmp_path: Path) -> None:
    candidates, pixels, sample = offered(tmp_path)
    (greedy,) = weigh(pixels, candidates.folds, ["greedy"])
    outcomes = [greedy, with_class_weights(candidates, sample, greedy.choice)]
    for outcome in outcomes:
        plan = outcome.choice
        assert np.array_equal(outcome.in_sample, plain_confusions(GRID, PLANES, plan.mixture.weights))
        for photo in range(len(GRID)):
            expected = plain_confusions(GRID, PLANES, plan.held_out[photo].weights)[photo]
            assert np.array_equal(outcome.held_out[photo], expected)


def test_offsets_multiply_the_mean_probabilities(tmp_path: Path) -> None:
    candidates, pixels, sample = offered(tmp_path)
    (single,) = weigh(pixels, candidates.folds, ["single"])
    outcome = with_offsets(candidates, sample, single.choice)
    mixture = outcome.choice.mixture
    assert mixture.offsets.any()
    scaled = plain_confusions(GRID, PLANES, mixture.weights * np.exp(mixture.offsets))
    assert np.abs(outcome.in_sample - scaled).sum() <= 2  # ties of float32 and float64


def flipped(candidates: Candidates, folder: Path, skill: dict[int, float]) -> Candidates:
    """The candidates with a second set of views: better or worse ones."""
    for number, one in skill.items():
        planes = random_planes(candidates.grid, 1, seed=50 + number, skill=one)
        (candidates.predictions[number, "flip"],) = store(folder / f"flip{number}", candidates.grid, planes)
    return candidates


def test_only_members_that_gain_from_more_views_take_them(tmp_path: Path) -> None:
    candidates, pixels, _ = offered(tmp_path)
    (uniform,) = weigh(pixels, candidates.folds, ["uniform"])
    helped, hurt = uniform.choice.members[:2]
    skills = dict.fromkeys(uniform.choice.members, 0.0) | {helped: 0.9}
    outcome = with_tta(flipped(candidates, tmp_path, skills), uniform, "flip")
    assert outcome.choice.tta[helped] == "flip" and outcome.choice.tta[hurt] == "none"
    assert outcome.held_out_miou > uniform.held_out_miou
    forced = with_tta(candidates, uniform, "flip", forced=True)
    assert {forced.choice.tta[number] for number in uniform.choice.members} == {"flip"}


def result(name: str, held_out: np.ndarray) -> Outcome:
    return Outcome(name, held_out, held_out, 0.1)


def confusions(skill: float, seed: int = 0) -> np.ndarray:
    return plain_confusions(GRID, random_planes(GRID, 1, seed, skill), [1.0])


def test_a_step_that_gains_more_than_one_error_is_kept_and_another_thrown_out() -> None:
    weak, strong = result("weak", confusions(0.2)), result("strong", confusions(0.6))
    evidence = Evidence()
    assert evidence.offer(weak, strong) is strong
    assert evidence.offer(strong, weak) is strong
    assert evidence.offer(strong, strong) is strong
    assert [row["kept"] for row in evidence.rows] == [True, False, False]
    assert evidence.rows[0]["gain"] == pytest.approx(strong.held_out_miou - weak.held_out_miou)
    assert "gains no more than one error" in evidence.rows[1]["why"]


def test_a_gain_within_one_error_is_thrown_out() -> None:
    base = confusions(0.3)
    better = base.copy()
    better[0, 0, 0] += 60
    better[1, 0, 1] += 10
    before, after = result("before", base), result("after", better)
    evidence = Evidence()
    assert evidence.offer(before, after) is before
    assert 0 < evidence.rows[0]["gain"] < evidence.rows[0]["error"]


def test_what_was_asked_for_is_kept_with_its_loss_on_record() -> None:
    weak, strong = result("weak", confusions(0.2)), result("strong", confusions(0.6))
    evidence = Evidence()
    assert evidence.offer(strong, weak, forced=True) is weak
    assert evidence.rows[0]["gain"] < 0 and "asked for" in evidence.rows[0]["why"]
    assert evidence.choose([weak, strong], forced="weak") is weak


def test_the_evidence_names_every_method_with_both_scores(tmp_path: Path) -> None:
    candidates, pixels, _ = offered(tmp_path)
    evidence = Evidence()
    outcomes = weigh(pixels, candidates.folds)
    chosen = evidence.choose(outcomes)
    assert [row["name"] for row in evidence.rows] == list(METHODS)
    assert [row["name"] for row in evidence.rows if row["kept"]] == [chosen.name]
    for row, outcome in zip(evidence.rows, outcomes, strict=True):
        assert row["val_miou"] == float(miou(outcome.in_sample.sum(axis=0)))
        assert row["held_out"] == float(miou(outcome.held_out.sum(axis=0)))
        assert row["why"] and row["seconds"] >= 0 and row["error"] >= 0
