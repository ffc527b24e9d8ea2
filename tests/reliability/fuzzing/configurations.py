"""fuzz-configuration: a trial's configuration, the settings of a search, known points and assignments, mutated."""

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from experiments.manifest import Manifest, check_unchanged, read_manifest
from experiments.points.known_points import read_points
from experiments.points.space_check import check_space, default_point, draw_points, idle_pins
from experiments.settings import SearchSettings
from experiments.showing.run_status import read_status
from experiments.verbs.status_text import print_status
from search_spaces import load
from tests.reliability.fuzzing.byte_mutations import mutate_bytes
from tests.reliability.fuzzing.case import Case, each_of
from tests.reliability.fuzzing.json_mutations import NUMBERS, TEXTS, mutated_json
from tests.tiny import tiny_config, tiny_network
from trashseg_core import __version__
from trashseg_core.augment.pipelines import Pipeline
from trashseg_core.checkpoint import read_config
from trashseg_core.config import FIELDS, TrialConfig, parse_assignments
from trashseg_core.data.folder import DataFolder
from trashseg_core.disk.files import write_json
from trashseg_core.errors import BadInput
from trashseg_core.idle_settings import idle_settings
from trashseg_core.losses import build_loss
from trashseg_core.optim import build_average, build_optimizer, set_lr
from trashseg_core.training.schedules import lr_factor

SET = ["lr=1e-3", "image_size=128", "loss_mix=weights", "loss_ce=0.5", "channels_last=true", "augment=strong"]
SET_FILE = "set.txt"
FILES = {"config": "config.json", "manifest": "run/manifest.json", "points": "points.json"}


def make_configurations(folder: Path) -> None:
    """Write a configuration, a manifest with every setting given, points and assignments."""
    write_json(folder / FILES["config"], tiny_config().to_dict())
    given = {"time_budget": 60.0, "keep": 10, "disk_gb": 5.0, "folds": None, "grace_period": 2, "gpus_per_trial": 0.0}
    settings = SearchSettings("data", "quick", "run", str(folder), set=("image_size=64",), **given)
    (folder / "run").mkdir()
    space = load("quick")
    Manifest(settings, __version__, draw_points(space, settings.pins)[1], {"train": "a", "val": "b"}).write(
        folder / "run"
    )
    (folder / "run" / "journal.jsonl").write_text("")
    write_json(folder / FILES["points"], [default_point(space, settings.pins) | {"lr": 2e-3}, {"lr": 1.5e-3}])
    (folder / SET_FILE).write_text("\0".join(SET))


def configuration_cases(valid: Path) -> SearchStrategy[Case]:
    """One of the files mutated."""
    documents = {kind: json.loads((valid / name).read_text()) for kind, name in FILES.items()}

    @st.composite
    def case(draw: DrawFn) -> Case:
        kind = draw(st.sampled_from(("config", "config", "manifest", "manifest", "points", "set")))
        if kind == "set":
            words = list(SET)
            for _ in range(draw(st.sampled_from((1, 2, 3)))):
                words[draw(st.integers(0, len(words) - 1))] = draw(assignments())
            text, done = "\0".join(words).encode(errors="surrogatepass"), ""
            if draw(st.sampled_from((False, False, False, True))):
                text, done = mutate_bytes(draw, text)
            return Case({SET_FILE: text}, f"set {ascii(words)[:200]} {done}")
        content, done = draw(mutated_json(documents[kind]))
        return Case({FILES[kind]: content}, f"{FILES[kind]}: {done}")

    return case()


@st.composite
def assignments(draw: DrawFn) -> str:
    """A word of `--set`."""
    name = draw(st.sampled_from((*FIELDS, *TEXTS[:12], "LR", "lr ", "learning_rate")))
    value = draw(st.sampled_from((*NUMBERS, *TEXTS, "1_000", "0x10", "١", "1e3", "true", "False", "1.", "weights")))
    return f"{name}{draw(st.sampled_from(('=', '=', '=', '=', '==', ' = ', '')))}{value}"


def judge_configurations(folder: Path, scratch: Path, number: int, changed: Collection[str]) -> None:
    """Read all of it, and use what is accepted as a search and a training do."""
    acts = {
        FILES["config"]: lambda: judge_config(read_config(folder)),
        FILES["manifest"]: lambda: judge_manifest(folder / "run"),
        FILES["points"]: lambda: read_points((str(folder / FILES["points"]),), load("quick"), {"epochs": 9, "seed": 0}),
        SET_FILE: lambda: judge_assignments((folder / SET_FILE).read_bytes()),
    }
    each_of(*(act for name, act in acts.items() if name in changed))


def judge_config(config: TrialConfig) -> None:
    """Loss, optimizer, schedule and augmentation of a configuration that was accepted; all numbers are finite."""
    assert TrialConfig.from_params(json.loads(json.dumps(config.to_dict(), allow_nan=False))) == config
    idle_settings(FIELDS, [config])
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 4, 4, requires_grad=True), torch.randint(0, 3, (2, 4, 4))
    loss = build_loss(config)(logits, target)
    assert torch.isfinite(loss), f"the loss is {loss}"
    network = tiny_network(config, 3)
    optimizer = build_optimizer(config, network)
    for progress in (0.0, 0.1, 0.5, 0.999):
        factor = lr_factor(config, progress)
        assert 0 < factor <= 1, f"the learning rate's factor is {factor} at {progress}"
        set_lr(optimizer, config.lr * factor)
    build_average(config, network)
    Pipeline(config)


def judge_assignments(text: bytes) -> None:
    """Parse words of `--set`, and draw a space's points with them, as a preflight does."""
    words = tuple(word for word in text.decode(errors="surrogateescape").split("\0") if word)
    pins = parse_assignments(words)
    settings = SearchSettings("data", "quick", "name", set=words)
    check_space(load("quick"), settings.pins, [])
    idle_pins(load("quick"), pins)


def judge_manifest(run: Path) -> None:
    """Everything that is derived from the settings, the status, and the way to `resume`."""
    manifest = read_manifest(run)
    settings = manifest.settings
    derived = (
        settings.essentials,
        settings.ensemble_choices,
        settings.num_workers,
        settings.limits,
        settings.disk_bytes,
    )
    assert all(part is not derived for part in derived)
    assert isinstance(settings.data_folder, DataFolder) and replace(settings.anchored) == settings.anchored
    print_status(read_status(run))
    json.dumps(read_status(run).document(), allow_nan=False)
    if settings.space in ("quick", "baseline", "wide"):
        domains = draw_points(load(settings.space), settings.pins)[1]
        check_unchanged(manifest, domains, manifest.data, settings.essentials)
    elif settings.space.endswith(".py"):
        raise BadInput("a space of the user's own is code, and not loaded here")
    else:
        load(settings.space)
