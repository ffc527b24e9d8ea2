"""The top of a report: the big numbers, and what they say in words."""

from collections import Counter

from experiments.drawing.canvas import STATUS_NAMES
from experiments.drawing.page import Raw, cards, joined, tag
from experiments.drawing.words import counted, duration, period, score
from experiments.run_folder import RunFolder
from trashseg_core.confusion import miou


def summary(run: RunFolder) -> Raw:
    """What was searched, cards, a verdict."""
    best, ensemble = run.best, run.ensemble
    entries: list[tuple[str, str, str]] = []
    if ensemble is not None:
        members = f"{counted(len(ensemble.members), 'member')}, in-sample"
        scored_on = "out-of-fold mIoU, train and val" if ensemble.provenance.get("folds") else "val mIoU"
        entries.append((f"{ensemble.val_miou:.4f}", f"ensemble, {scored_on}", members))
        low_high = " to ".join(f"{one:.3f}" for one in ensemble.val_interval)
        span = f"90 % interval {low_high}" if low_high else "parts of val choose for each other"
        if ensemble.test_interval:
            low, high = ensemble.test_interval
            span += f"; on {ensemble.provenance.get('test_photos')} test photos {low:.3f} to {high:.3f}"
        entries.append((f"{ensemble.val_miou_crossfit:.4f}", "ensemble, held out", span))
    if best is not None:
        epoch = f"{best.trial_id}, epoch {best.best_epoch}"
        entries.append((score(best.val_miou), "best single trial, val mIoU", epoch))
    states = Counter(STATUS_NAMES[one.status] for one in run.results)
    entries.append((str(len(run.results)), "trials", ", ".join(f"{count} {name}" for name, count in states.items())))
    spent = duration(sum(one.seconds for one in run.results))
    entries.append((spent, "training, all trials", period(_dates(run))))
    return joined(tag("p", " · ".join(_data(run)), "faint"), cards(entries), tag("p", _verdict(run)))


def _dates(run: RunFolder) -> list[float]:
    return [moment for one in run.records.values() for moment in (one.moments.proposed, one.moments.last)]


def _data(run: RunFolder) -> list[str]:
    scored = next(iter(run.confusions.values()), None)
    told = [f"Data: {run.settings['data']}"] if "data" in run.settings else []
    if scored is not None:
        told.append(f"{len(scored.per_image)} val photos, {len(scored.class_names)} classes with the background")
    return told


def _held_out_on_val(run: RunFolder, trial_id: str) -> float | None:
    """Held-out mIoU of the ensemble on the photos that a trial was scored on; None where that is not known."""
    if run.ensemble is None:
        return None
    scored = run.confusions.get(trial_id)
    shared = None if scored is None or run.held_out is None else run.held_out.of(scored.file_names)
    if shared is not None:
        return float(miou(shared.sum(axis=0)))
    return None if run.ensemble.provenance.get("folds") else run.ensemble.val_miou_crossfit


def _verdict(run: RunFolder) -> str:
    """What the numbers say, in words."""
    best, ensemble = run.best, run.ensemble
    if best is None or best.val_miou is None:
        return "No trial can be used. The reasons are below."
    words = []
    if ensemble is not None:
        held_out = _held_out_on_val(run, best.trial_id)
        if held_out is not None:
            gain = held_out - best.val_miou
            words.append(
                f"On val, held out, the ensemble is {abs(gain):.4f} {'above' if gain >= 0 else 'below'} the best "
                "single trial, whose own score is a little flattered by having been picked on the same photos."
            )
    close = [name for name, (_, high) in run.intervals.items() if name != best.trial_id and high >= best.val_miou]
    if close:
        few = len(close) == 1
        words.append(
            f"The 90 % interval{'' if few else 's'} of {counted(len(close), 'other trial')} "
            f"reach{'es' if few else ''} the best trial's val_miou, so their order may be luck."
        )
    return " ".join(words) or f"The best trial is {best.trial_id}."
