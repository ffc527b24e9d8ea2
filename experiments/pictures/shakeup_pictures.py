"""The shake-up that is foretold, as pictures: intervals of the models, who may swap places, which classes cause it."""

from pathlib import Path
from typing import Any

import numpy as np

from experiments.pictures.sheet import BLUE, FAINT, INK, ORANGE, new_sheet, plain, save

MAX_MODELS = 12
"""More cannot be told apart."""


def draw_intervals(document: dict[str, Any], path: Path) -> Path:
    """Draw each model's score on val with its 90 % interval, and its expected score; the best on top.

    Args:
        document: content of `stability.json`, in which the best model comes first.
    """
    models = document["models"][:MAX_MODELS]
    figure, axes = new_sheet(7.5, 1.6 + 0.32 * len(models))
    places, scores = np.arange(len(models)), np.array([one["miou"] for one in models])
    low, high = np.array([one["interval"] for one in models]).T
    spread = np.maximum([scores - low, high - scores], 0)
    axes.errorbar(scores, places, xerr=spread, fmt="o", color=BLUE, elinewidth=1.4, capsize=3, label="on val")
    expected = [one["true_miou"] for one in models]
    axes.scatter(expected, places, marker="|", s=140, c=ORANGE, label="expected", zorder=3)
    axes.set_yticks(places, [plain(one["name"]) for one in models])
    axes.set_ylim(len(models) - 0.5, -0.5)
    axes.grid(axis="x", color=FAINT, alpha=0.25)
    axes.set_xlabel(f"mIoU, with 90 % interval, from {document['photos']} val photos", color=INK)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return save(figure, path)


def draw_flips(document: dict[str, Any], path: Path) -> Path:
    """Draw the probability for each pair of models that public and private board order them differently."""
    names = [plain(one["name"]) for one in document["models"][:MAX_MODELS]]
    count = len(names)
    flips = np.array(document["flips"], float)[:count, :count]
    np.fill_diagonal(flips, np.nan)
    side = 2.6 + 0.5 * count
    figure, axes = new_sheet(side + 0.8, side)
    image = axes.imshow(flips, cmap="Oranges", vmin=0, vmax=0.5)
    axes.set_xticks(range(count), names, rotation=45, ha="right")
    axes.set_yticks(range(count), names)
    for (row, column), value in np.ndenumerate(flips):
        if not np.isnan(value):
            colour = "white" if value > 0.35 else INK
            axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=colour, fontsize=7)
    axes.set_title("Public and private board order two models differently, %", color=INK, fontsize=10)
    figure.colorbar(image, ax=axes, shrink=0.7, format=lambda value, _: f"{100 * value:.0f} %")
    return save(figure, path)


def draw_causes(document: dict[str, Any], path: Path) -> Path:
    """Draw each class's share of the shake-up, the largest on top, with the val photos that show the class."""
    known = sorted((one for one in document["causes"] if one["share"] is not None), key=lambda one: -one["share"])
    figure, axes = new_sheet(7.5, 1.4 + 0.3 * max(len(known), 1))
    places, shares = np.arange(len(known)), [100 * one["share"] for one in known]
    axes.barh(places, shares, color=BLUE, height=0.7)
    for place, share in zip(places, shares, strict=True):
        axes.annotate(f"{share:.0f} %", (max(share, 0), place), (4, 0), textcoords="offset points", va="center", size=8)
    axes.set_yticks(places, [f"{plain(one['name'])} ({one['photos']})" for one in known])
    axes.set_ylim(max(len(known), 1) - 0.5, -0.5)
    axes.margins(x=0.12)
    axes.axvline(0, color=FAINT, linewidth=1)
    told = "share of the shake-up, %. In brackets: val photos" if known else "The order of the models never changes."
    axes.set_xlabel(told, color=INK)
    return save(figure, path)
