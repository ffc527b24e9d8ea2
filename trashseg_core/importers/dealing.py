"""Which split each imported photo comes into."""

from collections.abc import Sequence

from trashseg_core.data.folds import connected, stratified_split
from trashseg_core.errors import BadInput
from trashseg_core.importers.options import ImportOptions
from trashseg_core.importers.writing import SPLITS, ImportedPhoto, LeftOut, presence


def deal_photos(
    photos: Sequence[ImportedPhoto], num_classes: int, options: ImportOptions, left_out: LeftOut
) -> dict[str, list[ImportedPhoto]]:
    """Keep the splits that the source gives, and deal its train photos where it gives no validation split.

    A photo that a later split holds too, byte for byte, is left out: it would be a leak.

    Args:
        photos: with `split` set for all or for none.
        num_classes: the background included.
        left_out: gets the names of such photos.

    Returns:
        Photos of each split, in their order; a split without photos is absent, train and val never are.

    Raises:
        BadInput: there is no train split, or there are too few photos to fill the splits.
    """
    given: dict[str, list[ImportedPhoto]] = {}
    for photo in photos:
        given.setdefault(photo.split or "train", []).append(photo)
    if "train" not in given:
        raise BadInput(f"There are photos for {' and '.join(given) or 'no split'}, but none to train on. Add some.")
    _drop_leaks(given, left_out)
    if "val" not in given:
        shares = {"train": 1 - options.val - options.test, "val": options.val}
        if "test" not in given and options.test > 0:
            shares["test"] = options.test
        pool = given.pop("train")
        groups = connected([(photo.digest, *photo.kin) for photo in pool])
        part_of = stratified_split(presence(pool, num_classes)[:, 1:], groups, list(shares.values()), options.seed)
        for number, name in enumerate(shares):
            given[name] = [photo for photo, part in zip(pool, part_of, strict=True) if part == number]
    return {name: given[name] for name in SPLITS if name in given}


def _drop_leaks(given: dict[str, list[ImportedPhoto]], left_out: LeftOut) -> None:
    """Leave photos out of a split that a later one holds too, byte for byte."""
    home: dict[str, str] = {}
    for name in reversed([name for name in SPLITS if name in given]):
        for photo in given[name]:
            if home.setdefault(photo.digest, name) != name:
                left_out[f"photos of {name} that a later split holds too"].append(photo.file_name)
        given[name] = [photo for photo in given[name] if home[photo.digest] == name]
        if not given[name]:
            raise BadInput(f"Every photo of {name} is in a later split too: nothing is left. Mend the source's splits.")
