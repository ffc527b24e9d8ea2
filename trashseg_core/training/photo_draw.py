"""Which photos an epoch shows, and which ones are mixed into others."""

import numpy as np

from trashseg_core.config import TrialConfig
from trashseg_core.data.cache import CachedSplit
from trashseg_core.training.class_balance import count_pixels, photo_probabilities


class PhotoDraw:
    """Draws photos of a split: each once per epoch, or by their rare classes where `rare_class_temperature` is on.

    Pseudo-labelled photos take the place of a share of them, `pseudo_ratio`.
    """

    def __init__(self, config: TrialConfig, split: CachedSplit, num_pseudo: int = 0) -> None:
        self._seed, self._num_photos = config.seed, len(split)
        self._num_pseudo, self._pseudo_ratio = num_pseudo, config.pseudo_ratio
        self._bounds: np.ndarray | None = None
        if config.rare_class_temperature > 0:
            self._bounds = photo_probabilities(count_pixels(split), config.rare_class_temperature).cumsum()

    def epoch(self, epoch: int, count: int) -> np.ndarray:
        """Photos of an epoch, counted from 1; a function of (seed, epoch).

        Args:
            count: samples of the epoch. In random order, those beyond the number of photos are the first ones again.

        Returns:
            int64 (count,), indices into the split, and behind its end into the pseudo-labelled photos.
        """
        rng = np.random.default_rng((self._seed, epoch))
        if self._bounds is None:
            drawn = np.resize(rng.permutation(self._num_photos), count)
        else:
            drawn = _search(self._bounds, rng.random(count))
        if self._num_pseudo:
            replaced = rng.random(count) < self._pseudo_ratio
            pseudo = self._num_photos + rng.integers(self._num_pseudo, size=count)
            drawn = np.where(replaced, pseudo, drawn)
        return drawn

    def other(self, rng: np.random.Generator) -> int:
        """Draw one photo to mix in, from the distribution that an epoch's photos have."""
        if self._bounds is None:
            return int(rng.integers(self._num_photos))
        return int(_search(self._bounds, rng.random(1))[0])


def _search(bounds: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Indices into cumulated probabilities by numbers in [0, 1); one of probability 0 is never found."""
    return np.searchsorted(bounds, drawn * bounds[-1], side="right")
