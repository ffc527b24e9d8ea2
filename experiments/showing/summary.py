"""Summary: what a search found, where it lies, and the commands that go on."""

import re
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.manifest import Manifest
from experiments.pareto import front_sentence
from experiments.results import TrialResult
from experiments.settings import SearchSettings
from experiments.showing.wording import command, duration, some

if TYPE_CHECKING:
    from trashseg_core.ensemble.bundle import Ensemble

MAX_REASONS = 3
NUMBER = re.compile(r"\d[\d.]*(e[+-]?\d+)?")


@dataclass(frozen=True)
class Summary:
    """A search that has ended."""

    folder: Path
    """As the user names it."""
    settings: SearchSettings
    results: list[TrialResult]
    """Best first."""
    ensemble: "Ensemble"
    model: str
    """Name of the registered model."""
    budget_is_spent: bool = False
    """Whether the time budget ended the trials."""

    def text(self) -> str:
        """For people."""
        best, objective, ensemble = self.results[0], self.settings.objective, self.ensemble
        states = Counter(result.status for result in self.results)
        ended = ", ".join(f"{count} {state}" for state, count in states.items())
        spent = duration(sum(result.seconds for result in self.results))
        reached = f"{objective} {getattr(best, objective):.4f} in epoch {best.best_epoch}"
        members = ", ".join(f"{member.trial_id} x {member.weight:.2f}" for member in ensemble.members)
        scored = "val" if self.settings.folds is None else "out-of-fold"
        lines = [
            _row("Trials", f"{ended}, {spent} of training"),
            *(_row("", f"{len(ids)} failed: {reason} ({some(ids)})") for reason, ids in self._failures()[:MAX_REASONS]),
            _row("Best trial", f"{best.trial_id}: {reached}"),
            *front_sentence(self.settings.folder).splitlines(),
            _row("Ensemble", f"{scored} mIoU {ensemble.val_miou:.4f}, held out {held_out_text(ensemble)}: {members}"),
            *(_row("", sentence) for sentence in expectation(ensemble)),
            *(_row(name.capitalize(), str(path)) for name, path in self._files().items()),
            _row("MLflow", f"{command('ui', self.folder)}, model {self.model}"),
            _row("More trials", command("resume", self.folder, *self._more())),
        ]
        return "\n".join(lines)

    def _more(self) -> tuple[str, str]:
        """What to raise: the bound that ended the trials."""
        if self.budget_is_spent:
            return "--time-budget", f"{self.settings.time_budget:g}"
        return "--trials", str(2 * self.settings.trials)

    def document(self) -> dict[str, Any]:
        """For machines: folder, trials, best, failures, ensemble, submission, report, model."""
        best = asdict(self.results[0])
        ensemble = {
            "folder": str(self.folder / "ensemble"),
            "val_miou": self.ensemble.val_miou,
            "held_out": self.ensemble.val_miou_crossfit,
            "held_out_interval": self.ensemble.val_interval or None,
            "test_interval": self.ensemble.test_interval or None,
            "members": {member.trial_id: member.weight for member in self.ensemble.members},
        }
        return {
            "folder": str(self.folder),
            "trials": dict(Counter(result.status for result in self.results)),
            "best": {name: best[name] for name in ("trial_id", "val_miou", "val_miou_low", "best_epoch", "config")},
            "failures": [{"reason": reason, "trials": ids} for reason, ids in self._failures()],
            "ensemble": ensemble,
            **{name: str(path) for name, path in self._files().items()},
            "model": self.model,
        }

    def _files(self) -> dict[str, Path]:
        places = {"submission": self.folder / "submission.csv", "report": self.folder / "report.html"}
        return {name: path for name, path in places.items() if path.exists()}

    def _failures(self) -> list[tuple[str, list[str]]]:
        return reasons([result for result in self.results if result.status == "failed"])


def summarise(folder: Path, manifest: Manifest, results: list[TrialResult], model: str) -> Summary:
    """Gather what a search whose hops are all done has found.

    Args:
        folder: the run folder, as the user names it.
        model: name of the registered model.
    """
    from trashseg_core.ensemble.bundle import read_ensemble

    settings, spent = manifest.settings, manifest.budget_is_spent
    return Summary(folder, settings, results, read_ensemble(settings.folder / "ensemble"), model, spent)


def reasons(failed: list[TrialResult]) -> list[tuple[str, list[str]]]:
    """Why trials failed: reasons that differ in their numbers only are together, in the words of the first one, with
    the trials' ids; the most frequent first."""
    found: dict[str, tuple[str, list[str]]] = {}
    for result in sorted(failed, key=lambda one: one.trial_id):
        reason = result.error or "stopped before its first epoch"
        found.setdefault(NUMBER.sub("#", reason), (reason, []))[1].append(result.trial_id)
    return sorted(found.values(), key=lambda group: -len(group[1]))


def _row(name: str, text: str) -> str:
    return f"{name:12} {text}"


def held_out_text(ensemble: "Ensemble") -> str:
    """The held-out mIoU with its interval."""
    low, high = ensemble.val_interval or [ensemble.val_miou_crossfit] * 2
    return f"{ensemble.val_miou_crossfit:.4f} ({low:.3f} to {high:.3f})"


def expectation(ensemble: "Ensemble") -> list[str]:
    """What the held-out score promises on the test photos, as a sentence; nothing where there are none."""
    if not ensemble.test_interval:
        return []
    low, high = ensemble.test_interval
    return [
        f"expected {low:.3f} to {high:.3f} on {ensemble.provenance.get('test_photos')} test photos of the same kind"
    ]
