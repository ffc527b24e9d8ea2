"""augmix: objects of training photos, rare classes first, pasted into others (Ghiasi et al., arXiv 2012.07177)."""

import numpy as np

from trashseg_core.augment.class_list import listed_labels
from trashseg_core.augment.object_bank import MAX_SHARE, MIN_AREA_PX, ObjectBank
from trashseg_core.config import TrialConfig


class Augmix:
    """Pastes objects of a bank into samples. Holds no state but the objects and their probabilities."""

    def __init__(self, config: TrialConfig, bank: ObjectBank, class_names: list[str]) -> None:
        """Look up the objects that may be pasted, and load what pastes them, compiled once per machine.

        Raises:
            BadInput: `augmix_classes` lists a class that has no objects.
        """
        from trashseg_core.augment import pasting  # numba: nobody waits for it who pastes nothing
        from trashseg_core.compiled import warm_up

        self._ratio, self._most = config.augmix_ratio, config.augmix_max_objects
        classes = listed_labels("augmix_classes", config.augmix_classes, class_names, bank.labels)
        members = [np.flatnonzero(bank.labels == label) for label in classes]
        weights = np.array([len(one) for one in members], np.float64) ** -config.augmix_rarity
        self._bounds = weights.cumsum() / weights.sum()
        self._firsts = np.cumsum([0, *map(len, members)])
        self._objects = np.column_stack([bank.starts, bank.shapes, bank.labels])[np.concatenate(members)]
        self._pixels = bank.pixels.reshape(-1).view(np.uint32)
        self._pixels.flags.writeable = False  # as a mapped bank's: one type, compiled once
        self._num_draws, self._paste_objects = pasting.NUM_DRAWS, pasting.paste_objects
        warm_up(self._paste, np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8), (1, 1), np.empty((0, 1)))

    def __call__(
        self, image: np.ndarray, labels: np.ndarray, extent: tuple[int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Paste 1 to `augmix_max_objects` objects into a sample with probability `augmix_ratio`.

        An object of which fewer than `MIN_AREA_PX` would be seen is left out.

        Args:
            image: uint8 (S, S, 3), raw; not changed.
            labels: uint8 (S, S); not changed.
            extent: height and width in px that the photo fills.

        Returns:
            Image and labels, new arrays where the sample was chosen.
        """
        if rng.random() >= self._ratio:
            return image, labels
        image, labels = image.copy(), labels.copy()
        draws = rng.random((self._most + 1, self._num_draws))
        self._paste(image, labels, extent, draws[1 : 2 + int(draws[0, 0] * self._most)])
        return image, labels

    def _paste(self, image: np.ndarray, labels: np.ndarray, extent: tuple[int, int], draws: np.ndarray) -> None:
        chosen = (self._bounds, self._firsts, self._objects, self._pixels)
        self._paste_objects(image, labels, extent, draws, *chosen, MAX_SHARE, MIN_AREA_PX)
