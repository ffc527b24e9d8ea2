"""The verdict on pseudo-labels: what they gain on val, held out, over the same configurations trained without."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb
from pathlib import Path

import numpy as np

from experiments.drawing.words import counted
from experiments.results import TrialResult, read_results
from trashseg_core.checkpoint import Confusions, read_confusions
from trashseg_core.confusion import bootstrap_miou, miou
from trashseg_core.disk.files import write_json
from trashseg_core.ensemble.bundle import HELD_OUT, read_ensemble
from trashseg_core.ensemble.crossfit import make_folds, paired_error
from trashseg_core.errors import BadInput

FILE = "verdict.json"


@dataclass(frozen=True)
class Gain:
    """What one thing reaches over another on the same photos, both held out."""

    before: float
    after: float
    error: float
    """Standard error of the difference: paired bootstrap over the photos. It says nothing of other seeds."""
    interval: tuple[float, float]
    """90 % interval of the difference."""

    @property
    def gain(self) -> float:
        """The difference."""
        return self.after - self.before

    @property
    def is_clear(self) -> bool:
        """Whether it is more than one standard error, as every further step of an ensemble has to gain."""
        return self.gain > max(self.error, 0.0)

    def told(self) -> str:
        """In words."""
        low, high = self.interval
        return (
            f"{self.after:.4f} after {self.before:.4f}, {self.gain:+.4f} ± {self.error:.4f} ({low:+.3f} to {high:+.3f})"
        )


def compare(before: np.ndarray, after: np.ndarray) -> Gain:
    """Compare two models on the same photos.

    Args:
        before: per-image confusion matrices (N, C, C), held out; `after` those of the same photos.
    """
    differences = bootstrap_miou(after) - bootstrap_miou(before)
    low, high = (float(one) for one in np.nanquantile(differences, (0.05, 0.95)))
    reached = [float(miou(one.sum(axis=0))) for one in (before, after)]
    return Gain(reached[0], reached[1], paired_error(after, before), (low, high))


def held_out_best(trials: Sequence[np.ndarray], folds: np.ndarray, count: int) -> np.ndarray:
    """What the best of some trials is expected to score, chosen without the photos that it is scored on.

    The best of many is better by luck alone than the best of few, on the photos that chose it and, trial by trial, on
    others. So each photo is scored with the trial that is best on the photos of other folds, and of more than `count`
    trials any `count` may have been run: the one at place r of T is then the best with probability
    C(T - 1 - r, count - 1) / C(T, count).

    Args:
        trials: per-image confusion matrices int64 (N, C, C) of each.
        folds: int64 (N,), fold of each photo.

    Returns:
        float64 (N, C, C), expected matrices.
    """
    stacked, total = np.stack(trials), len(trials)
    chances = np.array([comb(total - 1 - place, count - 1) for place in range(total)]) / comb(total, count)
    expected = np.zeros(stacked.shape[1:])
    for fold in np.unique(folds):
        own = folds == fold
        scores = np.nan_to_num(np.asarray(miou(stacked[:, ~own].sum(axis=1))))
        weights = np.zeros(total)
        weights[np.argsort(-scores, kind="stable")] = chances
        expected[own] = np.tensordot(weights, stacked[:, own], 1)
    return expected


def judge(first: Path, second: Path) -> str:
    """Say whether pseudo-labels gained, and write that into the second search's folder.

    They are accepted if two gains are each more than one standard error: that of trials with pseudo-labels over trials
    without, of the same configurations and equally long; and that of the second search's ensemble over the first's.

    Args:
        first: run folder of the search whose ensemble made the labels.
        second: run folder of the search that trained with them.

    Returns:
        The verdict in sentences.

    Raises:
        BadInput: the ensembles were not chosen on the same photos.
    """
    trials, num_each = _compare_trials(second)
    ensembles = _compare_ensembles(first, second)
    accepted = trials is not None and trials.is_clear and ensembles.is_clear
    if trials is None:
        evidence = "No trial with them, or none without, was trained to its end: there is nothing to compare with."
    else:
        each = counted(num_each, "trial")
        evidence = f"Best of {each} with them after the best of {each} without: held out {trials.told()}."
    document = {"trials": trials, "ensembles": ensembles}
    gains = {name: None if one is None else {**asdict(one), "gain": one.gain} for name, one in document.items()}
    write_json(second / FILE, {"accepted": accepted, "trials_each": num_each, **gains})
    verdict = f"not accepted: stay with {first / 'ensemble'}"
    if accepted:
        verdict = f"accepted: use {second / 'ensemble'} and {second / 'submission.csv'}"
    if accepted and read_ensemble(first / "ensemble").provenance.get("folds"):
        verdict += f". {first / 'ensemble'} was compared by its models of val's fold alone: all of them may be better"
    return (
        f"Pseudo-labels are {verdict}.\n{evidence}\n"
        f"Ensemble of the second search after that of the first: held out {ensembles.told()}."
    )


def _compare_trials(second: Path) -> tuple[Gain | None, int]:
    """Trials with pseudo-labels after those without, as many of each; None where there is none of one kind."""
    scored = [(one, found) for one in read_results(second / "results.json") if (found := _scores(one, second))]
    plain = [found for one, found in scored if not one.config.get("pseudo_ratio")]
    pseudo = [found for one, found in scored if one.config.get("pseudo_ratio")]
    count = min(len(plain), len(pseudo))
    if not count:
        return None, 0
    folds = make_folds(plain[0].per_image.sum(axis=2))
    best = [held_out_best([one.per_image for one in some], folds, count) for some in (plain, pseudo)]
    return compare(*best), count


def _scores(result: TrialResult, folder: Path) -> Confusions | None:
    """What a trial that was trained to its end scored on val."""
    if result.status != "finished" or result.checkpoint is None:
        return None
    try:
        return read_confusions(folder / result.checkpoint)
    except BadInput:
        return None


def _compare_ensembles(first: Path, second: Path) -> Gain:
    """The second search's ensemble after the first's, on val.

    An ensemble that was chosen on folds is compared on val only, which its models of val's fold predict.
    """
    before, after = (read_confusions(folder / "ensemble" / HELD_OUT) for folder in (first, second))
    places = {name: place for place, name in enumerate(before.file_names)}
    if not set(after.file_names) <= places.keys():
        raise BadInput(f"{second}: its ensemble was chosen on other photos than that of {first}. Search both anew.")
    return compare(before.per_image[[places[name] for name in after.file_names]], after.per_image)
