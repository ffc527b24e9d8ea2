"""The section of a report that ranks the trials and says why some failed."""

from experiments.drawing.canvas import STATUS_NAMES
from experiments.drawing.page import Content, Raw, details, interval_bar, joined, table, tag
from experiments.drawing.words import duration, score
from experiments.results import TrialResult, varying
from experiments.run_folder import RunFolder

NUM_SHOWN = 25


def trials_section(run: RunFolder) -> dict[str, Raw]:
    """The leaderboard, the rest of it folded, and the reasons of the failed trials."""
    names = varying(run.results)
    header = ["#", "trial", "status", "val_miou", "90 % interval", "val_miou_low", "best / epochs", "time", *names]
    rows = _rows(run, names)
    best = run.results.index(run.best) if run.best else None
    note = "The interval is where the score on all photos of this kind lies. A dash: not in this trial."
    blocks = [tag("p", note, "faint"), table(header, rows[:NUM_SHOWN], best=best)]
    if rows[NUM_SHOWN:]:
        blocks.append(details(f"The other {len(rows) - NUM_SHOWN} trials", table(header, rows[NUM_SHOWN:])))
    failed = [one for one in run.results if one.status == "failed"]
    reasons: list[list[Content]] = [[one.trial_id, one.error] for one in failed if one.error]
    if reasons:
        blocks += [tag("h3", "Why trials failed"), table(["trial", "reason"], reasons, wrap=1)]
    return {"Trials": joined(*blocks)}


def _rows(run: RunFolder, names: list[str]) -> list[list[Content]]:
    bounds = [bound for pair in run.intervals.values() for bound in pair]
    span = (min(bounds), max(bounds)) if bounds else (0.0, 1.0)
    rows: list[list[Content]] = []
    for number, one in enumerate(run.results, 1):
        state = tag("span", STATUS_NAMES[one.status], one.status)
        epochs = f"{one.best_epoch or '–'} / {one.epochs_run}"
        scores = [score(one.val_miou), _bar(one, run, span), score(one.val_miou_low)]
        values = [one.config.get(name) for name in names]
        rows.append([number, one.trial_id, state, *scores, epochs, duration(one.seconds), *values])
    return rows


def _bar(one: TrialResult, run: RunFolder, span: tuple[float, float]) -> Raw | None:
    interval = run.intervals.get(one.trial_id)
    if interval is None or one.val_miou is None:
        return None
    return interval_bar(interval[0], one.val_miou, interval[1], span)
