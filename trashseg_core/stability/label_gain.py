"""The label gain: what twice as many training objects of a class may add, judged by how the classes differ."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

MIN_CLASSES = 4
TAIL = 0.05
LOWEST_IOU, HIGHEST_IOU = 0.005, 0.995


@dataclass(frozen=True)
class LabelGain:
    """A learning curve through the classes, logit(IoU) = a + slope * log2(objects), and what follows from it."""

    slope: tuple[float, float, float]
    """Low, middle and high of the 90 % interval: rise of the logit with each doubling."""
    explained: float
    """Share of the variance between classes that the curve explains (R squared)."""
    gain: np.ndarray
    """float64 (C, 3): low, middle and high of what mIoU gains when a class's training objects double; 0 for the
    background, nan for a class without objects."""


def label_gain(iou: np.ndarray, objects: np.ndarray) -> LabelGain | None:
    """Fit the curve by least squares; its slope has Student's distribution.

    It says what the classes of this data set have in common, not what one of them would do: a rare class may be hard
    for another reason than being rare. An interval that reaches below 0 says that their number explains nothing.

    Args:
        iou: (C,), on val, the background first; nan where absent.
        objects: (C,), training objects of each class; that of the background is not looked at.

    Returns:
        None where fewer than four classes have objects and a score, or all have equally many.
    """
    known = (objects > 0) & ~np.isnan(iou)
    known[0] = False
    number = int(known.sum())
    if number < MIN_CLASSES or np.ptp(objects[known]) == 0:
        return None
    bounded = np.clip(np.nan_to_num(iou), LOWEST_IOU, HIGHEST_IOU)
    logit = np.log(bounded / (1 - bounded))
    x = np.log2(objects[known])
    x, y = x - x.mean(), logit[known] - logit[known].mean()
    middle = float(x @ y / (x @ x))
    rest = float(((y - middle * x) ** 2).sum())
    error = float(-stdtrit(number - 2, TAIL)) * np.sqrt(rest / (number - 2) / (x @ x))
    slope = (middle - error, middle, middle + error)
    raised = 1 / (1 + np.exp(-(logit[:, None] + np.array(slope))))
    gain = np.where(known[:, None], (raised - bounded[:, None]) / (~np.isnan(iou)).sum(), np.nan)
    gain[0] = 0
    return LabelGain(slope, 1 - rest / float(max(y @ y, 1e-12)), gain)
