"""`train` reports every epoch once, with numbers that a rerun, a resume and the confusion matrices repeat."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny import Reports, equal_weights, tiny_config, tiny_network
from trashseg_core import train as train_module
from trashseg_core.checkpoint import WEIGHTS, read_config, read_confusions, read_network, read_weights
from trashseg_core.config import TrialConfig
from trashseg_core.confusion import class_slugs, iou, miou, miou_low
from trashseg_core.data.cache import CachedSplit
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput
from trashseg_core.inference.scoring import score
from trashseg_core.losses import build_loss
from trashseg_core.train import TrainingFailed, train

TIMED = {"images_per_s", "epoch_s", "peak_memory_mb", "val_s_per_image"}
ALWAYS = {
    "val_miou",
    "val_miou_low",
    "val_loss",
    "train_loss",
    "epoch",
    "lr",
    "micro_batch_size",
    "parameters_m",
} | TIMED


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train two 1 x 1 convolutions with BatchNorm and dropout in place of a real network."""
    monkeypatch.setattr(train_module, "build_model", tiny_network)


@pytest.fixture
def folder(sample_folder: Path) -> DataFolder:
    return DataFolder(str(sample_folder))


def repeatable(metrics: list[dict[str, float]]) -> list[dict[str, float]]:
    """Metrics without those that measure time and memory."""
    return [{name: value for name, value in one.items() if name not in TIMED} for one in metrics]


def run(config: TrialConfig, data: TrainingData, folder: Path, **options: Any) -> Reports:
    folder.mkdir()
    reports = Reports(folder)
    train(config, data, reports, **options)
    return reports


@pytest.fixture(scope="module")
def real(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrialConfig, TrainingData, Reports]:
    """One training of a real network over three epochs."""
    config = tiny_config(epochs=3, augmix_ratio=0.5)
    data = open_data(DataFolder(str(sample_folder)), config)
    return config, data, run(config, data, tmp_path_factory.mktemp("real") / "reports")


def test_every_epoch_is_reported_once_and_in_order(real: tuple[TrialConfig, TrainingData, Reports]) -> None:
    assert [metrics["epoch"] for metrics in real[2].metrics] == [1, 2, 3]


def test_a_report_has_the_contract_s_keys_with_finite_flat_numbers(
    real: tuple[TrialConfig, TrainingData, Reports],
) -> None:
    allowed = {f"iou_{slug}" for slug in class_slugs(real[1].val.class_names)}
    for metrics in real[2].metrics:
        assert metrics.keys() - allowed == ALWAYS
        assert "iou_battery" in metrics
        assert all(type(value) in (int, float) and math.isfinite(value) for value in metrics.values())


def test_the_metrics_follow_from_the_stored_confusion_matrices(real: tuple[TrialConfig, TrainingData, Reports]) -> None:
    _, data, reports = real
    for metrics, checkpoint in zip(reports.metrics, reports.checkpoints, strict=True):
        stored = read_confusions(checkpoint)
        assert (stored.file_names, stored.class_names) == (data.val.file_names, data.val.class_names)
        total = stored.per_image.sum(axis=0)
        scores = zip(class_slugs(stored.class_names), iou(total), strict=True)
        assert {f"iou_{slug}": value for slug, value in scores if not math.isnan(value)} == {
            name: value for name, value in metrics.items() if name.startswith("iou_")
        }
        assert (metrics["val_miou"], metrics["val_miou_low"]) == (miou(total), miou_low(stored.per_image))


def test_the_stored_weights_score_what_was_reported(real: tuple[TrialConfig, TrainingData, Reports]) -> None:
    config, data, reports = real
    network = read_network(reports.checkpoints[-1], read_config(reports.checkpoints[-1]), data.val.num_classes)
    confusions, val_loss = score(network, config, data.val, build_loss(config))
    assert np.array_equal(confusions, read_confusions(reports.checkpoints[-1]).per_image)
    assert val_loss == reports.metrics[-1]["val_loss"]


def test_a_real_network_resumes_to_the_same_numbers(
    real: tuple[TrialConfig, TrainingData, Reports], tmp_path: Path
) -> None:
    config, data, whole = real
    rest = run(config, data, tmp_path / "rest", resume_from=whole.checkpoints[0])
    assert repeatable(rest.metrics) == repeatable(whole.metrics[1:])
    assert equal_weights(*(read_weights(one.checkpoints[-1] / WEIGHTS) for one in (whole, rest)))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("augmix", [0.0, 0.7])
@pytest.mark.parametrize("average", ["none", "ema", "swa"])
@pytest.mark.parametrize("optimizer", ["madgrad", "adamw", "sgd", "lion"])
def test_resumed_trial_reports_the_same_numbers_as_an_uninterrupted_one(
    folder: DataFolder, tmp_path: Path, optimizer: str, average: str, augmix: float
) -> None:
    config = tiny_config(
        epochs=3, optimizer=optimizer, weight_average=average, augmix_ratio=augmix, lr=0.01, swa_start=0.3
    )
    data = open_data(folder, config)
    whole = run(config, data, tmp_path / "whole")
    for stopped in (1, 2):
        rest = run(config, data, tmp_path / f"rest_{stopped}", resume_from=whole.checkpoints[stopped - 1])
        assert repeatable(rest.metrics) == repeatable(whole.metrics[stopped:])
        assert equal_weights(*(read_weights(one.checkpoints[-1] / WEIGHTS) for one in (whole, rest)))


@pytest.mark.usefixtures("quick")
def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(folder: DataFolder, tmp_path: Path) -> None:
    config = tiny_config(augment="strong", augmix_ratio=0.5)
    data = open_data(folder, config)
    first = run(config, data, tmp_path / "first", loader_threads=1)
    again = run(config, data, tmp_path / "again", loader_threads=2)
    other = run(tiny_config(augment="strong", augmix_ratio=0.5, seed=1), data, tmp_path / "other")
    assert repeatable(first.metrics) == repeatable(again.metrics)
    assert first.metrics[-1]["train_loss"] != other.metrics[-1]["train_loss"]


@pytest.mark.usefixtures("quick")
def test_a_finished_checkpoint_has_nothing_left_to_report(folder: DataFolder, tmp_path: Path) -> None:
    data = open_data(folder, tiny_config(epochs=1))
    whole = run(tiny_config(epochs=1), data, tmp_path / "whole")
    assert run(tiny_config(epochs=1), data, tmp_path / "rest", resume_from=whole.checkpoints[0]).metrics == []


@pytest.mark.usefixtures("quick")
def test_the_schedule_spans_all_epochs_and_does_not_notice_a_stop(folder: DataFolder, tmp_path: Path) -> None:
    config = tiny_config(epochs=4, warmup=0.0, lr=0.1)

    class Stopped(Exception):
        pass

    class UntilTwo(Reports):
        def __call__(self, metrics: dict[str, float], checkpoint: Path) -> None:
            super().__call__(metrics, checkpoint)
            if metrics["epoch"] == 2:
                raise Stopped

    (tmp_path / "stopped").mkdir()
    stopped = UntilTwo(tmp_path / "stopped")
    data = open_data(folder, config)
    with pytest.raises(Stopped, match="^$"):
        train(config, data, stopped)
    whole = run(config, data, tmp_path / "whole")
    assert [one["lr"] for one in stopped.metrics] == [one["lr"] for one in whole.metrics[:2]]
    assert whole.metrics[0]["lr"] > 0.09 > 0.01 > whole.metrics[-1]["lr"]


@pytest.mark.usefixtures("quick")
def test_a_loss_that_is_not_finite_ends_the_trial_with_its_reason_and_no_report(
    folder: DataFolder, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_module, "build_loss", lambda *_: lambda logits, target: logits.sum() * math.nan)
    with pytest.raises(TrainingFailed, match="The training loss is nan in epoch 1: diverged at lr=0.002"):
        train(tiny_config(), open_data(folder, tiny_config()), reports)
    assert reports.metrics == []


@pytest.mark.reliability("non-finite")
@pytest.mark.usefixtures("quick")
def test_a_diverging_trial_ends_and_never_reports_nan(folder: DataFolder, reports: Reports) -> None:
    config = tiny_config(optimizer="sgd", lr=10, momentum=0.99, weight_decay=1, warmup=0.0, epochs=200)
    with pytest.raises(
        TrainingFailed, match=r"(loss is (nan|inf) in epoch \d+: diverged at lr=10|diverged, or val|model diverged)"
    ):
        train(config, open_data(folder, config), reports)
    assert all(math.isfinite(value) for metrics in reports.metrics for value in metrics.values())


@pytest.mark.usefixtures("quick")
def test_a_validation_split_without_a_labelled_pixel_ends_the_trial(folder: DataFolder, reports: Reports) -> None:
    data = open_data(folder, tiny_config())
    blank = {"native": np.full_like(data.val.native, 255), "labels": np.full_like(data.val.labels, 255)}
    val = CachedSplit(**{**vars(data.val), **blank})
    with pytest.raises(TrainingFailed, match="val_miou is nan: the model diverged, or val has no labelled pixel"):
        train(tiny_config(), TrainingData(data.train, val), reports)
    assert reports.metrics == []


@pytest.mark.usefixtures("quick")
def test_room_is_asked_for_before_a_checkpoint_is_written(folder: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    asked: list[tuple[int, list[Path]]] = []
    written: list[int] = []

    def report(_: Any, checkpoint: Path) -> None:
        written.append(sum(path.stat().st_size for path in checkpoint.iterdir()))

    def make_room(needed: int) -> None:
        asked.append((needed, list((tmp_path / "scratch").iterdir())))

    data = open_data(folder, tiny_config())
    train(tiny_config(), data, report, scratch_dir=tmp_path / "scratch", make_room=make_room)
    assert [there for _, there in asked] == [[], []]
    assert all(needed >= taken for (needed, _), taken in zip(asked, written, strict=True))


@pytest.mark.usefixtures("quick")
def test_the_checkpoint_folder_is_gone_after_the_report(folder: DataFolder, tmp_path: Path) -> None:
    seen: list[Path] = []
    (tmp_path / "scratch").mkdir()
    data = open_data(folder, tiny_config())
    train(tiny_config(), data, lambda _, checkpoint: seen.append(checkpoint), scratch_dir=tmp_path / "scratch")
    assert [path.parent for path in seen] == [tmp_path / "scratch"] * 2
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("name", "value"), [("ema_decay", 0.0), ("optimizer", "sgd"), ("epochs", 5)])
def test_a_checkpoint_of_another_configuration_is_refused(
    folder: DataFolder, tmp_path: Path, name: str, value: Any
) -> None:
    data = open_data(folder, tiny_config())
    written = run(tiny_config(**{name: value}), data, tmp_path / "written")
    with pytest.raises(BadInput, match=f"`{name}` is .*, but {value!r} in .*config.json. Go on with the same"):
        run(tiny_config(), data, tmp_path / "rest", resume_from=written.checkpoints[0])
