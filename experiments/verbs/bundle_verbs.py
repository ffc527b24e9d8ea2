"""The verbs that use an ensemble folder: predicting, handing in, exporting."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro

from experiments.settings import SearchSettings
from experiments.verbs.command_line import Verb
from trashseg_core.errors import BadInput


def predict(
    ensemble: Annotated[Path, tyro.conf.Positional],
    images: Annotated[Path, tyro.conf.Positional],
    /,
    out: Path,
    overlays: bool = False,
    probabilities: bool = False,
    max_megapixels: float = SearchSettings.max_megapixels,
    max_json_mb: int = SearchSettings.max_json_mb,
    follow_links: bool = False,
) -> None:
    """Write a PNG label map for every photo; run again, it goes on where it stopped.

    Example: python run_search.py predict runs/first/ensemble photos --out labels --overlays

    Args:
        ensemble: ensemble folder, e.g. runs/first/ensemble
        images: folder of photos, one photo, or a COCO file
        out: folder for the label maps
        overlays: also write the photos with coloured labels
        probabilities: also write NAME.probabilities.npy, float16, classes x height x width
        max_megapixels: largest photo to read, in 10^6 pixels
        max_json_mb: largest COCO file to read, in 10^6 bytes
        follow_links: look into linked folders; accept photos of a COCO file behind links that lead out of its folder
    """
    from experiments.terminal import progress_line
    from trashseg_core.data.folder import DataFolder
    from trashseg_core.inference.predict_files import predict_files

    show = progress_line("photos predicted")
    caps = DataFolder("", follow_links=follow_links, max_json_mb=max_json_mb, max_megapixels=max_megapixels)
    count = predict_files(ensemble, images, out, overlays, show, probabilities, caps)
    print(f"{out}: {count} photos predicted" if count else f"{out}: everything is there already")


def submit(
    run: Annotated[Path | None, tyro.conf.Positional] = None,
    /,
    test: Path | None = None,
    output: Path | None = None,
    force: bool = False,
    check: Path | None = None,
) -> None:
    """Predict the test photos and write the checked submission CSV; or check a CSV that is there already.

    While a search works in the run folder, only to another --output.

    Examples: python run_search.py submit runs/first
              python run_search.py submit --check runs/first/submission.csv
              python run_search.py submit --check mine.csv --test DATA/test.json

    Args:
        run: run folder, e.g. runs/first
        test: COCO file of the photos to predict; default: the search's test file
        output: a new file. Default: RUN/submission.csv, where an older submission of this run gives way
        force: write over a file that is there already, whatever it is
        check: write nothing, and say whether this CSV answers the test file (of RUN, of the run folder that the CSV
            lies in, or --test); exit code 2 if it does not
    """
    from experiments.manifest import FILE, LOCK, check_own, read_manifest

    if check is not None and (output is not None or force):
        flag = "--force" if output is None else "--output"
        raise BadInput(f"`{flag}` does not go with `--check`, which writes nothing. Leave one of the two out.")
    if run is None and check is not None and (check.parent / FILE).is_file():
        run = check.parent
    if run is None and (check is None or test is None):
        raise BadInput("`submit` needs a run folder, e.g. runs/first; or `--check FILE.csv --test test.json`.")
    data = None if run is None else read_manifest(run).settings.data_folder
    if check is not None:
        from experiments.verbs.submission_check import print_verdict

        print_verdict(check, data, test)
        return
    from experiments.stages import write_test_submission
    from experiments.submissions import refuse_output
    from trashseg_core.disk.locks import locked

    assert run is not None and data is not None
    check_own(run)
    if test is not None:
        data = replace(data, path=str(test.absolute().parent), test_file=test.name)
    target = output or run / "submission.csv"
    refuse_output(target, run, output is None, force)
    is_own = target.resolve() == (run / "submission.csv").resolve()
    with locked(run / LOCK, wait=False) if is_own else nullcontext():  # a search would take it for its own
        rows = write_test_submission(run, data, target)
    print(f"{target}: {rows} rows, checked")
    from experiments.tracking.mirror import bring_if_free

    bring_if_free(read_manifest(run).settings, print)


def export_onnx(
    ensemble: Annotated[Path, tyro.conf.Positional], /, out: Path, photos: Path, batch: int | None = None
) -> None:
    """Write an ensemble as ONNX files: the whole, and each member; checked against torch on your photos.

    Needs the extra `onnx`: pip install trashseg[onnx]

    Example: python run_search.py export-onnx runs/first/ensemble --out onnx --photos DATA/images

    Args:
        ensemble: ensemble folder, e.g. runs/first/ensemble
        out: folder for the files
        photos: folder of photos, one photo, or a COCO file; the first eight are compared
        batch: fixed number of photos of a call; by default it is open
    """
    if batch is not None and batch < 1:
        raise BadInput(f"The value of `--batch` is {batch}, but must be 1 or more.")
    from trashseg_core.inference.onnx_export import export_ensemble

    for line in export_ensemble(ensemble, out, photos, batch):
        print(line)


BUNDLE_VERBS: dict[str, Verb] = {"predict": predict, "submit": submit, "export-onnx": export_onnx}
