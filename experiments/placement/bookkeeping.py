"""Where Ray Tune keeps its bookkeeping: a folder, or a place that pyarrow or fsspec knows by its URI."""

from pathlib import Path
from typing import Any

import fsspec
import pyarrow
import pyarrow.fs

from experiments.secrets import redacted, without_secrets
from experiments.settings import SearchSettings
from trashseg_core.errors import BadInput


def tune_storage(settings: SearchSettings) -> dict[str, Any]:
    """The arguments of `tune.RunConfig` for `--storage`.

    Raises:
        BadInput: nobody knows the URI, or its package is not installed.
    """
    given = settings.storage
    if given is None:
        return {"storage_path": str(settings.folder / "ray")}
    if "://" not in given:
        return {"storage_path": str(Path(given).absolute())}  # workers run elsewhere
    try:
        pyarrow.fs.FileSystem.from_uri(given)
        return {"storage_path": given}
    except (pyarrow.ArrowInvalid, OSError):  # not one of pyarrow's own
        return _by_fsspec(given)


def _by_fsspec(uri: str) -> dict[str, Any]:
    try:
        system, path = fsspec.core.url_to_fs(uri)
    except (ValueError, ImportError) as error:
        reason = without_secrets(str(error), uri).strip().splitlines()[0][:160]
        raise BadInput(
            f"`--storage {redacted(uri)}`: {reason}. Give a folder that all nodes share, or an fsspec URI whose "
            "package is installed."
        ) from None
    wrapped = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(system))
    return {"storage_path": path, "storage_filesystem": wrapped}
