"""The optimisation history of a search as a picture: each trial's score in the order of proposal."""

from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from experiments.pictures.sheet import BLUE, FAINT, INK, ORANGE, new_sheet, save
from experiments.results import TrialResult

STATES = {"finished": (BLUE, "o"), "stopped": (FAINT, "o"), "failed": ("#d6336c", "x")}


def draw_history(results: list[TrialResult], objective: str, path: Path) -> Path:
    """Draw a mark per trial that reported, and the best so far as a line; failed trials do not count for that."""
    ordered = sorted(results, key=lambda one: (len(one.trial_id), one.trial_id))
    scored = [(number, one) for number, one in enumerate(ordered) if getattr(one, objective) is not None]
    figure, axes = new_sheet(7.5, 4.0)
    for state, (colour, mark) in STATES.items():
        points = [(number, getattr(one, objective)) for number, one in scored if one.status == state]
        if points:
            numbers, values = zip(*points, strict=True)
            axes.scatter(numbers, values, c=colour, marker=mark, s=28, label=state)
    counted = [(number, getattr(one, objective)) for number, one in scored if one.status != "failed"]
    if counted:
        numbers, values = zip(*counted, strict=True)
        axes.step(numbers, np.maximum.accumulate(values), color=ORANGE, where="post", label="best so far")
        figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    axes.set_xlabel("trial, in the order of proposal", color=INK)
    axes.set_ylabel(objective, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return save(figure, path)
