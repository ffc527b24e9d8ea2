"""The second round of a search: its best configuration trained once more, with photos that its ensemble labelled."""

from dataclasses import replace
from pathlib import Path

from experiments.journal import JournalReader
from experiments.manifest import LOCK
from experiments.preflight import make_folders, prepare, reopen
from experiments.results import candidates, rank, read_results
from experiments.settings import SearchSettings
from experiments.showing.display import Display
from experiments.terminal import progress_line
from trashseg_core.checkpoint import read_confusions
from trashseg_core.config import TrialConfig
from trashseg_core.ensemble.bundle import HELD_OUT, read_ensemble
from trashseg_core.ensemble.crossfit import paired_error
from trashseg_core.errors import BadInput
from trashseg_core.files import locked, write_json

LABELS, VERDICT, SUFFIX = "pseudo", "verdict.json", "-pseudo"


def second_round(
    settings: SearchSettings, place: Path, images: Path, count: int, precision: float, trials: int, display: Display
) -> None:
    """Label photos, search `pseudo_ratio` with the best configuration, and say whether that gained anything.

    The photos are in NAME/pseudo, apart from the truth; the second search is NAME-pseudo beside the first. What is
    there already is not done again.

    Args:
        place: the first search's run folder, as the user names it.

    Raises:
        BadInput: there is no ensemble that was chosen on val, or it is sure of nothing.
    """
    if settings.folds is not None:
        raise BadInput(
            f"{settings.folder}: its ensemble was chosen on folds, whose score is no score on val. "
            "Label photos with a search without `--folds`."
        )
    _label(settings, images, count, precision, display)
    second = second_settings(settings, trials)
    make_folders(second)
    with locked(second.folder / LOCK, wait=False):
        begun = any(record.epochs for record in JournalReader(second.folder / "journal.jsonl").trials.values())
        manifest = reopen(second.folder) if begun else prepare(second)
        from experiments.stages import run_all

        run_all(manifest, display, place.with_name(place.name + SUFFIX))
    display.say(judge(settings.folder, second.folder))


def second_settings(settings: SearchSettings, trials: int) -> SearchSettings:
    """The settings of the second search: everything but `pseudo_ratio` as in the best trial of the first."""
    results = rank(read_results(settings.folder / "results.json"), settings.objective)
    config, plain = TrialConfig.from_params(candidates(results, 1)[0].config), TrialConfig().to_dict()
    pins = {name: value for name, value in config.to_dict().items() if value != plain[name] or name == "seed"}
    return replace(
        settings,
        name=settings.name + SUFFIX,
        space="pseudo",
        trials=trials,
        pseudo=str(settings.folder / LABELS),
        set=tuple(f"{name}={value}" for name, value in pins.items() if name not in ("epochs", "pseudo_ratio")),
        warm_start=(),
        enqueue=(),
    )


def judge(first: Path, second: Path) -> str:
    """Compare the ensembles of two searches on val, held out, and write the verdict into the second's folder.

    Pseudo-labels are accepted if they gain more than one standard error, as every further step of an ensemble is.

    Returns:
        The verdict in a sentence.
    """
    before, after = (read_ensemble(folder / "ensemble") for folder in (first, second))
    after_on, before_on = (read_confusions(folder / "ensemble" / HELD_OUT) for folder in (second, first))
    if after_on.file_names != before_on.file_names:
        raise BadInput(f"{second}: its ensemble was chosen on other photos than that of {first}. Search both anew.")
    error = paired_error(after_on.per_image, before_on.per_image)
    gain = after.val_miou_crossfit - before.val_miou_crossfit
    accepted = gain > max(error, 0.0)
    write_json(second / VERDICT, {"accepted": accepted, "gain": gain, "error": error})
    told = f"held out {after.val_miou_crossfit:.4f} after {before.val_miou_crossfit:.4f}, {gain:+.4f} ± {error:.4f}"
    if accepted:
        return f"Pseudo-labels are accepted: {told}. Use {second / 'ensemble'} and {second / 'submission.csv'}."
    return f"Pseudo-labels are not accepted: {told}. Stay with {first / 'ensemble'}."


def _label(settings: SearchSettings, images: Path, count: int, precision: float, display: Display) -> None:
    from trashseg_core.pseudo.labelling import check_same, label_photos

    out = settings.folder / LABELS
    if out.is_dir():
        check_same(out, settings.folder / "ensemble", images, count, precision)
        return
    show = progress_line("photos labelled")
    done = label_photos(settings.folder / "ensemble", settings.data_folder, images, out, count, precision, show)
    display.say(
        f"{out}: {done.num_chosen} of {done.num_photos} photos chosen"
        f"{f', {done.num_known} left out that are labelled already' if done.num_known else ''}"
    )
