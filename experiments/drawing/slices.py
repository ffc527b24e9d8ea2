"""Slices: the objective of every trial against one of its values."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from experiments.drawing.canvas import BEST, STATUS_COLOURS, STATUS_NAMES, blank, or_note, plain, shortened
from experiments.drawing.value_axis import value_axis
from experiments.drawing.words import shown
from experiments.results import TrialResult, best_trial, in_order, is_number

HEIGHT = 260
MAX_LEVEL = 30
"""Letters that stand side by side below a small figure."""
Point = tuple[TrialResult, Any, float]
"""A trial, the value of its hyperparameter, what it reached."""


def objective_slice(name: str, results: list[TrialResult], objective: str) -> go.Figure:
    """The objective against a hyperparameter; trials without it, or without a score, are left out."""
    best = best_trial(results, objective)
    points = [
        (one, one.config[name], getattr(one, objective))
        for one in in_order(results)
        if name in one.config and is_number(getattr(one, objective))
    ]
    return slice_figure(name, None, points, best.trial_id if best else None)


def slice_figure(name: str, y_title: str | None, points: Sequence[Point], best: str | None = None) -> go.Figure:
    """Points by what became of their trial; choices get a column each, their points side by side.

    Args:
        best: id of a trial to mark.
    """
    figure = blank(name, y_title, height=HEIGHT)
    figure.update_layout(margin={"l": 44, "r": 8, "t": 8, "b": 8}, legend_font_size=11)
    if not points:
        return or_note(figure, "No values.")
    axis = value_axis([value for _, value, _ in points])
    places = [_place(axis.choices, value, number) for number, (_, value, _) in enumerate(points)]
    for state, colour in {**STATUS_COLOURS, "best": BEST}.items():
        chosen = [number for number, (one, _, _) in enumerate(points) if _state(one, best) == state]
        if chosen:
            figure.add_scatter(
                x=[places[number] for number in chosen],
                y=[points[number][2] for number in chosen],
                text=[_told(name, points[number]) for number in chosen],
                mode="markers",
                marker={"color": colour, "size": 8},
                opacity=0.85,
                name=STATUS_NAMES.get(state, state),
                hovertemplate="%{text}: %{y:.4f}<extra></extra>",
            )
    if axis.choices:
        _name_columns(figure, axis.choices)
    elif axis.logarithmic:
        figure.update_xaxes(type="log", dtick=1, exponentformat="power")
    return figure


def _name_columns(figure: go.Figure, choices: Sequence[str]) -> None:
    """Names below the columns. At a fixed angle: plotly's own choice goes to and fro on a phone."""
    texts = [plain(shortened(choice.removeprefix("tu-"), 16)) for choice in choices]
    figure.update_xaxes(tickvals=list(range(len(texts))), ticktext=texts, range=[-0.5, len(texts) - 0.5])
    figure.update_xaxes(showgrid=False, ticklabeloverflow="allow", tickangle=0)
    if sum(map(len, texts)) > MAX_LEVEL:
        figure.update_xaxes(tickangle=-35).update_layout(height=HEIGHT + 60)


def _place(choices: tuple[str, ...], value: Any, number: int) -> float:
    """A value where the axis has it; beside the middle of its column where it is a choice."""
    return choices.index(str(value)) + (0.618 * number) % 1 * 0.4 - 0.2 if choices else value


def _state(one: TrialResult, best: str | None) -> str:
    return "best" if one.trial_id == best else one.status


def _told(name: str, point: Point) -> str:
    one, value, _ = point
    return plain(f"{one.trial_id}, {name} = {shown(value)}")
