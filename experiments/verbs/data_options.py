"""DataOptions: how a data folder is read, for the verbs that are no search."""

from dataclasses import asdict, dataclass
from pathlib import Path

from trashseg_core.data.coco import MAX_JSON_MB
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.photos import MAX_MEGAPIXELS


@dataclass(frozen=True)
class DataOptions:
    """Flags of the same name and meaning as those of `search`."""

    train_file: str = "train.json"
    """Annotation file to train on, in DATA."""
    val_file: str = "val.json"
    """Annotation file to score on, in DATA."""
    background_category: str | None = None
    """Category that is the background itself; it becomes class 0."""
    skip_bad: bool = False
    """Leave out bad annotations and bad train or val photos instead of refusing them."""
    follow_links: bool = False
    """Accept photos behind links that lead out of the data folder."""
    max_json_mb: int = MAX_JSON_MB
    """Largest annotation file to read, in 10^6 bytes."""
    max_megapixels: float = MAX_MEGAPIXELS
    """Largest photo to read, in 10^6 pixels."""

    def folder(self, data: Path) -> DataFolder:
        """The data folder, read in this way."""
        return DataFolder(str(data.absolute()), **asdict(self))
