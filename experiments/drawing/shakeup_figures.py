"""Figures of a shake-up that is foretold: who swaps places, because of which classes, what more labels may buy."""

from typing import Any

import plotly.graph_objects as go

from experiments.drawing.canvas import BEST, GREY, STATUS_COLOURS, blank, or_note, plain

MAX_MODELS = 12
"""Models of the leaderboard and of the heat map: more cannot be told apart on a page."""


def flip_heatmap(document: dict[str, Any]) -> go.Figure:
    """Probability of a flip for each pair of the best models."""
    names = [plain(one["name"]) for one in document["models"][:MAX_MODELS]]
    count = len(names)
    rows = [
        [None if row == column else document["flips"][row][column] for column in range(count)] for row in range(count)
    ]
    drawn = blank("", None, 140 + 32 * count)
    drawn.add_heatmap(
        z=rows,
        x=names,
        y=names,
        text=[["" if value is None else f"{value:.0%}" for value in row] for row in rows],
        texttemplate="%{text}",
        zmin=0,
        zmax=0.5,
        colorscale=[[0, "rgba(47,127,209,0.06)"], [1, BEST]],
        xgap=2,
        ygap=2,
        colorbar={"tickformat": ".0%", "thickness": 12},
        hovertemplate="%{y} and %{x}: %{z:.1%}<extra></extra>",
    )
    drawn.update_xaxes(type="category", showgrid=False, side="bottom")
    return drawn.update_yaxes(type="category", autorange="reversed", showgrid=False)


def cause_bars(document: dict[str, Any]) -> go.Figure:
    """Each class's share of the shake-up, the largest on top."""
    known = sorted((one for one in document["causes"] if one["share"] is not None), key=lambda one: one["share"])
    drawn = blank("share of the shake-up", None, 110 + 26 * len(known))
    if known:
        drawn.add_bar(
            y=list(range(len(known))),
            x=[one["share"] for one in known],
            orientation="h",
            marker={"color": STATUS_COLOURS["finished"]},
            text=[f"{100 * one['share']:.0f} %, {one['photos']} photos" for one in known],
            textposition="outside",
            cliponaxis=False,
            hovertext=[plain(one["name"]) for one in known],
            hovertemplate="%{hovertext}: %{text}<extra></extra>",
        )
        drawn.update_xaxes(tickformat=".0%", range=[min(0, known[0]["share"]) * 1.2, known[-1]["share"] * 1.35])
        drawn.update_yaxes(tickvals=list(range(len(known))), ticktext=[plain(one["name"]) for one in known])
    return or_note(drawn, "The order of the models never changes.")


def gain_bars(document: dict[str, Any]) -> go.Figure:
    """mIoU gained when a class's training objects double, with the 90 % interval; the largest on top."""
    pairs = zip(document["causes"], document["gain"]["classes"], strict=True)
    known = [
        (one["name"], two["objects"], two["miou_gain"]) for one, two in pairs if two["objects"] and two["miou_gain"]
    ]
    known.sort(key=lambda one: one[2][1])
    drawn = blank("mIoU gained by twice the training objects", None, 110 + 26 * len(known))
    drawn.add_scatter(
        x=[gain[1] for _, _, gain in known],
        y=list(range(len(known))),
        mode="markers",
        marker={"size": 10, "color": STATUS_COLOURS["finished"]},
        error_x={
            "array": [gain[2] - gain[1] for _, _, gain in known],
            "arrayminus": [gain[1] - gain[0] for _, _, gain in known],
            "thickness": 1.5,
        },
        hovertext=[plain(name) for name, _, _ in known],
        hovertemplate="%{hovertext}: %{x:+.4f}<extra></extra>",
    )
    ticks = [f"{plain(name)} ({objects})" for name, objects, _ in known]
    drawn.update_xaxes(tickformat="+.3f", zeroline=True, zerolinecolor=GREY)
    return drawn.update_yaxes(tickvals=list(range(len(known))), ticktext=ticks)
