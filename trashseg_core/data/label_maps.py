"""Painting the annotations of a photo into one label map."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from trashseg_core.data.coco import Annotation
from trashseg_core.data.segmentations import segmentation_area, segmentation_mask

IGNORED = 255
PAINT_RULE = "descending area, ties in file order, later wins, crowd = 255"


def paint(annotations: Sequence[Annotation], labels: Mapping[int, int], height: int, width: int) -> np.ndarray:
    """Paint annotations in the order of descending area; ties keep the file's order, later ones win.

    An annotation without `area` counts the pixels of its own mask. Crowd regions take part in the order like objects
    and are painted 255 = ignored.

    Args:
        annotations: those of one photo, in file order, all valid.
        labels: label of each category id; 0 is the background.

    Returns:
        uint8 (height, width): 0..C, or 255.
    """
    label_map = np.zeros((height, width), np.uint8)
    for _, mask, label in paint_order(annotations, labels, height, width):
        label_map[mask] = label
    return label_map


def paint_order(
    annotations: Sequence[Annotation], labels: Mapping[int, int], height: int, width: int, top_first: bool = False
) -> Iterator[tuple[int, np.ndarray, int]]:
    """Sort annotations in paint order and rasterise one after another: a photo may have any number of them.

    Args:
        top_first: in reverse, what is painted last first.

    Yields:
        (index in `annotations`, mask bool (height, width), label or 255).
    """
    areas = [
        segmentation_area(one.segmentation, height, width) if one.area is None else one.area for one in annotations
    ]
    order = sorted(range(len(annotations)), key=lambda index: (-areas[index], index))
    for index in reversed(order) if top_first else order:
        one = annotations[index]
        mask = segmentation_mask(one.segmentation, height, width)
        yield index, mask, IGNORED if one.iscrowd else labels[one.category_id]
