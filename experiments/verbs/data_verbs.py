"""The verbs that look at, draw or bring in a data folder."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro

from experiments.verbs.command_line import Verb
from experiments.verbs.data_options import DataOptions
from trashseg_core.errors import BadInput
from trashseg_core.importers.options import ImportOptions


def check(
    data: Annotated[Path, tyro.conf.Positional],
    /,
    options: Annotated[DataOptions, tyro.conf.arg(name="")],
    all: bool = False,
    show_augmix: Path | None = None,
    set: tuple[str, ...] = (),
) -> None:
    """Validate a data folder: every entry, every photo. Prints the class table.

    Example: python run_search.py check DATA --show-augmix sheet.png --set image_size=512 augmix_classes=battery

    Args:
        data: folder with train.json, val.json, test.json and the photos
        all: list every finding
        options: how the folder is read
        show_augmix: also draw training photos with pasted objects into this PNG; an older such picture gives way
        set: hyperparameters of that picture, field=value
    """
    from experiments.verbs.data_check import print_check

    if set and show_augmix is None:
        raise BadInput("`--set` describes the picture of `--show-augmix FILE.png`. Give that too.")
    if show_augmix is not None:
        from experiments.pictures.augmix_sheet import refuse_sheet

        refuse_sheet(data, show_augmix)
    print_check(replace(options, skip_bad=False).folder(data), all, options.skip_bad)
    if show_augmix is not None:
        from experiments.pictures.augmix_sheet import write_augmix_sheet

        write_augmix_sheet(options.folder(data), show_augmix, set)
        print(f"{show_augmix}: training photos with pasted objects")


def sample_data(folder: Annotated[Path, tyro.conf.Positional], /, images: int = 240, seed: int = 0) -> None:
    """Generate a small long-tailed set of drawn trash photos, in the layout that `search` reads.

    Example: python run_search.py sample-data DATA --images 120

    Args:
        folder: a new folder
        images: number of photos in all splits
        seed: another seed, other photos
    """
    from trashseg_core.data.sample_data import write_sample_data

    counts = write_sample_data(folder, num_images=images, seed=seed)
    print(f"{folder}: " + ", ".join(f"{count} {split}" for split, count in counts.items()))


def import_taco(
    taco_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TACO_DIR")],
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")],
    /,
    options: Annotated[ImportOptions, tyro.conf.arg(name="")],
    size: int = 512,
    map: Path | None = None,
    max_json_mb: int = DataOptions.max_json_mb,
) -> None:
    """Turn a downloaded TACO into a data folder with the competition's ten classes.

    Splits are stratified by class, and photos of one scene stay together. Missing and broken photos are left out.

    Example: python run_search.py import-taco TACO/data taco512

    Args:
        taco_dir: folder with annotations.json (or data/annotations.json) and the photos beside it
        out: a new folder
        options: how the source is read and dealt
        size: longer side of the photos in px; smaller ones stay as they are
        map: csv with the columns taco_name,class_name, in place of the competition's classes
        max_json_mb: largest annotation file to read, in 10^6 bytes
    """
    from experiments.terminal import progress_line
    from experiments.verbs.import_table import print_import
    from trashseg_core.importers import taco

    table = taco.TACO_CLASSES if map is None else map
    show = progress_line("photos converted")
    print_import(out, taco.import_taco(taco_dir, out, options, size, table, max_json_mb, show))


def import_masks(
    images: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGES")],
    masks: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="MASKS")],
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")],
    /,
    options: Annotated[ImportOptions, tyro.conf.arg(name="")],
    classes: Path | None = None,
    ignore: int = 255,
) -> None:
    """Turn photos and label PNGs (class indices or colours, CamVid's layout) into a data folder.

    The PNG of a photo has its stem, with or without CamVid's `_L`. Folders train, val (or valid) and test in IMAGES
    are kept as the splits, with their PNGs in train_labels, trainannot or train of MASKS, and so on.

    Example: python run_search.py import-masks CamVid CamVid camvid --classes label_colors.txt

    Args:
        images: folder of photos
        masks: folder of label PNGs; 0 is the background, 255 is ignored
        out: a new folder
        options: how the source is read and dealt
        classes: class names, one per line, the first is label 1 (a first line Background is label 0); or a colour table
            with lines `R G B NAME`, where Background is label 0 and Void is ignored
        ignore: label that is ignored besides 255
    """
    from experiments.terminal import progress_line
    from experiments.verbs.import_table import print_import
    from trashseg_core.importers import masks as importer

    show = progress_line("photos converted")
    print_import(out, importer.import_masks(images, masks, out, options, classes, ignore, show))


def import_yolo(
    export_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="EXPORT_DIR")],
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")],
    /,
    options: Annotated[ImportOptions, tyro.conf.arg(name="")],
) -> None:
    """Turn a YOLO segmentation export (Ultralytics, Roboflow, CVAT) into a data folder, with its own splits.

    Lines `class x1 y1 x2 y2 ...`; boxes are refused. An export that has train only is split, stratified by class.

    Example: python run_search.py import-yolo my-project.v3.yolov8 mine

    Args:
        export_dir: folder with data.yaml
        out: a new folder
        options: how the source is read and dealt
    """
    from experiments.terminal import progress_line
    from experiments.verbs.import_table import print_import
    from trashseg_core.importers import yolo

    print_import(out, yolo.import_yolo(export_dir, out, options, progress_line("photos converted")))


DATA_VERBS: dict[str, Verb] = {
    "check": check,
    "sample-data": sample_data,
    "import-taco": import_taco,
    "import-masks": import_masks,
    "import-yolo": import_yolo,
}
