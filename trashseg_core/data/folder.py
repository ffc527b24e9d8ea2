"""DataFolder: which annotation files of a folder are used, and how."""

import os
import re
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from trashseg_core.data.coco import MAX_JSON_MB, Finding, Photo, Split, label_table, read_split
from trashseg_core.data.photos import MAX_MEGAPIXELS
from trashseg_core.errors import BadInput


@dataclass(frozen=True)
class DataFolder:
    """A data folder and the choices that decide what is read from it. Plain values: it travels to every worker."""

    path: str
    """The folder, absolute."""
    train_file: str = "train.json"
    val_file: str = "val.json"
    test_file: str = "test.json"
    background_category: str | None = None
    """Category that is the background itself and maps to 0."""
    skip_bad: bool = False
    """Leave out bad annotations and bad train or val photos instead of refusing them."""
    follow_links: bool = False
    """Accept photos behind links that lead out of the folder."""
    max_json_mb: int = MAX_JSON_MB
    """Larger annotation files, in 10^6 bytes, are refused."""
    max_megapixels: float = MAX_MEGAPIXELS
    """Larger photos, in 10^6 px, are refused."""
    pseudo_dir: str | None = None
    """Data folder, absolute, whose train.json lists pseudo-labelled photos; nothing else in it is truth either."""

    def split_path(self, split: str) -> Path:
        """Path of the annotation file of `train`, `val` or `test`."""
        return Path(self.path) / {"train": self.train_file, "val": self.val_file, "test": self.test_file}[split]

    def read(self, split: str) -> Split:
        """Read the annotation file of a split and look each of its photos up.

        Raises:
            BadInput: the file cannot be used, or it has findings and `skip_bad` is off.
        """
        result = self.inspect(split)
        hard = [finding for finding in result.findings if not (self.skip_bad and finding.skippable)]
        if hard:
            more = f" (and {len(hard) - 1} more; `check` lists them)" if len(hard) > 1 else ""
            hint = " Mend it or add `--skip-bad`." if hard[0].skippable else ""
            raise BadInput(f"{hard[0]}{hint}{more}")
        if not result.photos:
            raise BadInput(f"{result.path}: no usable photo is left. Mend the entries that `check --all` lists.")
        return result

    def inspect(self, split: str) -> Split:
        """Like `read`, but findings are collected in the result instead of raised."""
        if not Path(self.path).is_dir():
            raise BadInput(f"{self.path}: no such data folder. Give a folder with train.json, val.json and test.json.")
        result = read_split(self.split_path(split), needs_annotations=split != "test", max_json_mb=self.max_json_mb)
        label_table(result.categories, self.background_category)
        kept = []
        for index, photo in enumerate(result.photos):
            fault = self._photo_fault(photo)
            if fault:
                result.findings.append(Finding(f"{result.path} {photo.file_name}", fault, skippable=split != "test"))
            else:
                kept.append(index)
        if split == "test":
            for finding in result.findings:
                finding.skippable = False
        result.photos = [result.photos[index] for index in kept]
        return result

    def photo_path(self, photo: Photo) -> Path:
        """Path of a photo of this folder."""
        return Path(self.path) / photo.file_name

    def labels(self, split: Split) -> tuple[dict[int, int], list[str]]:
        """Label of each category id, and class names by label (see `coco.label_table`)."""
        return label_table(split.categories, self.background_category)

    def _photo_fault(self, photo: Photo) -> str | None:
        """Say why a listed photo must not or cannot be opened; nothing is decoded here.

        Raises:
            BadInput: the name points outside the folder, to a URL or to something that is no regular file.
        """
        name = photo.file_name
        if re.match(r"^([A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z]:[\\/]|[\\/])", name) or ".." in Path(name).parts:
            raise BadInput(f"file_name {name!r} leads outside {self.path}. Use paths relative to the data folder.")
        path = Path(self.path) / name
        if re.search("[\ud800-\udfff]", name):
            raise BadInput(f"file_name {name!r} is no valid Unicode text. Rename the photo.")
        try:
            kind = os.stat(path).st_mode
        except FileNotFoundError:
            near = _near_name(path)
            if near:
                raise BadInput(f"{path}: no such photo, but {near!r} is there. Correct file_name.") from None
            return "no such photo."
        except OSError as error:
            return f"cannot be read ({error.strerror})."
        if not stat.S_ISREG(kind):
            raise BadInput(f"{path}: not a regular file. Put the photo itself there.")
        if not self.follow_links and not path.resolve().is_relative_to(Path(self.path).resolve()):
            raise BadInput(f"{path}: the link leads out of the data folder. Add `--follow-links` to accept that.")
        return None


def _near_name(path: Path) -> str | None:
    """The entry of the same folder that differs from `path` in case or Unicode form only."""
    if not path.parent.is_dir():
        return None
    wanted = unicodedata.normalize("NFC", path.name).casefold()
    names = sorted(os.listdir(path.parent))
    return next((name for name in names if unicodedata.normalize("NFC", name).casefold() == wanted), None)


def check_leak(train: Split, val: Split) -> None:
    """Refuse validation photos inside the training list: they would make every score a lie.

    Raises:
        BadInput: naming how many and the first.
    """
    names = {os.path.normpath(photo.file_name) for photo in train.photos}
    shared = [photo.file_name for photo in val.photos if os.path.normpath(photo.file_name) in names]
    if shared:
        raise BadInput(
            f"{train.path}: {len(shared)} of its photos are also in {val.path.name} (first: {shared[0]}). "
            f"Scores on {val.path.name} would mean nothing. Train on a list without them, or name another `--val-file`."
        )


def check_same_classes(splits: list[Split]) -> None:
    """Refuse splits whose category tables differ.

    Raises:
        BadInput: naming the file and the first category that differs.
    """
    first = splits[0]
    for other in splits[1:]:
        if other.categories != first.categories:
            differs = sorted(set(first.categories.items()) ^ set(other.categories.items()))[0]
            raise BadInput(
                f"{other.path}: its categories differ from those of {first.path.name} (first: {differs[0]} "
                f"{differs[1]!r}). Use the same table in all files."
            )
