"""The decision rule of an ensemble: from its members' logits for a photo to one label per pixel."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from trashseg_core.inference.crf_settings import CrfSettings
from trashseg_core.inference.predict import first_argmax

_memory = threading.local()
CHUNK_PX = 1 << 13
"""Pixels whose scores are computed together: they stay in the processor's cache."""


@dataclass(frozen=True)
class Decision:
    """What turns the members' probabilities into labels: argmax of log(sum over m of w[m, c] p[m, c]) + offset[c]."""

    weights: np.ndarray
    """Share of each member in the mean of each class, float32 (K, C); every column sums to 1."""
    offsets: np.ndarray
    """float32 (C,)"""
    crf: CrfSettings | None = None
    """Of the dense CRF that the probabilities pass through before the argmax; None: no CRF."""

    def labels(self, rgb: np.ndarray, logits: Iterable[np.ndarray]) -> np.ndarray:
        """Decide on every pixel, ties to the lower label.

        Args:
            rgb: the photo, uint8 (H, W, 3).
            logits: float32 (C, H, W) of each member, at the photo's own size; taken one after another.

        Returns:
            uint8 (H, W).
        """
        if self.crf is not None:
            return first_argmax(self.probabilities(rgb, logits))
        return first_argmax(self._scores(logits, scratch("scores", (self.weights.shape[1], *rgb.shape[:2]))))

    def probabilities(self, rgb: np.ndarray, logits: Iterable[np.ndarray]) -> np.ndarray:
        """The probabilities whose argmax the labels are, float32 (C, H, W); arguments as in `labels`."""
        scores = shares_of(self._scores(logits, np.empty((self.weights.shape[1], *rgb.shape[:2]), np.float32)))
        if self.crf is None:
            return scores
        from trashseg_core.inference.crf import dense_crf  # loads the compiler, which few predictions need

        return dense_crf(rgb, scores, self.crf)

    def _scores(self, logits: Iterable[np.ndarray], scores: np.ndarray) -> np.ndarray:
        """In proportion to the probabilities: the members' mean, times exp of the offsets; written to `scores`."""
        scores.fill(0)
        flat = scores.reshape(len(scores), -1)
        shares = self.weights * np.exp(self.offsets)
        for member, share in zip(logits, shares, strict=True):
            _add_softmax(flat, member.reshape(len(scores), -1), share[:, None])
        return scores


def shares_of(scores: np.ndarray) -> np.ndarray:
    """Divide scores by their sum over the classes, in place; where all of them are 0, every class gets the same.

    Class weights may be 0, so that every class is left to members that are sure of another one.

    Args:
        scores: float32 (C, ...), 0 or more.
    """
    totals = scores.sum(axis=0)
    silent = totals == 0
    if silent.any():
        scores[:, silent], totals[silent] = 1, len(scores)
    scores /= totals
    return scores


def scratch(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A float32 array that this thread uses again and again: fresh memory costs more than what is computed in it."""
    kept = getattr(_memory, name, None)
    if kept is None or kept.shape != shape:
        kept = np.empty(shape, np.float32)
        setattr(_memory, name, kept)
    return kept


def _add_softmax(total: np.ndarray, logits: np.ndarray, share: np.ndarray) -> None:
    """Add share (C, 1) times the softmax of logits (C, M) to the total; half of torch's time on one core."""
    if (share == share[0]).all():
        share = share[:1]  # one factor for all classes: a pass less
    for start in range(0, total.shape[1], CHUNK_PX):
        chosen = slice(start, start + CHUNK_PX)
        part = logits[:, chosen] - logits[:, chosen].max(axis=0)
        np.exp(part, out=part)
        part *= share / part.sum(axis=0)
        total[:, chosen] += part
