"""The backtest scores every rule on photos that it did not see, and lets the best one win."""

from pathlib import Path

import numpy as np
import pytest

from experiments import ensembling
from experiments.recipes.backtest import POOLED, pool, pool_documents
from tests.candidates import plain_confusions, random_grid, random_planes, store
from tests.test_ensembling import built, data, make_run, row, trials
from tests.tiny import annotation, coco
from trashseg_core.confusion import miou
from trashseg_core.data.coco import read_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.backtest import Backtest, run_backtest, weigh_crossfitted
from trashseg_core.ensemble.disagreement import Pixels, find_disagreement
from trashseg_core.ensemble.low_quantile import weigh_greedily_low, weigh_single_low
from trashseg_core.ensemble.methods import weigh_single, weigh_uniformly
from trashseg_core.errors import BadInput

__all__ = ["data", "trials"]
GRID = random_grid(5, shapes=((12, 12),) * 18)
PLANES = random_planes(GRID, candidates=4, seed=5)
EVERYONE = np.ones(18, bool)


@pytest.fixture
def pixels(tmp_path: Path) -> Pixels:
    return find_disagreement(store(tmp_path, GRID, PLANES), GRID, tmp_path)


def test_a_rule_sees_a_third_and_is_scored_on_the_others(pixels: Pixels) -> None:
    seen: list[np.ndarray] = []

    def first(shown: Pixels, images: np.ndarray) -> np.ndarray:
        seen.append(shown.singles[:, 0])
        return np.array([1.0, 0, 0, 0])

    tested = run_backtest(pixels, {"first": first}, splits=range(30))
    alone = plain_confusions(GRID, PLANES, [1, 0, 0, 0])
    parts = np.random.default_rng((0, 7)).permutation(np.arange(18) % 3)
    assert any(np.array_equal(one, alone[parts == 0]) for one in seen)  # threads take the splits in any order
    assert tested.public[7, 0] == pytest.approx(miou(alone[parts == 1].sum(axis=0)))
    assert tested.private[7, 0] == pytest.approx(miou(alone[parts == 2].sum(axis=0)))
    again = run_backtest(pixels, {"first": first}, splits=[7])
    assert again.private[0, 0] == tested.private[7, 0]


def test_averaging_beats_a_single_candidate_that_knows_as_little(pixels: Pixels) -> None:
    tested = run_backtest(pixels, {"single": weigh_single, "uniform": weigh_uniformly}, splits=range(30))
    rows = tested.rows()
    assert tested.winner == "uniform" == rows[0]["rule"] and rows[0]["behind"] == 0
    assert rows[1]["behind"] > 3 * rows[1]["error"] and rows[1]["rank"] > rows[0]["rank"]


def test_among_equals_the_one_with_the_better_worst_decile_wins() -> None:
    luck = np.random.default_rng(0).normal(size=400)
    private = np.stack([0.6 + 0.05 * luck, 0.6 - 1e-5 + 0.01 * luck, 0.5 + 0 * luck], axis=1)
    tested = Backtest(["wild", "steady", "poor"], private, private)
    assert tested.winner == "steady"
    assert [row["rule"] for row in tested.rows()][-1] == "poor"


def test_the_crossfitted_rule_looks_at_its_photos_only(tmp_path: Path) -> None:
    seen = np.arange(18) < 9
    poisoned = random_grid(5, shapes=((12, 12),) * 18)
    poisoned.truth[poisoned.starts[9] :] = (poisoned.truth[poisoned.starts[9] :] + 1) % 3
    clean = find_disagreement(store(tmp_path / "clean", GRID, PLANES), GRID, tmp_path)
    bad = find_disagreement(store(tmp_path / "bad", poisoned, PLANES), poisoned, tmp_path)
    weights = weigh_crossfitted(clean, seen)
    assert weights.sum() == pytest.approx(1)
    assert np.array_equal(weights, weigh_crossfitted(bad, seen))


def low_quantile(weights: np.ndarray) -> float:
    per_image = plain_confusions(GRID, PLANES, weights)
    drawn = np.random.default_rng(0).integers(0, 18, (300, 18))
    return float(np.quantile([miou(per_image[photos].sum(axis=0)) for photos in drawn], 0.05))


def test_the_robust_single_candidate_is_steady_rather_than_good_on_the_whole(tmp_path: Path) -> None:
    """One candidate is perfect but on two photos, where it is all wrong; the other one is as good everywhere."""
    wild, steady = (np.zeros((3, GRID.truth.size), np.uint8) for _ in range(2))
    truth = np.minimum(GRID.truth, 2)
    wrong = (np.arange(truth.size) < GRID.starts[2]) | (truth != GRID.truth)
    wild[np.where(wrong, (truth + 1) % 3, truth), np.arange(truth.size)] = 255
    wrong = np.random.default_rng(0).random(truth.size) < 0.13
    steady[np.where(wrong, (truth + 1) % 3, truth), np.arange(truth.size)] = 255
    shown = find_disagreement(store(tmp_path, GRID, [wild, steady]), GRID, tmp_path)
    assert weigh_single(shown, EVERYONE).tolist() == [1, 0]
    assert weigh_single_low(shown, EVERYONE).tolist() == [0, 1]


def test_robust_greedy_selection_raises_the_low_quantile_above_any_single_one(pixels: Pixels) -> None:
    weights = weigh_greedily_low(pixels, EVERYONE)
    assert low_quantile(weights) > max(low_quantile(row) for row in np.eye(4))


def test_the_ensemble_is_built_by_the_rule_that_wins(
    tmp_path: Path, data: DataFolder, trials: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    only = {"uniform": weigh_uniformly}
    monkeypatch.setattr(ensembling, "MIN_PHOTOS", 7)
    monkeypatch.setattr(ensembling, "METHODS", {"single": weigh_single, **only})
    monkeypatch.setattr(ensembling, "run_backtest", lambda pixels, _, **more: run_backtest(pixels, only, range(2)))
    ensemble = built(make_run(tmp_path / "run", data, trials), data, method="backtest", tta="none")
    assert row(ensemble, "backtest")["why"].startswith("uniform wins: mean private mIoU over 2 splits: uniform 0.")
    assert row(ensemble, "uniform")["why"] == "won the backtest"


def test_too_few_photos_for_a_backtest_leave_the_choice_to_auto(
    tmp_path: Path, data: DataFolder, trials: list[Path]
) -> None:
    ensemble = built(make_run(tmp_path / "run", data, trials[:2]), data, method="backtest", tta="none")
    assert row(ensemble, "backtest")["why"] == "not tried: 7 val photos are fewer than 15, so auto decides"


def test_pooled_files_hold_the_photos_of_all_under_ids_of_their_own(tmp_path: Path, sample_folder: Path) -> None:
    pool(sample_folder, tmp_path / "pooled", ("val.json", "train.json"))
    read = [read_split(path) for path in (tmp_path / "pooled" / POOLED, sample_folder / "val.json")]
    train = read_split(sample_folder / "train.json")
    assert [photo.file_name for photo in read[0].photos] == [one.file_name for one in read[1].photos + train.photos]
    whole, first = (
        [[(one.category_id, one.area) for one in split.annotations[photo.id]] for photo in split.photos]
        for split in read
    )
    assert whole[: len(first)] == first and any(first)
    assert (tmp_path / "pooled" / "train.json").samefile(sample_folder / "train.json")


def test_files_of_other_categories_are_not_pooled() -> None:
    with pytest.raises(BadInput, match="categories differ"):
        pool_documents([coco(), coco(categories=[{"id": 1, "name": "glass"}], annotations=[annotation()])])
