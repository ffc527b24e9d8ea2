"""The verbs that train a search's best configurations further: on folds, with pseudo-labels."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro

from experiments.manifest import LOCK, Manifest
from experiments.showing.options import Showing
from experiments.verbs.command_line import Verb
from experiments.verbs.search_verbs import go_on, read_run
from trashseg_core.errors import BadInput


def folds(
    run: Annotated[Path, tyro.conf.Positional],
    /,
    folds: int = 5,
    top_k: int | None = None,
    *,
    showing: Annotated[Showing, tyro.conf.arg(name="")] = Showing(),  # noqa: B008 (frozen)
) -> None:
    """Train a search's best configurations on K folds of train and val, and build the ensemble from all their models.

    Every labelled photo is predicted by models that never saw it, so that the ensemble is chosen on all of them. Val
    is the first fold, whose models the search has trained already. Interrupted, run it again, or `resume`.

    Example: python run_search.py folds runs/first --folds 5 --top-k 3

    Args:
        run: run folder, e.g. runs/first
        folds: number of folds; 5 suits a val that holds a fifth of the labelled photos
        top_k: number of best trials to train again; default: as the search was started
        showing: how it is shown
    """
    from experiments.preflight import reopen
    from trashseg_core.disk.locks import locked

    read_run(run)

    def reopened() -> Manifest:
        manifest = reopen(run)
        again = manifest.settings.top_k if top_k is None else top_k
        manifest.settings = replace(manifest.settings, folds=folds, top_k=again)
        manifest.write(run)
        return manifest

    with locked(run / LOCK, wait=False):
        go_on(reopened, run, showing)


def pseudo(
    run: Annotated[Path, tyro.conf.Positional],
    /,
    images: Path,
    count: int = 200,
    precision: float = 0.9,
    top_k: int = 3,
    trials: int | None = None,
    *,
    showing: Annotated[Showing, tyro.conf.arg(name="")] = Showing(),  # noqa: B008 (frozen)
) -> None:
    """Label photos with a search's ensemble, train its best configurations with them, and keep that only if it gains.

    Photos go to RUN/pseudo, marked as labelled by an ensemble. The second search, RUN-pseudo, chooses a configuration
    and a pseudo_ratio, 0 included; its trials run to the end. What pseudo-labels gain is told held out, best of as many
    trials with them as without. Interrupted, run it again: label maps and epochs that are there stand.

    Example: python run_search.py pseudo runs/first --images DATA/test.json --top-k 2

    Args:
        run: run folder, e.g. runs/first
        images: photos without labels: a folder or a COCO file
        count: most photos to choose, the classes in turn
        precision: share of a class's pixels on val that has to be right; less sure pixels are ignored
        top_k: number of best trials whose configurations are trained
        trials: trials of the second search; default: 3 for each configuration
        showing: how it is shown
    """
    if not 0 < precision < 1:
        raise BadInput(f"The value of `--precision` is {precision:g}, but must be between 0 and 1.")
    for name, value in (("count", count), ("top-k", top_k), ("trials", trials)):
        if value is not None and value < 1:
            raise BadInput(f"The value of `--{name}` is {value}, but must be 1 or more.")
    read_run(run)
    from experiments.pseudo.second_round import Asked, second_round
    from experiments.showing.display import build_display

    with build_display(showing) as display, saying_how_to_go_on():
        second_round(run, Asked(images, count, precision, top_k, trials), display)


@contextmanager
def saying_how_to_go_on() -> Iterator[None]:
    """Add to what interrupts the block that the same command goes on."""
    try:
        yield
    except KeyboardInterrupt as interruption:
        interruption.add_note("Label maps and checkpointed epochs are kept. Go on with the same command.")
        raise


ROUND_VERBS: dict[str, Verb] = {"folds": folds, "pseudo": pseudo}
