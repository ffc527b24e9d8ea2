"""The last step: does a dense CRF on the mean probabilities help?"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from trashseg_core.confusion import count_confusion
from trashseg_core.data.cache import CachedSplit
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.photos import read_photo
from trashseg_core.ensemble.crossfit import Outcome
from trashseg_core.ensemble.scoring import Mixture, mean_planes
from trashseg_core.ensemble.steps import Candidates, Plan
from trashseg_core.inference.crf import dense_crf_many
from trashseg_core.inference.crf_settings import CrfSettings
from trashseg_core.inference.decision import shares_of
from trashseg_core.inference.predict import first_argmax


def with_crf(
    candidates: Candidates, plan: Plan, data: DataFolder, split: CachedSplit, settings: CrfSettings
) -> Outcome:
    """Refine the mean probabilities of every photo on its RGB pixels, at its own size.

    Args:
        candidates: their grid is of native size: a kernel's width in px means nothing on another one.
    """
    started = time.perf_counter()
    photos = range(len(split))

    def refined(mixtures: Sequence[Mixture], tta: Sequence[tuple[str, ...]]) -> np.ndarray:
        def given() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for photo in photos:
                height, width = candidates.grid.shapes[photo]
                rgb = read_photo(Path(data.path) / split.file_names[photo], (height, width), data.max_megapixels)
                mean = mean_planes(candidates.shown(tta[photo]), mixtures[photo], photo)
                yield rgb, shares_of(mean).reshape(-1, height, width)

        counts = np.zeros((len(split), split.num_classes, split.num_classes), np.int64)
        for photo, probabilities in enumerate(dense_crf_many(given(), settings)):
            counts[photo] = count_confusion(split.truth(photo), first_argmax(probabilities), split.num_classes)
        return counts

    held_out = refined(plan.held_out, plan.held_out_tta)
    in_sample = refined([plan.mixture] * len(photos), [plan.tta] * len(photos))
    return Outcome("CRF", in_sample, held_out, time.perf_counter() - started, replace(plan, crf=settings))
