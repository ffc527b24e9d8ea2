"""The section of a report that shows what the ensemble gets right and wrong."""

from experiments.drawing.page import Raw, joined, picture, tag
from experiments.run_folder import RunFolder

MAX_PICTURES = 24


def pictures_section(run: RunFolder) -> dict[str, Raw]:
    """Panels of val photos; no section where there are none."""
    paths = sorted((run.path / "overlays").glob("*.png"))
    if not paths:
        return {}
    more = f" {len(paths) - MAX_PICTURES} more are in overlays/." if len(paths) > MAX_PICTURES else ""
    note = f"Val photos: the worst, some with the rarest classes, the best. Swipe sideways on a phone.{more}"
    return {"Pictures": joined(tag("p", note, "faint"), *[picture(path) for path in paths[:MAX_PICTURES]])}
