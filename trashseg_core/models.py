"""The network of one trial: an smp decoder on an smp or timm encoder."""

import functools
import logging
from pickle import UnpicklingError

import segmentation_models_pytorch as smp
import timm
import torch
from segmentation_models_pytorch.encoders import encoders as smp_encoders
from torch import Tensor, nn

from trashseg_core.choices import DECODER_CHANNELS, DECODERS
from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput, did_you_mean
from trashseg_core.networks.depthwise import speed_up_depthwise
from trashseg_core.networks.mlp_decoder import speed_up_mlp_decoder
from trashseg_core.networks.pretrained import hub_weights, load_offline, normalisation, offline_file


class Network(nn.Module):
    """A segmentation model that takes photos as they are: uint8 in, logits out.

    Normalisation is part of the network, so that no caller can feed it twice or forget it.
    """

    model: nn.Module
    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map images uint8 (B, 3, H, W) in RGB to logits float (B, C, H, W)."""
        return self.with_presence(images)[0]

    @property
    def parameters_m(self) -> float:
        """Millions of weights."""
        return _count_weights(self.model) / 1e6

    def with_presence(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Also return the logits (B, C) of which classes are shown, from the auxiliary head, or None without one."""
        output = self.model((images - self.mean) / self.std)
        return output if isinstance(output, tuple) else (output, None)


def build_model(config: TrialConfig, num_classes: int, pretrained: bool = True) -> Network:
    """Create the network that a config describes.

    Args:
        pretrained: load the encoder's weights; False where a checkpoint follows anyway.

    Raises:
        BadInput: the encoder's weights are unknown or cannot be had.
    """
    _check_encoder(config.encoder_name)
    weights = hub_weights(config) if pretrained else None
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries would bury the one line below
    try:
        model = _create(config, num_classes, weights)
    except (OSError, RuntimeError, UnpicklingError) as error:
        if weights is None:
            raise
        reason = str(error).strip().splitlines()[0][:160]
        raise BadInput(
            f"The {config.encoder_weights} weights of {config.encoder_name} cannot be had ({reason}). Connect to the "
            "network once, choose an encoder of the extra `offline-weights`, or set `encoder_weights=none`."
        ) from None
    if pretrained and config.encoder_weights == "imagenet" and offline_file(config.encoder_name):
        load_offline(model.get_submodule("encoder"), config.encoder_name)
    network = Network(model, *normalisation(config))
    speed_up_depthwise(model)
    speed_up_mlp_decoder(model)
    if config.channels_last:
        network = network.to(memory_format=torch.channels_last)
    return network


@functools.lru_cache(maxsize=64)
def parameters_m(config: TrialConfig, num_classes: int) -> float:
    """Millions of weights of the network that a config describes, without making it where the encoder allows that."""
    return _count_weights(_create_empty(config, num_classes)) / 1e6


def weight_shapes(config: TrialConfig, num_classes: int) -> dict[str, tuple[int, ...]]:
    """Shape of every weight and buffer that a checkpoint of the network holds, by name.

    Raises:
        BadInput: the encoder does not exist, or does not go with the decoder.
    """
    _check_encoder(config.encoder_name)
    try:
        model = _create_empty(config, num_classes)
    except Exception as error:  # smp and timm raise many kinds
        given = f"{config.decoder_name} on {config.encoder_name}"
        raise BadInput(f"There is no network of {given} ({(str(error) or type(error).__name__)[:120]}).") from None
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


def _count_weights(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def check_model(config: TrialConfig) -> None:
    """Refuse an encoder that does not exist, or that does not work with the decoder at this image size.

    Raises:
        BadInput: with the encoders of a like name, or the decoders that work with this encoder.
    """
    name = config.encoder_name
    _check_encoder(name)
    hub_weights(config)
    fault = size_fault(name, config.decoder_name, config.predict_size)
    if fault:
        valid = [decoder for decoder in DECODERS if not size_fault(name, decoder, config.predict_size)]
        raise BadInput(
            f"Decoder {config.decoder_name} does not work with encoder {name} at {config.predict_size} px ({fault}). "
            f"Decoders that do: {', '.join(valid) or 'none'}."
        )


def _check_encoder(name: str) -> None:
    """Refuse an encoder that smp and timm do not have; timm would look for `hf-hub:…` on the network."""
    known = timm.list_models() if name.startswith("tu-") else list(smp_encoders)
    bare = name.removeprefix("tu-").split(".")[0] if name.startswith("tu-") else name  # timm: NAME.WEIGHTS
    if bare not in known:
        hint = did_you_mean(bare, known) or f" Encoders: {', '.join(smp_encoders)}, or tu-NAME of timm."
        raise BadInput(f"The value of `encoder_name` is {name[:80]!r}, which neither smp nor timm has.{hint}")


@functools.cache
def size_fault(encoder_name: str, decoder_name: str, size: int) -> str | None:
    """Build and run the pair without weights or memory; return what goes wrong, or None."""
    config = TrialConfig(encoder_name=encoder_name, decoder_name=decoder_name, encoder_weights="none")
    try:
        shape = _create_empty(config, 2).eval()(torch.empty(1, 3, size, size, device="meta")).shape
    except Exception as error:
        return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
    return None if shape == (1, 2, size, size) else f"its output is {tuple(shape[2:])}"


def _create_empty(config: TrialConfig, num_classes: int) -> nn.Module:
    """The model's shapes without memory for its weights."""
    try:
        with torch.device("meta"):
            return _create(config, num_classes, None)
    except RuntimeError as error:  # some encoders compute with numbers while they are built
        if "meta" not in str(error):
            raise
        return _create(config, num_classes, None).to("meta")


def _create(config: TrialConfig, num_classes: int, weights: str | bool | None) -> nn.Module:
    return smp.create_model(
        config.decoder_name,
        encoder_name=config.encoder_name,
        encoder_weights=weights,
        classes=num_classes,
        aux_params={"classes": num_classes} if config.presence_weight else None,
        **_decoder_channels(config),
    )


def _decoder_channels(config: TrialConfig) -> dict[str, int | tuple[int, ...]]:
    """smp's own channels of the decoder times `decoder_width`, in steps of 8, or 32 for FPN's GroupNorm."""
    if config.decoder_width == 1:
        return {}
    scaled: dict[str, int | tuple[int, ...]] = {}
    for name, channels in DECODER_CHANNELS[config.decoder_name].items():
        steps = [32 if count >= 128 else 8 for count in channels]
        wide = [
            max(step, round(count * config.decoder_width / step) * step)
            for count, step in zip(channels, steps, strict=True)
        ]
        scaled[name] = tuple(wide) if len(wide) > 1 else wide[0]
    return scaled
