"""The confusion matrix as a picture: of each true class, the share that was taken for each other one."""

from pathlib import Path

import numpy as np

from experiments.pictures.sheet import INK, as_text, new_sheet, plain, save
from trashseg_core.checkpoint import Confusions

MAX_NUMBERED = 20
"""Classes up to which each cell carries its number."""


def draw_confusion(scored: Confusions, path: Path, title: str) -> Path:
    """Draw the matrix of a whole split, each row divided by its sum; classes without a true pixel have an empty row."""
    counts = scored.per_image.sum(axis=0).astype(np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    names, num = [plain(name) for name in scored.class_names], len(scored.class_names)
    side = min(14.0, 3.0 + 0.5 * num)
    figure, axes = new_sheet(side + 0.8, side)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(num), names, rotation=45, ha="right")
    axes.set_yticks(range(num), names)
    axes.set_xlabel("predicted", color=INK)
    axes.set_ylabel("true", color=INK)
    axes.set_title(as_text(title), color=INK, fontsize=10)
    if num <= MAX_NUMBERED:
        for (row, column), share in np.ndenumerate(shares):
            if not np.isnan(share) and (share >= 0.005 or row == column):
                colour = "white" if share > 0.55 else INK
                axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour, fontsize=7)
    bar = figure.colorbar(image, ax=axes, shrink=0.7)
    bar.set_label("share of the true class's pixels", color=INK, fontsize=8)
    return save(figure, path)
