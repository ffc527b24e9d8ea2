"""The manifest: what a run folder was started with, and which hops are done."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from experiments.secrets import holds_secret
from experiments.settings import SearchSettings
from trashseg_core import __version__
from trashseg_core.disk.files import read_json, write_json
from trashseg_core.disk.ownership import fault_in
from trashseg_core.errors import BadInput
from trashseg_core.field_types import check_types

SCHEMA = 1
FILE, LOCK, JOURNAL = "manifest.json", ".lock", "journal.jsonl"
"""Of a run folder; the lock is held by the only process that drives the search."""
COPY = f"origin/{FILE}"
"""The manifest as the search was started with; nothing reads it, but a user whose own was damaged."""
_NONE = "not in it"


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
    points: list[dict[str, Any]] = field(default_factory=list)
    """Points of the space that are tried right after the default one."""
    hops: dict[str, str] = field(default_factory=dict)
    """Hash of what each finished hop was made from; of the trials, only where a time budget ended them."""

    def write(self, folder: Path) -> None:
        """Write atomically; for the owner's eyes only where an address holds a password, which a resume needs."""
        document = {"schema": SCHEMA, **asdict(self)}
        write_json(folder / FILE, document, private=any(map(holds_secret, vars(self.settings).values())))

    def is_done(self, hop: str, *inputs: Path | str) -> bool:
        """Whether a hop was finished from exactly these inputs."""
        return self.hops.get(hop) == fingerprint(*inputs)

    @property
    def budget_is_spent(self) -> bool:
        """Whether the trials ended because the time budget did; raising it, or the trials, opens them again."""
        return self.settings.time_budget is not None and self.is_done("trials", *self._bounds)

    def mark_budget_spent(self, folder: Path) -> None:
        """Remember that the time budget ended the trials, where there is one."""
        if self.settings.time_budget is not None and not self.budget_is_spent:
            self.mark_done(folder, "trials", *self._bounds)

    def renew_budget(self) -> None:
        """Forget that the time budget was spent; nothing is written."""
        self.hops.pop("trials", None)

    @property
    def _bounds(self) -> tuple[str, str]:
        return str(self.settings.trials), str(self.settings.time_budget)

    def mark_done(self, folder: Path, hop: str, *inputs: Path | str) -> None:
        """Remember that a hop is finished."""
        self.hops[hop] = fingerprint(*inputs)
        self.write(folder)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a run folder.

    Raises:
        BadInput: there is no search in the folder, or its manifest is damaged or of another schema.
    """
    if not (folder / FILE).exists():
        raise BadInput(_missing(folder))
    document: dict[str, Any] = read_json(folder / FILE, _remedy(folder))
    if not isinstance(document, dict):
        raise BadInput(f"{folder / FILE}: damaged (not an object). {_remedy(folder)}")
    if (schema := document.pop("schema", None)) != SCHEMA:
        told = f"This version reads schema {SCHEMA}, this is {repr(schema)[:40]}: update trashseg."
        raise BadInput(f"{folder / FILE}: unknown schema. {told}")
    try:
        settings = dict(document.pop("settings"))
        settings |= {name: tuple(settings.get(name, ())) for name in ("set", "warm_start", "enqueue")}
        if settings.get("concurrent") is None:  # what 0.1.0 wrote for auto
            settings["concurrent"] = "auto"
        manifest = Manifest(settings=SearchSettings(**settings), **document)
        check_types(manifest)
        check_types(manifest.settings)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise BadInput(f"{folder / FILE}: damaged ({error}). {_remedy(folder)}") from None
    # The folder may have been moved or mounted elsewhere since.
    place = Path(os.path.abspath(folder))
    try:
        manifest.settings = replace(manifest.settings, out=str(place.parent), name=place.name)
    except BadInput:
        allowed = "letters, digits, `.`, `_` and `-`"
        raise BadInput(f"{place}: a run folder's name must be {allowed}. Rename it.") from None
    return manifest


def _missing(folder: Path) -> str:
    """What to do where there is no manifest."""
    if (folder / JOURNAL).exists():
        return f"{folder}: {FILE} is missing, but there is a journal, so nothing is lost. {_remedy(folder)}"
    return f"{folder}: there is no search here ({FILE} is missing). Start one with `search`."


def _remedy(folder: Path) -> str:
    """Where a whole manifest can be had."""
    copy = folder / COPY
    return f"Copy {copy} over it." if copy.is_file() else "Restore it from a backup."


def read_own_manifest(folder: Path) -> Manifest:
    """Like `read_manifest`, for what goes on with a search: its files decide what is run, read and overwritten.

    Raises:
        BadInput: also where somebody else could have written the folder, or a file in it.
    """
    check_own(folder)
    return read_manifest(folder)


def check_own(folder: Path) -> None:
    """Refuse a run folder that somebody else wrote, or may write to.

    Raises:
        BadInput: naming the first such file, and what to do.
    """
    try:
        fault = fault_in(folder)
    except OSError as error:
        fault = f"{error.filename} cannot be looked at ({error.strerror})"
    if fault is not None:
        raise BadInput(
            f"{folder}: not yours alone: {fault}. What is in a run folder decides what is run: go on with your own "
            "only. `chmod -R go-w` it if nobody else has been there."
        )


def check_unchanged(
    old: Manifest, domains: dict[str, list[str]], data: dict[str, str], header: dict[str, Any] | None = None
) -> None:
    """Refuse to go on with a search whose space, settings, data or code changed under it.

    Args:
        header: the settings that the journal began with (`SearchSettings.essentials`), where it has them.

    Raises:
        BadInput: with every difference.
    """
    settings = old.settings.essentials if header is not None else {}
    found = [
        _difference("The space", old.domains, domains),
        _difference("The settings", header or {}, settings),
        *(f"The {one} data changed since the search was started" for one in data if old.data.get(one) != data[one]),
    ]
    if not compatible(old.version, __version__):
        found.append(f"trashseg changed since the search was started: it was {old.version}, is {__version__}")
    changed = [one for one in found if one]
    if changed:
        raise BadInput(f"{'. '.join(changed)}. Undo that, or start a new search.")


def _difference(what: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Every name whose value is another one, or None."""
    differing = [name for name in sorted(before.keys() | now.keys()) if before.get(name, _NONE) != now.get(name, _NONE)]
    told = [f"`{name}` was {before.get(name, _NONE)}, is {now.get(name, _NONE)}" for name in differing]
    return f"{what} changed since the search was started: {'; '.join(told)}" if told else None


def compatible(one: str, other: str) -> bool:
    """Whether two versions compute the same: equal in major and minor number before 1.0, in the major one after."""
    parts = [version.split(".") for version in (one, other)]
    count = 2 if parts[0][0] == "0" else 1
    return parts[0][:count] == parts[1][:count]


def fingerprint(*inputs: Path | str) -> str:
    """Hash texts and the content of files; a missing file counts as empty."""
    digest = hashlib.sha256()
    for one in inputs:
        content = one.encode() if isinstance(one, str) else one.read_bytes() if one.is_file() else b""
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()
