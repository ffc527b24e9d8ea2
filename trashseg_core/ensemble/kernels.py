"""The inner loops of ensemble selection, compiled by numba; they let go of the interpreter lock.

Pixels come in tiles of 64: what is done to each of them is one loop over bytes side by side, which the compiler turns
into a few vector instructions.
"""

import numpy as np

from trashseg_core.compiled import compiled

TILE_PX = 64
PADDING = 255
"""Truth of what fills a tile up; it counts nowhere."""


@compiled
def gather(planes: np.ndarray, pixels: np.ndarray, target: np.ndarray) -> None:
    """Copy the chosen pixels of one candidate into tiles.

    Args:
        planes: uint8 (C, P).
        pixels: int64 (M,).
        target: uint8 (T, C, 64), may be a view; what M does not fill stays as it is.
    """
    for tile in range(target.shape[0]):
        first = tile * TILE_PX
        chosen = pixels[first : first + TILE_PX]
        for label in range(planes.shape[0]):
            row, copy = planes[label], target[tile, label]
            for place in range(chosen.shape[0]):
                copy[place] = row[chosen[place]]


@compiled
def count_singles(probabilities: np.ndarray, truth: np.ndarray, counts: np.ndarray) -> None:
    """Count (truth, argmax) of each candidate alone, ties to the lower label.

    Args:
        probabilities: uint8 (T, K, C, 64).
        truth: uint8 (T, 64).
        counts: int64 (K, C, C), added to.
    """
    num_candidates, num_classes = probabilities.shape[1:3]
    best, labels = np.empty(TILE_PX, np.uint8), np.empty(TILE_PX, np.uint8)
    for tile in range(truth.shape[0]):
        for candidate in range(num_candidates):
            for place in range(TILE_PX):
                best[place], labels[place] = probabilities[tile, candidate, 0, place], 0
            for label in range(1, num_classes):
                shown = probabilities[tile, candidate, label]
                for place in range(TILE_PX):
                    higher = shown[place] > best[place]
                    labels[place] = np.uint8(label) if higher else labels[place]
                    best[place] = shown[place] if higher else best[place]
            for place in range(TILE_PX):
                if truth[tile, place] != PADDING:
                    counts[candidate, truth[tile, place], labels[place]] += 1


@compiled
def add_pick(
    probabilities: np.ndarray,
    truth: np.ndarray,
    pick: int,
    running: np.ndarray,
    current: np.ndarray,
    changes: np.ndarray,
) -> None:
    """Add a candidate to the running sum, and count what yet another one would change.

    Args:
        probabilities: uint8 (T, K, C, 64).
        truth: uint8 (T, 64).
        pick: the candidate to add.
        running: uint16 (T, C, 64), sum of the picks so far.
        current: uint8 (T, 64), its argmax, ties to the lower label; written.
        changes: int64 (K, C, C), added to: (truth, label) with one more pick of each candidate, less without.
    """
    num_candidates, num_classes = probabilities.shape[1:3]
    best, labels = np.empty(TILE_PX, np.uint16), np.empty(TILE_PX, np.uint8)
    for tile in range(truth.shape[0]):
        now = current[tile]
        for label in range(num_classes):
            total, shown = running[tile, label], probabilities[tile, pick, label]
            for place in range(TILE_PX):
                total[place] = np.uint16(total[place] + shown[place])
                higher = label == 0 or total[place] > best[place]
                now[place] = np.uint8(label) if higher else now[place]
                best[place] = total[place] if higher else best[place]
        for candidate in range(num_candidates):
            for label in range(num_classes):
                total, shown = running[tile, label], probabilities[tile, candidate, label]
                for place in range(TILE_PX):
                    raised = np.uint16(total[place] + shown[place])
                    higher = label == 0 or raised > best[place]
                    labels[place] = np.uint8(label) if higher else labels[place]
                    best[place] = raised if higher else best[place]
            differs = np.uint8(0)
            for place in range(TILE_PX):
                differs |= labels[place] ^ now[place]
            if differs:
                for place in range(TILE_PX):
                    if labels[place] != now[place]:
                        changes[candidate, truth[tile, place], now[place]] -= 1
                        changes[candidate, truth[tile, place], labels[place]] += 1


@compiled
def mix(probabilities: np.ndarray, weights: np.ndarray, scores: np.ndarray) -> None:
    """Weighted mean of candidates: scores[t, c, i] = sum over k of weights[k, c] probabilities[t, k, c, i].

    Args:
        probabilities: uint8 (T, K, C, 64).
        weights: float32 (K, C); candidates of weight 0 cost nothing.
        scores: float32 (T, C, 64), written.
    """
    used = np.flatnonzero((weights > 0).sum(axis=1))
    for tile in range(probabilities.shape[0]):
        for label in range(weights.shape[1]):
            total = scores[tile, label]
            total[:] = 0
            for candidate in used:
                shown, weight = probabilities[tile, candidate, label], weights[candidate, label]
                for place in range(TILE_PX):
                    total[place] += weight * np.float32(shown[place])


@compiled
def count_labels(scores: np.ndarray, truth: np.ndarray, counts: np.ndarray) -> None:
    """Count (truth, argmax of the scores, ties to the lower label).

    Args:
        scores: float32 (T, C, 64).
        truth: uint8 (T, 64).
        counts: int64 (C, C), added to.
    """
    best, labels = np.empty(TILE_PX, np.float32), np.empty(TILE_PX, np.uint8)
    for tile in range(truth.shape[0]):
        for label in range(scores.shape[1]):
            shown = scores[tile, label]
            for place in range(TILE_PX):
                higher = label == 0 or shown[place] > best[place]
                labels[place] = np.uint8(label) if higher else labels[place]
                best[place] = shown[place] if higher else best[place]
        for place in range(TILE_PX):
            if truth[tile, place] != PADDING:
                counts[truth[tile, place], labels[place]] += 1
