"""Distillation: one student learns what an ensemble says (Hinton et al. 2015, arXiv 1503.02531)."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import Tensor

from trashseg_core import hardware
from trashseg_core.config import TrialConfig
from trashseg_core.data.label_maps import IGNORED
from trashseg_core.disk.files import file_digest
from trashseg_core.ensemble.bundle import DESCRIPTION, read_ensemble
from trashseg_core.ensemble.loading import LoadedEnsemble, load_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.inference.tta import resize_squares, scaled_size, tta_logits


@dataclass(frozen=True)
class Teacher:
    """An ensemble that is asked about every batch as it was augmented: exact under any geometry."""

    ensemble: LoadedEnsemble
    class_names: list[str]
    key: str
    """Hash of its description: a resumed training has the same teacher."""

    @torch.no_grad()
    def log_probabilities(self, images: Tensor, config: TrialConfig) -> Tensor:
        """What the ensemble says of training samples, up to a constant per pixel; its CRF is left out.

        Each member sees them at the scale that it was trained at.

        Args:
            images: uint8 (B, 3, S, S), on the device.
            config: the student's.

        Returns:
            float32 (B, C, S, S).
        """
        side, decision = images.shape[-1], self.ensemble.decision
        total = torch.zeros((), device=images.device)
        for member, share in zip(
            self.ensemble.members, torch.from_numpy(decision.weights).to(images.device), strict=True
        ):
            own = scaled_size(side, member.config.predict_size / config.predict_size)
            with hardware.autocast(member.config):
                logits = tta_logits(member.network.eval(), resize_squares(images, own), member.tta).float()
            total = total + share.view(1, -1, 1, 1) * resize_squares(logits, side).softmax(dim=1)
        offsets = torch.from_numpy(decision.offsets).to(images.device)
        return total.clamp(min=torch.finfo(torch.float32).tiny).log() + offsets.view(1, -1, 1, 1)


def load_teacher(folder: Path, class_names: list[str]) -> Teacher:
    """Load an ensemble folder as the teacher of a student with the same classes.

    Raises:
        BadInput: the ensemble cannot be used, or knows other classes.
    """
    ensemble = read_ensemble(folder)
    if ensemble.class_names != class_names:
        raise BadInput(
            f"{folder}: the teacher knows the classes {', '.join(ensemble.class_names)}, but the data has "
            f"{', '.join(class_names)}. Use an ensemble of the same data."
        )
    return Teacher(load_ensemble(folder, ensemble), class_names, file_digest(folder / DESCRIPTION))


def distillation_loss(logits: Tensor, teacher: Tensor, target: Tensor, temperature: float) -> Tensor:
    """T² · KL(teacher ‖ student), both softened by the temperature T; T² keeps the gradients' size (section 2.1).

    Args:
        logits: the student's, float (B, C, H, W).
        teacher: log-probabilities up to a constant per pixel, (B, C, H, W).
        target: int64 (B, H, W); pixels of 255 do not count.

    Returns:
        Scalar in nats, mean over the valid pixels; 0 where there are none.
    """
    student = functional.log_softmax(logits.float() / temperature, dim=1)
    softened = functional.log_softmax(teacher / temperature, dim=1)
    divergence = (softened.exp() * (softened - student)).sum(dim=1)
    valid = target != IGNORED
    return temperature**2 * (divergence * valid).sum() / valid.sum().clamp(min=1)
