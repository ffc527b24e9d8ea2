"""The section of a report that shows the Pareto front of a search with two objectives."""

from pathlib import Path

import plotly.graph_objects as go

from experiments.drawing import figures
from experiments.drawing.page import Content, Raw, figure, joined, table, tag
from experiments.journal import TrialRecord
from experiments.pareto import read_front
from experiments.results import TrialResult


def front_section(folder: Path, results: list[TrialResult], records: dict[str, TrialRecord]) -> dict[str, Raw]:
    """The section by its title; none where the search had one objective."""
    document = read_front(folder)
    if document is None:
        return {}
    objective, second, front = document["objective"], document["second_objective"], document["front"]
    rows: list[list[Content]] = [[row["trial_id"], row[objective], row[second], row["status"]] for row in front]
    note = f"No other trial is better in {objective} without being worse in {second}; cheapest first."
    drawn = _front_figure(front, results, records, objective, second)
    board = table(["trial", objective, second, "status"], rows)
    return {"Pareto front": joined(tag("p", note, "faint"), figure(drawn, "front"), board)}


def _front_figure(
    front: list[dict[str, float]],
    results: list[TrialResult],
    records: dict[str, TrialRecord],
    objective: str,
    second: str,
) -> go.Figure:
    """Both objectives of every trial that did not fail, and the front as a line of steps."""
    points = [
        (records[one.trial_id].typical(second), getattr(one, objective), one.trial_id)
        for one in results
        if one.status != "failed" and one.trial_id in records
    ]
    known = [point for point in points if point[0] is not None and point[1] is not None]
    drawn = go.Figure(
        [
            go.Scatter(
                x=[cost for cost, _, _ in known],
                y=[value for _, value, _ in known],
                text=[figures.plain(key) for _, _, key in known],
                mode="markers",
                marker={"color": figures.STATUS_COLOURS["finished"], "size": 9},
                name="trials",
                hovertemplate="%{text}: %{y:.4f} at %{x:.3g}<extra></extra>",
            ),
            go.Scatter(
                x=[row[second] for row in front],
                y=[row[objective] for row in front],
                mode="lines+markers",
                line={"color": figures.BEST, "width": 2, "shape": "hv"},
                name="front",
                hoverinfo="skip",
            ),
        ]
    )
    axis = {"gridcolor": figures.GRID, "zeroline": False, "automargin": True}
    drawn.update_layout(template="none", height=380, margin={"l": 50, "r": 12, "t": 12, "b": 12})
    drawn.update_layout(paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font={"color": figures.GREY})
    return drawn.update_xaxes(title=second, **axis).update_yaxes(title=objective, **axis)
