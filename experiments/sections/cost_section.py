"""The section of a report that shows what the search cost, and what of it was wasted."""

import time
from collections.abc import Mapping

import plotly.graph_objects as go

from experiments.analysis.slot_time import SlotTime, Stretch, lanes, slot_time, stretches
from experiments.drawing.canvas import STATUS_COLOURS, STATUS_NAMES, blank, or_note, plain
from experiments.drawing.page import Content, Raw, figure, joined, table, tag
from experiments.drawing.words import counted, duration, percent, time_unit
from experiments.results import TrialResult, in_order
from experiments.run_folder import RunFolder


def cost_section(run: RunFolder) -> dict[str, Raw]:
    """Where the time of the slots went, what trained when, and the time of each trial."""
    found = stretches(run.records)
    status = {one.trial_id: one.status for one in run.results}
    spent = slot_time(found, status)
    if spent is None:
        return {"Cost": tag("p", "No trial reported how long an epoch took, so nothing is known of the cost.", "faint")}
    note = "Time of the slots between the first epoch's start and the last one's end, from the dates in the journal."
    return {
        "Cost": joined(
            tag("p", _sentence(spent)),
            tag("p", note, "faint"),
            _board(spent),
            tag("h3", "What trained when"),
            figure(_timeline(found, status), "timeline"),
            tag("h3", "Time per trial"),
            figure(_times(run.results), "times"),
        )
    }


def _sentence(spent: SlotTime) -> str:
    lost = spent.training["failed"] + spent.idle + spent.nobody
    return (
        f"{counted(spent.slots, 'slot')}, {duration(spent.total)} of slot time: "
        f"{percent(spent.training['finished'] / spent.total)} trained what ran through, "
        f"{percent(spent.training['stopped'] / spent.total)} found out which trials not to go on with, "
        f"{percent(lost / spent.total)} brought nothing (failed trials and empty slots)."
    )


def _board(spent: SlotTime) -> Raw:
    parts = [
        ("trials that finished", spent.training["finished"]),
        ("trials that were stopped early", spent.training["stopped"]),
        ("trials that failed", spent.training["failed"]),
        ("slots without a trial, or loading one", spent.idle),
        ("no trial at all: starts, and breaks between sessions", spent.nobody),
        ("all", spent.total),
    ]
    rows: list[list[Content]] = [
        [name, duration(seconds), f"{seconds:.0f}", percent(seconds / spent.total, 1)] for name, seconds in parts
    ]
    return table(["time of", "", "seconds", "share"], rows)


def _timeline(found: list[Stretch], status: Mapping[str, str]) -> go.Figure:
    """A lane per slot; the gaps are idle."""
    slots = lanes(found)
    begun = min(one.start for one in found)
    unit, length = time_unit(max(one.end for one in found) - begun)
    num_slots = max(slots) + 1
    drawn = blank(f"{unit} since the start", None, height=140 + num_slots * (46 if num_slots <= 8 else 14))
    for state, colour in STATUS_COLOURS.items():
        chosen = [number for number, one in enumerate(found) if status.get(one.key, "stopped") == state]
        if chosen:
            drawn.add_bar(
                x=[(found[number].end - found[number].start) / length for number in chosen],
                base=[(found[number].start - begun) / length for number in chosen],
                y=[slots[number] + 1 for number in chosen],
                orientation="h",
                marker={"color": colour, "line": {"color": "rgba(128,128,128,0.7)", "width": 1}},
                name=STATUS_NAMES[state],
                hovertext=[_told(found[number]) for number in chosen],
                hovertemplate="%{hovertext}<extra></extra>",
            )
    drawn.update_layout(barmode="overlay", bargap=0.3)
    return drawn.update_yaxes(autorange="reversed", showgrid=False, tickformat="d", tickprefix="slot ")


def _told(one: Stretch) -> str:
    several = f" to {one.last_epoch}" if one.last_epoch > one.first_epoch else ""
    clock = time.strftime("%H:%M", time.localtime(one.start))
    return plain(f"{one.key}, epoch {one.first_epoch}{several}: {duration(one.end - one.start)} from {clock}")


def _times(results: list[TrialResult]) -> go.Figure:
    trials = in_order(results)
    unit, length = time_unit(max((one.seconds for one in trials), default=0.0))
    drawn = blank("trial", unit, height=280)
    for state, colour in STATUS_COLOURS.items():
        chosen = [(number, one) for number, one in enumerate(trials) if one.status == state and one.seconds]
        if chosen:
            drawn.add_bar(
                x=[number for number, _ in chosen],
                y=[one.seconds / length for _, one in chosen],
                marker={"color": colour},
                name=STATUS_NAMES[state],
                text=[
                    plain(f"{one.trial_id}: {duration(one.seconds)}, {counted(one.epochs_run, 'epoch')}")
                    for _, one in chosen
                ],
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )
    drawn.update_layout(barmode="overlay").update_xaxes(range=[-0.6, len(trials) - 0.4], tickformat="d")
    return or_note(drawn, "No trial reported the time of an epoch.")
