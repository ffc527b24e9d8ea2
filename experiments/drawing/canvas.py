"""The blank figure that every figure of a report starts from, for light and dark pages, and its colours."""

import html
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

GREY, GRID = "#737b87", "rgba(128,128,128,0.22)"
"""Readable on white and on dark pages alike."""
BEST = "#e8590c"
STATUS_COLOURS = {"finished": "#2f7fd1", "stopped": "#9aa3af", "failed": "#d6336c"}
STATUS_NAMES = {"finished": "finished", "stopped": "stopped early", "failed": "failed"}
SERIES = ("#e8590c", "#2f7fd1", "#2b9a66", "#b95fc9", "#c99700", "#4aa8c0", "#8d6e63", "#d6336c")
SCALE = [[0.0, "#9aa3af"], [1.0, "#e8590c"]]
"""Poor to good."""


def blank(x_title: str, y_title: str | None, height: int = 380) -> go.Figure:
    """A figure without data in the report's manner; without zoom, so that a phone can be scrolled over it."""
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "automargin": True, "fixedrange": True}
    axis |= {"exponentformat": "none"}
    return go.Figure(
        layout={
            "template": "none",
            "height": height,
            "margin": {"l": 50, "r": 12, "t": 12, "b": 12},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": GREY, "size": 12, "family": "system-ui, sans-serif"},
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
            "xaxis": {**axis, "title": {"text": plain(x_title)}},
            "yaxis": {**axis, "title": {"text": plain(y_title)} if y_title else None},
        }
    )


def name_rows(figure: go.Figure, names: Sequence[str], length: int) -> go.Figure:
    """Name the rows 0, 1, … of a figure, from the top down. Not as categories: shortened names may be equal."""
    texts = [plain(shortened(name, length)) for name in names]
    span = [len(texts) - 0.5, -0.5]
    return figure.update_yaxes(tickvals=list(range(len(texts))), ticktext=texts, range=span)


def or_note(figure: go.Figure, note: str) -> go.Figure:
    """Say why a figure is empty instead of showing bare axes."""
    if not figure.data:
        figure.add_annotation(text=plain(note), showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5)
        figure.update_layout(height=120)
        figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure


def plain(text: Any) -> str:
    """Text that plotly shows as it is, instead of taking `<b>` or `<a>` in it for formatting."""
    return html.escape(str(text), quote=False).replace("%{", "%\u200b{")


def shortened(text: str, length: int) -> str:
    """Text of at most `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"
