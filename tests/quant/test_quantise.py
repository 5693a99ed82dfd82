"""Making 4-bit checkpoints: what is written is read, AWQ loses less than rounding, a killed run resumes."""

import filecmp
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from r1v.core import CheckpointError, ConfigError
from r1v.models import load
from r1v.models.config import LanguageConfig
from r1v.models.language import LanguageLayer
from r1v.ops import CausalAttention, rope_frequencies, rope_table
from r1v.ops.linear import AwqLinear, Int8Linear
from r1v.ops.rounding import quantise, quantise_rows, round_trip
from r1v.quant import QuantConfig, quantise_checkpoint
from r1v.quant.awq import LayerInputs, clip, search_layer
from r1v.quant.calibration import figure_chats
from r1v.quant.chat import load_chats, save_chats
from r1v.quant.compare import compare, mean
from r1v.quant.report import write_report

SETTINGS = QuantConfig(group_size=32, calibration="solutions", num_chats=4, max_tokens=60, search_tokens=128,
                       num_ratios=6)  # fmt: skip


@pytest.fixture(scope="module")
def quantised(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quantised") / "awq"
    quantise_checkpoint(tiny_checkpoint, folder, SETTINGS)
    return folder


def test_rounding_is_to_the_nearest_of_sixteen() -> None:
    weight = torch.randn(24, 64)
    rounded = quantise(weight, 32)
    assert torch.equal(rounded.widened(), round_trip(weight, 32))
    scales = rounded.scales.float().repeat_interleave(32, 1)
    assert bool(((rounded.widened() - weight).abs() <= 0.51 * scales + 2e-3).all())
    constant = quantise(torch.full((8, 32), 0.7), 32)  # 0 is always on the grid
    assert torch.allclose(constant.widened(), torch.full((8, 32), 0.7), rtol=1e-3)
    assert float(quantise(torch.zeros(8, 32), 32).widened().abs().max()) == 0
    codes, row_scales = quantise_rows(weight)
    assert float((codes * row_scales[:, None] - weight).abs().max()) <= 0.51 * float(row_scales.max())


def test_scales_keep_the_function_and_lower_the_error() -> None:
    torch.manual_seed(0)
    config = LanguageConfig(64, 64, 1, 4, 2, 16, 96)
    layer = LanguageLayer(config, 0)
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    x = torch.randn(256, 64) * torch.logspace(-1, 1, 64)
    y = torch.randn(256, 96) * torch.logspace(-1, 1, 96)
    cos, sin = rope_table(torch.arange(20)[None], rope_frequencies(config.rope, 16)[0], 1.0)
    states = torch.randn(1, 20, 64)
    before = layer(states, cos, sin, CausalAttention())
    choices = search_layer(layer, LayerInputs(x, x, x, y), 32, 10)
    assert [each.name for each in choices] == ["qkv", "out", "gate_up", "down"]
    assert all(each.scaled_error <= each.plain_error for each in choices)
    assert torch.allclose(layer(states, cos, sin, CausalAttention()), before, atol=1e-4)
    assert min(each.scaled_error / each.plain_error for each in choices) < 0.85
    before = layer.mlp.down.weight.clone()
    search_layer(layer, LayerInputs(x, x, x, y), 32, 1, clipping=True)
    assert not torch.equal(layer.mlp.down.weight, before)


def test_clipping_lowers_the_error_of_outputs() -> None:
    torch.manual_seed(1)
    weight, x = torch.randn(32, 64) ** 3, torch.randn(128, 64)
    clipped = weight.clone()
    clip(clipped, x, 32)
    error = [float(((round_trip(w, 32) - weight) @ x.T).square().mean()) for w in (weight, clipped)]
    assert error[1] < error[0]


def test_what_is_written_is_read(tiny_checkpoint: Path, quantised: Path) -> None:
    model, original = load(quantised), load(tiny_checkpoint)
    layers = [each for each in model.language.layers.modules() if isinstance(each, AwqLinear)]
    assert len(layers) == 8 and all(each.group_size == 32 for each in layers)
    values = json.loads((quantised / "config.json").read_text())["quantization_config"]
    assert values["version"] == "gemm" and "lm_head" in values["modules_to_not_convert"]
    assert torch.equal(model.vision.layers[0].mlp.fc1.weight, original.vision.layers[0].mlp.fc1.weight)
    ids = torch.randint(0, 250, (1, 40))
    with torch.no_grad():
        a, b = original(ids), load(quantised, widen=True)(ids)
    assert (
        float((a - b).square().mean() / a.square().mean()) < 0.25
    )  # random weights have nothing to hold on to
    assert (quantised / "tokenizer.json").is_file() and not list(quantised.parent.glob(".*"))


KILLED = """
import os, signal, sys
from pathlib import Path
from r1v.quant import QuantConfig, quantise_checkpoint

def progress(what, done, total):
    if what == "block" and done == 1:
        os.kill(os.getpid(), signal.SIGKILL)

quantise_checkpoint(Path(sys.argv[1]), Path(sys.argv[2]), {settings!r}, progress)
"""


def test_a_killed_run_resumes_to_the_same_bytes(
    tiny_checkpoint: Path, quantised: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    program = KILLED.format(settings=SETTINGS)
    found = subprocess.run([sys.executable, "-c", program, tiny_checkpoint, target], check=False)
    assert found.returncode == -signal.SIGKILL and not target.exists()
    with pytest.raises(ConfigError, match="other settings"):
        quantise_checkpoint(tiny_checkpoint, target, replace(SETTINGS, seed=5))
    seen = []
    quantise_checkpoint(
        tiny_checkpoint, target, SETTINGS, lambda what, done, total: seen.append((what, done))
    )
    assert ("block", 0) not in seen
    for path in quantised.iterdir():
        assert filecmp.cmp(path, target / path.name, shallow=False), path.name


def test_other_layout_and_an_eight_bit_tower(tiny_checkpoint: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, method="rtn", layout="release", vision_bits=8, max_shard_bytes=60_000)
    quantise_checkpoint(tiny_checkpoint, tmp_path / "out", settings)
    model, original = load(tmp_path / "out"), load(tiny_checkpoint)
    layer = model.vision.layers[1].attention.qkv
    assert isinstance(layer, Int8Linear) and len(list((tmp_path / "out").glob("*.safetensors"))) > 1
    expected = original.vision.layers[1].attention.qkv.weight
    assert float((layer.widened() - expected.detach()).abs().max()) <= 0.51 * float(layer.scales.max())


def test_what_is_refused(tiny_checkpoint: Path, quantised: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a multiple of 128"):
        quantise_checkpoint(tiny_checkpoint, tmp_path / "out", replace(SETTINGS, group_size=128))
    with pytest.raises(CheckpointError, match="quantised"):
        quantise_checkpoint(quantised, tmp_path / "out", SETTINGS)
    with pytest.raises(CheckpointError, match="exists already; choose another folder"):
        quantise_checkpoint(tiny_checkpoint, quantised, SETTINGS)
    for changes in (
        {"bits": 3},
        {"method": "gptq"},
        {"vision_bits": 4},
        {"calibration": "none"},
        {"num_chats": 0},
    ):
        with pytest.raises(ConfigError, match=next(iter(changes))):
            QuantConfig(**changes)


def test_chats_are_stored_whole(tiny_checkpoint: Path, tmp_path: Path) -> None:
    chats = figure_chats(tiny_checkpoint, "own", 2, max_tokens=12)
    save_chats(chats, tmp_path / "chats.safetensors")
    for a, b in zip(chats, load_chats(tmp_path / "chats.safetensors"), strict=True):
        assert a.token_ids == b.token_ids and a.num_prompt == b.num_prompt and (a.tiles == b.tiles).all()
        assert a.num_prompt < len(a.token_ids) <= a.num_prompt + 12


def test_an_interval_counts_chains_not_tokens() -> None:
    assert mean([3.0]).half is None
    plain = mean([1.0, 2.0, 3.0, 6.0])
    assert plain.value == 3 and plain.half == pytest.approx(1.96 * (14 / 3 / 4) ** 0.5)
    weighted = mean([2.0, 12.0], [2.0, 4.0])  # 1 a token over two tokens, 3 a token over four
    assert weighted.value == pytest.approx(14 / 6) and weighted.half == pytest.approx(1.96 * 8 / 3 * 2 / 6)


def test_compare_measures_and_reports(tiny_checkpoint: Path, quantised: Path, tmp_path: Path) -> None:
    same = compare(
        tiny_checkpoint, tiny_checkpoint, num_chats=2, num_questions=0, max_tokens=20, chains="solutions"
    )
    assert same.chains.kl.value == pytest.approx(0, abs=1e-6) and same.chains.agreement.value == 1
    assert same.chains.perplexity_a == same.chains.perplexity_b and same.answers_a is None
    found = compare(
        tiny_checkpoint, quantised, num_chats=2, num_questions=2, max_tokens=20, chains="solutions"
    )
    chains = found.chains
    assert 0 < chains.kl.value < 0.5 and chains.kl_max >= chains.kl.value and chains.nan_count == 0
    assert found.bytes_b < found.bytes_a and len(chains.layers) == 2 and chains.layers[1].error > 0
    assert found.answers_b is not None and len(found.answers_b.right) == found.answers_b.num_questions == 2
    assert found.accuracy_change is not None and found.length_change is not None
    write_report(found, tmp_path / "report")
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "comparison.json", "comparison.md", "layers.png", "lengths.png"
    }  # fmt: skip
    assert "| perplexity |" in (tmp_path / "report" / "comparison.md").read_text()


def test_the_commands(run_r1v: Any, tiny_checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "rtn"
    status, out, _ = run_r1v(
        "quantize", str(tiny_checkpoint), str(target), "--method", "rtn", "--group", "32"
    )
    assert status == 0 and "instead of" in out
    status, out, _ = run_r1v("compare", str(tiny_checkpoint), str(target), "--chats", "1", "--questions", "0",
                             "--max-tokens", "8", "--chains", "solutions")  # fmt: skip
    assert status == 0 and "| size |" in out
