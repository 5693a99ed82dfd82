"""The tower as the engine runs it on a CPU, against the modules in float32."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from r1v.engine.tower_cpu import PanelAttention, TiledLayer
from r1v.engine.weights import prepare
from r1v.models import R1V
from r1v.ops import isa
from tests.engine.tiny import tiny_model


@pytest.mark.parametrize("changes", [
    {},
    {"activation": "gelu_pytorch_tanh"},
    {"qk_norm": True, "norm_type": "rms_norm", "qkv_bias": False},
])  # fmt: skip
def test_layers_compute_what_the_modules_do(changes: dict[str, Any]) -> None:
    """Two tiles of 65 patches, two heads of 32. Without tiles the layers are the modules themselves; with
    AVX2 alone their attention is ours."""
    config = tiny_model().config
    assert config.vision is not None
    vision = replace(
        config.vision, hidden_size=64, intermediate_size=96, num_layers=2, image_size=32, **changes
    )
    model = R1V(replace(config, vision=vision)).eval()
    model.initialise(1)
    with torch.no_grad():
        for name, parameter in model.vision.named_parameters():
            parameter.mul_(8.0 if parameter.dim() > 1 else 1.0)
            if "scale" in name:
                parameter.uniform_(0.5, 1.5)
    model = model.bfloat16()
    run = prepare(model, "packed")
    level = isa.features().kernel_level
    tiled = level == "amx"
    panels = [isinstance(layer.attention, PanelAttention) for layer in run.model.vision.layers]
    assert set(panels) == {level == "avx2"}
    assert all(isinstance(layer, TiledLayer) == tiled for layer in run.model.vision.layers)
    pixels = torch.randn(2, 3, 32, 32).bfloat16()
    with torch.inference_mode():
        got = run.model.vision(pixels)
        expected = model.float().vision(pixels.float())
    assert got.shape == expected.shape
    assert float((got.float() - expected).norm() / expected.norm()) < 0.02


def test_tiles_do_not_depend_on_each_other() -> None:
    model = tiny_model(2, torch.bfloat16)
    run = prepare(model, "packed")
    pixels = torch.randn(3, 3, 16, 16).to(run.dtype)
    with torch.inference_mode():
        together = run.model.encode_images(pixels)
        alone = torch.cat([run.model.encode_images(pixel[None]) for pixel in pixels])
    assert torch.allclose(together.float(), alone.float(), atol=0.02 * float(alone.float().std()))
