"""Figures of a search: learning curves, history, the ensemble's steps."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from experiments.drawing.canvas import BEST, STATUS_COLOURS, STATUS_NAMES, blank, or_note, plain, shortened
from experiments.journal import TrialRecord
from experiments.results import TrialResult, best_trial, in_order, is_number
from trashseg_core.ensemble.bundle import Ensemble


def learning_curves(results: list[TrialResult], records: dict[str, TrialRecord], objective: str) -> go.Figure:
    """Objective per epoch of every trial; stopped ones dashed grey, failed ones dotted, the best one bold.

    Args:
        results: best first.
        records: by trial id; trials without one are left out.
    """
    figure, best, named = blank("epoch", objective), best_trial(results, objective), set()
    rank = {"stopped": 0, "failed": 1, "finished": 2}
    for result in sorted(results, key=lambda one: (one == best, rank[one.status])):
        record = records.get(result.trial_id)
        reported = record.epochs if record else {}
        epochs = [epoch for epoch in sorted(reported) if is_number(reported[epoch].get(objective))]
        if not epochs:
            continue
        name = f"best ({result.trial_id})" if result == best else STATUS_NAMES[result.status]
        dash = {"stopped": "dash", "failed": "dot"}.get(result.status, "solid") if result != best else "solid"
        colour = BEST if result == best else STATUS_COLOURS[result.status]
        figure.add_scatter(
            x=epochs,
            y=[reported[epoch][objective] for epoch in epochs],
            mode="lines" if len(epochs) > 1 else "markers",
            line={"color": colour, "width": 3.5 if result == best else 1.5, "dash": dash},
            opacity=1 if result == best else 0.7,
            name=plain(name),
            legendgroup=name,
            showlegend=name not in named,
            hovertemplate=f"{plain(result.trial_id)}, epoch %{{x}}: %{{y:.4f}}<extra></extra>",
        )
        named.add(name)
    return or_note(figure, f"No trial reported {objective}.")


def optimisation_history(results: list[TrialResult], objective: str) -> go.Figure:
    """Objective of each trial in the order they were proposed, and the best so far."""
    figure = blank("trial", objective)
    scored = [(number, one) for number, one in enumerate(in_order(results)) if is_number(getattr(one, objective))]
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
    return or_note(figure, f"No trial reported {objective}.")


def ensemble_steps(ensemble: Ensemble) -> go.Figure:
    """mIoU of all that was tried, held out (bars: the gain's standard error) and in-sample: filled if kept."""
    figure = blank("val mIoU", None)
    rows = [row for row in ensemble.evidence if is_number(row.get("held_out")) and is_number(row.get("val_miou"))]
    if rows:
        names = [f"{number}. {plain(shortened(str(row.get('name', '?')), 20))}" for number, row in enumerate(rows, 1)]
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
            hovertext=[_gain(row) for row in rows],
            hovertemplate="%{y}: %{x:.4f} held out<br>%{hovertext}<extra></extra>",
        )
        figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(height=130 + 34 * len(rows))
    return or_note(figure, "The ensemble lists no evidence.")


def _gain(row: dict[str, Any]) -> str:
    """What a step of the evidence gained held out, and why it was kept or not."""
    gain = f"gain {row['gain']:+.4f} ± {row.get('error', 0.0):.4f}: " if is_number(row.get("gain")) else ""
    return plain(f"{gain}{row.get('why', '')}")
