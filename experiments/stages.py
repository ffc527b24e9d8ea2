"""The hops of a search: trials, folds, ensemble, submission, report. Each starts from the files of the one before."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from experiments.checkpoints.keeper import Keeper, with_weights
from experiments.checkpoints.unrecorded import record_last_epochs
from experiments.folds.fold_search import RESULTS, folds_folder
from experiments.journal import Journal, all_ended
from experiments.manifest import Manifest
from experiments.pareto import write_front
from experiments.placement.trial_memory import space_memory_mb
from experiments.points.sources import open_space
from experiments.points.warm_start import read_warm_start
from experiments.results import SearchFailed, TrialResult, read_results, results_are, results_of, write_results
from experiments.settings import SearchSettings
from experiments.showing.display import Display
from experiments.showing.progress import progress_of
from experiments.showing.summary import reasons, summarise
from experiments.showing.wording import some
from experiments.submissions import read_submissions, record_submission
from experiments.terminal import Terminal, progress_line
from experiments.tracking.mirror import try_to_bring
from experiments.tracking.registered_model import ALIAS, model_name
from experiments.tracking.tracker import Tracker
from experiments.whole_journal import read_whole_journal
from trashseg_core.checkpoint import read_confusions
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.bundle import read_ensemble
from trashseg_core.errors import BadInput


def run_trials(manifest: Manifest, display: Display) -> list[TrialResult]:
    """Hop 1: run the trials that have no end yet; write `results.json`, also when interrupted."""
    from experiments.search import run
    from experiments.trainable import TrialJob, build_trainable

    settings, folder = manifest.settings, manifest.settings.folder
    journal = Journal(folder / "journal.jsonl")
    terminal = Terminal(progress_of(settings, journal), display)
    tracker = Tracker(settings, journal, display.say)
    job = TrialJob(settings.data_folder, str(folder), settings.objective, settings.limits, settings.disk_bytes)
    space = open_space(settings)
    known = {
        "points": manifest.points,
        "warm": read_warm_start(folder),
        "trial_memory_mb": space_memory_mb(space, settings.pins),
        "on_slots": terminal.slots_planned,
        "say": display.say,
    }
    status = "KILLED"
    try:
        with terminal:
            run(settings, space, build_trainable(job), journal, (terminal, tracker), **known)
        record_last_epochs(journal, settings)
        status = "FINISHED"
    finally:
        Keeper(journal, settings).tidy()  # a process that was stopped may have written after its trial's end
        results = collect_results(journal, settings)
        tracker.finish(status)
        journal.close()
    return results


def collect_results(journal: Journal, settings: SearchSettings) -> list[TrialResult]:
    """Rank what the journal holds, and write `results.json`, and `pareto.json` where there are two objectives."""
    results = results_of(journal.trials.values(), settings.objective, settings.folder)
    write_results(settings.folder / "results.json", results)
    if settings.second_objective is not None:
        write_front(settings.folder, results, journal.trials, settings.objective, settings.second_objective)
    return results


def failure_summary(results: list[TrialResult]) -> str:
    """Say why all trials failed, equal reasons together, the most frequent first."""
    lines = [f"{len(ids)} x {reason} ({some(ids)})" for reason, ids in reasons(results)]
    return "No trial left a usable checkpoint: " + "; ".join(lines or ["none was started"])


def write_test_submission(folder: Path, data: DataFolder, output: Path) -> int:
    """Hops 3 and 4: predict every photo of the test file and write the checked CSV.

    Returns:
        Number of rows.

    Raises:
        BadInput: a test photo is missing or bad, or the test file's classes are not the ensemble's.
    """
    from trashseg_core.ensemble.loading import load_ensemble
    from trashseg_core.inference.ensemble_predict import predict_photos
    from trashseg_core.submission import write_submission

    ensemble = read_ensemble(folder / "ensemble")
    read_submissions(folder)  # a damaged list is refused before any work
    split = data.read("test")
    labels, _ = data.labels(split)
    if {str(category): label for category, label in labels.items()} != ensemble.categories:
        raise BadInput(f"{split.path}: its categories are not those of the ensemble. Use the table it was trained on.")
    photos = [(data.photo_path(photo), (photo.height, photo.width)) for photo in split.photos]
    show = progress_line("test photos predicted")

    def label_maps() -> Iterator[np.ndarray]:
        predicted = predict_photos(load_ensemble(folder / "ensemble", ensemble), photos, data.max_megapixels)
        for done, prediction in enumerate(predicted, 1):
            show(done, len(photos))
            yield prediction.labels

    names = [photo.file_name for photo in split.photos]
    write_submission(output, names, label_maps(), len(ensemble.class_names))
    record_submission(folder, output, data, split, len(ensemble.class_names))
    return len(names)


def run_all(manifest: Manifest, display: Display, place: Path) -> None:
    """All hops that are not done yet, and the summary at the end.

    Args:
        place: the run folder, as the user names it.

    Raises:
        SearchFailed: no trial left a usable checkpoint; the reasons are grouped.
    """
    settings, folder = manifest.settings, manifest.settings.folder
    data = settings.data_folder
    if manifest.budget_is_spent or trials_are_done(settings):
        results = known_results(settings, display.say)
    else:
        results = run_trials(manifest, display)
    if not with_weights(results, folder):
        raise SearchFailed(failure_summary(results))
    if not trials_are_done(settings):
        manifest.mark_budget_spent(folder)
    candidates_from: tuple[Path | str, ...] = (folder / "results.json", settings.ensemble_choices)
    if settings.folds is not None:
        from experiments.folds.training import folds_are_whole, train_folds

        if not manifest.is_done("folds", *candidates_from) or not folds_are_whole(settings, display.say):
            train_folds(settings, display)
            manifest.mark_done(folder, "folds", *candidates_from)
        candidates_from += (folds_folder(settings) / RESULTS,)
    if not manifest.is_done("ensemble", *candidates_from) or not ensemble_is_whole(folder, display.say):
        from experiments.ensembling import build_ensemble

        build_ensemble(folder, settings)
        manifest.mark_done(folder, "ensemble", *candidates_from)
    if data.split_path("test").is_file():
        inputs = (folder / "ensemble" / "ensemble.json", data.split_path("test"))
        if not manifest.is_done("submission", *inputs) or not (folder / "submission.csv").is_file():
            write_test_submission(folder, data, folder / "submission.csv")
            manifest.mark_done(folder, "submission", *inputs)
    write_pictures_and_report(folder, data, settings.objective)
    try_to_bring(settings, display.say)
    display.finish(summarise(place, manifest, results, f"{model_name(settings)}@{ALIAS}"))


def trials_are_done(settings: SearchSettings) -> bool:
    """Whether the journal holds the end of every trial."""
    return all_ended(read_whole_journal(settings.folder).trials.values(), settings.trials)


def known_results(settings: SearchSettings, say: Callable[[str], None]) -> list[TrialResult]:
    """Rank what the journal holds. A `results.json` that says something else, damaged or edited, is written anew."""
    journal = read_whole_journal(settings.folder)
    known = results_of(journal.trials.values(), settings.objective, settings.folder)
    results_are(known, settings.folder / "results.json", say)
    return collect_results(journal, settings)


def ensemble_is_whole(folder: Path, say: Callable[[str], None]) -> bool:
    """Whether every file of the ensemble holds what was written into it; what is wrong is said."""
    from trashseg_core.ensemble.checksums import check_files

    try:
        read_ensemble(folder / "ensemble")
        check_files(folder / "ensemble")
        read_confusions(folder / "ensemble")
    except BadInput as error:
        say(f"The ensemble is built again. {error}")
        return False
    return True


def write_pictures_and_report(folder: Path, data: DataFolder, objective: str) -> Path:
    """Foretell the shake-up, draw the overlay panels and the contact sheet of augmix, and write `report.html`."""
    from experiments.forecast import write_forecast
    from experiments.pictures.augmix_sheet import write_search_sheet
    from experiments.pictures.panels import write_panels
    from experiments.report import write_report

    scored, val = read_confusions(folder / "ensemble"), {photo.file_name for photo in data.read("val").photos}
    of_val = scored.per_image[[name in val for name in scored.file_names]]  # with folds, train photos are there too
    write_panels(folder / "ensemble", data, folder / "overlays", confusions=of_val)
    write_search_sheet(folder, data, read_results(folder / "results.json"))
    write_forecast(folder, data)
    return write_report(folder, objective)
