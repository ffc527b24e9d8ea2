"""A student learns from an ensemble by the formula, on the pictures that it sees itself, and resumes exactly."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.test_ensemble_predict import make, network
from tests.tiny import Reports, equal_weights, tiny_config, tiny_network
from trashseg_core import train as train_module
from trashseg_core.checkpoint import WEIGHTS, read_weights, write_weights
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.bundle import Ensemble, Member, write_ensemble
from trashseg_core.ensemble.loading import LoadedEnsemble, LoadedMember
from trashseg_core.errors import BadInput
from trashseg_core.inference.decision import Decision
from trashseg_core.models import build_model
from trashseg_core.train import train
from trashseg_core.training.distillation import Teacher, distillation_loss, load_teacher
from trashseg_core.training.epoch import Parts, _loss
from trashseg_core.training.ranks import ALONE

NAMES = ["Background", "paper", "metal"]


def drawn(seed: int) -> Tensor:
    return torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_the_loss_is_the_divergence_of_softened_probabilities_times_t_squared(temperature: float) -> None:
    target = torch.zeros(2, 4, 5, dtype=torch.int64)
    target[0, 1] = 255
    p, q = ((one / temperature).softmax(dim=1) for one in (drawn(0), drawn(1)))
    per_pixel = (p * (p.log() - q.log())).sum(dim=1)
    expected = temperature**2 * per_pixel[target != 255].mean()
    loss = distillation_loss(drawn(1), drawn(0) + 7.0, target, temperature)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_a_student_that_says_what_the_teacher_says_has_nothing_to_learn() -> None:
    target = torch.zeros(2, 4, 5, dtype=torch.int64)
    assert float(distillation_loss(drawn(0), drawn(0), target, 2.0)) == pytest.approx(0, abs=1e-6)


def test_ignored_pixels_teach_nothing_even_where_there_are_no_others() -> None:
    logits = drawn(0).requires_grad_()
    loss = distillation_loss(logits, drawn(1), torch.full((2, 4, 5), 255), 2.0)
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_a_weight_of_a_quarter_leaves_three_quarters_to_the_labels() -> None:
    """Weights 0 and 1 alone, or one half, would not tell the teacher's share from the labels'."""
    logits, soft = torch.randn(1, 3, 2, 2), torch.randn(1, 3, 2, 2).log_softmax(dim=1)
    labels = torch.zeros(1, 2, 2, dtype=torch.long)
    fixed = {
        "network": SimpleNamespace(with_presence=lambda images: (logits, None)),
        "teacher": SimpleNamespace(log_probabilities=lambda images, config: soft),
        "loss": lambda one, other: torch.tensor(7.0),
        "ranks": ALONE,
    }
    value = _loss(tiny_config(distill_weight=0.25), cast(Parts, SimpleNamespace(**fixed)), logits, labels, None)
    distilled = distillation_loss(logits, soft, labels, tiny_config().distill_temperature)
    assert float(value) == pytest.approx(0.75 * 7.0 + 0.25 * float(distilled))


def pictures(size: int = 64) -> Tensor:
    return torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_the_teacher_says_the_log_of_the_weighted_mean_plus_its_offsets() -> None:
    ensemble = make(offsets=(0.5, -0.5, 0.0))
    ensemble = replace(ensemble, members=[one._replace(config=tiny_config()) for one in ensemble.members])
    with torch.no_grad():
        first, second = (member.network(pictures()).softmax(dim=1) for member in ensemble.members)
    expected = (0.75 * first + 0.25 * second).log() + torch.tensor([0.5, -0.5, 0.0]).view(1, 3, 1, 1)
    said = Teacher(ensemble, NAMES, "").log_probabilities(pictures(), tiny_config())
    torch.testing.assert_close(said, expected, atol=1e-5, rtol=0)
    assert not said.requires_grad


@pytest.mark.parametrize(("image_size", "source_size", "seen"), [(64, 0, 96), (32, 64, 64), (96, 0, 96)])
def test_a_member_sees_the_student_s_pictures_at_its_own_scale(image_size: int, source_size: int, seen: int) -> None:
    """A member of 96 px: twice the crop's 32 px, rounded to 64, where the student's photos have 64 px."""
    sides = []
    watched = network(0)
    watched.register_forward_pre_hook(lambda _, given: sides.append(given[0].shape[-1]))
    member = LoadedMember(watched, tiny_config(image_size=96))
    teacher = Teacher(
        LoadedEnsemble([member], Decision(np.ones((1, 3), np.float32), np.zeros(3, np.float32))), NAMES, ""
    )
    student = tiny_config(image_size=image_size, source_size=source_size)
    assert teacher.log_probabilities(pictures(image_size), student).shape == (2, 3, image_size, image_size)
    assert sides == [seen]


@pytest.fixture
def data(sample_folder: Path) -> TrainingData:
    return open_data(DataFolder(str(sample_folder)), tiny_config())


@pytest.fixture
def bundle(tmp_path: Path, data: TrainingData) -> Path:
    """An ensemble of one random network with the data's classes."""
    torch.manual_seed(0)
    (tmp_path / "checkpoint").mkdir()
    names = data.train.class_names
    write_weights(tmp_path / "checkpoint", tiny_config(), build_model(tiny_config(), len(names)).model)
    member = Member("t0000", 1.0, 64, [0.5] * 3, [0.5] * 3)
    ensemble = Ensemble([member], names, {}, 0.5, 0.5, [], {})
    write_ensemble(tmp_path / "ensemble", ensemble, {"t0000": tmp_path / "checkpoint"})
    return tmp_path / "ensemble"


def learn(data: TrainingData, folder: Path, teacher: Teacher | None, **options: Any) -> Reports:
    folder.mkdir()
    reports = Reports(folder)
    weight = options.pop("weight", 0.5)
    train(tiny_config(epochs=2, distill_weight=weight), data, reports, teacher=teacher, **options)
    return reports


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The student is two 1 x 1 convolutions."""
    monkeypatch.setattr(train_module, "build_model", tiny_network)


@pytest.mark.usefixtures("quick")
def test_a_resumed_student_learns_as_an_uninterrupted_one(data: TrainingData, bundle: Path, tmp_path: Path) -> None:
    teacher = load_teacher(bundle, data.train.class_names)
    whole = learn(data, tmp_path / "whole", teacher)
    rest = learn(data, tmp_path / "rest", teacher, resume_from=whole.checkpoints[0])
    assert equal_weights(*(read_weights(one.checkpoints[-1] / WEIGHTS) for one in (whole, rest)))
    assert rest.metrics[-1]["train_loss"] == whole.metrics[-1]["train_loss"]


@pytest.mark.usefixtures("quick")
def test_the_teacher_decides_what_is_learned(data: TrainingData, bundle: Path, tmp_path: Path) -> None:
    teacher = load_teacher(bundle, data.train.class_names)
    alone = learn(data, tmp_path / "alone", None, weight=0.0)
    taught = learn(data, tmp_path / "taught", teacher)
    assert taught.metrics[0]["train_loss"] != alone.metrics[0]["train_loss"]


@pytest.mark.usefixtures("quick")
def test_another_teacher_does_not_go_on(data: TrainingData, bundle: Path, tmp_path: Path) -> None:
    teacher = load_teacher(bundle, data.train.class_names)
    whole = learn(data, tmp_path / "whole", teacher)
    with pytest.raises(BadInput, match="learned from another teacher. Go on with the same ensemble, or start anew"):
        learn(data, tmp_path / "rest", replace(teacher, key="another"), resume_from=whole.checkpoints[0])


@pytest.mark.parametrize(("weight", "given"), [(0.5, "without"), (0.0, "with")])
def test_a_weight_without_a_teacher_or_the_reverse_is_refused(
    data: TrainingData, bundle: Path, tmp_path: Path, weight: float, given: str
) -> None:
    teacher = load_teacher(bundle, data.train.class_names) if given == "with" else None
    with pytest.raises(BadInput, match=f"`distill_weight` is {weight:g} {given} a teacher. Learn from an ensemble"):
        learn(data, tmp_path / "refused", teacher, weight=weight)


def test_a_teacher_of_other_classes_is_refused(bundle: Path) -> None:
    with pytest.raises(
        BadInput, match="the teacher knows the classes Background, .*, but the data has Background, paper"
    ):
        load_teacher(bundle, NAMES)
