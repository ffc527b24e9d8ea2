"""Dealing photos to parts: stratified by class, and photos of one group never in two parts."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from trashseg_core.errors import BadInput


def stratified_split(
    presence: np.ndarray, groups: Sequence[Hashable], ratios: Sequence[float], seed: int = 0
) -> np.ndarray:
    """Deal photos to parts of the given ratios, e.g. (0.7, 0.15, 0.15) for splits or (0.2,) * 5 for folds.

    Iterative stratification for several labels per photo (Sechidis, Tsoumakas, Vlahavas: On the Stratification of
    Multi-Label Data, ECML PKDD 2011) over whole groups: the class with the fewest photos left goes first, each of its
    groups, the largest first, to the part that lacks most of that class. Groups are lumpy, so single ones are moved
    afterwards, always the one that helps most, as long as the chi-square of the photos per class and part falls.

    Args:
        presence: (N, C), true where the photo shows the class; the background is no class.
        groups: key of each photo; photos of the same key stay together.
        ratios: share of each part, positive; their sum need not be 1.
        seed: decides between groups that are equally good.

    Returns:
        int64 (N,), part of each photo. The same arguments give the same parts; no part is empty.

    Raises:
        BadInput: there are fewer groups than parts.
    """
    keys: dict[Hashable, int] = {}
    group_of = np.array([keys.setdefault(key, len(keys)) for key in groups], np.int64)
    if len(keys) < len(ratios):
        raise BadInput(
            f"{len(group_of)} photos in {len(keys)} groups that must stay together cannot fill {len(ratios)} splits. "
            "Bring more photos, or ask for fewer splits."
        )
    counts = np.zeros((len(keys), presence.shape[1] + 1))
    np.add.at(counts, group_of, np.column_stack([presence.astype(bool), np.ones(len(group_of))]))
    counts = counts[:, counts.sum(axis=0) > 0]
    wanted = np.outer(np.asarray(ratios, float) / sum(ratios), counts.sum(axis=0))
    parts = _deal(counts, wanted, np.random.default_rng(seed))
    _refine(parts, counts, wanted)
    return parts[group_of]


def connected(keys: Sequence[Iterable[Hashable]]) -> list[int]:
    """Groups of photos that share a key, directly or through others.

    Args:
        keys: those of each photo, at least one.

    Returns:
        Number of each photo's group: the first photo in it.
    """
    first: dict[Hashable, int] = {}
    root = list(range(len(keys)))

    def find(photo: int) -> int:
        while root[photo] != photo:
            root[photo] = photo = root[root[photo]]
        return photo

    for photo, own in enumerate(keys):
        for key in own:
            one, other = find(photo), find(first.setdefault(key, photo))
            root[max(one, other)] = min(one, other)
    return [find(photo) for photo in range(len(keys))]


def _deal(counts: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sechidis' greedy pass.

    Args:
        counts: (G, K), photos of each class in each group; the last column counts all its photos.
        wanted: (P, K), the same for each part.

    Returns:
        int64 (G,), part of each group.
    """
    lacking = wanted.copy()
    order = rng.permutation(len(counts))
    parts = np.full(len(counts), -1)
    while (left := order[parts[order] < 0]).size:
        remaining = counts[left].sum(axis=0)
        remaining[remaining == 0] = np.inf
        rarest = int(remaining[:-1].argmin()) if np.isfinite(remaining[:-1]).any() else -1
        holders = left[counts[left, rarest] > 0]
        for group in holders[np.argsort(-counts[holders, rarest], kind="stable")]:
            part = max(range(len(wanted)), key=lambda part: (lacking[part, rarest], lacking[part, -1]))
            parts[group] = part
            lacking[part] -= counts[group]
    return parts


def _refine(parts: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> None:
    """Move single groups in place while the chi-square of `counts` against `wanted` falls; fill empty parts."""
    groups = np.arange(len(parts))
    for _ in groups:
        gain = _change(parts, counts, wanted)
        group, part = np.unravel_index(gain.argmin(), gain.shape)
        if gain[group, part] > -1e-9:
            break
        parts[group] = part
    for empty in set(range(len(wanted))) - set(parts.tolist()):
        gain = _change(parts, counts, wanted)
        parts[gain[:, empty].argmin()] = empty


def _change(parts: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Change of the chi-square if a group went to a part, float (G, P); infinite where its part would be left empty."""
    groups = np.arange(len(parts))
    reached = np.zeros_like(wanted)
    np.add.at(reached, parts, counts)
    linear = counts @ (2 * (reached - wanted) / wanted).T
    square = counts**2 @ (1 / wanted).T
    change = linear + square - (linear - square)[groups, parts][:, None]
    change[groups, parts] = 0
    alone = np.bincount(parts, minlength=len(wanted))[parts] == 1
    change[alone] = np.inf
    change[groups[alone], parts[alone]] = 0
    return change
