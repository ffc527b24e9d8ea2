"""The report of a search: `report.html`, one file that says what was found and what to do next."""

from pathlib import Path

from experiments.drawing.page import page
from experiments.run_folder import read_run_folder
from experiments.sections.augmix_section import augmix_section
from experiments.sections.classes_section import classes_section
from experiments.sections.cost_section import cost_section
from experiments.sections.course_section import course_section
from experiments.sections.dimensions_section import dimensions_section
from experiments.sections.encoder_section import encoder_section
from experiments.sections.ensemble_section import ensemble_section
from experiments.sections.folds_section import folds_section
from experiments.sections.front_section import front_section
from experiments.sections.next_section import next_section
from experiments.sections.pictures_section import pictures_section
from experiments.sections.rungs_section import rungs_section
from experiments.sections.settings_section import settings_section
from experiments.sections.shakeup_section import shakeup_section
from experiments.sections.summary import summary
from experiments.sections.trials_section import trials_section
from trashseg_core.disk.files import write_text

SECTIONS = (
    trials_section,
    encoder_section,
    augmix_section,
    classes_section,
    folds_section,
    ensemble_section,
    shakeup_section,
    pictures_section,
    course_section,
    dimensions_section,
    rungs_section,
    front_section,
    cost_section,
    next_section,
    settings_section,
)
"""Each makes its sections from the run folder, by title: none where there is nothing to tell of."""


def write_report(folder: Path, objective: str = "val_miou") -> Path:
    """Write `report.html` into a run folder from the files that are there; only `results.json` must be.

    Args:
        objective: what was maximised, `val_miou` or `val_miou_low`.

    Raises:
        BadInput: a file of the folder is missing or damaged.
    """
    run = read_run_folder(folder, objective)
    sections = {title: content for section in SECTIONS for title, content in section(run).items()}
    name = str(run.settings.get("name", folder.absolute().name))
    path = folder / "report.html"
    write_text(path, page(f"{name}: report of the search", summary(run), sections))
    return path
