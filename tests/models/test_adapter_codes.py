"""An adapter's matrices in four bits: what comes back, how near it is, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from r1v.core import CheckpointError
from r1v.models import load
from r1v.models.adapter import adapted, read_adapter, save_adapter
from r1v.models.adapter_codes import GROUP, rounded, widened


def test_numbers_on_the_grid_come_back_exactly() -> None:
    """Codes and scales are read here by numpy alone."""
    codes = torch.arange(-7, 8).repeat(35)[: GROUP * 8].view(4, GROUP * 2).float()
    matrix = codes * torch.tensor([[0.5], [2.0], [0.125], [1.0]])
    stored, shapes = rounded({"a": matrix, "b": matrix.T.contiguous(), "c": torch.tensor([0.5, -2.0])})
    for name, value in widened(stored, shapes).items():
        assert torch.equal(value, {"a": matrix, "b": matrix.T, "c": torch.tensor([0.5, -2.0])}[name])
    packed, scales = stored["a.codes"].numpy(), stored["a.scales"].numpy().astype(np.float32)
    read = np.stack((packed & 15, packed >> 4), -1).reshape(-1, GROUP).astype(np.float32) - 8
    assert np.array_equal((read * scales[:, None]).reshape(4, -1), matrix.numpy())
    assert packed.nbytes == matrix.numel() // 2


@pytest.mark.parametrize("shape", [(5, 130), (130, 5), (3, 3), (64, 64), (1, 200)])
def test_other_numbers_come_back_within_half_a_step(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(shape[0])
    matrix = torch.randn(shape, generator=generator)
    stored, shapes = rounded({"a": matrix})
    found = widened(stored, shapes)["a"]
    assert found.shape == matrix.shape
    assert (found - matrix).abs().max() <= 0.51 * matrix.abs().max()  # the largest may be cut to 0.65
    assert (found - matrix).square().sum() <= (0.16**2) * matrix.square().sum()


def test_columns_of_zeros_take_no_room() -> None:
    matrix = torch.zeros(128, 256)
    matrix[:, :64] = 7.0
    stored, shapes = rounded({"a": matrix, "nothing": torch.zeros(4, 4)})
    assert stored["a.codes"].numel() == 128 * 64 // 2
    found = widened(stored, shapes)
    assert torch.equal(found["a"], matrix) and not found["nothing"].any()


def test_an_adapter_in_four_bits_is_read_as_any_other(tiny_checkpoint: Path, tmp_path: Path) -> None:
    base = load(tiny_checkpoint)
    name = "language.layers.0.mlp.down.weight"
    rows, columns = base.get_parameter(name).shape
    pair = {f"{name}.up": torch.ones(rows, 2), f"{name}.down": torch.full((2, columns), 0.5)}
    save_adapter(tmp_path, base, pair, four_bit=True)
    twin = adapted(base, read_adapter(tmp_path, base))
    assert torch.allclose(twin.get_parameter(name), base.get_parameter(name) + 1.0, atol=1e-3)
    assert twin.get_parameter("language.norm.weight") is base.get_parameter("language.norm.weight")


def test_a_whole_tower_comes_back(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Its class embedding, positions and patches have three and four axes, and are kept in float16."""
    base = load(tiny_checkpoint)
    tower = {name: value for name, value in base.named_parameters() if name.startswith("vision.")}
    assert {value.dim() for value in tower.values()} == {1, 2, 3, 4}
    save_adapter(tmp_path, base, tower, four_bit=True)
    found = read_adapter(tmp_path, base)
    for name, value in tower.items():
        if value.dim() == 2:
            assert found[name].shape == value.shape
        else:
            assert torch.equal(found[name], value.detach().half().float()), name


def test_codes_that_do_not_fit_are_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    base = load(tiny_checkpoint)
    save_adapter(
        tmp_path, base, {"projector.fc1.weight": base.get_parameter("projector.fc1.weight")}, four_bit=True
    )
    about = tmp_path / "adapter" / "adapter.json"
    text = about.read_text()
    for wrong in ('"projector.fc1.weight": [9, 9, 9]', '"projector.fc1.weight": [9, 9]', '"x": [9, 9, 9]'):
        start = text.index('"projector.fc1.weight"')
        about.write_text(text[:start] + wrong + text[text.index("]", start) + 1 :])
        with pytest.raises(CheckpointError, match="codes"):
            read_adapter(tmp_path, base)
