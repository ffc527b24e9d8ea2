"""Stability: how far a leaderboard can be trusted, foretold from per-image confusion matrices alone."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trashseg_core.bootstrap import TAIL, Intervals, areas_of, intervals, shares_of
from trashseg_core.stability.final_pair import choose_pair
from trashseg_core.stability.label_gain import LabelGain, label_gain
from trashseg_core.stability.shakeup import Halves, causes, flip_probabilities, rarest_class, simulate_halves, spearman


@dataclass(frozen=True)
class ModelStability:
    """One row of the leaderboard."""

    name: str
    miou: float
    """On val."""
    interval: list[float]
    """90 % interval of its mIoU on all photos of this kind: low, high."""
    test_interval: list[float]
    """90 % interval of its mIoU on the test set, which is luckier or unluckier than all photos: low, high."""
    true_miou: float
    """Expected mIoU: drawn towards the other models' as far as the gap may be luck."""
    private_minus_public: list[float]
    """5, 50 and 95 % quantiles of the private less the public score."""
    iou: list[float | None]
    """Per class, on val."""
    iou_interval: list[list[float] | None]
    """Per class; None where too few photos hold the class."""


@dataclass(frozen=True)
class Cause:
    """What a class has to do with the shake-up."""

    name: str
    photos: int
    """Val photos that hold it."""
    share: float | None
    """Its part of 1 - Spearman; all sum to 1. None where nothing shakes."""


@dataclass(frozen=True)
class Stability:
    """The forecast for a leaderboard, models best first. Plain values, as `stability.json` holds them."""

    photos: int
    """Val photos that it rests on."""
    test_size: int
    """Photos of the test set that it is for; half of them are public."""
    models: list[ModelStability]
    flips: list[list[float]]
    """Probability for each pair of models that public and private board order them differently."""
    spearman: list[float] | None
    """Rank correlation of public and private board: mean, 5 and 95 % quantile; None for one model."""
    spearman_stratified: float | None
    """Its mean if the organisers deal each photo's rarest class evenly to the halves."""
    causes: list[Cause]
    """By class, the background first."""
    pair: dict[str, Any]
    """The two submissions to hand in: safe, bold, and what they promise (`FinalPair`), models by name."""
    gain: dict[str, Any] | None
    """What twice the training objects of each class may add to the best model (`LabelGain`); None where unknown."""

    def to_json(self) -> dict[str, Any]:
        """The document for `stability.json`; no NaN in it."""
        return asdict(self)


def foretell(
    confusions: dict[str, np.ndarray],
    class_names: list[str],
    test_size: int | None = None,
    train_objects: np.ndarray | None = None,
    seed: int = 0,
) -> Stability:
    """Foretell how a leaderboard of these models shakes up.

    Args:
        confusions: int64 (N, C, C) of each model by name, all of the same photos.
        test_size: photos of the whole test set; by default as many as were scored.
        train_objects: (C,), training objects of each class, where they are known.
    """
    names = _best_first(confusions)
    per_image = np.stack([confusions[name] for name in names], axis=1)
    areas, shown = areas_of(per_image), per_image[:, 0].sum(axis=-1) > 0
    size = max(2, test_size or len(areas))
    spans, test_spans = intervals(areas, seed=seed), intervals(areas, seed=seed, test_size=size)
    halves = simulate_halves(areas, size, seed=seed)
    dealt = simulate_halves(areas, size, rarest_class(shown), seed=seed)
    pair = choose_pair(halves.private_scores)
    several = len(names) > 1
    reached = spearman(halves.public_scores, halves.private_scores) if several else np.array([np.nan])
    shares = causes(halves, seed) if several else np.full(len(class_names), np.nan)
    rows = _models(names, areas, spans, test_spans, halves)
    scored = np.array([np.nan if one is None else one for one in rows[0].iou])
    return Stability(
        photos=len(areas),
        test_size=size,
        models=rows,
        flips=flip_probabilities(halves).tolist(),
        spearman=[float(reached.mean()), *_quantiles(reached, TAIL, 1 - TAIL)] if several else None,
        spearman_stratified=float(spearman(dealt.public_scores, dealt.private_scores).mean()) if several else None,
        causes=[
            Cause(name, int(photos), _number(share))
            for name, photos, share in zip(class_names, shown.sum(axis=0), shares, strict=True)
        ],
        pair={
            **asdict(pair),
            "safe": names[pair.safe],
            "bold": None if pair.bold is None else names[pair.bold],
        },
        gain=None if train_objects is None else _gain(label_gain(scored, train_objects), train_objects),
    )


def _best_first(confusions: dict[str, np.ndarray]) -> list[str]:
    scores = {name: float(shares_of(areas_of(one.sum(axis=0))).sum()) for name, one in confusions.items()}
    return sorted(scores, key=lambda name: -np.nan_to_num(scores[name], nan=-1.0))


def _models(
    names: list[str], areas: np.ndarray, spans: Intervals, test_spans: Intervals, halves: Halves
) -> list[ModelStability]:
    totals = areas.sum(axis=0)
    scores = shares_of(totals).sum(axis=-1)
    ious = np.divide(totals[:, 0], totals[:, 1], out=np.full_like(totals[:, 0], np.nan), where=totals[:, 1] > 0)
    moved = halves.private_scores - halves.public_scores
    return [
        ModelStability(
            name=name,
            miou=float(scores[number]),
            interval=spans.miou[number].tolist(),
            test_interval=test_spans.miou[number].tolist(),
            true_miou=float(scores[number] + halves.shift[:, number].mean()),
            private_minus_public=_quantiles(moved[:, number], TAIL, 0.5, 1 - TAIL),
            iou=[_number(one) for one in ious[number]],
            iou_interval=[None if np.isnan(one).any() else one.tolist() for one in spans.iou[number]],
        )
        for number, name in enumerate(names)
    ]


def _gain(fitted: LabelGain | None, objects: np.ndarray) -> dict[str, Any] | None:
    if fitted is None:
        return None
    classes = [
        {"objects": int(count), "miou_gain": None if np.isnan(row).any() else row.tolist()}
        for count, row in zip(objects, fitted.gain, strict=True)
    ]
    return {"slope": list(fitted.slope), "explained": fitted.explained, "classes": classes}


def _quantiles(values: np.ndarray, *levels: float) -> list[float]:
    return [float(one) for one in np.quantile(values, levels)]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
