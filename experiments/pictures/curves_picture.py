"""The learning curves of one trial as a picture: losses beside scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.ticker import MaxNLocator

from experiments.pictures.sheet import BLUE, FAINT, INK, ORANGE, as_text, new_sheet, save

LOSSES = (("train_loss", ORANGE, "-"), ("val_loss", BLUE, "-"))
SCORES = (("val_miou", BLUE, "-"), ("val_miou_low", FAINT, "--"))


def draw_curves(epochs: Mapping[int, Mapping[str, Any]], path: Path, title: str, rungs: tuple[int, ...] = ()) -> Path:
    """Draw the scores on the left axis and the losses on the right one.

    Args:
        epochs: metrics by epoch.
        rungs: epochs that are marked.
    """
    figure, axes = new_sheet(7.5, 4.0)
    other = axes.twinx()
    other.tick_params(colors=INK, labelsize=8)
    for side, names in ((axes, SCORES), (other, LOSSES)):
        for name, colour, dash in names:
            points = [(epoch, row[name]) for epoch, row in sorted(epochs.items()) if name in row]
            if points:
                mark = "o" if len(points) < 8 else ""
                thin = side is other
                side.plot(
                    *zip(*points, strict=True),
                    color=colour,
                    linestyle=":" if thin else dash,
                    linewidth=1.2 if thin else 2,
                    marker=mark,
                    markersize=4,
                    label=name,
                )
    for rung in rungs:
        axes.axvline(rung, color=FAINT, linewidth=0.8, alpha=0.6)
    axes.set_xlabel("epoch (vertical lines: rungs)" if rungs else "epoch", color=INK)
    axes.set_ylabel("score", color=INK)
    other.set_ylabel("loss (dotted)", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(as_text(title), color=INK, fontsize=10)
    handles = [*axes.get_legend_handles_labels()[0], *other.get_legend_handles_labels()[0]]
    if handles:
        figure.legend(
            handles, [str(one.get_label()) for one in handles], loc="outside lower center", ncols=4, fontsize=8
        )
    return save(figure, path)
