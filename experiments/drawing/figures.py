"""Figures of a search: curves, history, slices, classes and the ensemble's steps, for plotly."""

import html
import math
from typing import Any

import numpy as np
import plotly.graph_objects as go

from experiments.journal import TrialRecord
from experiments.results import TrialResult
from trashseg_core.checkpoint import Confusions
from trashseg_core.confusion import iou
from trashseg_core.ensemble.bundle import Ensemble

GREY, GRID = "#737b87", "rgba(128,128,128,0.22)"
"""Readable on white and on dark pages alike."""
BEST = "#e8590c"
STATUS_COLOURS = {"finished": "#2f7fd1", "stopped": "#9aa3af", "failed": "#d6336c"}
STATUS_NAMES = {"finished": "finished", "stopped": "stopped early", "failed": "failed"}
SERIES = ("#e8590c", "#2f7fd1", "#2b9a66", "#b95fc9", "#c99700", "#4aa8c0", "#8d6e63", "#d6336c")
LOG_FACTOR = 20
"""A hyperparameter whose largest value is this many times the smallest gets a logarithmic axis."""


def learning_curves(results: list[TrialResult], records: dict[str, TrialRecord], objective: str) -> go.Figure:
    """Objective per epoch of every trial; stopped ones dashed grey, failed ones dotted, the best one bold.

    Args:
        results: best first.
        records: by trial id; trials without one are left out.
    """
    figure, best, named = _empty("epoch", objective), best_trial(results, objective), set()
    rank = {"stopped": 0, "failed": 1, "finished": 2}
    for result in sorted(results, key=lambda one: (one == best, rank[one.status])):
        record = records.get(result.trial_id)
        epochs = (
            [epoch for epoch in sorted(record.epochs) if _number(record.epochs[epoch].get(objective))] if record else []
        )
        if record is None or not epochs:
            continue
        name = f"best ({result.trial_id})" if result == best else STATUS_NAMES[result.status]
        dash = {"stopped": "dash", "failed": "dot"}.get(result.status, "solid") if result != best else "solid"
        colour = BEST if result == best else STATUS_COLOURS[result.status]
        figure.add_scatter(
            x=epochs,
            y=[record.epochs[epoch][objective] for epoch in epochs],
            mode="lines" if len(epochs) > 1 else "markers",
            line={"color": colour, "width": 3.5 if result == best else 1.5, "dash": dash},
            opacity=1 if result == best else 0.7,
            name=plain(name),
            legendgroup=name,
            showlegend=name not in named,
            hovertemplate=f"{plain(result.trial_id)}, epoch %{{x}}: %{{y:.4f}}<extra></extra>",
        )
        named.add(name)
    return _or_note(figure, f"No trial reported {objective}.")


def optimisation_history(results: list[TrialResult], objective: str) -> go.Figure:
    """Objective of each trial in the order they were proposed, and the best so far."""
    figure = _empty("trial", objective)
    scored = [(number, one) for number, one in enumerate(in_order(results)) if _number(getattr(one, objective))]
    for status, colour in STATUS_COLOURS.items():
        points = [(number, one) for number, one in scored if one.status == status]
        if points:
            figure.add_scatter(
                x=[number for number, _ in points],
                y=[getattr(one, objective) for _, one in points],
                text=[plain(one.trial_id) for _, one in points],
                mode="markers",
                marker={"color": colour, "size": 9, "symbol": "x" if status == "failed" else "circle"},
                name=STATUS_NAMES[status],
                hovertemplate="%{text}: %{y:.4f}<extra></extra>",
            )
    counted = [(number, getattr(one, objective)) for number, one in scored if one.status != "failed"]
    if counted:
        figure.add_scatter(
            x=[number for number, _ in counted],
            y=np.maximum.accumulate([value for _, value in counted]).tolist(),
            mode="lines",
            line={"color": BEST, "width": 2, "shape": "hv"},
            name="best so far",
            hoverinfo="skip",
        )
    figure.update_xaxes(range=[-0.5, len(results) - 0.5], tickformat="d")
    return _or_note(figure, f"No trial reported {objective}.")


def class_ious(confusions: dict[str, Confusions]) -> go.Figure:
    """IoU of each class for each of a few trials, as grouped bars; the first trial's worst class on top.

    Args:
        confusions: of the best trials, best first, by trial id.
    """
    figure = _empty("IoU on val", None)
    names = next(iter(confusions.values())).class_names if confusions else []
    rows = {trial: iou(one.per_image.sum(axis=0)) for trial, one in confusions.items() if one.class_names == names}
    order = list(np.argsort(-np.nan_to_num(next(iter(rows.values())), nan=2.0), kind="stable")) if rows else []
    for number, (trial, values) in reversed(list(enumerate(rows.items()))):
        figure.add_bar(
            y=list(range(len(order))),
            x=[None if math.isnan(values[label]) else float(values[label]) for label in order],
            orientation="h",
            name=plain(trial),
            marker={"color": SERIES[number % len(SERIES)]},
            text=[plain(names[label]) for label in order],
            textposition="none",
            hovertemplate=f"%{{text}}, {plain(trial)}: %{{x:.3f}}<extra></extra>",
        )
    height = 110 + len(names) * (10 + (9 if len(names) <= 20 else 5) * len(rows))
    figure.update_layout(barmode="group", bargap=0.25, height=max(300, height), legend_traceorder="reversed")
    figure.update_xaxes(range=[0, 1])
    ticks = [plain(_cut(names[label], 28)) for label in order]  # not the categories: cut names may be equal
    figure.update_yaxes(tickvals=list(range(len(ticks))), ticktext=ticks)
    return _or_note(figure, "No checkpoint with confusion matrices.")


def slices(results: list[TrialResult], objective: str) -> dict[str, go.Figure]:
    """Objective against each hyperparameter that varies; trials without the hyperparameter are left out."""
    return {name: _slice(name, results, objective) for name in varying(results)}


def _slice(name: str, results: list[TrialResult], objective: str) -> go.Figure:
    figure, best = _empty(name, None), best_trial(results, objective)
    points = [one for one in in_order(results) if name in one.config and _number(getattr(one, objective))]
    values = [one.config[name] for one in points]
    places, ticks = _axis(values)
    for status, colour in STATUS_COLOURS.items():
        chosen = [number for number, one in enumerate(points) if one.status == status]
        if chosen:
            ids = [points[number].trial_id for number in chosen]
            figure.add_scatter(
                x=[places[number] for number in chosen],
                y=[getattr(points[number], objective) for number in chosen],
                text=[plain(f"{one}, {name} = {values[number]}") for one, number in zip(ids, chosen, strict=True)],
                mode="markers",
                marker={"color": [BEST if best and one == best.trial_id else colour for one in ids], "size": 8},
                opacity=0.85,
                hovertemplate="%{text}: %{y:.4f}<extra></extra>",
            )
    figure.update_layout(height=240, showlegend=False, margin={"l": 44, "r": 8, "t": 8, "b": 8})
    figure.update_xaxes(**ticks)
    return _or_note(figure, "No values.")


def _axis(values: list[Any]) -> tuple[list[float], dict[str, Any]]:
    """Places of values on an x axis, and its settings; choices get a column each, their points side by side."""
    if all(_number(value) for value in values):
        spread = values and min(values) > 0 and max(values) >= LOG_FACTOR * min(values)
        return values, {"type": "log", "dtick": 1, "exponentformat": "power"} if spread else {}
    choices = sorted({str(value) for value in values})
    shift = [(0.618 * number) % 1 * 0.4 - 0.2 for number in range(len(values))]
    places = [choices.index(str(value)) + aside for value, aside in zip(values, shift, strict=True)]
    texts = [plain(_cut(choice.removeprefix("tu-"), 18)) for choice in choices]
    span = [-0.5, len(choices) - 0.5]
    return places, {"tickvals": list(range(len(choices))), "ticktext": texts, "range": span, "showgrid": False}


def ensemble_steps(ensemble: Ensemble) -> go.Figure:
    """mIoU of all that was tried, held out (bars: the gain's standard error) and in-sample: filled if kept."""
    figure = _empty("val mIoU", None)
    rows = [row for row in ensemble.evidence if _number(row.get("held_out")) and _number(row.get("val_miou"))]
    if rows:
        names = [f"{number}. {plain(_cut(str(row.get('name', '?')), 20))}" for number, row in enumerate(rows, 1)]
        figure.add_scatter(
            x=[row["val_miou"] for row in rows],
            y=names,
            name="in-sample",
            mode="markers",
            marker={"size": 7, "symbol": "line-ns-open", "color": STATUS_COLOURS["stopped"]},
            hovertemplate="%{y}: %{x:.4f} in-sample<extra></extra>",
        )
        symbols = ["circle" if row.get("kept") else "circle-open" for row in rows]
        figure.add_scatter(
            x=[row["held_out"] for row in rows],
            y=names,
            name="held out; filled: kept",
            error_x={"array": [row.get("error", 0.0) for row in rows], "thickness": 1},
            mode="markers",
            marker={"size": 10, "symbol": symbols, "color": STATUS_COLOURS["finished"]},
            hovertext=[plain(str(row.get("why", ""))) for row in rows],
            hovertemplate="%{y}: %{x:.4f} held out<br>%{hovertext}<extra></extra>",
        )
        figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(height=130 + 34 * len(rows))
    return _or_note(figure, "The ensemble lists no evidence.")


def varying(results: list[TrialResult]) -> list[str]:
    """Hyperparameters that differ between trials, in the order of the configs; being absent is a value too."""
    names = dict.fromkeys(name for result in results for name in result.config)
    return [name for name in names if len({repr(result.config.get(name)) for result in results}) > 1]


def best_trial(results: list[TrialResult], objective: str) -> TrialResult | None:
    """The trial with the highest objective that did not fail; the earlier one of equals."""
    scored = [one for one in in_order(results) if one.status != "failed" and _number(getattr(one, objective))]
    return max(scored, key=lambda one: getattr(one, objective)) if scored else None


def in_order(results: list[TrialResult]) -> list[TrialResult]:
    """Sort in the order of proposal: t0009 before t0010, t9999 before t10000."""
    return sorted(results, key=lambda one: (len(one.trial_id), one.trial_id))


def plain(text: Any) -> str:
    """Text that plotly shows as it is, instead of taking `<b>` or `<a>` in it for formatting."""
    return html.escape(str(text), quote=False).replace("%{", "%\u200b{")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _empty(x_title: str, y_title: str | None) -> go.Figure:
    """A figure without data in the report's manner."""
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "automargin": True, "fixedrange": True}
    return go.Figure(
        layout={
            "template": "none",
            "height": 380,
            "margin": {"l": 50, "r": 12, "t": 12, "b": 12},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": GREY, "size": 12, "family": "system-ui, sans-serif"},
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
            "xaxis": {**axis, "title": {"text": plain(x_title)}},
            "yaxis": {**axis, "title": {"text": plain(y_title)} if y_title else None},
        }
    )


def _or_note(figure: go.Figure, note: str) -> go.Figure:
    """Say why a figure is empty instead of showing bare axes."""
    if not figure.data:
        figure.add_annotation(text=plain(note), showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5)
        figure.update_layout(height=120)
        figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure
