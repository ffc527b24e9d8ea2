"""The loss triangle: mixes of loss terms between cross-entropy, focal and region terms, and what they reached."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from experiments.drawing.canvas import GREY, GRID, SCALE, blank, plain
from experiments.drawing.words import percent
from experiments.results import TrialResult
from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput

CORNERS = {
    "cross-entropy": ("ce", "soft_ce"),
    "focal": ("focal",),
    "regions": ("dice", "lovasz", "jaccard", "tversky"),
}
"""Terms that count pixels, that count hard pixels, that count overlaps; together all that there are."""
Mix = tuple[str, list[TrialResult], dict[str, float]]
"""A name, the trials that have it, its weights."""


def loss_triangle(results: Sequence[TrialResult], standing: Mapping[str, float]) -> go.Figure | None:
    """Draw each free mix, and each preset once, by the median of its trials; None where no trial had a free mix.

    Args:
        standing: of each trial to draw, 0 to 1.
    """
    free, presets = _mixes([one for one in results if one.trial_id in standing])
    if not free:
        return None
    figure = blank("", None, height=460)
    for name, mixes, symbol in (("free mixes", free, "circle"), ("presets", presets, "diamond")):
        if mixes:
            figure.add_trace(_points(name, mixes, standing, symbol))
    bare = {"gridcolor": GRID, "linecolor": GRID, "showticklabels": False, "ticks": ""}
    axes = [{"title": {"text": title}, **bare} for title in CORNERS]
    figure.update_layout(
        ternary={"sum": 1, "bgcolor": "rgba(0,0,0,0)", **dict(zip(("aaxis", "baxis", "caxis"), axes, strict=True))},
        margin={"l": 40, "r": 40, "t": 50, "b": 40},
    )
    return figure


def _mixes(results: Sequence[TrialResult]) -> tuple[list[Mix], list[Mix]]:
    """Mixes of their own, and presets with all their trials."""
    free: list[Mix] = []
    presets: dict[str, Mix] = {}
    for one in results:
        weights = _weights(one.config)
        name = str(one.config.get("loss_mix", TrialConfig.loss_mix))
        if weights is None:
            continue
        if name == "weights":
            free.append((one.trial_id, [one], weights))
        else:
            presets.setdefault(name, (name, [], weights))[1].append(one)
    return free, list(presets.values())


def _weights(config: Mapping[str, Any]) -> dict[str, float] | None:
    """Weight of each term; None for what this version does not know."""
    try:
        return TrialConfig.from_params(config).loss_weights
    except BadInput:
        return None


def _points(name: str, mixes: Sequence[Mix], standing: Mapping[str, float], symbol: str) -> go.Scatterternary:
    places = [[sum(weights.get(term, 0.0) for term in terms) for terms in CORNERS.values()] for _, _, weights in mixes]
    reached = [statistics.median(standing[one.trial_id] for one in trials) for _, trials, _ in mixes]
    texts = []
    for (label, trials, weights), value in zip(mixes, reached, strict=True):
        count = "" if len(trials) == 1 else f", {len(trials)} trials"
        mix = " + ".join(f"{weight:.2f} {term}" for term, weight in weights.items())
        texts.append(plain(f"{label}{count}: {mix}; stands above {percent(value)}"))
    scale = {"orientation": "h", "y": -0.28, "thickness": 10, "outlinewidth": 0, "tickformat": ".0%"}
    scale |= {"title": {"text": "stands above", "side": "top"}, "len": 0.6}
    return go.Scatterternary(
        a=[place[0] for place in places],
        b=[place[1] for place in places],
        c=[place[2] for place in places],
        text=texts,
        mode="markers",
        name=name,
        cliponaxis=False,
        hovertemplate="%{text}<extra></extra>",
        marker={
            "color": reached,
            "cmin": 0,
            "cmax": 1,
            "colorscale": SCALE,
            "colorbar": scale,
            "size": 11 if symbol == "circle" else 14,
            "symbol": symbol,
            "line": {"color": GREY, "width": 1},
        },
    )
