"""Submissions: what was handed in from a run folder, and from which ensemble. One line each in `submissions.jsonl`."""

import errno
import json
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from trashseg_core.data.coco import Split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.identity import data_digest
from trashseg_core.disk.files import file_digest, write_text
from trashseg_core.disk.locks import locked
from trashseg_core.errors import BadInput
from trashseg_core.submission import check_submission, refuse_folder

FILE, LOCK = "submissions.jsonl", ".submissions.lock"


@dataclass(frozen=True)
class Submission:
    """One CSV, as it was written."""

    path: str
    digest: str
    """SHA-256 of the CSV."""
    rows: int
    test_file: str
    data: str
    """Content hash of the test split."""
    ensemble: str
    """SHA-256 of the `ensemble.json` that it was predicted with."""
    faults: list[str] = field(default_factory=list)
    """What the validator found wrong; nothing, else it would not have been written."""
    created: float = 0.0
    """Seconds since 1970."""

    @property
    def verdict(self) -> str:
        """What the validator says, in words."""
        return f"not valid: {self.faults[0]}" if self.faults else f"valid, {self.rows} rows"


def record_submission(run_folder: Path, path: Path, data: DataFolder, split: Split, num_classes: int) -> Submission:
    """Check a CSV that was just written, and note it in the run folder; the same one again changes nothing.

    Args:
        split: the test split that it answers.
    """
    names = [photo.file_name for photo in split.photos]
    made = Submission(
        path=str(path.absolute()),
        digest=file_digest(path),
        rows=len(names),
        test_file=str(split.path),
        data=data_digest(data, split),
        ensemble=file_digest(run_folder / "ensemble" / "ensemble.json"),
        faults=check_submission(path, names, num_classes),
        created=time.time(),
    )
    try:
        with locked(run_folder / LOCK):
            _note(run_folder, made)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EROFS):
            raise
        print(f"warning: {run_folder} cannot be written to, so that this submission is not noted there")
    return made


def _note(run_folder: Path, made: Submission) -> None:
    known = read_submissions(run_folder)
    if all((one.digest, one.ensemble, one.path) != (made.digest, made.ensemble, made.path) for one in known):
        lines = [json.dumps(asdict(one)) + "\n" for one in (*known, made)]
        write_text(run_folder / FILE, "".join(lines))


def refuse_output(path: Path, run_folder: Path, own_may_give_way: bool, force: bool) -> None:
    """Refuse an output before the prediction: one that is there, a folder, or a place that cannot be written to.

    Args:
        own_may_give_way: a file that this run folder is known to have written may be replaced.
        force: any file may.

    Raises:
        BadInput: with what to do.
    """
    refuse_folder(path)
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise BadInput(f"{path.parent}: cannot be written to ({error.strerror}). Give another `--output`.") from None
    if force or not path.exists():
        return
    if not (own_may_give_way and file_digest(path) in [one.digest for one in read_submissions(run_folder)]):
        raise BadInput(f"{path} is there already. Add `--force` to write over it, or give another `--output`.")


def read_submissions(run_folder: Path) -> list[Submission]:
    """All submissions of a run folder, the first one first.

    Raises:
        BadInput: the file is damaged.
    """
    path = run_folder / FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return [Submission(**json.loads(line)) for line in lines]
    except (TypeError, ValueError) as error:
        raise BadInput(f"{path}: damaged ({error}). Remove it, and `submit` again.") from None
