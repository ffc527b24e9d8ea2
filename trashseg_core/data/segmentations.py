"""One COCO segmentation: what makes it valid, and its mask."""

import sys
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

MAX_OUTSIDE = 4.0
"""How many picture sizes a coordinate may lie outside; pycocotools crashes on absurd ones."""


def segmentation_fault(segmentation: Any, height: int, width: int) -> str | None:
    """Say what is wrong with a segmentation, without handing it to pycocotools.

    Args:
        segmentation: the JSON value: a list of polygons, or an RLE `{"size": [h, w], "counts": …}`.

    Returns:
        The fault in a few words, or None for a segmentation that is safe to rasterise.
    """
    if isinstance(segmentation, dict):
        return _rle_fault(segmentation, height, width)
    if not isinstance(segmentation, list) or not segmentation:
        return "no segmentation (expected a list of polygons or an RLE)"
    for polygon in segmentation:
        fault = _polygon_fault(polygon, height, width)
        if fault:
            return fault
    return None


def segmentation_mask(segmentation: Any, height: int, width: int) -> np.ndarray:
    """Rasterise a valid segmentation as pycocotools' `annToMask` does.

    Returns:
        bool (height, width).
    """
    if isinstance(segmentation, list):
        runs = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        runs = coco_mask.frPyObjects(segmentation, height, width)
    else:
        runs = {"size": [height, width], "counts": segmentation["counts"].encode("ascii")}
    return coco_mask.decode(runs).astype(bool)


def _polygon_fault(polygon: Any, height: int, width: int) -> str | None:
    if not isinstance(polygon, list) or len(polygon) < 6:
        return "a polygon with fewer than 3 points"
    if len(polygon) % 2:
        return "a polygon with an odd number of coordinates"
    for value in polygon:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            return f"a polygon coordinate that is no finite number ({repr(value)[:40]})"
    xs, ys = polygon[0::2], polygon[1::2]
    for values, size in ((xs, width), (ys, height)):
        if min(values) < -MAX_OUTSIDE * size or max(values) > (1 + MAX_OUTSIDE) * size:
            worst = max(values, key=abs)
            return f"a polygon coordinate far outside the picture ({worst:g})"
    if max(xs) <= 0 or max(ys) <= 0 or min(xs) >= width or min(ys) >= height:
        return "a polygon wholly outside the picture"
    area = 0.5 * abs(sum(x * ys[i - 1] - xs[i - 1] * y for i, (x, y) in enumerate(zip(xs, ys, strict=True))))
    if max(xs) == min(xs) or max(ys) == min(ys) or (area == 0 and len(polygon) == 6):
        return "a polygon without area"
    return None


def _rle_fault(rle: dict[str, Any], height: int, width: int) -> str | None:
    size = rle.get("size")
    if size != [height, width]:
        swapped = " (swapped? expected [height, width])" if size == [width, height] else ""
        return f"RLE size {size!r}, but the picture is [{height}, {width}]{swapped}"
    counts = rle.get("counts")
    if isinstance(counts, str):
        try:
            counts = _decompress(counts)
        except ValueError as error:
            return f"RLE counts cannot be decoded ({error})"
    if not isinstance(counts, list) or not counts:
        return "RLE without counts"
    for count in counts:
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            return f"an RLE count that is no natural number ({count!r})"
    if sum(counts) != height * width:
        return f"RLE counts that sum to {sum(counts)}, not {height} x {width} = {height * width}"
    return None


def _decompress(text: str) -> list[int]:
    """Decode COCO's compressed counts (5-bit groups, deltas to the count before last from the 4th on).

    Source: `rleFrString` in pycocotools' maskApi.c.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - 48
        if not 0 <= group < 64:
            raise ValueError(f"character {character!r}")
        value |= (group & 31) << shift
        shift += 5
        if shift > 60:
            raise ValueError("a count longer than 60 bits")
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("cut off")
    return counts
