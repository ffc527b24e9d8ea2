"""SegFormer's decoder in the cheap order is the same function."""

import copy

import pytest
import segmentation_models_pytorch as smp
import torch

from trashseg_core.networks.mlp_decoder import speed_up_mlp_decoder


@pytest.mark.parametrize("encoder_name", ["resnet18", "mit_b0"])
@pytest.mark.parametrize("training", [True, False])
def test_output_and_gradients_are_those_of_smp(encoder_name: str, training: bool) -> None:
    torch.manual_seed(0)
    model = smp.Segformer(encoder_name, encoder_weights=None, classes=3, decoder_segmentation_channels=16)
    model = model.double().train(training)
    fast = copy.deepcopy(model)
    speed_up_mlp_decoder(fast)
    images = torch.randn(2, 3, 96, 64, dtype=torch.float64)
    outputs = []
    for one in (model, fast):
        torch.manual_seed(1)  # drop-path of mit
        output = one(images)
        output.square().sum().backward()
        outputs.append(output)
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-9, atol=1e-9)
    found, expected = dict(fast.named_parameters()), dict(model.named_parameters())
    assert sum(weight.grad is not None for weight in expected.values()) > 20
    for name, weight in expected.items():
        if weight.grad is not None:
            torch.testing.assert_close(found[name].grad, weight.grad, rtol=1e-7, atol=1e-9, msg=name)


def test_it_mixes_at_the_stages_own_sizes() -> None:
    """The widest sum of smp's order, all stages side by side at a quarter of the side, is never made."""
    model = smp.Segformer("resnet18", encoder_weights=None, classes=3, decoder_segmentation_channels=16)
    speed_up_mlp_decoder(model)
    seen: list[torch.Size] = []
    model.decoder.fuse_stage[0].register_forward_hook(lambda *arguments: seen.append(arguments[2].shape))
    model.eval()(torch.zeros(1, 3, 64, 64))
    assert seen == []


def test_a_copy_computes_with_its_own_weights() -> None:
    model = smp.Segformer("resnet18", encoder_weights=None, classes=3, decoder_segmentation_channels=16).eval()
    speed_up_mlp_decoder(model)
    clone, images = copy.deepcopy(model), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        clone.decoder.mlp_stage[0].linear.weight.zero_()
        assert not torch.equal(clone(images), model(images))


def test_other_decoders_stay_as_they_are() -> None:
    model = smp.FPN("resnet18", encoder_weights=None, classes=3)
    speed_up_mlp_decoder(model)
    assert "forward" not in vars(model.decoder)
