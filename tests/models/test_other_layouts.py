"""Checkpoints of GPTQ and compressed-tensors: read to the values that their own definitions, and their own
library, give; run by the engine; refused where the layout is another."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from r1v.core import CheckpointError, SamplingParams
from r1v.engine import Engine, EngineConfig, EngineIds, EngineRequest
from r1v.models import load, save
from r1v.ops.linear import AwqLinear
from tests.models.test_awq import GROUP, LINEARS, tiny

GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": False, "sym": False}
WEIGHTS = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": GROUP, "symmetric": True}


def packed_section(**changes: Any) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": {**WEIGHTS, **changes}, "input_activations": None}
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {"group_0": group},
    }


def eights(codes: list[int]) -> int:
    """Eight codes in an int32, the first in the lowest bits."""
    value = sum(code << 4 * place for place, code in enumerate(codes))
    return value - (value >> 31 << 32)


def along(codes: torch.Tensor, dim: int) -> torch.Tensor:
    """Codes (A, B), eight neighbours along a dimension in an int32, one number at a time."""
    rows = codes.T.tolist() if dim == 0 else codes.tolist()
    packed = torch.tensor([[eights(row[i : i + 8]) for i in range(0, len(row), 8)] for row in rows])
    return (packed.T if dim == 0 else packed).int().contiguous()


def folder_of(
    path: Path, section: dict[str, Any], layout: str = "native"
) -> tuple[Path, dict[str, torch.Tensor]]:
    """A checkpoint whose language layers hold random codes in a layout, and their values (N, K) by the names
    of the layers."""
    save(tiny(), path, layout)  # type: ignore[arg-type]
    tensors, values, random_ = load_file(path / "model.safetensors"), {}, torch.Generator().manual_seed(1)
    gptq = section["quant_method"] == "gptq"
    weights = None if gptq else section["config_groups"]["group_0"]["weights"]
    has_zeros = gptq or not weights["symmetric"]
    for name in [each for each in tensors if each.split(".")[-2] in LINEARS and "language_model" in each]:
        if not name.endswith(".weight"):
            continue
        rows, columns = tensors.pop(name).shape
        base, groups = name.removesuffix(".weight"), columns // GROUP
        if weights is not None and weights["strategy"] == "channel":
            groups = 1
        codes = torch.randint(0, 16, (rows, columns), generator=random_)
        zeros = torch.randint(1, 16, (rows, groups), generator=random_)
        zeros = zeros if has_zeros else torch.full_like(zeros, 8)
        scales = torch.rand(rows, groups, generator=random_).mul(0.02).add(0.01)
        scales = scales.half() if gptq else scales.bfloat16()
        spread = columns // groups
        wide_zeros, wide_scales = (each.float().repeat_interleave(spread, 1) for each in (zeros, scales))
        values[base] = (codes - wide_zeros) * wide_scales
        if gptq:
            less = int(section.get("checkpoint_format", "gptq") == "gptq")
            tensors[f"{base}.qweight"] = along(codes.T, 0)
            tensors[f"{base}.qzeros"] = along(zeros.T - less, 1)
            tensors[f"{base}.scales"] = scales.T.contiguous()
            tensors[f"{base}.g_idx"] = torch.arange(columns, dtype=torch.int32) // GROUP
        else:
            tensors[f"{base}.weight_packed"] = along(codes, 1)
            tensors[f"{base}.weight_scale"] = scales
            tensors[f"{base}.weight_shape"] = torch.tensor([rows, columns])
            if has_zeros:
                tensors[f"{base}.weight_zero_point"] = along(zeros, 0)
    save_file(tensors, path / "model.safetensors", {"format": "pt"})
    config = json.loads((path / "config.json").read_text())
    config["quantization_config"] = section
    (path / "config.json").write_text(json.dumps(config))
    return path, values


SECTIONS = [
    GPTQ,
    {**GPTQ, "checkpoint_format": "gptq_v2"},
    packed_section(),
    packed_section(symmetric=False),
    packed_section(strategy="channel", group_size=None),
]


@pytest.mark.parametrize("section", SECTIONS, ids=["gptq", "gptq_v2", "packed", "packed, zeros", "channel"])
@pytest.mark.parametrize("layout", ["release", "native"])
def test_the_values_are_those_of_the_definition(section: dict[str, Any], layout: str, tmp_path: Path) -> None:
    folder, values = folder_of(tmp_path / "four", section, layout)
    packed, widened = load(folder, torch.float32), load(folder, torch.float32, widen=True)
    for number, layer in enumerate(packed.language.layers):
        found = {"qkv": layer.attention.qkv, "out": layer.attention.out, "down": layer.mlp.down}
        parts = {"qkv": ("q_proj", "k_proj", "v_proj"), "out": ("o_proj",), "down": ("down_proj",)}
        for name, linear in found.items():
            assert isinstance(linear, AwqLinear)
            ends = [(f"{number}.self_attn.{part}", f"{number}.mlp.{part}") for part in parts[name]]
            wanted = [next(v for k, v in values.items() if k.endswith(end)) for end in ends]
            assert torch.equal(linear.widened(), torch.cat(wanted))
    ids = torch.randint(0, 90, (1, 12))
    with torch.no_grad():
        assert torch.equal(packed(ids), widened(ids))


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("strategy", ["group", "channel"])
def test_the_values_are_those_of_its_library(symmetric: bool, strategy: str, tmp_path: Path) -> None:
    """compressed-tensors packs a layer and unpacks it again; we read what it has packed."""
    library = pytest.importorskip("compressed_tensors")
    from compressed_tensors.compressors import PackedQuantizationCompressor as Compressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    assert library
    section = packed_section(symmetric=symmetric, strategy=strategy)
    if strategy == "channel":
        section = packed_section(symmetric=symmetric, strategy=strategy, group_size=None)
    folder, _ = folder_of(tmp_path / "four", section)
    weights = section["config_groups"]["group_0"]["weights"]
    scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**weights))
    tensors, random_ = load_file(folder / "model.safetensors"), torch.Generator().manual_seed(2)
    expected = {}
    for name in [each for each in tensors if each.endswith(".weight_packed")]:
        base = name.removesuffix(".weight_packed")
        rows, columns = tensors[f"{base}.weight_shape"].tolist()
        groups = tensors[f"{base}.weight_scale"].shape[1]
        state = {
            "weight": torch.randn(rows, columns, generator=random_) * 0.1,
            "weight_scale": torch.rand(rows, groups, generator=random_).mul(0.02).add(0.02).bfloat16(),
        }
        if not symmetric:
            state["weight_zero_point"] = torch.randint(-8, 8, (rows, groups), generator=random_).to(
                torch.int8
            )
        written = Compressor.compress(state, scheme)
        tensors |= {f"{base}.{key}": value.contiguous() for key, value in written.items()}
        expected[base] = Compressor.decompress(dict(written), scheme)["weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    model = load(folder, torch.float32)
    base = next(each for each in expected if each.endswith("layers.1.mlp.down_proj"))
    got, wanted = model.language.layers[1].mlp.down.widened(), expected[base].float()
    # the library rounds each product to the dtype of the scales
    assert torch.equal(got.to(expected[base].dtype).float(), wanted)


@pytest.mark.parametrize("section", [GPTQ, packed_section(symmetric=False)], ids=["gptq", "packed"])
def test_the_engine_runs_it(section: dict[str, Any], tmp_path: Path) -> None:
    folder, _ = folder_of(tmp_path / "four", section)
    model, ids = load(folder, torch.float32), EngineIds(image_context=90, eos=(91,))
    config = EngineConfig(max_model_len=128, cache_bytes=1 << 20, keep_weights=False, num_draft_tokens=0)
    engine = Engine(model, config, ids)
    random_ = random.Random(0)
    prompt = tuple(random_.randrange(90) for _ in range(30))
    engine.add(EngineRequest(prompt, SamplingParams.greedy(max_tokens=8, detect_loops=False)))
    out: list[int] = []
    while engine.has_work:
        out += [each for output in engine.step() for each in output.token_ids]
    reference = load(folder, torch.float32, widen=True)
    with torch.no_grad():
        logits = reference(torch.tensor([[*prompt, *out]]))[0, len(prompt) - 1 : -1]
    logits[:, 90] = -torch.inf
    chosen = logits.gather(1, torch.tensor(out)[:, None])[:, 0]
    assert float((logits.amax(1) - chosen).max()) < 0.05 * float(logits[:, :90].std()) + 0.02


@pytest.mark.parametrize("section", [
    {**GPTQ, "bits": 8},
    {**GPTQ, "desc_act": True},
    {**GPTQ, "checkpoint_format": "marlin"},
    {**GPTQ, "dynamic": {"+:.*down.*": {"bits": 8}}},
    packed_section(num_bits=8),
    packed_section(actorder="group"),
    packed_section(type="float"),
    {**packed_section(), "format": "float-quantized"},
    {**packed_section(), "config_groups": {}},
])  # fmt: skip
def test_other_layouts_are_refused(section: dict[str, Any], tmp_path: Path) -> None:
    folder, _ = folder_of(tmp_path / "four", GPTQ)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": section}))
    with pytest.raises(CheckpointError, match="only 4-bit weights can be read"):
        load(folder)


def test_inputs_in_another_order_are_refused(tmp_path: Path) -> None:
    folder, _ = folder_of(tmp_path / "four", GPTQ)
    tensors = load_file(folder / "model.safetensors")
    name = next(each for each in tensors if each.endswith("down_proj.g_idx"))
    tensors[name] = tensors[name].flip(0).contiguous()
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match="another order"):
        load(folder)
