"""ImportOptions: how a source is read and dealt, the same for every import."""

from collections.abc import Collection
from dataclasses import dataclass

from trashseg_core.data.photos import MAX_MEGAPIXELS
from trashseg_core.errors import BadInput


@dataclass(frozen=True)
class ImportOptions:
    """Flags that all imports share."""

    val: float = 0.15
    """Share of the photos for validation, where the source has no splits of its own."""
    test: float = 0.15
    """Share of the photos for the test; 0: no test.json."""
    seed: int = 0
    """Another seed, another deal."""
    follow_links: bool = False
    """Accept files behind links that lead out of the source."""
    max_megapixels: float = MAX_MEGAPIXELS
    """Largest photo to read, in 10^6 pixels."""

    def deal(self, own_splits: Collection[str]) -> dict[str, float]:
        """Flags that decide which photo comes where, with their values.

        Args:
            own_splits: those that the source gives; what it gives is kept, so some flags have no effect.
        """
        if "val" in own_splits:
            return {}
        share = {} if "test" in own_splits else {"--test": self.test}
        return {"--val": self.val, **share, "--seed": self.seed}

    def idle(self, own_splits: Collection[str]) -> list[str]:
        """Flags of the deal that were changed, but have no effect."""
        usual, used = ImportOptions().deal(()), self.deal(own_splits)
        return [flag for flag, value in self.deal(()).items() if flag not in used and value != usual[flag]]

    def check(self) -> None:
        """Refuse shares that leave nothing for training or validation.

        Raises:
            BadInput: naming the value and its range.
        """
        if not 0 < self.val < 1:
            raise BadInput(f"The value of `--val` is {self.val:g}, but must be above 0 and below 1, e.g. 0.15.")
        if not 0 <= self.test < 1:
            raise BadInput(f"The value of `--test` is {self.test:g}, but must be from 0 (no test.json) to below 1.")
        if self.val + self.test >= 1:
            raise BadInput(
                f"`--val {self.val:g}` and `--test {self.test:g}` leave nothing to train on. Their sum must be below 1."
            )
        if self.seed < 0:
            raise BadInput(f"The value of `--seed` is {self.seed}, but must be 0 or more.")
