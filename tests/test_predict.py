"""From logits to labels at native size."""

import numpy as np
import pytest
import torch

from trashseg_core.inference.predict import first_argmax, to_native


def test_ties_go_to_the_lower_label() -> None:
    scores = np.array([[1, 0, 2], [1, 3, 2], [0, 3, 1]], np.uint16)
    assert first_argmax(scores).tolist() == [0, 1, 0]


@pytest.mark.parametrize(("extent", "size"), [((32, 32), (128, 128)), ((24, 32), (75, 104)), ((32, 19), (16, 10))])
def test_scaling_equals_torch_bilinear_interpolation(extent: tuple[int, int], size: tuple[int, int]) -> None:
    logits = torch.randn(5, 32, 32, generator=torch.Generator().manual_seed(0))
    inside = logits[None, :, : extent[0], : extent[1]]
    expected = torch.nn.functional.interpolate(inside, size=size, mode="bilinear", align_corners=False)[0]
    assert torch.allclose(to_native(logits, extent, size), expected, atol=1e-3)
