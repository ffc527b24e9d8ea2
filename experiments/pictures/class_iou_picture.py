"""The IoU of each class as bars with their intervals."""

from pathlib import Path

import numpy as np

from experiments.pictures.sheet import BLUE, FAINT, INK, as_text, new_sheet, plain, save
from trashseg_core.bootstrap import iou_intervals
from trashseg_core.checkpoint import Confusions
from trashseg_core.confusion import iou, miou


def draw_class_ious(scored: Confusions, path: Path, title: str) -> Path:
    """Draw a bar per class, the weakest on top, with its 90 % interval where there is one; the mean as a line."""
    total = scored.per_image.sum(axis=0)
    values, mean = iou(total), float(miou(total))
    low, high = iou_intervals(scored.per_image).T
    photos = (scored.per_image.sum(axis=2) > 0).sum(axis=0)
    order = sorted((label for label, value in enumerate(values) if not np.isnan(value)), key=lambda one: -values[one])
    figure, axes = new_sheet(7.5, 1.4 + 0.3 * len(order))
    places, shown = np.arange(len(order)), values[order]
    axes.barh(places, shown, color=BLUE, height=0.7)
    spread = np.nan_to_num([np.maximum(shown - low[order], 0), np.maximum(high[order] - shown, 0)])
    axes.errorbar(shown, places, xerr=spread, fmt="none", ecolor=INK, elinewidth=1.2, capsize=3)
    axes.axvline(mean, color=FAINT, linestyle="--", linewidth=1)
    names = [f"{plain(scored.class_names[label])} ({photos[label]})" for label in order]
    axes.set_yticks(places, names)
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"IoU on val, with 90 % interval; dashed: mean, {mean:.4f}. In brackets: photos", color=INK)
    axes.set_title(as_text(title), color=INK, fontsize=10)
    return save(figure, path)
