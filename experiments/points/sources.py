"""Sources: whole configurations that a search chooses among, as one more dimension of its space."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.settings import SearchSettings
from search_spaces import load
from trashseg_core.config import TrialConfig
from trashseg_core.disk.files import read_json, write_json
from trashseg_core.errors import BadInput

SCHEMA = 1
FILE = "sources.json"
"""Of a run folder; a search has it from its start or never."""
DIMENSION = "source"
Space = Callable[[Any], None]


@dataclass(frozen=True)
class SourceSpace:
    """A space whose points are a source and what an inner space suggests on top of it."""

    inner: Space
    configs: Mapping[str, Mapping[str, Any]]
    """Values of each source, by the name of the trial that they come from; the best first."""

    def __call__(self, trial: Any) -> None:
        """Suggest a source, then what the inner space suggests."""
        trial.suggest_categorical(DIMENSION, list(self.configs))
        self.inner(trial)

    def resolve(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The hyperparameters that a point stands for."""
        return {**self.configs[params[DIMENSION]], **{name: one for name, one in params.items() if name != DIMENSION}}


@dataclass(frozen=True)
class Sources:
    """The content of `sources.json`."""

    search: str
    """Name of the search whose trials they are."""
    configs: dict[str, dict[str, Any]]
    points: list[dict[str, Any]]
    """Of the space, to try right after the default one."""

    def write(self, folder: Path) -> None:
        """Write atomically."""
        write_json(folder / FILE, {"schema": SCHEMA, **vars(self)})


def read_sources(folder: Path) -> Sources | None:
    """The sources that a search was started with; None where it was started without.

    Raises:
        BadInput: the file is damaged or of another schema.
    """
    if not (folder / FILE).is_file():
        return None
    document = read_json(folder / FILE)
    try:
        if document.pop("schema") != SCHEMA:
            raise BadInput(f"{folder / FILE}: unknown schema. This version reads schema {SCHEMA}.")
        sources = Sources(**document)
        for config in sources.configs.values():
            TrialConfig.from_params(config)
    except BadInput:
        raise
    except (TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{folder / FILE}: damaged ({error}). Restore it from a backup.") from None
    return sources


def open_space(settings: SearchSettings) -> Space:
    """The space of a search, with the choice of a source where it has some.

    Raises:
        BadInput: `sources.json` is damaged.
    """
    sources = read_sources(settings.folder)
    return load(settings.space) if sources is None else SourceSpace(load(settings.space), sources.configs)
