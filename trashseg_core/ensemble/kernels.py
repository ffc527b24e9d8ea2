"""The inner loops of ensemble selection, compiled by numba; they let go of the interpreter lock."""

import numpy as np

from trashseg_core.compiled import compiled


@compiled
def gather(planes: np.ndarray, pixels: np.ndarray, target: np.ndarray) -> None:
    """Copy the chosen pixels of one candidate: target[i] = planes[:, pixels[i]].

    Args:
        planes: uint8 (C, P).
        pixels: int64 (M,).
        target: uint8 (M, C), may be a view.
    """
    for label in range(planes.shape[0]):
        for number in range(pixels.shape[0]):
            target[number, label] = planes[label, pixels[number]]


@compiled
def count_changes(
    probabilities: np.ndarray,
    labels: np.ndarray,
    truth: np.ndarray,
    running: np.ndarray,
    current: np.ndarray,
    margins: np.ndarray,
    reach: np.ndarray,
    changes: np.ndarray,
) -> None:
    """Count how the confusion matrix changes when each candidate joins the running sum.

    A candidate that turns a pixel from label a to another lifts the other over the sum's margin: its own highest
    probability exceeds that of a by no less. Most candidates are passed over after one comparison, and a pixel whose
    margin is beyond the reach of all of them after one for all.

    Args:
        probabilities: uint8 (M, K, C).
        labels: uint8 (M, K), argmax of each, ties to the lower label.
        truth: uint8 (M,).
        running: uint16 (M, C), sum of the picks so far.
        current: uint8 (M,), its argmax.
        margins: uint16 (M,), by how much its highest value exceeds the second.
        reach: uint8 (M,), what no candidate's highest probability exceeds that of `current` by; made exact here.
        changes: int64 (K, C, C), added to.
    """
    num_candidates, num_classes = probabilities.shape[1:]
    for pixel in range(truth.shape[0]):
        margin = margins[pixel]
        if margin > reach[pixel]:
            continue
        before, farthest = current[pixel], 0
        for candidate in range(num_candidates):
            own = labels[pixel, candidate]
            if own == before:
                continue
            swing = probabilities[pixel, candidate, own] - probabilities[pixel, candidate, before]
            farthest = max(farthest, swing)
            if swing < margin:
                continue
            best, after = running[pixel, 0] + probabilities[pixel, candidate, 0], 0
            for label in range(1, num_classes):
                total = running[pixel, label] + probabilities[pixel, candidate, label]
                if total > best:
                    best, after = total, label
            if after != before:
                changes[candidate, truth[pixel], before] -= 1
                changes[candidate, truth[pixel], after] += 1
        reach[pixel] = farthest


@compiled
def add_pick(
    probabilities: np.ndarray,
    pick: int,
    running: np.ndarray,
    current: np.ndarray,
    margins: np.ndarray,
) -> None:
    """Add a candidate to the running sum and find its labels and margins anew; shapes as in `count_changes`.

    Where the label changes, `reach` still speaks of the old one, but the new margin is at most the pick's swing, so
    within that reach: `count_changes` looks at the pixel and makes it exact again.
    """
    num_classes = probabilities.shape[2]
    for pixel in range(running.shape[0]):
        best, second, after = -1, -1, 0
        for label in range(num_classes):
            total = running[pixel, label] + probabilities[pixel, pick, label]
            running[pixel, label] = total
            if total > best:
                best, second, after = total, best, label
            elif total > second:
                second = total
        margins[pixel] = best - second
        current[pixel] = after


@compiled
def mix(probabilities: np.ndarray, weights: np.ndarray, scores: np.ndarray) -> None:
    """Weighted mean of candidates: scores[i, c] = sum over k of weights[k, c] probabilities[i, k, c].

    Args:
        probabilities: uint8 (M, K, C).
        weights: float32 (K, C); candidates of weight 0 cost nothing.
        scores: float32 (M, C), written.
    """
    used = np.flatnonzero((weights > 0).sum(axis=1))
    for pixel in range(probabilities.shape[0]):
        for label in range(weights.shape[1]):
            total = np.float32(0)
            for candidate in used:
                total += weights[candidate, label] * probabilities[pixel, candidate, label]
            scores[pixel, label] = total


@compiled
def count_labels(scores: np.ndarray, truth: np.ndarray, counts: np.ndarray) -> None:
    """Count (truth, argmax of the scores, ties to the lower label); truth 255 is ignored.

    Args:
        scores: float32 (M, C).
        truth: uint8 (M,).
        counts: int64 (C, C), added to.
    """
    num_classes = scores.shape[1]
    for pixel in range(truth.shape[0]):
        if truth[pixel] < num_classes:
            best, label = scores[pixel, 0], 0
            for other in range(1, num_classes):
                if scores[pixel, other] > best:
                    best, label = scores[pixel, other], other
            counts[truth[pixel], label] += 1
