"""From which probability on an ensemble is right often enough, class by class."""

from collections.abc import Iterable

import numpy as np

BINS = 1000
NEVER = 2.0
"""A threshold that no probability reaches."""


def class_thresholds(
    predictions: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], num_classes: int, precision: float
) -> np.ndarray:
    """Least probability above which the pixels that are given a class are right with the wanted precision.

    Args:
        predictions: truth uint8 (H, W) with 255 = ignored, labels uint8 (H, W), and their probabilities float
            (H, W), of photos that the models were not trained on.
        precision: wanted share of right pixels, 0 to 1.

    Returns:
        float64 (C,); `NEVER` for a class that does not reach the precision, or is never predicted.
    """
    counts = np.zeros((2, num_classes, BINS + 1), np.int64)
    for truth, labels, confidence in predictions:
        counted = truth != 255
        right = (truth == labels)[counted].astype(np.int64)
        cells = (right * num_classes + labels[counted]) * (BINS + 1) + (confidence[counted] * BINS).astype(np.int64)
        counts += np.bincount(cells, minlength=counts.size).reshape(counts.shape)
    wrong, right = (np.cumsum(one[:, ::-1], axis=1)[:, ::-1] for one in counts)
    reached = (right > 0) & (right >= precision * (right + wrong))
    return np.where(reached.any(axis=1), reached.argmax(axis=1) / BINS, NEVER)


def trusted(labels: np.ndarray, confidence: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The labels with 255 = ignored wherever their probability is below their class's threshold; uint8 (H, W)."""
    return np.where(confidence >= thresholds[labels], labels, np.uint8(255)).astype(np.uint8)


def choose_balanced(pixels: np.ndarray, count: int) -> list[int]:
    """Choose photos so that the classes have their turn one after another, the rarest first.

    Args:
        pixels: int (N, C), trusted pixels of each class in each photo; the background, class 0, has no turn.
        count: most photos to choose.

    Returns:
        Numbers of the photos, ascending; those without any trusted object are never chosen.
    """
    order = [int(label) + 1 for label in np.argsort((pixels[:, 1:] > 0).sum(axis=0), kind="stable")]
    left, chosen = pixels.astype(np.int64).copy(), set[int]()
    while len(chosen) < count and left[:, 1:].any():
        for label in order:
            photo = int(left[:, label].argmax())
            if left[photo, label] and len(chosen) < count:
                chosen.add(photo)
                left[photo] = 0
    return sorted(chosen)
