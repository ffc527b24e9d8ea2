"""The verdict on pseudo-labels compares like with like: held out, as many trials of each, on the same photos."""

import json
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from experiments.pseudo.verdict import FILE, compare, held_out_best, judge
from experiments.results import TrialResult
from tests.test_ensemble import NAMES, checkpoint, make
from trashseg_core.checkpoint import Confusions, write_confusions
from trashseg_core.confusion import miou
from trashseg_core.disk.files import write_json
from trashseg_core.ensemble.bundle import write_ensemble
from trashseg_core.errors import BadInput

PHOTOS = 30
FOLDS = np.arange(PHOTOS) % 5


def matrices(skill: float, seed: int, photos: int = PHOTOS) -> np.ndarray:
    """A model that gets about this share of the pixels of three classes right, photo by photo with luck."""
    rng = np.random.default_rng(seed)
    per_image = np.zeros((photos, 3, 3), np.int64)
    for photo in range(photos):
        for label, size in enumerate((900, 120, 60)):
            right = int(size * np.clip(skill + rng.normal(0, 0.08), 0, 1))
            per_image[photo, label, label], per_image[photo, label, (label + 1) % 3] = right, size - right
    return per_image


def score(per_image: np.ndarray) -> float:
    return float(miou(per_image.sum(axis=0)))


def test_each_photo_is_scored_by_the_trial_that_is_best_on_other_folds() -> None:
    good, poor = matrices(0.9, 0), matrices(0.5, 1)
    lucky = poor.copy()
    lucky[FOLDS == 2] = good[FOLDS == 2] + np.eye(3, dtype=np.int64) * 10_000  # best on fold 2, by that fold alone
    expected = held_out_best([good, lucky], FOLDS, 2)
    assert np.array_equal(expected[FOLDS == 2], good[FOLDS == 2])


def test_of_more_trials_any_may_have_been_run() -> None:
    """The closed form is the mean over all choices of so many trials."""
    trials = [matrices(0.6 + 0.02 * number, number) for number in range(5)]
    chosen = [held_out_best(some, FOLDS, 3) for some in map(list, combinations(trials, 3))]
    assert np.allclose(held_out_best(trials, FOLDS, 3), np.mean(chosen, axis=0))


def test_the_best_of_many_equal_trials_is_no_gain() -> None:
    """What was best by luck on some photos is as good as any other on the rest."""
    gains, naive = [], []
    for seed in range(30):
        plain = [matrices(0.7, 100 * seed + number) for number in range(3)]
        many = [matrices(0.7, 100 * seed + 50 + number) for number in range(12)]
        gains.append(score(held_out_best(many, FOLDS, 3)) - score(held_out_best(plain, FOLDS, 3)))
        naive.append(max(map(score, many)) - max(map(score, plain)))
    spread = np.std(gains) / np.sqrt(len(gains))
    assert abs(np.mean(gains)) < 2.5 * spread
    assert np.mean(naive) > 3 * np.std(naive) / np.sqrt(len(naive))


def test_a_gain_has_an_error_and_an_interval_around_it() -> None:
    found = compare(matrices(0.6, 0), matrices(0.8, 1))
    low, high = found.interval
    assert low < found.gain < high and found.is_clear and 0 < found.error < high - low
    same = compare(matrices(0.6, 0), matrices(0.6, 0))
    assert same.gain == 0 and not same.is_clear


def second_search(folder: Path, plain: float, pseudo: float, ensemble: float, status: str = "finished") -> Path:
    """A run folder of two trials with ratio 0, of `status`, and four with pseudo-labels."""
    rows = []
    for number, ratio in enumerate((0.0, 0.0, 0.1, 0.2, 0.3, 0.4)):
        place = f"trials/t{number:04d}"
        (folder / place).mkdir(parents=True)
        scored = Confusions(matrices(pseudo if ratio else plain, number), photo_names(), NAMES)
        write_confusions(folder / place, scored)
        config = {"pseudo_ratio": ratio}
        ended = "finished" if ratio else status
        rows.append(TrialResult(f"t{number:04d}", ended, 0.5, 0.4, 1, 9, config, place, 1.0, None))  # type: ignore[arg-type]
    write_json(folder / "results.json", [asdict(row) for row in rows])
    return with_ensemble(folder, ensemble, 99)


def photo_names(count: int = PHOTOS) -> list[str]:
    return [f"{number}.jpg" for number in range(count)]


def with_ensemble(folder: Path, skill: float, seed: int, names: list[str] | None = None) -> Path:
    names = names or photo_names()
    scored = Confusions(matrices(skill, seed, len(names)), names, NAMES)
    models = folder.parent / "models"
    place = models if models.is_dir() else checkpoint(models, 0)
    write_ensemble(folder / "ensemble", make(("t0000", 1.0)), {"t0000": place}, scored, held_out=scored)
    return folder


def test_pseudo_labels_are_accepted_where_trials_and_ensemble_gain(tmp_path: Path) -> None:
    first = with_ensemble(tmp_path / "first", 0.6, 7)
    second = second_search(tmp_path / "second", plain=0.6, pseudo=0.75, ensemble=0.75)
    said = judge(first, second).splitlines()
    assert said[0].startswith(f"Pseudo-labels are accepted: use {second / 'ensemble'}")
    assert said[1].startswith("Best of 2 trials with them after the best of 2 trials without: held out 0.")
    document = json.loads((second / FILE).read_text())
    assert document["accepted"] is True and document["trials"]["gain"] > document["trials"]["error"] > 0


@pytest.mark.parametrize(
    ("plain", "pseudo", "ensemble"),
    [(0.75, 0.75, 0.75), (0.6, 0.75, 0.6), (0.75, 0.6, 0.75)],
    ids=["trained longer is all", "no better ensemble", "worse trials"],
)
def test_pseudo_labels_are_not_accepted_where_only_one_of_both_gains(
    tmp_path: Path, plain: float, pseudo: float, ensemble: float
) -> None:
    first = with_ensemble(tmp_path / "first", 0.6, 99)
    second = second_search(tmp_path / "second", plain, pseudo, ensemble)
    assert judge(first, second).startswith(f"Pseudo-labels are not accepted: stay with {first / 'ensemble'}.")
    assert json.loads((second / FILE).read_text())["accepted"] is False


def test_without_a_trial_that_was_trained_as_long_nothing_is_accepted(tmp_path: Path) -> None:
    first = with_ensemble(tmp_path / "first", 0.5, 7)
    second = second_search(tmp_path / "second", 0.5, 0.8, 0.8, status="stopped")
    assert "there is nothing to compare with" in judge(first, second)
    assert json.loads((second / FILE).read_text())["accepted"] is False


def test_an_ensemble_of_folds_is_compared_on_val_alone(tmp_path: Path) -> None:
    names = [f"train/{number}.jpg" for number in range(40)] + photo_names()[::-1]
    first = with_ensemble(tmp_path / "first", 0.9, 7, names)
    second = second_search(tmp_path / "second", 0.6, 0.75, 0.75)
    judge(first, second)
    expected = score(matrices(0.9, 7, len(names))[40:])
    assert json.loads((second / FILE).read_text())["ensembles"]["before"] == pytest.approx(expected)


@pytest.mark.parametrize("folds", [None, 4])
def test_whoever_has_models_of_all_folds_is_told_what_val_compared(tmp_path: Path, folds: int | None) -> None:
    first = with_ensemble(tmp_path / "first", 0.6, 7)
    path = first / "ensemble" / "ensemble.json"
    document = json.loads(path.read_text())
    document["provenance"]["folds"] = folds
    path.write_text(json.dumps(document))
    said = judge(first, second_search(tmp_path / "second", 0.6, 0.75, 0.75))
    assert ("models of val's fold alone" in said) == (folds is not None)


def test_ensembles_that_were_chosen_on_different_photos_are_not_compared(tmp_path: Path) -> None:
    first = with_ensemble(tmp_path / "first", 0.5, 7, [f"x{name}" for name in photo_names()])
    second = second_search(tmp_path / "second", 0.6, 0.75, 0.75)
    with pytest.raises(BadInput, match="chosen on other photos"):
        judge(first, second)
