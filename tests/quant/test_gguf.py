"""GGUF files: read back with the gguf package, every value in its place."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from r1v.core import ConfigError
from r1v.models import load
from r1v.models.hub import resolve_model
from r1v.prompt import Processor
from r1v.quant.gguf_export import CONTROL, export_gguf, read_tokenizer

gguf = pytest.importorskip("gguf", reason="the export needs the gguf package")


def tensors(path: Path) -> dict[str, np.ndarray]:
    """Names and values, widened."""
    reader = gguf.GGUFReader(path)
    return {each.name: gguf.quants.dequantize(each.data, each.tensor_type) for each in reader.tensors}


@pytest.mark.parametrize(("kind", "tolerance"), [("f32", 0.0), ("f16", 1e-3), ("q8_0", 0.02), ("q4_0", 0.3)])
def test_every_value_is_in_its_place(kind: str, tolerance: float, tmp_path: Path) -> None:
    nano = resolve_model("r1v-nano")
    text, tower = export_gguf(nano, tmp_path, kind)
    model, found, seen = load(nano, torch.float32), tensors(text), tensors(tower)
    layer = model.language.layers[2]
    q, k, v = layer.attention.qkv.weight.split((384, 128, 128))
    gate, up = layer.mlp.gate_up.weight.chunk(2)
    expected = {
        "blk.2.attn_q.weight": q, "blk.2.attn_k.weight": k, "blk.2.attn_v.weight": v,
        "blk.2.ffn_gate.weight": gate, "blk.2.ffn_up.weight": up,
        "blk.2.ffn_down.weight": layer.mlp.down.weight,
        "blk.2.attn_norm.weight": layer.attention_norm.weight,
        "token_embd.weight": model.language.embedding.weight,
    }  # fmt: skip
    for name, value in expected.items():
        wanted = value.detach().numpy()
        error = np.abs(found[name].reshape(wanted.shape) - wanted).max()
        assert error <= tolerance * np.abs(wanted).max(), name
    assert len(found) == 2 + 6 * (2 + 3 + 3 + 1 + 3)
    positions = model.vision.position_embedding[0].detach().numpy()
    assert np.array_equal(seen["v.position_embd.weight"][:-1], positions[1:])
    assert np.array_equal(seen["v.position_embd.weight"][-1], positions[0])
    assert np.array_equal(seen["v.blk.5.ls2.weight"], model.vision.layers[5].scale2.detach().numpy())
    assert len(seen) == 4 + 6 * 18 + 6


def test_the_tokenizer_goes_along(tmp_path: Path) -> None:
    nano = resolve_model("r1v-nano")
    text, _ = export_gguf(nano, tmp_path, "f16")
    fields = gguf.GGUFReader(text).fields
    assert fields["tokenizer.ggml.pre"].contents() == "qwen2"
    tokens, types, merges = read_tokenizer(nano, 1536)
    processor = Processor.from_folder(nano)
    assert tokens[processor.special.eos[0]] == "<|im_end|>" and types[processor.special.eos[0]] == CONTROL
    assert fields["tokenizer.ggml.tokens"].contents() == tokens and len(merges) > 1000
    assert fields["tokenizer.ggml.eos_token_id"].contents() == processor.special.eos[0]


def test_what_llama_cpp_cannot_compute_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="q3"):
        export_gguf(tiny_checkpoint, tmp_path, "q3")


def test_the_command(run_r1v: Any, tmp_path: Path) -> None:
    status, out, _ = run_r1v("export", "gguf", "r1v-nano", str(tmp_path / "out"), "--type", "q8_0")
    assert status == 0 and out.count("wrote") == 2
