"""The verbs that look at, draw or bring in a data folder."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro

from experiments.command_line import Verb
from experiments.data_options import DataOptions


def check(
    data: Annotated[Path, tyro.conf.Positional],
    /,
    options: Annotated[DataOptions, tyro.conf.arg(name="")],
    all: bool = False,
) -> None:
    """Validate a data folder: every entry, every photo. Prints the class table.

    Args:
        data: folder with train.json, val.json, test.json and the photos
        all: list every finding
        options: how the folder is read
    """
    from experiments.data_check import print_check

    print_check(replace(options, skip_bad=False).folder(data), all, options.skip_bad)


def sample_data(folder: Annotated[Path, tyro.conf.Positional], /, images: int = 240, seed: int = 0) -> None:
    """Generate a small long-tailed set of drawn trash photos, in the layout that `search` reads.

    Args:
        folder: a new folder
        images: number of photos in all splits
        seed: another seed, other photos
    """
    from trashseg_core.data.sample_data import write_sample_data

    counts = write_sample_data(folder, num_images=images, seed=seed)
    print(f"{folder}: " + ", ".join(f"{count} {split}" for split, count in counts.items()))


DATA_VERBS: dict[str, Verb] = {
    "check": check,
    "sample-data": sample_data,
}
