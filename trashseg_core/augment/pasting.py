"""The pasting of objects into one sample, compiled: choice, place, blend, labels."""

import numpy as np

from trashseg_core.augment.object_patch import NUM_PATCH_DRAWS, OPAQUE, Turned, channel, framed, resample, rounded, turn
from trashseg_core.augment.remnants import FRAME, ignore_remnants
from trashseg_core.compiled import compiled
from trashseg_core.data.label_maps import IGNORED

NUM_PLACES = 8
"""Random places that are compared for each object."""
PLACE_POINTS = 16
"""Points per side of an object at which a place is looked up: enough to compare places, whatever its size."""
NUM_DRAWS = 2 + NUM_PATCH_DRAWS + 2 * NUM_PLACES
"""Random numbers of an object: its class, which of them, its patch, its places."""
ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)


@compiled
def paste_objects(
    image: np.ndarray,
    labels: np.ndarray,
    extent: tuple[int, int],
    draws: np.ndarray,
    bounds: np.ndarray,
    firsts: np.ndarray,
    objects: np.ndarray,
    pixels: np.ndarray,
    most_share: float,
    least_area: int,
) -> None:
    """Paste one object for each row of random numbers.

    Args:
        image: uint8 (S, S, 3), changed in place; so are `labels`, uint8 (S, S).
        extent: height and width in px that the photo fills.
        draws: float64 (N, NUM_DRAWS) in [0, 1).
        bounds: float64 (K,), probabilities of the classes, cumulated.
        firsts: int64 (K + 1,), where each class begins in `objects`, and their number.
        objects: int64 (M, 4), first pixel, height, width and label of each.
        pixels: uint32, of all objects: RGB times alpha, and alpha, the lowest byte first.
        most_share: of the photo's height and width that an object may take.
        least_area: px of an object that must be seen, else it is left out.
    """
    for drawn in draws:
        kind = 0
        while kind < len(bounds) - 1 and bounds[kind] <= drawn[0]:
            kind += 1
        start, height, width, label = objects[firsts[kind] + int(drawn[1] * (firsts[kind + 1] - firsts[kind]))]
        turned = turn(height, width, most_share * extent[0], most_share * extent[1], drawn[2:])
        patch, spans, area = resample(framed(pixels, start, height, width), turned, drawn[2:])
        if area >= least_area:
            top, left = _place(labels, turned, extent, drawn[2 + NUM_PATCH_DRAWS :])
            lost, covers = _blend(image, labels, patch, spans, np.uint8(label), top, left, turned.width)
            if covers:
                ignore_remnants(labels, lost, top, left)


@compiled
def _place(labels: np.ndarray, turned: Turned, extent: tuple[int, int], drawn: np.ndarray) -> tuple[int, int]:
    """Try places inside the photo; return the (top, left) whose window covers least of the objects there."""
    step_y, step_x = -(-turned.height // PLACE_POINTS), -(-turned.width // PLACE_POINTS)
    best, least = (0, 0), labels.size
    for number in range(0, 2 * NUM_PLACES, 2):
        top = int(drawn[number] * (extent[0] - turned.height + 1))
        left = int(drawn[number + 1] * (extent[1] - turned.width + 1))
        covered = 0
        for y in range(top, top + turned.height, step_y):
            for x in range(left, left + turned.width, step_x):
                covered += _is_object(labels[y, x])
        if covered < least:
            best, least = (top, left), covered
        if not covered:
            break
    return best


@compiled
def _is_object(label: np.uint8) -> bool:
    return bool(np.uint8(label - np.uint8(1)) < IGNORED - 1)  # 0 - 1 is 255


@compiled
def _blend(
    image: np.ndarray,
    labels: np.ndarray,
    patch: np.ndarray,
    spans: np.ndarray,
    label: np.uint8,
    top: int,
    left: int,
    width: int,
) -> tuple[np.ndarray, bool]:
    """Lay a patch over a sample by its alpha; its label holds where it covers more than half.

    Returns:
        uint8 (patch height + 4, width + 4), in a frame of 0: the labels that were painted over; whether any object was.
    """
    lost = np.zeros((len(spans) + 2 * FRAME, width + 2 * FRAME), np.uint8)
    colours, below, gone = image.reshape(-1), labels.reshape(-1), lost.reshape(-1)
    covers, start = False, np.uint64(0)
    for y in range(len(spans)):
        count = np.uint64(spans[y, 1] - spans[y, 0])
        at = np.uint64((top + y) * labels.shape[1] + left + spans[y, 0])
        _blend_row(patch, start, count, colours, THREE * at)
        covers |= _label_row(
            patch, start, count, below, at, gone, np.uint64((y + FRAME) * lost.shape[1] + FRAME + spans[y, 0]), label
        )
        start += count
    return lost, covers


@compiled
def _blend_row(patch: np.ndarray, start: np.uint64, count: np.uint64, colours: np.ndarray, at: np.uint64) -> None:
    for x in range(count):
        pixel, place = patch[start + x], at + THREE * x
        through = np.float32(1) - channel(pixel, 24) * np.float32(1 / 255)
        red = channel(pixel, 0) + np.float32(colours[place]) * through
        green = channel(pixel, 8) + np.float32(colours[place + ONE]) * through
        blue = channel(pixel, 16) + np.float32(colours[place + TWO]) * through
        colours[place], colours[place + ONE], colours[place + TWO] = rounded(red), rounded(green), rounded(blue)


@compiled
def _label_row(
    patch: np.ndarray,
    start: np.uint64,
    count: np.uint64,
    labels: np.ndarray,
    at: np.uint64,
    lost: np.ndarray,
    lost_at: np.uint64,
    label: np.uint8,
) -> bool:
    covered = np.uint8(0)
    for x in range(count):
        painted, old = patch[start + x] >= OPAQUE, labels[at + x]
        lost[lost_at + x] = old if painted else np.uint8(0)
        covered |= lost[lost_at + x]
        labels[at + x] = label if painted else old
    return bool(covered > 0)
