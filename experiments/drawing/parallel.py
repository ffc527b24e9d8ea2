"""Parallel coordinates: every trial as a line through its hyperparameters."""

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from experiments.drawing.canvas import BEST, GREY, GRID, STATUS_COLOURS, blank, or_note, plain, shortened
from experiments.drawing.value_axis import ValueAxis, value_axis
from experiments.drawing.words import percent, shown
from experiments.results import TrialResult, best_trial

ABSENT = -0.13
"""Place of trials that do not have the hyperparameter, below the lowest value."""
AXIS_PX = 92
QUARTERS = ("top quarter", "second quarter", "third quarter", "last quarter")
COLOURS = (STATUS_COLOURS["finished"], "#4aa8c0", "rgba(128,136,148,0.6)", "rgba(128,136,148,0.3)")


def parallel_coordinates(
    results: list[TrialResult], names: Sequence[str], standing: Mapping[str, float], objective: str
) -> go.Figure:
    """Draw a line per trial; the legend filters by quarters of the standing.

    Lines of a plain scatter, not plotly's own parallel coordinates: those show no values under the pointer, need
    WebGL and compile code, which the page's policy forbids.

    Args:
        names: hyperparameters, from left to right; some trials may lack some.
        standing: of each trial to draw, higher is better.
    """
    figure = blank("", None, height=420)
    ranked = sorted((one for one in results if one.trial_id in standing), key=lambda one: -standing[one.trial_id])
    if not ranked or not names:
        return or_note(figure, "No values.")
    axes = {name: value_axis([one.config[name] for one in ranked if name in one.config]) for name in names}
    best = best_trial(ranked, objective)
    for quarter in reversed(range(4)):
        lines = [
            one
            for place, one in enumerate(ranked)
            if math.floor(4 * place / len(ranked)) == quarter and one is not best
        ]
        _add_lines(figure, lines, axes, standing, QUARTERS[quarter], COLOURS[quarter], 1.3)
    if best is not None:
        _add_lines(figure, [best], axes, standing, f"best ({best.trial_id})", BEST, 3.5)
    _add_ticks(figure, axes)
    return figure


def _add_lines(
    figure: go.Figure,
    trials: Sequence[TrialResult],
    axes: Mapping[str, ValueAxis],
    standing: Mapping[str, float],
    group: str,
    colour: str,
    width: float,
) -> None:
    """One trace for all: the gaps between its lines are points without a place."""
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    for one in trials:
        told = f"{one.trial_id}, stands above {percent(standing[one.trial_id])}"
        for number, (name, axis) in enumerate(axes.items()):
            x.append(number)
            y.append(axis.share(one.config[name]) if name in one.config else ABSENT)
            texts.append(plain(f"{told}: {name} = {shown(one.config.get(name, 'not in this trial'))}"))
        x.append(None)
        y.append(None)
        texts.append("")
    if trials:
        figure.add_scatter(
            x=x,
            y=y,
            text=texts,
            mode="lines+markers",
            line={"color": colour, "width": width},
            marker={"size": 5},
            opacity=0.9,
            name=plain(group),
            hovertemplate="%{text}<extra></extra>",
        )


def _add_ticks(figure: go.Figure, axes: Mapping[str, ValueAxis]) -> None:
    """A line down for each hyperparameter, with its values beside it and its name above."""
    marks = [(number, share, text) for number, axis in enumerate(axes.values()) for share, text in axis.ticks().items()]
    figure.add_scatter(
        x=[number for number, _, _ in marks],
        y=[share for _, share, _ in marks],
        text=[f" {plain(shortened(text, 13))}" for _, _, text in marks],
        mode="text",
        textposition="top right",
        textfont={"size": 10, "color": GREY},
        hoverinfo="skip",
        showlegend=False,
    )
    names = [plain(shortened(name, 22)) for name in axes]
    span = [-0.1, len(axes) - 0.25]
    figure.update_xaxes(side="top", tickvals=list(range(len(axes))), ticktext=names, tickangle=-30, range=span)
    figure.update_xaxes(gridcolor=GRID, gridwidth=2, showline=False, title=None)
    figure.update_yaxes(range=[ABSENT - 0.07, 1.08], showgrid=False, tickvals=[ABSENT], ticktext=["absent"])
    figure.update_layout(
        legend={"y": -0.02, "yanchor": "top", "traceorder": "reversed"}, margin={"t": 70, "r": 20}, hovermode="closest"
    )
