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
def count_votes(labels: np.ndarray, num_classes: int, votes: np.ndarray) -> None:
    """How many candidates give each pixel the label that most of them give it.

    Args:
        labels: uint8 (K, M).
        votes: uint8 (M,), written.
    """
    tally = np.zeros(num_classes, np.uint8)
    for pixel in range(labels.shape[1]):
        tally[:] = 0
        most = np.uint8(0)
        for candidate in range(labels.shape[0]):
            label = labels[candidate, pixel]
            tally[label] += 1
            most = max(most, tally[label])
        votes[pixel] = most


@compiled
def count_singles(
    probabilities: np.ndarray, truth: np.ndarray, leaders: np.ndarray, swings: np.ndarray, counts: np.ndarray
) -> None:
    """Count (truth, argmax) of each candidate alone, ties to the lower label, and see how far any one can swing a sum.

    Args:
        probabilities: uint8 (T, K, C, 64).
        truth: uint8 (T, 64).
        leaders: uint8 (T, 64), written: argmax of the mean of all.
        swings: uint8 (T, 64), written: the most by which one candidate prefers some label to the leader.
        counts: int64 (K, C, C), added to.
    """
    num_candidates, num_classes = probabilities.shape[1:3]
    best, labels, led = np.empty(TILE_PX, np.uint8), np.empty(TILE_PX, np.uint8), np.empty(TILE_PX, np.uint8)
    total, highest = np.empty(TILE_PX, np.uint16), np.empty(TILE_PX, np.uint16)
    for tile in range(truth.shape[0]):
        leader, swing = leaders[tile], swings[tile]
        for label in range(num_classes):
            total[:] = 0
            for candidate in range(num_candidates):
                shown = probabilities[tile, candidate, label]
                for place in range(TILE_PX):
                    total[place] += shown[place]
            for place in range(TILE_PX):
                higher = label == 0 or total[place] > highest[place]
                leader[place] = np.uint8(label) if higher else leader[place]
                highest[place] = total[place] if higher else highest[place]
        swing[:] = 0
        for candidate in range(num_candidates):
            for label in range(num_classes):
                shown = probabilities[tile, candidate, label]
                for place in range(TILE_PX):
                    higher = label == 0 or shown[place] > best[place]
                    labels[place] = np.uint8(label) if higher else labels[place]
                    best[place] = shown[place] if higher else best[place]
                    led[place] = shown[place] if leader[place] == label else led[place]
            for place in range(TILE_PX):
                preferred = np.uint8(best[place] - led[place])
                swing[place] = preferred if preferred > swing[place] else swing[place]
            for place in range(TILE_PX):
                if truth[tile, place] != PADDING:
                    counts[candidate, truth[tile, place], labels[place]] += 1


@compiled
def add_pick(
    probabilities: np.ndarray,
    truth: np.ndarray,
    leaders: np.ndarray,
    swings: np.ndarray,
    picks: np.ndarray,
    running: np.ndarray,
    state: np.ndarray,
    changes: np.ndarray,
) -> None:
    """Add the last pick to the running sum, and count what yet another one would change.

    A tile is left out while none of its labels can change: where the sum is in favour of the leader by more than J
    swings, the next J candidates cannot turn it, whichever they are. Picks that it has missed are added when its turn
    has come.

    Args:
        probabilities: uint8 (T, K, C, 64).
        truth: uint8 (T, 64).
        leaders: uint8 (T, 64), as of `count_singles`.
        swings: uint8 (T, 64), as of `count_singles`.
        picks: int64 (P,), the candidates picked so far.
        running: uint16 (T, C, 64), sum of the picks that each tile has had.
        state: int64 (T, 2), how many picks that is, and from how many on it has to be looked at; both 0 at first.
        changes: int64 (K, C, C), added to: (truth, label) with one more pick of each candidate, less without.
    """
    num_candidates, num_classes = probabilities.shape[1:3]
    best, second = np.empty(TILE_PX, np.uint16), np.empty(TILE_PX, np.uint16)
    now, labels = np.empty(TILE_PX, np.uint8), np.empty(TILE_PX, np.uint8)
    for tile in range(truth.shape[0]):
        if state[tile, 1] > len(picks):
            continue
        for pick in picks[state[tile, 0] :]:
            for label in range(num_classes):
                total, shown = running[tile, label], probabilities[tile, pick, label]
                for place in range(TILE_PX):
                    total[place] = np.uint16(total[place] + shown[place])
        second[:] = 0
        for label in range(num_classes):
            total = running[tile, label]
            for place in range(TILE_PX):
                higher = label == 0 or total[place] > best[place]
                lower = best[place] if higher else total[place]
                second[place] = lower if label > 0 and lower > second[place] else second[place]
                now[place] = np.uint8(label) if higher else now[place]
                best[place] = total[place] if higher else best[place]
        safe = 0
        for few in (1, 2, 4, 8, 16):
            open_places = np.uint8(0)
            for place in range(TILE_PX):
                margin, turned = np.uint16(best[place] - second[place]), np.uint16(few * swings[tile, place])
                settled = (now[place] == leaders[tile, place]) & (margin > turned)
                open_places |= np.uint8(0) if settled | (truth[tile, place] == PADDING) else np.uint8(1)
            if open_places:
                break
            safe = few
        state[tile, 0], state[tile, 1] = len(picks), len(picks) + max(safe, 1)
        if safe:
            continue
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
