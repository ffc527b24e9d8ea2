"""The matplotlib sheet that pictures for MLflow are drawn on: no window, no state shared between threads."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, FAINT, BLUE, ORANGE = "#24292f", "#8a939d", "#2f7fd1", "#e8590c"
DPI = 110
MAX_NAME = 24


def new_sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty sheet of so many inches with one pair of axes; `pyplot`, which keeps a list of all, is not used."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.tick_params(colors=INK, labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def save(figure: Figure, path: Path) -> Path:
    """Write the sheet as PNG, without the time of its making: the same content gives the same file."""
    figure.savefig(path, format="png", metadata={"Software": None})
    return path


def as_text(text: str) -> str:
    """Text as it is: not as a formula between dollars."""
    return text.replace("$", r"\$")


def plain(name: str) -> str:
    """A name as it is, and not longer than an axis has room for."""
    return as_text(name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…")
