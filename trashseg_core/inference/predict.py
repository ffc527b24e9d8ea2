"""From photos to logits at their native size, and to label maps."""

import cv2
import numpy as np
import torch
from torch import Tensor

from trashseg_core.config import TrialConfig
from trashseg_core.hardware import autocast, device
from trashseg_core.inference.tta import tta_logits
from trashseg_core.models import Network


@torch.inference_mode()
def predict_logits(network: Network, config: TrialConfig, images: np.ndarray, tta: str = "none") -> Tensor:
    """Run the network, in evaluation mode, over fitted photos.

    Args:
        images: uint8 (B, S, S, 3), RGB.
        tta: views that are averaged, a name of `tta.TTA_SETS`.

    Returns:
        float32 (B, C, S, S) on the CPU.
    """
    batch = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).to(device(), non_blocking=True)
    with autocast(config):
        logits = tta_logits(network.eval(), batch, tta).cpu()
    return logits.to(torch.float32, memory_format=torch.contiguous_format)  # plane after plane, for all that follows


def to_native(logits: Tensor, extent: tuple[int, int], size: tuple[int, int], out: np.ndarray | None = None) -> Tensor:
    """Cut the padding off and scale logits bilinearly to the photo's own size.

    OpenCV scales plane by plane seven times faster than torch's `interpolate` on one CPU core, to the same values
    (`align_corners=False`).

    Args:
        logits: float32 (C, S, S) on the CPU.
        extent: height and width in px that the photo fills of the square.
        size: native height and width in px.
        out: float32 (C, H, W) to write into; fresh memory costs as much as the scaling.

    Returns:
        float32 (C, H, W).
    """
    planes = logits.numpy()[:, : extent[0], : extent[1]]
    native = np.empty((len(planes), *size), np.float32) if out is None else out
    for source, target in zip(planes, native, strict=True):
        cv2.resize(source, (size[1], size[0]), target, interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(native)


def argmax_labels(scores: Tensor) -> np.ndarray:
    """Label of the highest score per pixel, ties to the lower label.

    Args:
        scores: float (C, H, W).

    Returns:
        uint8 (H, W).
    """
    return first_argmax(scores.numpy())


def first_argmax(scores: np.ndarray) -> np.ndarray:
    """Argmax over the first axis, ties to the lower index; without branches, so that it is quick for few classes.

    Args:
        scores: (C, ...), C at most 256.

    Returns:
        uint8 (...).
    """
    best, labels = scores[0].copy(), np.zeros(scores.shape[1:], np.uint8)
    for label in range(1, len(scores)):
        higher = (scores[label] > best).view(np.uint8) * np.uint8(label)
        np.maximum(labels, higher, out=labels)  # labels ascend, so the later one is the greater
        np.maximum(best, scores[label], out=best)
    return labels
