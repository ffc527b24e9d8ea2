"""One COCO segmentation: what makes it valid, and its mask."""

import sys
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from trashseg_core.data.json_document import shown

MAX_OUTSIDE = 4.0
"""How many picture sizes a coordinate may lie outside; pycocotools crashes on absurd ones."""
MAX_OUTLINE_PX = 2_000_000
"""Longest outline of one segmentation in px: pycocotools takes about 50 bytes for each."""
MAX_COUNT_BITS = 30
"""Longest run of a compressed RLE: pycocotools shifts 32-bit numbers."""


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
    return outline_fault(segmentation)


def polygons_of(segmentation: Any) -> list[list[float]]:
    """The polygons of a valid segmentation, x1, y1, x2, y2, … each; none of an RLE."""
    return segmentation if isinstance(segmentation, list) else []


def outline_fault(polygons: list[list[float]]) -> str | None:
    """Say that polygons of finite numbers are too long to be painted, or None."""
    outline = sum(abs(value - polygon[index - 2]) for polygon in polygons for index, value in enumerate(polygon))
    if outline > MAX_OUTLINE_PX:
        return f"an outline of {outline:.0f} px, but at most {MAX_OUTLINE_PX} can be painted"
    return None


def segmentation_mask(segmentation: Any, height: int, width: int) -> np.ndarray:
    """Rasterise a valid segmentation as pycocotools' `annToMask` does.

    Returns:
        bool (height, width).
    """
    return np.asarray(coco_mask.decode(_runs(segmentation, height, width))).astype(bool)


def segmentation_area(segmentation: Any, height: int, width: int) -> float:
    """Pixels of a valid segmentation's mask, which is not made for it."""
    return float(coco_mask.area(_runs(segmentation, height, width)))


def _runs(segmentation: Any, height: int, width: int) -> Any:
    """A valid segmentation as pycocotools' RLE."""
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    if isinstance(segmentation["counts"], list):
        return coco_mask.frPyObjects({"size": [height, width], "counts": segmentation["counts"]}, height, width)
    return {"size": [height, width], "counts": segmentation["counts"].encode("ascii")}


def _polygon_fault(polygon: Any, height: int, width: int) -> str | None:
    if not isinstance(polygon, list) or len(polygon) < 6:
        return "a polygon with fewer than 3 points"
    if len(polygon) % 2:
        return "a polygon with an odd number of coordinates"
    for value in polygon:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            return f"a polygon coordinate that is no finite number ({shown(value)})"
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
        given = " x ".join(map(shown, size)) if isinstance(size, list) and len(size) == 2 else shown(size)
        return f"RLE size {given}, but the picture is {height} x {width}{swapped}"
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
            return f"an RLE count that is no natural number ({shown(count)})"
        if count > height * width:
            return f"an RLE count above the {height * width} pixels of the picture ({shown(count)})"
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
        if shift > MAX_COUNT_BITS:
            raise ValueError(f"a count longer than {MAX_COUNT_BITS} bits")
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("cut off")
    return counts
