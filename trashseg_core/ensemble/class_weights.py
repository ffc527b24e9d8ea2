"""Per-class weights: each class listens to the members that know it best."""

import numpy as np

from trashseg_core.confusion import count_confusion, miou
from trashseg_core.ensemble.pixels import Pixels
from trashseg_core.ensemble.scoring import pixel_scores

FACTORS = (0.0, 0.5, 2.0)
MAX_SWEEPS = 2


def fit_class_weights(pixels: Pixels, weights: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Coordinate ascent on dataset-level mIoU over (member, class), from weights that are the same for all classes.

    Args:
        pixels: a sample of all pixels: other weights for each class can also turn those on which all agree.
        weights: float64 (K,), sum 1; members of weight 0 stay out.
        images: bool (N,), the photos that may be looked at.

    Returns:
        float64 (K, C), columns sum to 1.
    """
    result = np.repeat(weights[:, None], pixels.num_classes, axis=1)
    members = np.flatnonzero(weights > 0)
    truth = pixels.flat(pixels.truth, images)
    if not len(truth) or len(members) < 2:
        return result
    shown = pixels.flat(pixels.probabilities[:, members], images).astype(np.float32)
    scores = pixels.flat(pixel_scores(pixels, weights), images)
    reached = float(miou(count_confusion(truth, scores.argmax(axis=1), pixels.num_classes)))
    for _ in range(MAX_SWEEPS):
        before = reached
        for label in range(pixels.num_classes):
            rivals = scores.copy()
            rivals[:, label] = -1
            rival = rivals.argmax(axis=1)
            height = rivals[np.arange(len(rival)), rival]
            for member in range(len(members)):
                for column in _columns(result[members, label], member):
                    own = shown[:, :, label] @ column.astype(np.float32)
                    labels = np.where((own > height) | ((own == height) & (label < rival)), label, rival)
                    tried = float(miou(count_confusion(truth, labels, pixels.num_classes)))
                    if tried > reached:
                        reached, result[members, label], scores[:, label] = tried, column, own
        if reached <= before:
            break
    return result


def _columns(column: np.ndarray, member: int) -> list[np.ndarray]:
    """One class's weights with one of them scaled, normalised anew; zero weights are left at zero."""
    scaled = np.repeat(column[None], len(FACTORS), axis=0)
    scaled[:, member] *= FACTORS
    return [one / one.sum() for one in scaled if one.sum() > 0 and column[member] > 0]
