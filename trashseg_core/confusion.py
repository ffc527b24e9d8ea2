"""Per-image confusion matrices: counting them, and the scores that follow from them."""

import math
import re

import numpy as np

from trashseg_core.bootstrap import areas_of, resample, shares_of

NUM_RESAMPLES = 1000
LOW_QUANTILE = 0.05


def count_confusion(truth: np.ndarray, prediction: np.ndarray, num_classes: int) -> np.ndarray:
    """Count the pixels of each (true, predicted) pair; truth 255 is ignored.

    Args:
        truth: uint8 (H, W), 0..C-1 or 255.
        prediction: uint8 (H, W), 0..C-1.

    Returns:
        int64 (C, C), rows = truth.
    """
    cells = truth.astype(np.uint16).ravel() * np.uint16(num_classes) + prediction.ravel()
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts[: num_classes**2].reshape(num_classes, num_classes).astype(np.int64)


def iou(confusion: np.ndarray) -> np.ndarray:
    """Intersection over union per class: diag / (rows + cols - diag).

    Args:
        confusion: (..., C, C), rows = truth.

    Returns:
        float64 (..., C); nan for a class in neither truth nor prediction.
    """
    overlap = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    union = confusion.sum(axis=-1) + confusion.sum(axis=-2) - overlap
    return np.divide(overlap, union, out=np.full_like(overlap, np.nan), where=union > 0)


def miou(confusion: np.ndarray) -> np.ndarray | float:
    """Mean IoU over the classes present in truth or prediction, background included.

    Args:
        confusion: (..., C, C) summed over a whole data set, never over a batch.

    Returns:
        float64 (...); nan where no pixel counts.
    """
    values = iou(confusion)
    present = ~np.isnan(values)
    total, number = np.where(present, values, 0).sum(axis=-1), present.sum(axis=-1)
    result = np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)
    return float(result) if result.ndim == 0 else result


def bootstrap_miou(per_image: np.ndarray, num_resamples: int = NUM_RESAMPLES, seed: int = 0) -> np.ndarray:
    """Dataset-level mIoU of resampled data sets (Efron 1979): images drawn with replacement, matrices summed.

    Args:
        per_image: int64 (N, C, C).

    Returns:
        float64 (num_resamples,).
    """
    drawn = resample(areas_of(per_image), num_resamples, seed)
    return np.concatenate([shares_of(areas).sum(axis=-1) for areas in drawn])


def miou_low(per_image: np.ndarray) -> float:
    """Lower 5 % bootstrap quantile of the dataset-level mIoU; nan where no pixel counts."""
    resampled = bootstrap_miou(per_image)
    counted = resampled[~np.isnan(resampled)]
    return float(np.quantile(counted, LOW_QUANTILE)) if len(counted) else math.nan


def class_slugs(class_names: list[str]) -> list[str]:
    """Names of classes as metric keys: lower case, letters, digits and `_`; unique."""
    slugs: list[str] = []
    for label, name in enumerate(class_names):
        slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or f"class_{label}"
        while slug in slugs:
            slug += f"_{label}"
        slugs.append(slug)
    return slugs
