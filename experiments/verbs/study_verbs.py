"""The verb that hands a search to other tools: as an Optuna study."""

from pathlib import Path
from typing import Annotated

import tyro

from experiments.verbs.command_line import Verb


def export_study(run: Annotated[Path, tyro.conf.Positional], /, out: Path | None = None) -> None:
    """Write the search as an Optuna study, which optuna-dashboard shows; also while it runs.

    Example: python run_search.py export-study runs/first
             optuna-dashboard sqlite:////absolute/path/to/runs/first/study.db

    Args:
        run: run folder, e.g. runs/first
        out: SQLite file; an older study gives way. Default: RUN/study.db
    """
    import shlex

    from experiments.manifest import read_manifest, read_own_manifest
    from experiments.study_export import export_study, study_url

    manifest, target = (read_manifest if out else read_own_manifest)(run), out or run / "study.db"
    told = export_study(run, manifest, target)
    print(f"{target}: {told}\nLook at it with: optuna-dashboard {shlex.quote(study_url(target))}")


STUDY_VERBS: dict[str, Verb] = {"export-study": export_study}
