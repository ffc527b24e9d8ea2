"""SegFormer's decoder with its linear maps in the cheap order: the same function, a fraction of the arithmetic.

smp scales every feature map to a quarter of the photo's side and then mixes 4 or 5 times the decoder's channels there.
Bilinear scaling and a 1x1 map commute, because the weights of the scaling sum to one; so each feature map can be mixed
at its own size, with both maps folded into one, and only the result is scaled and summed.
"""

import functools

import torch
import torch.nn.functional as functional
from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder
from torch import Tensor, nn


def speed_up_mlp_decoder(model: nn.Module) -> None:
    """Let the decoder of an smp Segformer compute in the cheap order; other models stay as they are."""
    decoder = getattr(model, "decoder", None)
    if isinstance(decoder, SegformerDecoder):
        decoder.forward = functools.partial(_forward, decoder)


def _forward(decoder: SegformerDecoder, features: list[Tensor]) -> Tensor:
    """What `SegformerDecoder.forward` returns, (B, C, H / 4, W / 4)."""
    size = [side // 4 for side in features[0].shape[2:]]
    stages = features[2:] if features[1].size(1) == 0 else features[1:]
    mix, *rest = decoder.fuse_stage
    parts = mix.weight.chunk(len(decoder.mlp_stage), dim=1)
    total: Tensor | None = None
    for feature, stage, part in zip(reversed(stages), decoder.mlp_stage, parts, strict=True):
        with torch.autocast(feature.device.type, enabled=False):
            weight = part[:, :, 0, 0] @ stage.linear.weight
            bias = part[:, :, 0, 0] @ stage.linear.bias
        if feature.shape[-1] > size[-1]:  # fewer pixels first
            feature = _scale(feature, size)
        mapped = _scale(functional.conv2d(feature, weight[:, :, None, None], bias), size)
        total = mapped if total is None else total + mapped
    for layer in rest:
        total = layer(total)
    assert total is not None
    return total


def _scale(feature: Tensor, size: list[int]) -> Tensor:
    if list(feature.shape[2:]) == size:
        return feature
    return functional.interpolate(feature, size=size, mode="bilinear", align_corners=False)
