"""The second round of a search: its best configurations trained once more, with photos that its ensemble labelled."""

from dataclasses import dataclass, replace
from pathlib import Path

from experiments.journal import JournalReader
from experiments.manifest import LOCK, Manifest
from experiments.points.sources import DIMENSION, Sources, read_sources
from experiments.preflight import make_folders, prepare, reopen
from experiments.pseudo.verdict import judge
from experiments.results import candidates, rank, read_results
from experiments.settings import SearchSettings
from experiments.showing.display import Display
from experiments.terminal import progress_line
from experiments.tracking.mirror import try_to_bring
from trashseg_core.disk.locks import locked
from trashseg_core.errors import BadInput

LABELS, SUFFIX = "pseudo", "-pseudo"
FIRST_RATIO = 0.25
"""Share of pseudo-labelled photos that each configuration is tried with before the sampler proposes others."""
TRIALS_EACH = 3
"""Trials of the second search for each configuration: without pseudo-labels, with `FIRST_RATIO`, and one proposed."""


@dataclass(frozen=True)
class Asked:
    """What a second round is asked for."""

    images: Path
    """Photos without labels: a folder or a COCO file."""
    count: int
    """Most photos to choose."""
    precision: float
    """Wanted share of right pixels of each class."""
    top_k: int
    """Configurations to train."""
    trials: int | None
    """Trials of the second search; by default `TRIALS_EACH` for each configuration."""


def second_round(run: Path, asked: Asked, display: Display) -> None:
    """Label photos, search over the best configurations and `pseudo_ratio`, and say whether that gained anything.

    The photos are in NAME/pseudo, apart from the truth; the second search is NAME-pseudo beside the first. What is
    there already is not done again.

    Args:
        run: the first search's run folder.

    Raises:
        BadInput: there is no ensemble, it is sure of nothing, what is there was asked for otherwise, or somebody else
            is at work there.
    """
    with locked(run / LOCK, wait=False):
        settings = reopen(run).settings
        _label(settings, asked, display)
    second = second_settings(settings, asked)
    make_folders(second)
    with locked(second.folder / LOCK, wait=False):
        begun = any(record.epochs for record in JournalReader(second.folder / "journal.jsonl").trials.values())
        manifest = _reopened(second, asked) if begun else prepare(second, choose_sources(settings, asked.top_k))
        from experiments.stages import run_all

        run_all(manifest, display, run.with_name(run.name + SUFFIX))
        told = judge(settings.folder, second.folder)
        try_to_bring(manifest.settings, display.say)
    display.say(told)


def choose_sources(settings: SearchSettings, top_k: int) -> Sources:
    """The best configurations of a search, and the points that each is tried at first: without and with pseudo-labels.

    Raises:
        BadInput: no trial left a checkpoint.
    """
    results = rank(read_results(settings.folder / "results.json"), settings.objective)
    best = candidates(results, top_k)
    own = ("pseudo_ratio", "epochs", "seed")
    configs = {one.trial_id: {name: value for name, value in one.config.items() if name not in own} for one in best}
    points = [{DIMENSION: name, "pseudo_ratio": ratio} for name in configs for ratio in (0.0, FIRST_RATIO)]
    return Sources(settings.name, configs, points[1:])  # the first one is the default point of the space


def second_settings(settings: SearchSettings, asked: Asked) -> SearchSettings:
    """The settings of the second search.

    Nothing is stopped early, so that trials with and without pseudo-labels are trained equally long. The seed is
    another one: the best of the first search were lucky in theirs, which trials without pseudo-labels would repeat.
    """
    return replace(
        settings,
        name=settings.name + SUFFIX,
        space="pseudo",
        trials=asked.trials or TRIALS_EACH * asked.top_k,
        pseudo=str(settings.folder / LABELS),
        set=(f"seed={(settings.pins['seed'] + 1) % 2**32}",),
        warm_start=(),
        enqueue=(),
        folds=None,
        scheduler="asha",
        full_trials=1,
        grace_period=settings.epochs,
        second_objective=None,
    )


def _reopened(second: SearchSettings, asked: Asked) -> Manifest:
    """A second search that was begun, with more trials where these are asked for.

    Raises:
        BadInput: it was begun with other configurations than as many as are asked for now.
    """
    manifest = reopen(second.folder)
    sources = read_sources(second.folder)
    num_sources = 0 if sources is None else len(sources.configs)
    if num_sources > asked.top_k:
        raise BadInput(
            f"{second.folder} was begun with {num_sources} configurations, not with `--top-k {asked.top_k}`. Ask for "
            "as many, or remove that folder."
        )
    if asked.trials is not None and asked.trials > manifest.settings.trials:
        manifest.settings = replace(manifest.settings, trials=asked.trials)
        manifest.write(second.folder)
    return manifest


def _label(settings: SearchSettings, asked: Asked, display: Display) -> None:
    from trashseg_core.pseudo.labelling import Wish, label_photos

    wish = Wish(settings.folder / "ensemble", asked.images, asked.count, asked.precision)
    done = label_photos(wish, settings.data_folder, settings.folder / LABELS, progress_line)
    if done is not None:
        known = f", {done.num_known} left out that are labelled already" if done.num_known else ""
        display.say(f"{settings.folder / LABELS}: {done.num_chosen} of {done.num_photos} photos chosen{known}")
