"""The section of a report that shows the Pareto front of a search with two objectives."""

import plotly.graph_objects as go

from experiments.drawing.canvas import BEST, STATUS_COLOURS, blank, plain
from experiments.drawing.page import Content, Raw, figure, joined, table, tag
from experiments.journal import TrialRecord
from experiments.pareto import read_front
from experiments.results import TrialResult
from experiments.run_folder import RunFolder


def front_section(run: RunFolder) -> dict[str, Raw]:
    """The section by its title; none where the search had one objective."""
    document = read_front(run.path)
    if document is None:
        return {}
    objective, second, front = document["objective"], document["second_objective"], document["front"]
    rows: list[list[Content]] = [[row["trial_id"], row[objective], row[second], row["status"]] for row in front]
    note = f"No other trial is better in {objective} without being worse in {second}; cheapest first."
    drawn = _front_figure(front, run.results, run.records, objective, second)
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
    drawn = blank(second, objective)
    drawn.add_scatter(
        x=[cost for cost, _, _ in known],
        y=[value for _, value, _ in known],
        text=[plain(key) for _, _, key in known],
        mode="markers",
        marker={"color": STATUS_COLOURS["finished"], "size": 9},
        name="trials",
        hovertemplate="%{text}: %{y:.4f} at %{x:.3g}<extra></extra>",
    )
    drawn.add_scatter(
        x=[row[second] for row in front],
        y=[row[objective] for row in front],
        mode="lines+markers",
        line={"color": BEST, "width": 2, "shape": "hv"},
        name="front",
        hoverinfo="skip",
    )
    return drawn
