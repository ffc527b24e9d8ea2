"""Showing: the flags of how a search is shown."""

from dataclasses import dataclass

from trashseg_core.errors import BadInput


@dataclass(frozen=True)
class Showing:
    """How a search is shown. No part of its settings: a search may be resumed with another way."""

    json: bool = False
    """One JSON object a line on stdout, for machines: search, trial, epoch, end of a trial, message, end."""
    quiet: bool = False
    """Only the summary at the end, and what failed."""

    def __post_init__(self) -> None:
        """Refuse two ways at once.

        Raises:
            BadInput: both are asked for.
        """
        if self.json and self.quiet:
            raise BadInput("`--json` with `--quiet`: they are two ways of showing. Give one of them.")

    @property
    def flags(self) -> list[str]:
        """The same choice as words of a command."""
        return [f"--{name}" for name, chosen in vars(self).items() if chosen]
