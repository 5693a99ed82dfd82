"""`r1v inspect`, `r1v convert` and `r1v assemble`, as a user runs them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from r1v.models import load

Run = Any


def test_inspect_shows_a_tree(run_r1v: Run, tiny_checkpoint: Path) -> None:
    status, out, _ = run_r1v("inspect", str(tiny_checkpoint))
    assert status == 0
    for words in ("transformers-native layout", "vision:", "projector:", "language:", "InternViT: 2 layers",
                  "1 to 2 tiles an image", "4 tokens a tile", "context: 512 tokens",
                  "float32", "tied"):  # fmt: skip
        assert words in " ".join(out.split()), words


def test_inspect_as_json(run_r1v: Run, tiny_checkpoint: Path) -> None:
    status, out, _ = run_r1v("inspect", str(tiny_checkpoint), "--json")
    found = json.loads(out)
    model = load(tiny_checkpoint)
    assert status == 0 and found["problem"] is None and found["kind"] == "native"
    assert sum(found["parameters"].values()) == sum(parameter.numel() for parameter in model.parameters())
    assert found["stored_bytes"] == 4 * sum(found["parameters"].values()) and found["dtypes"] == {
        "float32": 1.0
    }


def test_inspect_tells_what_is_wrong(run_r1v: Run, tiny_checkpoint: Path, tmp_path: Path) -> None:
    values = json.loads((tiny_checkpoint / "config.json").read_text())
    values["text_config"]["num_hidden_layers"] = 3
    (tmp_path / "config.json").write_text(json.dumps(values))
    (tmp_path / "model.safetensors").write_bytes((tiny_checkpoint / "model.safetensors").read_bytes())
    status, out, _ = run_r1v("inspect", str(tmp_path))
    assert status == 1 and "cannot be loaded" in out and "missing tensors" in " ".join(out.split())
    values["quantization_config"] = {"quant_method": "awq", "bits": 4, "group_size": 128}
    (tmp_path / "config.json").write_text(json.dumps(values))
    status, out, _ = run_r1v("inspect", str(tmp_path), "--json")
    assert json.loads(out)["quantisation"] == "awq, 4 bits, group 128"
    status, out, error = run_r1v("inspect", str(tmp_path / "nowhere"))
    assert status == 1 and error.startswith("r1v: ") and "is neither a folder nor a known model" in error


def test_convert_there_and_back(run_r1v: Run, tiny_checkpoint: Path, tmp_path: Path) -> None:
    release, back = tmp_path / "release", tmp_path / "back"
    assert run_r1v("convert", str(tiny_checkpoint), str(release), "--layout", "release")[0] == 0
    status, out, _ = run_r1v(
        "convert", str(release), str(back), "--layout", "native", "--max-shard-mb", "0.1"
    )
    assert status == 0 and str(back) in out
    tensors: dict[str, torch.Tensor] = {}
    for path in sorted(back.glob("*.safetensors")):
        tensors |= load_file(path)
    original = load_file(tiny_checkpoint / "model.safetensors")
    assert tensors.keys() == original.keys()
    assert all(torch.equal(value, original[name]) for name, value in tensors.items())
    for name in ("tokenizer.json", "chat_template.jinja", "generation_config.json"):
        assert (back / name).read_bytes() == (tiny_checkpoint / name).read_bytes()
    assert len(list(back.glob("*.safetensors"))) > 1
    status, _, error = run_r1v("convert", str(release), str(back), "--layout", "native")
    assert status == 1 and "exists already; choose another folder" in error and "remove" not in error
    status, _, error = run_r1v("convert", str(release), str(tmp_path / "x"), "--layout", "native",
                               "--max-shard-mb", "-1")  # fmt: skip
    assert status == 1 and "--max-shard-mb" in error


def test_assemble(run_r1v: Run, tiny_checkpoint: Path, tmp_path: Path) -> None:
    out_folder = tmp_path / "out"
    status, out, _ = run_r1v(
        "assemble", "--vision", str(tiny_checkpoint), "--llm", str(tiny_checkpoint),
        "--projector", str(tiny_checkpoint), "--out", str(out_folder), "--dtype", "bfloat16",
    )  # fmt: skip
    assert status == 0 and "assembly.json" in out and "<IMG_CONTEXT>" in out
    expected = load(tiny_checkpoint, torch.bfloat16)
    for one, other in zip(load(out_folder).parameters(), expected.parameters(), strict=True):
        assert torch.equal(one, other)
    status, _, error = run_r1v(
        "assemble", "--vision", str(tiny_checkpoint), "--llm", str(tiny_checkpoint),
        "--out", str(tmp_path / "x"), "--chat-template", str(tmp_path / "none.jinja"),
    )  # fmt: skip
    assert status == 1 and "cannot be read" in error


@pytest.mark.parametrize("command", ["inspect", "convert", "assemble"])
def test_help(run_r1v: Run, command: str) -> None:
    status, out, _ = run_r1v(command, "--help")
    assert status == 0 and "usage: r1v" in out
