"""The section of a report that shows who was stopped where: the life of every trial over the rungs."""

from collections import Counter
from dataclasses import dataclass

import plotly.graph_objects as go

from experiments.drawing.canvas import GREY, STATUS_COLOURS, STATUS_NAMES, blank, plain
from experiments.drawing.page import Content, Raw, figure, joined, table, tag
from experiments.drawing.words import counted, listed, score
from experiments.policy.rungs import Rungs
from experiments.results import TrialResult, in_order
from experiments.run_folder import RunFolder

MAX_NAMED = 60
"""Trials above which their names no longer fit beside the bars."""


@dataclass(frozen=True)
class Rung:
    """What happened at one rung."""

    epoch: int
    values: dict[str, float]
    """Best value so far of each trial that reached it."""
    went_on: frozenset[str]

    @property
    def cut(self) -> float | None:
        """The lowest value that went on; None where none did."""
        return min((self.values[key] for key in self.went_on), default=None)

    @property
    def highest_ended(self) -> float | None:
        """The highest value that did not go on; None where all did."""
        return max((value for key, value in self.values.items() if key not in self.went_on), default=None)


def rungs_section(run: RunFolder) -> dict[str, Raw]:
    """What each rung let pass, and a bar for each trial; a sentence where nothing was stopped."""
    stopped = [one for one in run.results if one.status == "stopped"]
    if not stopped:
        return {"Who was stopped where": tag("p", "No trial was stopped early.", "faint")}
    rungs = read_rungs(run)
    note = (
        "A bar ends where the trial did; a dotted line is a rung, with the lowest value that went on above it. Rungs "
        "judge by the trials that they know at the time, so a trial may end although a lower value went on before."
    )
    if run.search is not None and run.search.second_objective is not None:
        note += f" They also look at {run.search.second_objective}, so what is cheap may go on with less."
    rows: list[list[Content]] = [
        [f"epoch {rung.epoch}", len(rung.values), len(rung.went_on), score(rung.cut), score(rung.highest_ended)]
        for rung in rungs
    ]
    header = ["rung", "reached", "went on", "lowest that went on", "highest that ended"]
    drawn = _lives(run.results, rungs, run.objective)
    board = [table(header, rows)] if rungs else []
    return {
        "Who was stopped where": joined(
            tag("p", _sentence(stopped, len(run.results))), *board, tag("p", note, "faint"), figure(drawn, "rungs")
        )
    }


def read_rungs(run: RunFolder) -> list[Rung]:
    """The rungs of a search, from its journal; infeasible trials never stood on one."""
    if run.search is None or not run.records:
        return []
    search = run.search
    rungs = Rungs(search.epochs, search.first_rung, search.reduction_factor, run.objective)
    rungs.rebuild(run.records.values())
    return [
        Rung(epoch, values, frozenset(key for key in values if rungs.reached(key) > epoch))
        for epoch, values in rungs.values.items()
    ]


def _sentence(stopped: list[TrialResult], num_trials: int) -> str:
    ends = sorted(Counter(one.epochs_run for one in stopped).items())
    told = [f"{count} at epoch {epoch}" for epoch, count in ends]
    were = "was" if len(stopped) == 1 else "were"
    return f"Of {counted(num_trials, 'trial')}, {len(stopped)} {were} stopped early: {listed(told)}."


def _lives(results: list[TrialResult], rungs: list[Rung], objective: str) -> go.Figure:
    """A bar per trial, the first proposed on top."""
    trials = in_order(results)
    named = len(trials) <= MAX_NAMED
    figure = blank("epoch", None, height=150 + len(trials) * (16 if named else 5))
    for status, colour in STATUS_COLOURS.items():
        chosen = [(number, one) for number, one in enumerate(trials) if one.status == status]
        if chosen:
            figure.add_bar(
                x=[one.epochs_run for _, one in chosen],
                y=[number for number, _ in chosen],
                orientation="h",
                marker={"color": colour},
                name=STATUS_NAMES[status],
                hovertext=[_life(one, rungs, objective) for _, one in chosen],
                hovertemplate="%{hovertext}<extra></extra>",
            )
    for rung in rungs:
        figure.add_vline(x=rung.epoch, line={"color": GREY, "dash": "dot", "width": 1})
    cuts = [f"{rung.epoch}<br>≥ {rung.cut:.3f}" if rung.cut is not None else str(rung.epoch) for rung in rungs]
    if rungs:
        longest = max(one.epochs_run for one in trials)
        figure.update_xaxes(tickvals=[*(rung.epoch for rung in rungs), longest], ticktext=[*cuts, str(longest)])
    figure.update_xaxes(side="top", showgrid=False, rangemode="tozero")
    legend = {"yref": "container", "y": 1, "yanchor": "top"}
    figure.update_layout(barmode="overlay", bargap=0.25, margin={"t": 100}, legend=legend)
    ticks = {"tickvals": list(range(len(trials))), "ticktext": [plain(one.trial_id) for one in trials]} if named else {}
    return figure.update_yaxes(range=[len(trials) - 0.4, -0.6], showgrid=False, showticklabels=named, **ticks)


def _life(one: TrialResult, rungs: list[Rung], objective: str) -> str:
    """What a trial had at each rung that it reached."""
    lines = [f"{one.trial_id}: {STATUS_NAMES[one.status]}, {counted(one.epochs_run, 'epoch')}"]
    for rung in rungs:
        if one.trial_id in rung.values:
            place = sorted(rung.values.values(), reverse=True).index(rung.values[one.trial_id]) + 1
            reached = f"{objective} {rung.values[one.trial_id]:.4f}, rank {place} of {len(rung.values)}"
            lines.append(f"rung {rung.epoch}: {reached}, {'went on' if one.trial_id in rung.went_on else 'ended here'}")
    return "<br>".join(plain(line) for line in lines)
