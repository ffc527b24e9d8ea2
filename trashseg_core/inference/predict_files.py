"""Label maps of any photos as PNG files, resumable."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from trashseg_core.data.folder import DataFolder
from trashseg_core.data.photos import PHOTO_SUFFIXES
from trashseg_core.disk.files import file_digest, read_json, write_json
from trashseg_core.ensemble.bundle import DESCRIPTION, read_ensemble
from trashseg_core.ensemble.loading import load_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.inference.ensemble_predict import Place, predict_photos
from trashseg_core.inference.label_files import REMEDY, is_made, mark_of, write_prediction


def find_photos(images: Path, out: Path, caps: DataFolder | None = None) -> list[tuple[Place, Path]]:
    """List the photos of a folder (with its subfolders, but not the output folder), a COCO file, or a single photo.

    Args:
        caps: how a COCO file is read: its caps, and whether links may lead out of its folder, or be folders of photos.

    Returns:
        (place, name of its outputs relative to the output folder, without suffix), sorted by name.

    Raises:
        BadInput: there is nothing to predict, or an output would take the place of another one or of a photo.
    """
    if images.is_dir():
        if out.resolve() == images.resolve():
            raise BadInput(f"`--out {out}` would write over the photos. Give another folder.")
        found = list(_photos_below(images, caps is not None and caps.follow_links))
        if out.resolve().is_relative_to(images.resolve()):
            found = [path for path in found if not path.resolve().is_relative_to(out.resolve())]
        photos: list[tuple[Place, Path]] = [((path, None), path.relative_to(images).with_suffix("")) for path in found]
    elif images.suffix.lower() == ".json":
        folder = replace(
            caps or DataFolder(""), path=str(images.parent.absolute()), test_file=images.name, skip_bad=False
        )
        split = folder.read("test")
        photos = [
            ((folder.photo_path(photo), (photo.height, photo.width)), Path(photo.file_name).with_suffix(""))
            for photo in split.photos
        ]
    elif images.exists():
        photos = [((images, None), Path(images.stem))]
    else:
        raise BadInput(f"{images}: no such folder, photo or COCO file.")
    if not photos:
        raise BadInput(f"{images}: no photo with the suffix {', '.join(PHOTO_SUFFIXES)}.")
    names = [name for _, name in photos]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"{images}: two photos are called {twice} but for their suffix. Rename one.")
    if any((out / f"{name}.png").resolve() == path.resolve() for (path, _), name in photos):
        raise BadInput(f"`--out {out}` would write over the photos. Give another folder.")
    return sorted(photos, key=lambda photo: str(photo[1]))


def _photos_below(images: Path, follow_links: bool) -> Iterator[Path]:
    """Photos of a folder and its subfolders. What cannot be looked into is refused: nobody would miss its label maps.

    Raises:
        BadInput: a link to a folder, where those are not followed; a photo that is no file.
    """
    for place, folders, names in os.walk(images, followlinks=follow_links):
        linked = [name for name in folders if Path(place, name).is_symlink()]
        if linked and not follow_links:
            raise BadInput(f"{Path(place, linked[0])}: a link to a folder. Add `--follow-links` to look into it.")
        for name in linked:
            if Path(place).resolve().is_relative_to(Path(place, name).resolve()):
                raise BadInput(f"{Path(place, name)}: a link to a folder that it lies in. Remove it.")
        for path in (Path(place, name) for name in names):
            if path.suffix.lower() not in PHOTO_SUFFIXES:
                continue
            if not path.is_file():
                raise BadInput(f"{path}: not a regular file, or a link to nothing. Put the photo itself there.")
            yield path


def predict_files(
    ensemble_dir: Path,
    images: Path,
    out: Path,
    overlays: bool = False,
    progress: Callable[[int, int], None] | None = None,
    probabilities: bool = False,
    caps: DataFolder | None = None,
) -> int:
    """Write `NAME.png`, a label map at the photo's own size, for every photo.

    Photos that have all their files by this ensemble are left as they are; one that has changed since is done again.

    Args:
        overlays: also write `NAME.overlay.jpg`, the photo with coloured labels.
        probabilities: also write `NAME.probabilities.npy`, float16 (C, H, W), rounded after the labels.
        caps: of photos and of a COCO file; see `find_photos`.

    Returns:
        Number of photos predicted now.

    Raises:
        BadInput: the ensemble or a photo cannot be used, or `out` holds label maps of another ensemble.
    """
    ensemble, caps = read_ensemble(ensemble_dir), caps or DataFolder("")
    made_by = file_digest(ensemble_dir / DESCRIPTION)
    endings = [".overlay.jpg"] * overlays + [".probabilities.npy"] * probabilities + [".png"]
    photos = find_photos(images, out, caps)
    left = []
    for place, name in photos:
        has_all = is_made(out / f"{name}.png", made_by, place[0])
        if not has_all or not all((out / f"{name}{ending}").is_file() for ending in endings):
            left.append((place, name))
    if not left:
        return 0
    out.mkdir(parents=True, exist_ok=True)
    _write_classes(out / "classes.json", ensemble.class_names)
    loaded = load_ensemble(ensemble_dir, ensemble)
    predicted = predict_photos(loaded, [place for place, _ in left], caps.max_megapixels, probabilities)
    for done, ((place, name), prediction) in enumerate(zip(left, predicted, strict=True), 1):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_prediction(out / name, prediction, overlays, mark_of(made_by, place[0]))
        if progress:
            progress(done, len(left))
    return len(left)


def _write_classes(path: Path, class_names: list[str]) -> None:
    """Write which label is which class.

    Raises:
        BadInput: a file of that name says something else.
    """
    table = {str(label): name for label, name in enumerate(class_names)}
    if not path.exists():
        write_json(path, table)
    elif read_json(path, REMEDY) != table:
        raise BadInput(f"{path}: there already, and not the classes of this ensemble. {REMEDY}")
