"""A forest of extremely randomised trees (Geurts et al., Machine Learning 63, 2006) for regression, in numba."""

from dataclasses import dataclass

import numba
import numpy as np

MIN_LEAF = 2
"""Rows of a leaf at least."""
MAX_ROWS = 256
"""Rows that a tree is grown on at most, drawn anew for each: so growing takes no longer in a long search."""


@dataclass(frozen=True)
class Forest:
    """Trees as arrays (trees, nodes): inner nodes send a row left where its feature is at most the cut."""

    features: np.ndarray
    """Column that a node looks at; -1 at a leaf."""
    cuts: np.ndarray
    lefts: np.ndarray
    """Number of the left child; the right one comes after it."""
    means: np.ndarray
    """Mean target of the rows that came to a node."""

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """What each tree says of rows (N, D), shape (trees, N)."""
        return _predict(self.features, self.cuts, self.lefts, self.means, rows)


def grow_forest(rows: np.ndarray, targets: np.ndarray, num_trees: int, num_tried: int, seed: int) -> Forest:
    """Grow trees.

    Args:
        rows: (N, D) float64, finite.
        targets: (N,) float64.
        num_tried: features tried at each node, each at a cut drawn between the node's ends; the best one splits.
    """
    return Forest(*_grow(rows, targets, num_trees, num_tried, seed))


@numba.njit(cache=True)
def _grow(
    rows: np.ndarray, targets: np.ndarray, num_trees: int, num_tried: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    np.random.seed(seed)
    num_rows, num_features = rows.shape
    num_used = min(num_rows, MAX_ROWS)
    room = 2 * num_used
    features = np.full((num_trees, room), -1, np.int32)
    cuts, means = np.zeros((num_trees, room)), np.zeros((num_trees, room))
    lefts = np.zeros((num_trees, room), np.int32)
    order = np.arange(num_rows)
    starts, ends = np.zeros(room, np.int64), np.zeros(room, np.int64)
    for tree in range(num_trees):
        for place in range(num_used if num_used < num_rows else 0):
            other = np.random.randint(place, num_rows)
            order[place], order[other] = order[other], order[place]
        starts[0], ends[0], num_nodes, node = 0, num_used, 1, 0
        while node < num_nodes:  # children are appended, so this goes level by level
            start, end = starts[node], ends[node]
            means[tree, node] = targets[order[start:end]].mean()
            feature, cut = _best_split(rows, targets, order, start, end, num_tried)
            if feature >= 0:
                middle = _divide(rows, order, start, end, feature, cut)
                features[tree, node], cuts[tree, node], lefts[tree, node] = feature, cut, num_nodes
                starts[num_nodes], ends[num_nodes] = start, middle
                starts[num_nodes + 1], ends[num_nodes + 1] = middle, end
                num_nodes += 2
            node += 1
    return features, cuts, lefts, means


@numba.njit(cache=True)
def _best_split(
    rows: np.ndarray, targets: np.ndarray, order: np.ndarray, start: int, end: int, num_tried: int
) -> tuple[int, float]:
    """Of some random cuts, the one after which the two sides' means differ most; feature -1 where none will do."""
    best, best_feature, best_cut = 0.0, -1, 0.0
    if end - start < 2 * MIN_LEAF:
        return best_feature, best_cut
    total = targets[order[start:end]].sum()
    for _ in range(num_tried):
        feature = np.random.randint(rows.shape[1])
        low = high = rows[order[start], feature]
        for place in range(start + 1, end):
            value = rows[order[place], feature]
            low, high = min(low, value), max(high, value)
        if high <= low:
            continue
        cut = low + np.random.random() * (high - low)
        count, left = 0, 0.0
        for place in range(start, end):
            if rows[order[place], feature] <= cut:
                count += 1
                left += targets[order[place]]
        others = end - start - count
        if min(count, others) < MIN_LEAF:
            continue
        gain = (left / count - (total - left) / others) ** 2 * count * others
        if gain > best:
            best, best_feature, best_cut = gain, feature, cut
    return best_feature, best_cut


@numba.njit(cache=True)
def _divide(rows: np.ndarray, order: np.ndarray, start: int, end: int, feature: int, cut: float) -> int:
    """Bring the rows of the left side to the front; return where the right side starts."""
    last = end - 1
    while start <= last:
        if rows[order[start], feature] <= cut:
            start += 1
        else:
            order[start], order[last] = order[last], order[start]
            last -= 1
    return start


@numba.njit(cache=True)
def _predict(
    features: np.ndarray, cuts: np.ndarray, lefts: np.ndarray, means: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    found = np.empty((len(features), len(rows)))
    for tree in range(len(features)):
        for number in range(len(rows)):
            node = 0
            while features[tree, node] >= 0:
                goes_right = rows[number, features[tree, node]] > cuts[tree, node]
                node = lefts[tree, node] + int(goes_right)
            found[tree, number] = means[tree, node]
    return found
