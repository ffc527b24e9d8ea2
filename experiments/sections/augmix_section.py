"""The section of a report that says whom cut-and-paste augmix helps, and how sure that is."""

import shlex
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from experiments.analysis.effects import MIN_TRIALS, RatioEffect, ratio_effect
from experiments.drawing.canvas import BEST, GREY, blank, name_rows, plain, shortened
from experiments.drawing.page import Raw, figure, joined, tag
from experiments.drawing.slices import Point, slice_figure
from experiments.drawing.words import counted, listed
from experiments.policy.standing import standings
from experiments.run_folder import RunFolder
from trashseg_core.config import TrialConfig
from trashseg_core.confusion import class_slugs

FIELD = "augmix_ratio"
NUM_RARE = 5
CLASS = "iou_"
"""How the metrics of classes begin."""
MIN_IOU = 0.01
"""Below it a class was not found."""
CAUTION = (
    "Correlation, not cause: the sampler tried good values together, so a trial may stand high for another reason. "
    "What settles it is the same trial with one value changed, e.g.:"
)


def augmix_section(run: RunFolder) -> dict[str, Raw]:
    """The answer in words, the correlation of each class, the trials as points; a sentence where nothing is known."""
    return {"Does augmix help?": _content(run)}


def _content(run: RunFolder) -> Raw:
    ratios = {one.trial_id: one.config.get(FIELD, TrialConfig.augmix_ratio) for one in run.results}
    if len(set(ratios.values())) < 2:
        same = f"{FIELD} is {next(iter(ratios.values()), 0):g} in all trials."
        return tag("p", f"{same} A space that varies it, e.g. `--space baseline`, answers it.", "faint")
    metrics = _metrics(run)
    effects = {name: effect for name, metric in metrics.items() if (effect := _effect(run, metric, ratios)) is not None}
    if not effects:
        few = f"{counted(len(run.standing), 'trial')} can be compared; from {MIN_TRIALS} on that differ it is told."
        return tag("p", few, "faint")
    note = (
        f"Rank correlation of {FIELD} with the standing of each trial in the IoU of a class, at the same age: right of "
        f"0, more augmix goes with a better IoU. Bars: 90 % bootstrap intervals over the {len(run.standing)} trials; "
        "one class in ten leaves 0 out by luck alone. The rarest classes on top, with their number of val photos."
    )
    shown = [(name, metrics[name]) for name in effects][: NUM_RARE + 1]
    parts = [figure(_points(run, name, metric), f"augmix-{number}").html for number, (name, metric) in enumerate(shown)]
    return joined(
        tag("p", augmix_answer(effects, [name for name in metrics if name not in effects])),
        tag("p", note, "faint"),
        figure(_correlations(effects), "augmix"),
        tag("p", "The trials as points, at their best epoch: the objective, then the rarest classes.", "faint"),
        Raw(f'<div class="grid">{"".join(parts)}</div>'),
        tag("p", CAUTION),
        tag("pre", _same_trial(run)),
    )


def _effect(run: RunFolder, metric: str, ratios: Mapping[str, float]) -> RatioEffect | None:
    """What goes with the ratio; None where too few trials found the class at all to compare them."""
    best = [one.best(metric) for one in run.records.values()]
    if sum(one is not None and one[1] >= MIN_IOU for one in best) < MIN_TRIALS:
        return None
    return ratio_effect(ratios, standings(list(run.records.values()), metric))


def _metrics(run: RunFolder) -> dict[str, str]:
    """The objective, then the metric of every class by the class's name, the one on the fewest val photos first."""
    scored = next(iter(run.confusions.values()), None)
    epochs = [metrics for record in run.records.values() for metrics in record.epochs.values()]
    reported = dict.fromkeys(name for metrics in epochs for name in metrics if name.startswith(CLASS))
    found = {run.objective: run.objective}
    if scored is None:
        return found | {name.removeprefix(CLASS): name for name in reported}
    photos, slugs = (scored.per_image.sum(axis=2) > 0).sum(axis=0), class_slugs(scored.class_names)
    for label in np.argsort(photos, kind="stable"):
        if CLASS + slugs[label] in reported:
            found[f"{scored.class_names[label]} · {photos[label]}"] = CLASS + slugs[label]
    return found


def augmix_answer(effects: Mapping[str, RatioEffect], unknown: Sequence[str]) -> str:
    """In words: for whom more augmix goes with more IoU, with less, and for whom nothing can be said.

    Args:
        unknown: what too few trials found, or all alike.
    """
    helped = [_told(name, one) for name, one in effects.items() if one.clear and one.correlation > 0]
    harmed = [_told(name, one) for name, one in effects.items() if one.clear and one.correlation < 0]
    unclear = [name for name, one in effects.items() if not one.clear]
    words = []
    if helped:
        words.append(f"More augmix goes with a better standing in {listed(helped)}.")
    if harmed:
        words.append(f"It goes with a worse one in {listed(harmed)}.")
    if unclear:
        words.append(f"No clear effect on {listed(unclear)}.")
    if unknown:
        words.append(f"Nothing can be told of {listed(unknown)}: too few trials found it, or all did alike.")
    return " ".join(words)


def _told(name: str, one: RatioEffect) -> str:
    return f"{name} ({one.correlation:+.2f}, {one.interval[0]:+.2f} to {one.interval[1]:+.2f})"


def _correlations(effects: Mapping[str, RatioEffect]) -> go.Figure:
    drawn = blank("rank correlation", None, height=120 + 26 * len(effects))
    for clear, colour, title in ((True, BEST, "leaves out 0"), (False, GREY, "may be luck")):
        chosen = [(row, name, one) for row, (name, one) in enumerate(effects.items()) if one.clear == clear]
        if chosen:
            drawn.add_scatter(
                x=[one.correlation for _, _, one in chosen],
                y=[row for row, _, _ in chosen],
                text=[plain(name) for _, name, _ in chosen],
                error_x={
                    "array": [one.interval[1] - one.correlation for _, _, one in chosen],
                    "arrayminus": [one.correlation - one.interval[0] for _, _, one in chosen],
                    "thickness": 1.5,
                },
                mode="markers",
                name=title,
                marker={"color": colour, "size": 10},
                hovertemplate="%{text}: %{x:+.2f}<extra></extra>",
            )
    drawn.add_vline(x=0, line={"color": GREY, "width": 1})
    drawn.update_xaxes(range=[-1.02, 1.02])
    return name_rows(drawn, list(effects), 28)


def _points(run: RunFolder, name: str, metric: str) -> go.Figure:
    points: list[Point] = []
    for one in run.results:
        record = run.records.get(one.trial_id)
        value = record.epochs.get(one.best_epoch or 0, {}).get(metric) if record else None
        if value is not None:
            points.append((one, one.config.get(FIELD, TrialConfig.augmix_ratio), value))
    return slice_figure(FIELD, shortened(name, 24), points, run.best.trial_id if run.best else None)


def _same_trial(run: RunFolder) -> str:
    """The command that trains the best trial with augmix switched off, or on."""
    assert run.best is not None  # there are effects
    ratio = 0 if run.best.config.get(FIELD, TrialConfig.augmix_ratio) else 0.5
    trial = f"--from {shlex.quote(str(run.path.absolute()))} --trial {run.best.trial_id}"
    return f"python run_search.py train {trial} --set {FIELD}={ratio} --out runs/other"
