"""The manifest: what a run folder was started with, and which hops are done."""

import hashlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from experiments.settings import SearchSettings
from trashseg_core.errors import BadInput
from trashseg_core.files import read_json, write_json

SCHEMA = 1
FILE = "manifest.json"


@dataclass
class Manifest:
    """The content of `manifest.json`."""

    settings: SearchSettings
    version: str
    """Of trashseg, when the search was started."""
    domains: dict[str, list[str]]
    """What the space lets vary (`space_check.draw_points`)."""
    data: dict[str, str]
    """Content hash of the train and val annotations with their photos' sizes and times."""
    hops: dict[str, str] = field(default_factory=dict)
    """Hash of what each finished hop was made from."""

    def write(self, folder: Path) -> None:
        """Write atomically."""
        document = {"schema": SCHEMA, **asdict(self)}
        write_json(folder / FILE, document)

    def is_done(self, hop: str, *inputs: Path | str) -> bool:
        """Whether a hop was finished from exactly these inputs."""
        return self.hops.get(hop) == fingerprint(*inputs)

    def mark_done(self, folder: Path, hop: str, *inputs: Path | str) -> None:
        """Remember that a hop is finished."""
        self.hops[hop] = fingerprint(*inputs)
        self.write(folder)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a run folder.

    Raises:
        BadInput: there is no search in the folder, or its manifest is damaged or of another schema.
    """
    if not (folder / FILE).is_file():
        raise BadInput(f"{folder}: there is no search here ({FILE} is missing). Start one with `search`.")
    document: dict[str, Any] = read_json(folder / FILE)
    if not isinstance(document, dict) or document.pop("schema", None) != SCHEMA:
        raise BadInput(f"{folder / FILE}: unknown schema. This version reads schema {SCHEMA}.")
    try:
        settings = dict(document.pop("settings"))
        settings["set"] = tuple(settings["set"])
        manifest = Manifest(settings=SearchSettings(**settings), **document)
    except (TypeError, KeyError, ValueError) as error:
        raise BadInput(f"{folder / FILE}: damaged ({error}). Restore it from a backup.") from None
    # The folder may have been moved or mounted elsewhere since.
    manifest.settings = replace(manifest.settings, out=str(folder.absolute().parent), name=folder.absolute().name)
    return manifest


def check_unchanged(old: Manifest, domains: dict[str, list[str]], data: dict[str, str]) -> None:
    """Refuse to go on with a search whose space or data changed under it.

    Raises:
        BadInput: naming the first difference.
    """
    for name in sorted(set(old.domains) | set(domains)):
        before, now = old.domains.get(name), domains.get(name)
        if before != now:
            raise BadInput(
                f"The space changed since the search was started: `{name}` was {before or 'not in it'}, is "
                f"{now or 'not in it'}. Undo that, or start a new search."
            )
    for split, key in data.items():
        if old.data.get(split) != key:
            raise BadInput(f"The {split} data changed since the search was started. Undo that, or start a new search.")


def fingerprint(*inputs: Path | str) -> str:
    """Hash texts and the content of files; a missing file counts as empty."""
    digest = hashlib.sha256()
    for one in inputs:
        content = one.encode() if isinstance(one, str) else one.read_bytes() if one.is_file() else b""
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()
