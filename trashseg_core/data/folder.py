"""DataFolder: which annotation files of a folder are used, and how."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from trashseg_core.data.coco import MAX_JSON_MB, Finding, Photo, Split, label_table, read_split
from trashseg_core.data.leaks import equal_files
from trashseg_core.data.photo_names import NearNames, leads_outside
from trashseg_core.data.photos import MAX_BYTES_PER_PX, MAX_MEGAPIXELS
from trashseg_core.errors import BadInput

NO_SUCH_PHOTO = "no such photo."


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
        if not os.path.isdir(self.path):
            raise BadInput(f"{self.path}: no such data folder. Give a folder with train.json, val.json and test.json.")
        result = read_split(self.split_path(split), needs_annotations=split != "test", max_json_mb=self.max_json_mb)
        if split != "test":  # whoever needs the classes of the test file asks for them
            label_table(result.categories, self.background_category)
        near_names = NearNames(Path(self.path))
        found = {photo.file_name: self._photo_fault(result, photo, near_names) for photo in result.photos}
        faults = {name: fault for name, fault in found.items() if fault is not None}
        if split == "train":
            faults |= self._leaks(result, [photo for photo in result.photos if photo.file_name not in faults])
        result.findings += faults.values()
        if split == "test":
            for finding in result.findings:
                finding.skippable = False
        result.photos = [photo for photo in result.photos if photo.file_name not in faults]
        return result

    def photo_path(self, photo: Photo) -> Path:
        """Path of a photo of this folder."""
        return Path(self.path) / photo.file_name

    def labels(self, split: Split) -> tuple[dict[int, int], list[str]]:
        """Label of each category id, and class names by label (see `coco.label_table`)."""
        return label_table(split.categories, self.background_category)

    def _photo_fault(self, split: Split, photo: Photo, near_names: NearNames) -> Finding | None:
        """Say why a listed photo must not or cannot be opened; nothing is decoded here."""

        def fault(message: str, skippable: bool = False) -> Finding:
            return Finding(f"{split.path} {photo.file_name}", message, skippable)

        path = self.photo_path(photo)
        if leads_outside(photo.file_name):
            return fault(f"leads outside {self.path}. Use paths relative to the data folder.")
        try:
            kind = os.stat(path).st_mode
        except FileNotFoundError:
            near = near_names.near(photo.file_name)
            if near is None:
                return fault(NO_SUCH_PHOTO, skippable=True)
            return fault(f"no such photo, but {near!r} is there. Correct file_name.")
        except OSError as error:
            return fault(f"cannot be read ({error.strerror}).", skippable=True)
        if not stat.S_ISREG(kind):
            return fault("not a regular file. Put the photo itself there.")
        if not self.follow_links and not path.resolve().is_relative_to(Path(self.path).resolve()):
            return fault("the link leads out of the data folder. Add `--follow-links` to accept that.")
        if photo.height * photo.width > self.max_megapixels * 1e6:
            shape = f"{photo.width} x {photo.height} px is above the cap of {self.max_megapixels:g} megapixels."
            return fault(f"{shape} Make the photo smaller, or raise the cap with `--max-megapixels`.", skippable=True)
        return None

    def _leaks(self, train: Split, photos: list[Photo]) -> dict[str, Finding]:
        """Train photos that val holds too, under another name; by their own.

        What is wrong with val itself is said by whoever reads it; data without a val has no leak.
        """
        try:
            val = read_split(self.split_path("val"), needs_annotations=False, max_json_mb=self.max_json_mb)
        except BadInput:
            return {}
        near_names = NearNames(Path(self.path))
        others = [photo.file_name for photo in val.photos if self._photo_fault(val, photo, near_names) is None]
        twins = equal_files(
            Path(self.path),
            [photo.file_name for photo in photos],
            others,
            max_bytes=self.max_megapixels * 1e6 * MAX_BYTES_PER_PX,
        )
        return {
            name: Finding(f"{train.path} {name}", f"the same picture as {twin} in {val.path.name}: a leak.")
            for name, twin in twins.items()
        }


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
