"""The importances of hyperparameters as a picture: bars, and what chance alone would show."""

from pathlib import Path

import numpy as np

from experiments.analysis.importances import Importance
from experiments.pictures.sheet import BLUE, FAINT, INK, ORANGE, new_sheet, plain, save

MAX_SHOWN = 15


def draw_importances(found: list[Importance], num_trials: int, path: Path) -> Path:
    """Draw a bar per hyperparameter, the most important on top; grey where chance would show as much.

    Args:
        found: the most important first.
        num_trials: trials that were compared.
    """
    shown = found[:MAX_SHOWN]
    figure, axes = new_sheet(7.5, 1.7 + 0.28 * len(shown))
    places = np.arange(len(shown))
    shares, chances = ([100 * getattr(one, name) for one in shown] for name in ("share", "chance"))
    beyond = np.array([one.share > one.chance for one in shown])
    for some, colour, label in ((beyond, BLUE, "beyond chance"), (~beyond, FAINT, "no more than chance")):
        if some.any():
            axes.barh(places[some], np.array(shares)[some], color=colour, height=0.7, label=label)
    axes.scatter(
        chances, places, marker="|", s=140, c=ORANGE, label="what chance shows in one of 20 searches", zorder=3
    )
    axes.set_yticks(places, [plain(one.name) for one in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel(f"importance, % of all (PED-ANOVA on the standing of {num_trials} trials)", color=INK)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return save(figure, path)
