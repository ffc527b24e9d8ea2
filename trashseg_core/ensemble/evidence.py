"""Evidence: the table of what was tried, what it gained held out, and why it was kept or not."""

from dataclasses import dataclass, field
from typing import Any

from trashseg_core.ensemble.crossfit import Outcome, paired_error, simplest


@dataclass
class Evidence:
    """Decides step by step; `rows` say how."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def choose(self, outcomes: list[Outcome], forced: str | None = None, reason: str = "asked for") -> Outcome:
        """Choose among ways of the same kind, given the simplest first, by the one-standard-error rule.

        Args:
            forced: name of the one to take, whatever this rule says.
            reason: why it is taken.
        """
        chosen, errors = simplest(outcomes)
        best = max(range(len(outcomes)), key=lambda number: (outcomes[number].held_out_miou, -number))
        if forced is not None:
            chosen = next(number for number, outcome in enumerate(outcomes) if outcome.name == forced)
        for number, (outcome, error) in enumerate(zip(outcomes, errors, strict=True)):
            below = f"{outcomes[best].held_out_miou - outcome.held_out_miou:.4f} below {outcomes[best].name}"
            if forced is not None:
                why = reason if number == chosen else "for comparison"
            elif number == best:
                why = "best held out" if number == chosen else f"best, but within one error of {outcomes[chosen].name}"
            elif number == chosen:
                why = f"simplest within one error: {below} ± {error:.4f}"
            else:
                why = f"{below} ± {error:.4f}"
            self._add(outcome, outcomes[0], kept=number == chosen, why=why)
        return outcomes[chosen]

    def offer(self, before: Outcome, after: Outcome, forced: bool = False) -> Outcome:
        """Keep a further step only if it gains more than one standard error held out, or was asked for."""
        gain = after.held_out_miou - before.held_out_miou
        error = paired_error(after.held_out, before.held_out)
        kept = forced or bool(gain > error and gain > 0)
        why = f"gains {'more' if gain > error else 'no more'} than one error"
        self._add(after, before, kept=kept, why=f"asked for; {why}" if forced else why)
        return after if kept else before

    def note(self, name: str, why: str, **more: Any) -> None:
        """Say what was not tried, or was thrown out before it could be scored."""
        self.rows.append({"name": name, "kept": False, "why": why, **more})

    def _add(self, outcome: Outcome, before: Outcome, kept: bool, why: str) -> None:
        """Add a row; `gain` is the held-out gain over what came before, `error` its standard error."""
        self.rows.append(
            {
                "name": outcome.name,
                "val_miou": outcome.val_miou,
                "held_out": outcome.held_out_miou,
                "gain": outcome.held_out_miou - before.held_out_miou,
                "error": paired_error(outcome.held_out, before.held_out),
                "seconds": round(outcome.seconds, 3),
                "kept": kept,
                "why": why,
            }
        )
