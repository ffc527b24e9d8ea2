"""Evidence: the table of what was tried, what it gained held out, and why it was kept or not."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trashseg_core.ensemble.crossfit import Outcome, paired_error, simplest


@dataclass
class Evidence:
    """Decides step by step; `rows` say how."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def choose(self, outcomes: list[Outcome], forced: str | None = None) -> Outcome:
        """Choose among ways of the same kind, given the simplest first, by the one-standard-error rule.

        Args:
            forced: name of the one that was asked for.
        """
        chosen, errors = simplest(outcomes)
        if forced is not None:
            chosen = next(number for number, outcome in enumerate(outcomes) if outcome.name == forced)
        best = int(np.argmax([outcome.held_out_miou for outcome in outcomes]))
        for number, (outcome, error) in enumerate(zip(outcomes, errors, strict=True)):
            below = outcomes[best].held_out_miou - outcome.held_out_miou
            beside = f"{outcomes[best].name} by {below:.4f}, standard error {error:.4f}"
            if number == chosen and forced is not None:
                why = "asked for"
            elif forced is not None:
                why = f"{forced} was asked for"
            elif number == chosen:
                why = "best held out" if number == best else f"simplest within one standard error: below {beside}"
            elif number > chosen:
                why = f"not more than one standard error above {outcomes[chosen].name}, which is simpler"
            else:
                why = f"below {beside}"
            self._add(outcome, below=below, error=error, kept=number == chosen, why=why)
        return outcomes[chosen]

    def offer(self, before: Outcome, after: Outcome, forced: bool = False) -> Outcome:
        """Keep a further step only if it gains more than one standard error held out, or was asked for."""
        gain = after.held_out_miou - before.held_out_miou
        error = paired_error(after.held_out, before.held_out)
        kept = forced or bool(gain > error and gain > 0)
        comparison = "more" if gain > error else "no more"
        why = f"held out {gain:+.4f}, {comparison} than one standard error of {error:.4f}"
        self._add(after, below=-gain, error=error, kept=kept, why=f"asked for ({why})" if forced else why)
        return after if kept else before

    def note(self, name: str, why: str, **more: Any) -> None:
        """Say what was not tried, or was thrown out before it could be scored."""
        self.rows.append({"name": name, "kept": False, "why": why, **more})

    def _add(self, outcome: Outcome, below: float, error: float, kept: bool, why: str) -> None:
        self.rows.append(
            {
                "name": outcome.name,
                "val_miou": outcome.val_miou,
                "held_out": outcome.held_out_miou,
                "gain": -below,
                "error": error,
                "seconds": round(outcome.seconds, 3),
                "kept": kept,
                "why": why,
            }
        )
