"""The section of a report that shows how well each class is found by the best trials."""

import numpy as np
import plotly.graph_objects as go

from experiments.drawing.canvas import GREY, SERIES, blank, or_note, plain, shortened
from experiments.drawing.page import Raw, figure, joined, tag
from experiments.run_folder import RunFolder
from trashseg_core.bootstrap import iou_intervals
from trashseg_core.checkpoint import Confusions
from trashseg_core.confusion import iou


def classes_section(run: RunFolder) -> dict[str, Raw]:
    """IoU of each class of the best trials, with intervals."""
    note = (
        "IoU on val of the best trials, the weakest class of the best trial on top, with the number of val photos that "
        "show it. Bars of error: 90 % bootstrap intervals over val photos; a class on few photos has a wide one."
    )
    return {"Classes": joined(tag("p", note, "faint"), figure(class_ious(run.confusions), "classes"))}


def class_ious(confusions: dict[str, Confusions]) -> go.Figure:
    """IoU of each class for each of a few trials, as grouped bars; the first trial's worst class on top.

    Args:
        confusions: of the best trials, best first, by trial id.
    """
    figure = blank("IoU on val", None)
    if not confusions:
        return or_note(figure, "No checkpoint with confusion matrices.")
    first = next(iter(confusions.values()))
    names, pixels = first.class_names, first.per_image.sum(axis=2)
    trials = {trial: one for trial, one in confusions.items() if one.class_names == names}
    order = list(np.argsort(-np.nan_to_num(iou(first.per_image.sum(axis=0)), nan=2.0), kind="stable"))
    for number, (trial, one) in reversed(list(enumerate(trials.items()))):
        figure.add_trace(_bars(trial, one, order, SERIES[number % len(SERIES)]))
    height = 110 + len(names) * (10 + (11 if len(names) <= 20 else 6) * len(trials))
    figure.update_layout(barmode="group", bargap=0.25, height=max(300, height), legend_traceorder="reversed")
    figure.update_xaxes(range=[0, 1])
    photos = (pixels > 0).sum(axis=0)
    # The first one stands at the bottom, so that the bars of each class are in the order of the trials from the top.
    ticks = [plain(f"{shortened(names[label], 22)} · {photos[label]}") for label in order]
    return figure.update_yaxes(tickvals=list(range(len(ticks))), ticktext=ticks)


def _bars(trial: str, one: Confusions, order: list[int], colour: str) -> go.Bar:
    """One bar per class; none for a class that neither truth nor prediction has."""
    values = iou(one.per_image.sum(axis=0))[order]
    known = ~np.isnan(values)
    low, high = iou_intervals(one.per_image)[order].T
    spans = [
        f" ({a:.3f} to {b:.3f})" if a <= b else ", too few photos for an interval"
        for a, b in zip(low, high, strict=True)
    ]
    return go.Bar(
        y=list(range(len(order))),
        x=[float(value) if there else None for value, there in zip(values, known, strict=True)],
        error_x={
            "type": "data",
            "array": np.nan_to_num(np.maximum(high - values, 0)).tolist(),
            "arrayminus": np.nan_to_num(np.maximum(values - low, 0)).tolist(),
            "color": GREY,
            "thickness": 1,
            "width": 2,
        },
        orientation="h",
        name=plain(trial),
        marker={"color": colour},
        text=[
            plain(f"{one.class_names[label]}, {trial}: {values[place]:.3f}{spans[place]}")
            for place, label in enumerate(order)
        ],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
    )
