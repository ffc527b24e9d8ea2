"""Preflight: everything that can be refused before a search starts, and the caches that all trials share."""

import os
import shutil
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from experiments.journal import Journal
from experiments.manifest import LOCK, Manifest, check_own, check_unchanged, read_own_manifest
from experiments.origin import FOLDER as ORIGIN
from experiments.origin import write_origin
from experiments.placement.resources import asked_gpus
from experiments.points.known_points import check_room, read_points
from experiments.points.sources import FILE as SOURCES
from experiments.points.sources import Sources, open_space
from experiments.points.space_check import check_space, draw_points, idle_pins, refuse_data_as_space
from experiments.points.time_limit import in_time
from experiments.points.warm_start import FILE as WARM_START
from experiments.points.warm_start import WarmStart, collect, read_warm_start
from experiments.settings import SearchSettings
from experiments.terminal import progress_line
from experiments.tracking.identity import TRACKING_ID
from experiments.whole_journal import read_whole_journal
from trashseg_core import __version__
from trashseg_core.config import TrialConfig
from trashseg_core.data.coco import Split
from trashseg_core.data.folder import DataFolder, check_same_classes
from trashseg_core.data.identity import data_digest
from trashseg_core.data.leaks import check_leak
from trashseg_core.errors import BadInput
from trashseg_core.training.shares import check_share


def make_folders(settings: SearchSettings) -> None:
    """Make the run folder, and the one for Ray's bookkeeping where that is elsewhere.

    Raises:
        BadInput: one cannot be made, or not be written to.
    """
    places = {"--out": (settings.out, settings.folder)}
    if settings.storage is not None and "://" not in settings.storage:
        places["--storage"] = (settings.storage, Path(settings.storage).absolute())
    for flag, (given, folder) in places.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise BadInput(
                f"`{flag} {given}`: {folder} cannot be written to ({error.strerror}). Give another."
            ) from None
    check_own(settings.folder)


def prepare(settings: SearchSettings, sources: Sources | None = None) -> Manifest:
    """Check a new search, build its caches and write its manifest. A refused one leaves no folder behind.

    Args:
        sources: configurations of an earlier search to choose among, and points to try.

    Raises:
        BadInput: the name is taken, or data, space, models or weights cannot be used.
    """
    try:
        return _prepare(settings, sources)
    except ValueError:
        if settings.folder.is_dir() and {path.name for path in settings.folder.iterdir()} <= {LOCK, SOURCES}:
            shutil.rmtree(settings.folder)
        raise


def _prepare(settings: SearchSettings, sources: Sources | None) -> Manifest:
    refuse_taken_name(settings.folder)
    check_gpus(settings)
    refuse_data_as_space(settings)
    if sources is not None:
        sources.write(settings.folder)
    with in_time(settings.space):
        space = open_space(settings)
        points = sources.points if sources is not None else read_points(settings.enqueue, space, settings.pins)
        if sources is None:
            check_room(len(points), settings.trials)
        configs = check_space(space, settings.pins, points)
        for sentence in idle_pins(space, settings.pins):
            print(f"warning: {sentence}", flush=True)
    for config in configs:
        check_share(config, settings.num_workers)
    splits = check_data(settings.data_folder)
    check_models(configs)
    manifest = Manifest(settings.anchored, __version__, *_signature(settings, splits), points)
    warm = gather_warm_start(manifest)
    build_caches(settings.data_folder, configs, splits)
    if warm is not None:
        warm.write(settings.folder)
    write_origin(manifest.settings, splits)
    for folder in (settings.folder / ORIGIN, settings.folder):  # a copy first: how it was started, whatever happens
        manifest.write(folder)
    journal = Journal(settings.folder / "journal.jsonl")
    journal.begin(settings.essentials)
    journal.close()
    return manifest


def check_gpus(settings: SearchSettings) -> None:
    """Refuse what this machine does not have before any work; of a cluster only Ray knows (`resources.plan_slots`).

    Raises:
        BadInput: more GPUs are asked for than torch finds here.
    """
    import torch

    (flag, asked), found = asked_gpus(settings), torch.cuda.device_count()
    optional = settings.gpus_per_trial is None and (settings.num_workers == 1 or not found)  # else on CPUs
    if settings.ray_address is None and asked > found and not optional:
        raise BadInput(f"`{flag}`, but there are {found} GPUs here. Ask for at most that many.")


def gather_warm_start(manifest: Manifest) -> WarmStart | None:
    """Gather the trials of the earlier searches that the settings name, and say which are left out and why.

    Raises:
        BadInput: a folder holds no search, or its state is damaged.
    """
    settings = manifest.settings
    if not settings.warm_start:
        return None
    needed = (settings.objective, *([settings.second_objective] if settings.second_objective else []))
    warm = collect(settings.warm_start, open_space(settings), settings.pins, manifest.data, needed, settings.limits)
    for sentence in warm.sentences():
        print(sentence, flush=True)
    return warm


def reopen(folder: Path, data: Path | None = None) -> Manifest:
    """Check that an interrupted search can go on as it was started.

    Args:
        data: where the data folder lies now, if elsewhere.

    Raises:
        BadInput: nothing to go on from, a folder of somebody else, or a changed space or data set.
    """
    manifest = read_own_manifest(folder)
    if data is not None:
        manifest.settings = replace(manifest.settings, data=str(data.absolute()))
    refuse_data_as_space(manifest.settings)
    journal = read_whole_journal(folder)
    if journal.header is None and not any(record.epochs for record in journal.trials.values()):
        raise BadInput(f"{folder}: the search was stopped before anything was saved. Start it again with `search`.")
    read_warm_start(folder)
    if not os.path.isdir(place := manifest.settings.data):
        raise BadInput(f"{place}: the search's data are not there. Say with `--data` where they are now.")
    splits = check_data(manifest.settings.data_folder)
    check_unchanged(manifest, *_signature(manifest.settings, splits), journal.header)
    if any(record.had_no_room for record in journal.trials.values()):
        with closing(Journal(folder / "journal.jsonl")) as writable:
            writable.retry_what_had_no_room()
        manifest.renew_budget()
    return manifest


def refuse_taken_name(folder: Path) -> None:
    """Refuse a folder that holds a search with at least one epoch.

    Raises:
        BadInput: with the command that goes on.
    """
    if any(record.epochs for record in read_whole_journal(folder).trials.values()):
        raise BadInput(f"{folder} holds a search already. Go on with `resume {folder}`, or choose another `--name`.")
    for name in ("journal.jsonl", WARM_START, SOURCES, TRACKING_ID):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "trials", ignore_errors=True)  # first checkpoints that were not recorded any more


def check_data(folder: DataFolder) -> dict[str, Split]:
    """Read all splits of a data folder and hold them against each other.

    Raises:
        BadInput: one cannot be used, val photos are in the train list, or the class tables differ.
    """
    splits = {"train": folder.read("train"), "val": folder.read("val")}
    if os.path.isfile(folder.split_path("test")):
        splits["test"] = folder.read("test")
    check_same_classes(list(splits.values()))
    check_leak(splits["train"], splits["val"])
    return splits


def check_models(configs: list[TrialConfig]) -> None:
    """Refuse pairs of encoder and decoder that do not work, and weights that cannot be had.

    Raises:
        BadInput: for the first such config.
    """
    from trashseg_core.models import build_model, check_model

    for config in configs:
        check_model(config)
    fetched = {(config.encoder_name, config.encoder_weights): config for config in configs}
    for config in fetched.values():
        if config.encoder_weights != "none":
            build_model(config, num_classes=2)


def build_caches(folder: DataFolder, configs: list[TrialConfig], splits: dict[str, Split]) -> None:
    """Decode train and val once at each training size of the space, and cut out the objects that augmix pastes.

    Says how much `skip_bad` leaves out.

    Raises:
        BadInput: a photo cannot be used, `augmix_classes` lists a class without objects, or there are no
            pseudo-labelled photos for a `pseudo_ratio`.
    """
    from trashseg_core.augment.class_list import listed_labels
    from trashseg_core.augment.object_bank import open_bank
    from trashseg_core.data.cache import open_split
    from trashseg_core.data.dataset import open_pseudo

    for name in ("train", "val"):
        for size in sorted({config.predict_size for config in configs}):
            show = progress_line(f"{name} photos decoded at {size} px")
            opened = open_split(folder, name, size, show, checked=splits[name])
        num_bad = len(splits[name].findings) + opened.num_skipped
        if num_bad:
            print(f"{name}: {num_bad} bad entries left out, {len(opened)} photos used", flush=True)
    for config in configs:
        if config.pseudo_ratio > 0:
            open_pseudo(folder, config.predict_size, splits["train"])
        if config.augmix_ratio > 0:
            bank = open_bank(folder, config.predict_size)
            listed_labels("augmix_classes", config.augmix_classes, opened.class_names, bank.labels)


def _signature(settings: SearchSettings, splits: dict[str, Split]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """What must not change between a start and a resume: the space's domains and the data's content."""
    with in_time(settings.space):
        _, domains = draw_points(open_space(settings), settings.pins)
    data = {name: data_digest(settings.data_folder, splits[name]) for name in ("train", "val")}
    if settings.pseudo is not None:
        pseudo = DataFolder(settings.pseudo)
        data["pseudo"] = data_digest(pseudo, pseudo.read("train"))
    return domains, data
