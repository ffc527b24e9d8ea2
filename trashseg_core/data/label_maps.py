"""Painting the annotations of a photo into one label map."""

from collections.abc import Mapping, Sequence

import numpy as np

from trashseg_core.data.coco import Annotation
from trashseg_core.data.segmentations import segmentation_mask

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
    annotations: Sequence[Annotation], labels: Mapping[int, int], height: int, width: int
) -> list[tuple[int, np.ndarray, int]]:
    """Rasterise annotations and sort them in paint order.

    Returns:
        (index in `annotations`, mask bool (height, width), label or 255) in the order of painting.
    """
    painted = []
    for index, annotation in enumerate(annotations):
        mask = segmentation_mask(annotation.segmentation, height, width)
        area = float(mask.sum()) if annotation.area is None else annotation.area
        label = IGNORED if annotation.iscrowd else labels[annotation.category_id]
        painted.append((-area, index, mask, label))
    painted.sort(key=lambda entry: entry[:2])
    return [(index, mask, label) for _, index, mask, label in painted]
