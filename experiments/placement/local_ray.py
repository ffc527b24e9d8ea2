"""Ray on this machine alone: it talks to itself only, and its token can be read by its user only."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import ray

from trashseg_core.errors import BadInput

ROOT = Path(__file__).parents[2]
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Named after where it is Ray's default: with 0, a Ray of one machine takes no address but 127.0.0.1."""
TOKEN_PATH, TOKEN = "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN"


@contextlib.contextmanager
def to_itself() -> Iterator[None]:
    """Within it, `ray.init` starts a Ray that keeps to itself.

    Its processes, gRPC servers included, listen on 127.0.0.1 only; the variable for that is read when Ray is imported,
    so that what was read has to be set, too. And its dashboard's process, which runs even where the dashboard is off,
    is not started: all that it does then is to ask 169.254.169.254 and metadata.google.internal which cloud this is.
    """
    with mock.patch.multiple(ray._private.ray_constants, create=True, ENABLE_RAY_CLUSTER=False):
        with mock.patch.multiple(ray._private.services, create=True, start_api_server=lambda *_, **__: ("", None)):
            with mock.patch.dict(os.environ, {LOOPBACK: "0"}):
                yield


def code_from_here_only() -> contextlib.AbstractContextManager[None]:
    """Within it, `ray.init` does not put the user's working directory on the workers' import path.

    It puts the current directory there, ahead of the libraries: a `torch.py` in a downloaded data folder would run.
    """
    return contextlib.chdir(ROOT)


def keep_token_private(make: bool) -> None:
    """See to it that nobody else can read the token of Ray's processes.

    Args:
        make: write one where there is none, for a Ray that is started here; Ray itself would make it 0644.

    Raises:
        BadInput: the file belongs to somebody else.
    """
    if os.environ.get(TOKEN):
        return
    path = Path(os.environ.get(TOKEN_PATH) or Path.home() / ".ray" / "auth_token")
    try:
        if not path.exists():
            if not make:
                return
            _write_new(path)
        if path.stat().st_uid not in (os.geteuid(), 0):
            raise BadInput(f"{path}: the token of Ray belongs to another user. Remove it, or set {TOKEN_PATH}.")
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError:  # no home folder to write to: the token travels in the environment of Ray's processes
        os.environ[TOKEN] = secrets.token_hex(32)


def _write_new(path: Path) -> None:
    """Write a token file that is whole and private from its first moment; another process may do the same."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(32).encode())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.close(descriptor)
        temporary.unlink()
