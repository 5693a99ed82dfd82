"""Checkpoints in 8-bit floating point: read to the values of their definitions and of their own libraries,
run by the engine; refused where the form is another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from r1v.core import CheckpointError, SamplingParams
from r1v.engine import Engine, EngineConfig, EngineIds, EngineRequest
from r1v.engine.weights import prepare, resolve_format
from r1v.models import load, save
from r1v.models.quantised import codes_of
from r1v.ops.linear import Float8Linear
from tests.models.test_awq import LINEARS, tiny

CODES = torch.float8_e4m3fn
FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic"}
BLOCKS = {**FP8, "weight_block_size": [24, 40]}  # neither divides 64 outputs or 64 and 96 inputs


def float_section(strategy: str, inputs: Any = None, **changes: Any) -> dict[str, Any]:
    weights = {"num_bits": 8, "type": "float", "strategy": strategy, "symmetric": True, "dynamic": False}
    inputs = {"num_bits": 8, "type": "float", "strategy": "token", "dynamic": True, **(inputs or {})}
    group = {"targets": ["Linear"], "weights": {**weights, **changes}, "input_activations": inputs}
    return {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"a": group}}


# what a form is called -> its section, a layer's scales (rows, columns) -> shape, the name and dtype of them
FORMS: dict[str, tuple[dict[str, Any], Callable[[int, int], tuple[int, ...]], str, torch.dtype]] = {
    "channel": (float_section("channel"), lambda n, k: (n, 1), "weight_scale", torch.bfloat16),
    "channel, flat": (float_section("channel"), lambda n, k: (n,), "weight_scale", torch.float32),
    "tensor": (float_section("tensor"), lambda n, k: (1,), "weight_scale", torch.bfloat16),
    "tensor, static inputs": (float_section("tensor", {"strategy": "tensor", "dynamic": False}),
                              lambda n, k: (1,), "weight_scale", torch.float32),
    "rectangles": (float_section("block", block_structure=[24, 40]),
                   lambda n, k: (-(-n // 24), -(-k // 40)), "weight_scale", torch.bfloat16),
    "fp8": (FP8, lambda n, k: (), "weight_scale", torch.float32),
    "fp8, rectangles": (BLOCKS, lambda n, k: (-(-n // 24), -(-k // 40)), "weight_scale_inv", torch.float32),
}  # fmt: skip


def folder_of(path: Path, form: str, layout: str = "native") -> tuple[Path, dict[str, torch.Tensor]]:
    """A checkpoint whose language layers hold random codes, and their values (N, K) by the layers' names."""
    section, shape_of, scale_name, dtype = FORMS[form]
    save(tiny(), path, layout)  # type: ignore[arg-type]
    tensors, values, random_ = load_file(path / "model.safetensors"), {}, torch.Generator().manual_seed(1)
    for name in [each for each in tensors if each.split(".")[-2] in LINEARS and "language_model" in each]:
        if not name.endswith(".weight"):
            continue
        rows, columns = tensors[name].shape
        base, shape = name.removesuffix(".weight"), shape_of(rows, columns)
        codes = torch.randn(rows, columns, generator=random_).mul(60).clamp(-448, 448).to(CODES)
        scales = torch.rand(shape, generator=random_).mul(0.001).add(0.0005).to(dtype)
        grid = scales.float().reshape(shape if len(shape) == 2 else (-1, 1))
        tall, wide = grid.shape
        height = {1: rows, rows: 1}.get(tall, 24)
        width = {1: columns}.get(wide, 40)
        values[base] = torch.tensor(
            [[float(codes[n, k]) * float(grid[n // height, k // width]) for k in range(columns)]
             for n in range(rows)]
        )  # fmt: skip
        tensors[name], tensors[f"{base}.{scale_name}"] = codes, scales
        if "static" in form:
            tensors[f"{base}.input_scale"] = torch.tensor([0.02])
    save_file(tensors, path / "model.safetensors", {"format": "pt"})
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"quantization_config": section}))
    return path, values


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", ["release", "native"])
def test_the_values_are_those_of_the_definition(form: str, layout: str, tmp_path: Path) -> None:
    folder, values = folder_of(tmp_path / "eight", form, layout)
    coded, widened = load(folder, torch.float32), load(folder, torch.float32, widen=True)
    assert codes_of(coded) == "float8" and codes_of(widened) == "none"
    for number, layer in enumerate(coded.language.layers):
        found = {"qkv": layer.attention.qkv, "out": layer.attention.out, "down": layer.mlp.down}
        parts = {"qkv": ("q_proj", "k_proj", "v_proj"), "out": ("o_proj",), "down": ("down_proj",)}
        for name, linear in found.items():
            assert isinstance(linear, Float8Linear) and linear.weight.dtype == CODES
            ends = [(f"{number}.self_attn.{part}", f"{number}.mlp.{part}") for part in parts[name]]
            wanted = [next(v for k, v in values.items() if k.endswith(end)) for end in ends]
            assert torch.equal(linear.widened(), torch.cat(wanted))
    ids = torch.randint(0, 90, (1, 12))
    with torch.no_grad():
        assert torch.equal(coded(ids), widened(ids))


@pytest.mark.parametrize("strategy", ["channel", "tensor"])
def test_the_values_are_those_of_compressed_tensors(strategy: str) -> None:
    """The library rounds a layer and widens it again; we read what it has rounded."""
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.lifecycle.forward import dequantize, quantize

    from r1v.models.quantised.float8 import float8_layer, read_float_quantized

    section = float_section(strategy)
    group = section["config_groups"]["a"]["weights"]
    arguments = QuantizationArgs(**group)
    torch.manual_seed(0)
    weight = torch.randn(48, 64).bfloat16()
    largest = weight.abs().amax(1, keepdim=True) if strategy == "channel" else weight.abs().amax().reshape(1)
    scale = (largest.float() / 448).bfloat16()
    codes = quantize(weight, scale, None, arguments, dtype=CODES)
    rectangle = read_float_quantized(section["config_groups"])
    assert rectangle is not None
    ours = float8_layer({0: codes}, {0: scale.float()}, rectangle)
    theirs = dequantize(codes, scale.float(), args=arguments, dtype=torch.float32)
    assert torch.equal(ours.widened(), theirs)


@pytest.mark.parametrize("block", [(16, 32), (48, 64)])
def test_the_values_are_those_of_transformers(block: tuple[int, int]) -> None:
    found = pytest.importorskip("transformers.integrations.finegrained_fp8")
    if not hasattr(found, "Fp8Dequantize"):
        pytest.skip("a version without it")
    from r1v.models.quantised.float8 import float8_layer, read_fp8

    torch.manual_seed(0)
    codes = torch.randn(48, 64).mul(60).clamp(-448, 448).to(CODES)
    scales = torch.rand(48 // block[0], 64 // block[1]) * 0.01
    rectangle = read_fp8({**FP8, "weight_block_size": list(block)})
    assert rectangle is not None
    theirs = found.Fp8Dequantize(None)._dequantize_one(codes, scales, torch.float32)
    assert torch.equal(float8_layer({0: codes}, {0: scales}, rectangle).widened(), theirs.float())


@pytest.mark.parametrize("form", ["channel", "fp8, rectangles"])
@pytest.mark.parametrize("keep", [False, True])
def test_the_engine_runs_it(form: str, keep: bool, tmp_path: Path) -> None:
    """On a CPU with the values of the codes: the answer of the widened model."""
    folder, _ = folder_of(tmp_path / "eight", form)
    outs = []
    for widen in (False, True):
        model = load(folder, torch.float32, widen=widen)
        config = EngineConfig(max_model_len=128, cache_bytes=1 << 20, keep_weights=keep, num_draft_tokens=0)
        engine = Engine(model, config, EngineIds(image_context=90, eos=(91,)))
        prompt = tuple(range(3, 40))
        engine.add(EngineRequest(prompt, SamplingParams.greedy(max_tokens=12, detect_loops=False)))
        out: list[int] = []
        while engine.has_work:
            out += [each for output in engine.step() for each in output.token_ids]
        outs.append(out)
    assert outs[0] == outs[1] and len(outs[0]) == 12


def test_it_is_laid_out_for_the_machine(tmp_path: Path) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert resolve_format("auto", torch.bfloat16, cpu, "float8") == "packed"
    assert resolve_format("auto", torch.bfloat16, gpu, "float8") == "packed"
    folder, _ = folder_of(tmp_path / "eight", "tensor")
    model = load(folder)
    runnable = prepare(model, "packed", keep_weights=False)
    assert not any(isinstance(each, Float8Linear) for each in runnable.model.modules())
    assert all(not each.weight.numel() for each in model.modules() if isinstance(each, Float8Linear))


SECTIONS: list[dict[str, Any]] = [
    {**FP8, "fmt": "e5m2"},
    {**FP8, "activation_scheme": "mixed"},
    {**FP8, "weight_block_size": 128},
    {**FP8, "weight_block_size": [128, 0]},
    float_section("group"),
    float_section("block"),
    float_section("channel", num_bits=4),
    float_section("channel", type="int"),
    float_section("channel", {"num_bits": 4}),
    {**float_section("channel"), "kv_cache_scheme": {"num_bits": 8, "type": "float"}},
    {**float_section("channel"), "format": "int-quantized"},
    {**float_section("channel"), "config_groups": {
        **float_section("channel")["config_groups"], "b": float_section("tensor")["config_groups"]["a"]}},
]  # fmt: skip


@pytest.mark.parametrize("section", SECTIONS)
def test_other_forms_are_refused(section: dict[str, Any], tmp_path: Path) -> None:
    folder, _ = folder_of(tmp_path / "eight", "channel")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": section}))
    with pytest.raises(CheckpointError, match="what can be read is"):
        load(folder)


Tensors = dict[str, torch.Tensor]
DAMAGED: dict[str, tuple[str, Callable[[Tensors, str], object], str]] = {
    "a weight that is no number": (
        "channel", lambda t, b: t[f"{b}.weight"].view(torch.uint8)[3, 5].fill_(127), "are no numbers"),
    "a scale that is no number": (
        "channel", lambda t, b: t[f"{b}.weight_scale"][3].fill_(torch.nan), "no finite numbers"),
    "scales of another form": (
        "channel", lambda t, b: t.update({f"{b}.weight_scale": torch.ones(1)}), "the model has .64, 1."),
    "no scales": ("fp8", lambda t, b: t.pop(f"{b}.weight_scale"), "missing tensors: .*weight_scale"),
    "scales twice": (
        "fp8", lambda t, b: t.update({f"{b}.weight_scale_inv": torch.ones(())}), "without a place"),
    "a coded norm": (
        "fp8", lambda t, b: t.update({k: t[k].to(CODES) for k in list(t) if k.endswith("model.norm.weight")}),
        "linear layers only"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_what_contradicts_the_form_is_refused(case: str, tmp_path: Path) -> None:
    form, change, words = DAMAGED[case]
    folder, _ = folder_of(tmp_path / "eight", form)
    tensors = load_file(folder / "model.safetensors")
    change(tensors, next(n for n in tensors if "layers.1.mlp.down_proj." in n).rpartition(".")[0])
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=words):
        load(folder)


def test_codes_without_a_section_are_named(tmp_path: Path) -> None:
    folder, _ = folder_of(tmp_path / "eight", "channel")
    config = json.loads((folder / "config.json").read_text())
    config.pop("quantization_config")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="no quantization_config"):
        load(folder)


def test_commands_know_it(run_r1v: Any, tmp_path: Path) -> None:
    folder, _ = folder_of(tmp_path / "eight", "channel")
    status, out, _ = run_r1v("inspect", str(folder))
    assert status == 0 and "compressed-tensors, 8 bits" in out
    status, out, _ = run_r1v("plan", str(folder), "--memory", "8GB", "--context", "128", "--json")
    found = json.loads(out)
    assert status == 0 and [each["format"] for each in found["estimates"]] == ["stored"]
    linears = sum(p.numel() for name, p in tiny().language.layers.named_parameters() if p.dim() > 1)
    assert found["estimates"][0]["weights"]["linears"] == linears
    folder, _ = folder_of(tmp_path / "rectangles", "rectangles")
    status, out, _ = run_r1v("plan", str(folder), "--memory", "8GB", "--context", "128", "--json")
    assert status == 0 and [each["format"] for each in json.loads(out)["estimates"]] == ["bf16", "offload"]
