"""The section of a report that says which encoder is best, and how sure that is."""

import statistics

import plotly.graph_objects as go

from experiments.analysis.effects import ChoiceEffect, choice_effects, difference
from experiments.drawing.canvas import BEST, STATUS_COLOURS, STATUS_NAMES, blank, name_rows, plain
from experiments.drawing.page import Content, Raw, figure, joined, table, tag
from experiments.drawing.words import counted, percent, score
from experiments.run_folder import RunFolder
from trashseg_core.config import TrialConfig

FIELD = "encoder_name"
NOTE = (
    "A dot is a trial: the share of the others that it beats at the same age, so that stopped trials count as well. "
    "The diamond is the mean with its 90 % interval."
)
CAUTION = "Correlation, not cause: the sampler tried good values together, so an encoder may stand high for their sake."


def encoder_section(run: RunFolder) -> dict[str, Raw]:
    """The answer in words, the trials of each encoder as points, a table; a sentence where all trials have the same."""
    title = "Which encoder is best?"
    values = {one.trial_id: one.config.get(FIELD, TrialConfig.encoder_name) for one in run.results}
    effects = choice_effects(values, run.standing)
    if len(effects) < 2:
        only = f"All trials have {effects[0].choice}." if effects else "No trial can be compared."
        return {title: tag("p", f"{only} A space that varies {FIELD}, e.g. `--space baseline`, answers it.", "faint")}
    header = ["encoder", "trials", "stands above", "90 % interval", f"best {run.objective}", "s per epoch"]
    return {
        title: joined(
            tag("p", encoder_answer(effects, run)),
            tag("p", NOTE, "faint"),
            figure(_encoder_figure(effects, run), "encoders"),
            table(header, [_encoder_row(one, run) for one in effects]),
            tag("p", CAUTION, "faint"),
        )
    }


def encoder_answer(effects: list[ChoiceEffect], run: RunFolder) -> str:
    """In words: which one stands highest, whether the next one is behind by more than luck, who the best trial is."""
    first, second = effects[:2]
    words = [
        f"{first.choice} stands highest: on average its {counted(len(first.trial_ids), 'trial')} beat "
        f"{percent(first.mean)} of the others at the same age, those of {second.choice} {percent(second.mean)}."
    ]
    gap = difference(first, second, run.standing)
    if gap is None:
        words.append("One of the two has a single trial, so the difference may be luck.")
    else:
        verdict = "is beyond luck" if gap[0] > 0 else "may be luck"
        words.append(f"The difference {verdict} (90 % interval {percent(gap[0])} to {percent(gap[1])}).")
    if run.best is not None:
        best = run.best.config.get(FIELD, TrialConfig.encoder_name)
        words.append(f"The best single trial, {run.best.trial_id}, has {best}.")
    return " ".join(words)


def _encoder_row(one: ChoiceEffect, run: RunFolder) -> list[Content]:
    interval = "–" if one.interval is None else f"{percent(one.interval[0])} to {percent(one.interval[1])}"
    scores = [getattr(result, run.objective) for result in run.results if result.trial_id in one.trial_ids]
    reached = max((value for value in scores if value is not None), default=None)
    times = [time for key in one.trial_ids if (time := run.records[key].typical("epoch_s")) is not None]
    pace = f"{statistics.median(times):.3g}" if times else None
    return [one.choice, len(one.trial_ids), percent(one.mean), interval, score(reached), pace]


def _encoder_figure(effects: list[ChoiceEffect], run: RunFolder) -> go.Figure:
    results = {one.trial_id: one for one in run.results}
    drawn = blank("stands above", None, height=150 + 42 * len(effects))
    for status in ("finished", "stopped"):
        dots = [
            (row, run.standing[key], f"{key}: {run.objective} {score(getattr(results[key], run.objective))}")
            for row, one in enumerate(effects)
            for key in one.trial_ids
            if results[key].status == status
        ]
        if dots:
            drawn.add_scatter(
                x=[reached for _, reached, _ in dots],
                y=[row for row, _, _ in dots],
                text=[plain(told) for _, _, told in dots],
                mode="markers",
                name=STATUS_NAMES[status],
                marker={"color": STATUS_COLOURS[status], "size": 8},
                opacity=0.7,
                hovertemplate="%{text}, stands above %{x:.0%}<extra></extra>",
            )
    bounds = [one.interval or (one.mean, one.mean) for one in effects]
    drawn.add_scatter(
        x=[one.mean for one in effects],
        y=list(range(len(effects))),
        error_x={
            "array": [high - one.mean for one, (_, high) in zip(effects, bounds, strict=True)],
            "arrayminus": [one.mean - low for one, (low, _) in zip(effects, bounds, strict=True)],
            "color": BEST,
        },
        mode="markers",
        name="mean",
        marker={"color": BEST, "size": 12, "symbol": "diamond"},
        text=[plain(one.choice) for one in effects],
        hovertemplate="%{text}: %{x:.0%} on average<extra></extra>",
    )
    drawn.update_xaxes(tickformat=".0%", range=[-0.02, 1.02])
    return name_rows(drawn, [one.choice.removeprefix("tu-") for one in effects], 24)
