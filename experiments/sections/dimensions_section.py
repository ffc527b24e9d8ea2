"""The section of a report that shows which hyperparameters mattered, and where the good values lie."""

import plotly.graph_objects as go

from experiments.analysis.importances import MIN_TRIALS, Importance, importances
from experiments.drawing.canvas import BEST, STATUS_COLOURS, blank, name_rows, plain
from experiments.drawing.loss_triangle import loss_triangle
from experiments.drawing.page import Raw, details, figure, joined, tag
from experiments.drawing.parallel import AXIS_PX, parallel_coordinates
from experiments.drawing.slices import objective_slice
from experiments.drawing.words import listed
from experiments.results import varying
from experiments.run_folder import RunFolder

MAX_AXES, MAX_SLICES, MAX_IMPORTANCES = 11, 12, 15
STANDING = (
    "A trial stands above the share of the others that it beats at the same age, so that stopped ones can be compared "
    "with those that ran through; failed trials are left out."
)


def dimensions_section(run: RunFolder) -> dict[str, Raw]:
    """Importances, parallel coordinates, the loss triangle and slices, the most important hyperparameters first."""
    found = importances(run.records, run.standing)
    places = {one.name: place for place, one in enumerate(found)}
    names = sorted(varying(run.results), key=lambda name: places.get(name, len(places)))
    if not names:
        return {"Hyperparameters": tag("p", "The trials do not differ in any hyperparameter.", "faint")}
    blocks = [tag("p", STANDING, "faint"), *_importances(found, len(run.standing))]
    if len(names) > 1 and run.standing:
        blocks += _parallel(run, names)
    triangle = loss_triangle(run.results, run.standing)
    if triangle is not None:
        blocks += [tag("h3", "Loss mixes"), figure(triangle, "losses")]
    return {"Hyperparameters": joined(*blocks, *_slices(run, names))}


def _importances(found: list[Importance], num_trials: int) -> list[Raw]:
    title = tag("h3", "Importance")
    if not found:
        reason = f"{num_trials} trials can be compared; from {MIN_TRIALS} on it is told what mattered."
        return [title, tag("p", reason, "faint")]
    clear = [one.name for one in found if one.share > one.chance]
    told = f"Beyond chance: {listed(clear)}." if clear else "None is beyond chance with this number of trials."
    note = (
        f"How much the values of the best third differ from those of all (PED-ANOVA on the standing of {num_trials} "
        "finished and stopped trials). The mark is what one in twenty searches shows where nothing matters: with many "
        "hyperparameters one or two pass it by luck."
    )
    drawn = importance_figure(found[:MAX_IMPORTANCES])
    return [title, tag("p", told), tag("p", note, "faint"), figure(drawn, "importances")]


def importance_figure(found: list[Importance]) -> go.Figure:
    """A bar per hyperparameter, the most important on top, with a mark for chance."""
    drawn = blank("share of importance", None, height=120 + 24 * len(found))
    rows, names = list(range(len(found))), [plain(one.name) for one in found]
    drawn.add_bar(
        x=[one.share for one in found],
        y=rows,
        text=names,
        textposition="none",
        orientation="h",
        name="importance",
        marker={"color": [STATUS_COLOURS["finished" if one.share > one.chance else "stopped"] for one in found]},
        hovertemplate="%{text}: %{x:.1%}<extra></extra>",
    )
    drawn.add_scatter(
        x=[one.chance for one in found],
        y=rows,
        text=names,
        mode="markers",
        name="chance",
        marker={"symbol": "line-ns-open", "size": 14, "color": BEST, "line": {"width": 2}},
        hovertemplate="%{text}: %{x:.1%} by chance<extra></extra>",
    )
    drawn.update_xaxes(tickformat=".0%", rangemode="tozero")
    return name_rows(drawn, [one.name for one in found], 26).update_yaxes(showgrid=False)


def _parallel(run: RunFolder, names: list[str]) -> list[Raw]:
    shown = names[:MAX_AXES]
    more = f" The first {len(shown)} of {len(names)} hyperparameters." if len(names) > len(shown) else ""
    note = f"A line is a trial; tap the legend to show or hide a quarter of the standing. Swipe sideways.{more}"
    drawn = figure(parallel_coordinates(run.results, shown, run.standing, run.objective), "parallel")
    wide = Raw(f'<div class="scroll"><div style="min-width:{AXIS_PX * len(shown)}px">{drawn.html}</div></div>')
    return [tag("h3", "All together"), tag("p", note, "faint"), wide]


def _slices(run: RunFolder, names: list[str]) -> list[Raw]:
    note = "Orange: the best trial. Grey: stopped early, so lower by itself. Pink: failed. The legend filters."
    parts = [
        figure(objective_slice(name, run.results, run.objective), f"slice-{number}").html
        for number, name in enumerate(names)
    ]
    grids = [
        Raw(f'<div class="grid">{"".join(some)}</div>') for some in (parts[:MAX_SLICES], parts[MAX_SLICES:]) if some
    ]
    rest = [details(f"{len(parts) - MAX_SLICES} more hyperparameters", grids[1])] if len(grids) > 1 else []
    return [tag("h3", f"{run.objective} by hyperparameter"), tag("p", note, "faint"), grids[0], *rest]
