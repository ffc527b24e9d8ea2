"""How a search stands, in lines for people."""

from experiments.showing.run_status import RunStatus
from experiments.showing.wording import duration, printable

MAX_FAILURES = 5


def print_status(status: RunStatus) -> None:
    """Print the state, the trials, the best, the time left, and how to go on where nothing runs."""
    found = status.document()
    print(f"{found['folder']}: {_state(status)}")
    print(_ended("trials", found["trials"]))
    if found["best"] is not None:
        best = found["best"]
        print(f"best {found['objective']} {best['value']:.4f}: {best['trial']} in epoch {best['epoch']}")
    folds = found["folds"] or {"running": [], "failures": []}
    if found["folds"] is not None:
        print(_ended(f"models of {folds['folds']} folds", folds["models"]))
    for trial in (*found["running"], *folds["running"]):
        print(_trial_line(trial))
    if found["last_report_s"] is not None:
        left = f"; about {duration(found['eta_s'])} left" if found["eta_s"] is not None else ""
        print(f"last report {duration(found['last_report_s'])} ago{left}")
    for failure in [*found["failures"], *folds["failures"]][-MAX_FAILURES:]:
        print(f"{failure['trial']} failed: {printable(str(failure['reason']))}")
    if found["go_on"] is not None:
        print(f"go on with: {found['go_on']}")


def _ended(what: str, states: dict[str, int]) -> str:
    counts = {state: count for state, count in states.items() if state != "planned"}
    ended = sum(counts[state] for state in ("finished", "stopped", "failed"))
    told = [f"{count} {state}" for state, count in counts.items() if count]
    return f"{ended} of {states['planned']} {what} ended ({', '.join(told) or 'none was started'})"


def _state(status: RunStatus) -> str:
    if status.process is None:
        return f"{status.state}{' (its time budget is spent)' if status.manifest.budget_is_spent else ''}"
    hop = "trials"
    if status.all_ended:
        made = "models of its folds train" if status.folds_are_open else "the ensemble and the report are made"
        hop = f"its trials have ended, {made}"
    return f"running as process {status.process} ({hop})"


def _trial_line(trial: dict[str, object]) -> str:
    line = f"  {trial['trial']} epoch {trial['epoch']}/{trial['epochs']}"
    if trial["value"] is not None:
        line += f" {trial['value']:.4f}, best {trial['best']:.4f}"
    return line + (f", {duration(float(str(trial['eta_s'])))} to its rung or end" if trial["eta_s"] else "")
