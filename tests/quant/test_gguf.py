"""GGUF files: read back with the gguf package, every value in its place."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from r1v.core import ConfigError
from r1v.models import load, read_config
from r1v.models.gguf.convert import convert_gguf
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


YARN = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 128}


def language_model(folder: Path, family: str, rope: dict[str, Any]) -> Path:
    """A small language model in a folder, with R1V-Nano's tokenizer."""
    from tests.models.gguf_files import hf_model

    ids = {"eos_token_id": 1530, "pad_token_id": 1528}
    hf_model(family, rope_parameters=rope, **ids).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(resolve_model("r1v-nano") / file, folder)
    return folder


@pytest.mark.parametrize("family", ["qwen2", "qwen3"])
@pytest.mark.parametrize("rope", [{"rope_type": "default", "rope_theta": 1e6}, YARN])
def test_a_language_model_comes_back_as_it_was(family: str, rope: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="it writes the model")
    source = language_model(tmp_path / "model", family, rope)
    (file,) = export_gguf(source, tmp_path / "files", "f32")
    convert_gguf(file, tmp_path / "back")
    before, after = read_config(source).language, read_config(tmp_path / "back").language
    assert after.rope == before.rope and after.context_length == before.context_length
    assert replace(after, max_position_embeddings=before.max_position_embeddings) == before
    weights = load(source).state_dict(), load(tmp_path / "back").state_dict()
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_what_llama_cpp_cannot_compute_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="q3"):
        export_gguf(tiny_checkpoint, tmp_path, "q3")
    pytest.importorskip("transformers", reason="it writes the model")
    own = language_model(tmp_path / "model", "qwen2", YARN | {"attention_factor": 2.0})
    with pytest.raises(ConfigError, match="YaRN with settings of its own"):
        export_gguf(own, tmp_path / "files", "f32")


def test_the_command(run_r1v: Any, tmp_path: Path) -> None:
    status, out, _ = run_r1v("export", "gguf", "r1v-nano", str(tmp_path / "out"), "--type", "q8_0")
    assert status == 0 and out.count("wrote") == 2
