"""Remnants, compiled: crumbs of an object that a pasted one covers."""

import numpy as np

from trashseg_core.compiled import compiled
from trashseg_core.data.label_maps import IGNORED

MIN_SIDE = 1 / 32
"""A remnant of fewer pixels than a square of this share of the sample's side is a crumb: 16 px of 128 x 128."""
FRAME = 2
"""Pixels of 0 around a window: its neighbours have neighbours too."""


@compiled
def ignore_remnants(labels: np.ndarray, lost: np.ndarray, top: int, left: int) -> None:
    """Set the crumbs that a paste left of the objects below to 255; nobody could tell their class.

    A crumb is a connected part of a class that lost pixels to the paste, touches them, and is now smaller than the
    square of `MIN_SIDE`. What was that small before stays.

    Args:
        labels: uint8 (S, S) after the paste; changed in place.
        lost: uint8 (h + 4, w + 4), in a frame of 0: the labels before the paste of the pixels that were pasted over.
        top: row of the window of h x w px that was pasted into; `left`: its column.
    """
    top, left = top - FRAME, left - FRAME
    beside = _beside(_window(labels, lost.shape, top, left), lost)
    part = np.empty((max(2, round(MIN_SIDE * len(labels))) ** 2, 2), np.int64)
    chain, eights = np.empty(len(beside), np.int32), beside.view(np.uint64)
    for eight in range(np.uint64(len(eights))):
        if eights[eight]:  # rarely: they are looked through eight at a time
            for at in range(8 * int(eight), 8 * int(eight) + 8):
                if beside[at]:
                    row, column = top + at // lost.shape[1], left + at % lost.shape[1]
                    if labels[row, column] == beside[at]:
                        _ignore_crumb(labels, part, row, column)
                    _clear_chain(beside, lost.shape[1], chain, at)


@compiled
def _window(labels: np.ndarray, shape: tuple[int, int], top: int, left: int) -> np.ndarray:
    """Cut out the labels of a window; what lies outside of the sample is 0."""
    window = np.zeros(shape, np.uint8)
    source, target = labels.reshape(-1), window.reshape(-1)
    first, last = max(0, -left), min(shape[1], len(labels) - left)
    for y in range(max(0, -top), min(shape[0], len(labels) - top)):
        begin, end = np.uint64((top + y) * len(labels) + left + first), np.uint64(y * shape[1] + first)
        for x in range(np.uint64(last - first)):
            target[end + x] = source[begin + x]
    return window


@compiled
def _beside(window: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Find the pixels of objects beside a lost one of the same label, in one flat loop, which becomes vector code.

    Returns:
        uint8, flat, filled up to a multiple of 8: the labels of these pixels, elsewhere 0.
    """
    here, gone, found = window.reshape(-1), lost.reshape(-1), np.zeros((lost.size + 7) // 8 * 8, np.uint8)
    one, line = np.uint64(1), np.uint64(lost.shape[1])
    for at in range(line + one, np.uint64(lost.size) - line - one):
        label = here[at]
        touches = (gone[at - one] == label) | (gone[at + one] == label)
        touches |= (gone[at - line - one] == label) | (gone[at - line] == label) | (gone[at - line + one] == label)
        touches |= (gone[at + line - one] == label) | (gone[at + line] == label) | (gone[at + line + one] == label)
        found[at] = label if touches & (label != IGNORED) else np.uint8(0)
    return found


@compiled
def _ignore_crumb(labels: np.ndarray, part: np.ndarray, row: int, column: int) -> None:
    """Set the part around a pixel to 255 if it has fewer pixels than `part`, int64 (least, 2), has room for."""
    label, size, count, done = labels[row, column], len(labels), 1, 0
    part[0], labels[row, column] = (row, column), IGNORED
    while done < count < len(part):
        for y in range(max(0, part[done, 0] - 1), min(size, part[done, 0] + 2)):
            for x in range(max(0, part[done, 1] - 1), min(size, part[done, 1] + 2)):
                if labels[y, x] == label and count < len(part):
                    part[count], labels[y, x] = (y, x), IGNORED
                    count += 1
        done += 1
    if count == len(part):
        for number in range(count):
            labels[part[number, 0], part[number, 1]] = label


@compiled
def _clear_chain(beside: np.ndarray, line: int, chain: np.ndarray, start: int) -> None:
    """Set a pixel and those of its label that hang together with it to 0: all are of one part.

    Args:
        beside: uint8, a flat window in a frame of 0; `line`: its width.
        chain: int32, room for the places of all its pixels.
    """
    label, count, done = beside[start], 1, 0
    chain[0], beside[start] = start, 0
    while done < count:
        for above in range(chain[done] - line, chain[done] + line + 1, line):
            for at in range(above - 1, above + 2):
                if beside[at] == label:
                    beside[at], chain[count] = 0, at
                    count += 1
        done += 1
