"""Grid: the pixels of val on which candidates are compared."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trashseg_core.data.cache import CachedSplit
from trashseg_core.submission import submission_grid


@dataclass(frozen=True, eq=False)
class Grid:
    """N photos, each with all of its own pixels, or with the square of pixels that a submission takes of it."""

    shapes: list[tuple[int, int]]
    """Height and width of each photo's part."""
    truth: np.ndarray
    """uint8 (P,), photo after photo; 255 = ignored."""
    class_names: list[str]
    side: int | None = None
    """Side of the square in px; None: every photo at its own size."""

    @cached_property
    def starts(self) -> np.ndarray:
        """First pixel of each photo, and P at the end; int64 (N + 1,)."""
        return np.concatenate([[0], np.cumsum([height * width for height, width in self.shapes])])

    @property
    def num_classes(self) -> int:
        """Number of labels C, the background included."""
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def num_bytes(self) -> int:
        """Disk that one candidate's probabilities and labels take."""
        return int(self.truth.size) * (self.num_classes + 1)

    def truth_of(self, photo: int) -> np.ndarray:
        """Truth of one photo's pixels, uint8 (pixels,)."""
        start, stop = self.starts[photo : photo + 2]
        return np.asarray(self.truth[start:stop])

    def class_counts(self) -> np.ndarray:
        """Pixels of each class in each photo: int64 (N, C)."""
        counted = [np.bincount(self.truth_of(photo), minlength=256) for photo in range(len(self))]
        return np.stack(counted)[:, : self.num_classes]

    def sample(self, planes: np.ndarray) -> np.ndarray:
        """Take the grid's pixels of arrays at a photo's own size, (..., H, W)."""
        return planes if self.side is None else submission_grid(planes, self.side)


def open_grid(split: CachedSplit, side: int | None = None) -> Grid:
    """The grid of a split; its truth stays memory-mapped where every photo has its own size."""
    sizes = [(int(height), int(width)) for height, width in split.sizes]
    if side is None:
        return Grid(sizes, split.native, split.class_names)
    truth = np.stack([submission_grid(split.truth(index), side) for index in range(len(split))])
    return Grid([(side, side)] * len(split), truth.ravel(), split.class_names, side)
