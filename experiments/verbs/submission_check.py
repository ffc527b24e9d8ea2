"""What is said about a submission CSV."""

from pathlib import Path

from trashseg_core.data.coco import read_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput
from trashseg_core.submission import SIDE, check_submission


def print_verdict(submission: Path, data: DataFolder | None, test: Path | None) -> None:
    """Print that a submission is valid, or each thing that is wrong with it.

    Args:
        data: where the test file lies, unless `test` names another one.
        test: COCO file of the photos that it answers; without one, `data` is given.

    Raises:
        BadInput: the submission is not valid, or a file cannot be read.
    """
    names, num_classes = _expected(data, test)
    faults = check_submission(submission, names, num_classes)
    for fault in faults:
        print(f"{submission}: {fault}")
    if faults:
        raise BadInput(f"{submission} is not valid: {faults[0]}. Write it again with `submit`.")
    print(f"{submission}: valid, {len(names)} rows of {SIDE * SIDE} labels, 0 to {num_classes - 1}")


def _expected(data: DataFolder | None, test: Path | None) -> tuple[list[str], int]:
    """File names that the rows are for, and the number of classes; the photos themselves are not looked at."""
    path = test or (data.split_path("test") if data else None)
    assert path is not None
    split = read_split(path, needs_annotations=False)
    if split.findings:
        raise BadInput(f"{split.findings[0]} Mend the test file first.")
    background = data.background_category if data else None
    is_object = [name != background and name.strip().lower() != "background" for name in split.categories.values()]
    return [photo.file_name for photo in split.photos], 1 + sum(is_object)
