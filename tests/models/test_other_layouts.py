"""Checkpoints of GPTQ and compressed-tensors: read to the values that their own definitions, and their own
library, give; run by the engine; refused where the layout is another."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
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
WEIGHTS_GROUP = {"targets": ["Linear"], "weights": WEIGHTS}


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
    {**GPTQ, "checkpoint_format": "marlin"},
    {**GPTQ, "dynamic": {"+:.*down.*": {"bits": 8}}},
    packed_section(num_bits=8),
    packed_section(actorder="other"),
    packed_section(type="float"),
    {**packed_section(), "transform_config": {"config_groups": {"R4": {"type": "hadamard"}}}},
    {**packed_section(), "sparsity_config": {"format": "sparse-24-bitmask"}},
    {**packed_section(), "config_groups": {"a": WEIGHTS_GROUP | {"format": "marlin-24"}}},
    {**packed_section(), "config_groups": {"a": WEIGHTS_GROUP | {"output_activations": {"num_bits": 8}}}},
    {**packed_section(), "format": "float-quantized"},
    {**packed_section(), "config_groups": {}},
])  # fmt: skip
def test_other_layouts_are_refused(section: dict[str, Any], tmp_path: Path) -> None:
    folder, _ = folder_of(tmp_path / "four", GPTQ)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": section}))
    with pytest.raises(CheckpointError, match="what can be read is 4-bit weights"):
        load(folder)


Tensors = dict[str, torch.Tensor]


def changed(folder: Path, change: Callable[[Tensors, str], object]) -> Path:
    """A folder after a change of its tensors. change: takes them and the name of a layer (64 x 96)."""
    tensors = load_file(folder / "model.safetensors")
    base = next(name for name in tensors if "layers.1.mlp.down_proj." in name).rpartition(".")[0]
    change(tensors, base)
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


def codes_for(tensors: Tensors, ending: str) -> None:
    """Put codes (all 0, of the value -8) in place of weights."""
    for name in [each for each in tensors if each.endswith(ending)]:
        rows, columns = tensors.pop(name).flatten(1).shape if tensors[name].dim() > 1 else (1, 64)
        base = name.removesuffix(".weight")
        tensors[f"{base}.weight_packed"] = torch.zeros(rows, max(columns // 8, 1), dtype=torch.int32)
        tensors[f"{base}.weight_scale"] = torch.ones(rows, max(columns // GROUP, 1))


REFUSED: dict[str, tuple[dict[str, Any], Callable[[Tensors, str], object], str]] = {
    "groups that there are not": (GPTQ, lambda t, b: t[f"{b}.g_idx"].add_(1), "groups that there are not"),
    "scales that are no numbers": (GPTQ, lambda t, b: t[f"{b}.scales"].fill_(torch.nan), "no finite numbers"),
    "infinite scales": (packed_section(), lambda t, b: t[f"{b}.weight_scale"].fill_(torch.inf),
                        "no finite numbers"),
    "a bias that the model lacks": (GPTQ, lambda t, b: t.update({f"{b}.bias": torch.ones(64)}),
                                    "down_proj.bias is not zero"),
    "sym, but other zero points": ({**GPTQ, "sym": True}, lambda t, b: None, "zero points other than 8"),
    "a coded embedding": (packed_section(), lambda t, b: codes_for(t, "embed_tokens.weight"),
                          "linear layers only"),
    "a coded norm": (packed_section(), lambda t, b: codes_for(t, "language_model.norm.weight"),
                     "linear layers only"),
    "a coded convolution": (packed_section(), lambda t, b: codes_for(t, "patch_embeddings.projection.weight"),
                            "linear layers only"),
    "a group size that is a list": (packed_section(group_size=[GROUP]), lambda t, b: None, "group_size is"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_contradicts_the_form_is_refused(case: str, tmp_path: Path) -> None:
    section, change, words = REFUSED[case]
    plain = packed_section() if section["quant_method"] == "compressed-tensors" else GPTQ
    folder = changed(folder_of(tmp_path / "four", plain)[0], change)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": section}))
    with pytest.raises(CheckpointError, match=words):
        load(folder)


@pytest.mark.parametrize("section", [
    {**GPTQ, "desc_act": True}, packed_section(actorder="group"),
    packed_section(symmetric=False, actorder="group"),
], ids=["gptq", "packed", "packed, zeros"])  # fmt: skip
def test_groups_of_scattered_inputs(section: dict[str, Any], run_r1v: Any, tmp_path: Path) -> None:
    """Each input in the group that the file names: plain layers of the values; q, k and v each have their
    own."""
    gptq, random_ = section["quant_method"] == "gptq", torch.Generator().manual_seed(2)
    plain = {**section, "desc_act": False} if gptq else packed_section(
        symmetric=section["config_groups"]["group_0"]["weights"]["symmetric"])  # fmt: skip
    folder, _ = folder_of(tmp_path / "four", plain)
    before = load(folder, torch.float32)
    tensors = load_file(folder / "model.safetensors")
    groups: dict[str, torch.Tensor] = {}
    for name in [each for each in tensors if each.endswith((".qweight", ".weight_packed"))]:
        base = name.rpartition(".")[0]
        if "layers.1" in base and "v_proj" not in base:  # a layer, and a third of one, in their order
            columns = tensors[name].shape[0 if gptq else 1] * 8
            order = torch.randperm(columns, generator=random_)
            groups[base] = (torch.arange(columns) // GROUP)[order].int()
            tensors[f"{base}.{'g_idx' if gptq else 'weight_g_idx'}"] = groups[base]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": section}))
    model = load(folder, torch.float32)
    assert isinstance(model.language.layers[0].mlp.down, AwqLinear)
    for found, old, names in (
        (model.language.layers[1].mlp.down, before.language.layers[1].mlp.down, ("down_proj",)),
        (model.language.layers[1].attention.qkv, before.language.layers[1].attention.qkv,
         ("q_proj", "k_proj", "v_proj")),
    ):  # fmt: skip
        assert isinstance(found, torch.nn.Linear) and isinstance(old, AwqLinear)
        codes, row = old.codes(), 0
        sizes = {"q_proj": 64, "k_proj": 32, "v_proj": 32, "down_proj": 64}
        for part in names:
            ends = (f"1.self_attn.{part}", f"1.mlp.{part}")
            base = next((each for each in groups if each.endswith(ends)), "")
            for n in range(row, row + sizes[part]):
                for k in range(codes.shape[1]):
                    group = int(groups[base][k]) if base else k // GROUP
                    value = (int(codes[n, k]) - int(old.zeros[n, group])) * float(old.scales[n, group])
                    assert abs(found.weight[n, k].item() - value) <= 1e-7 * abs(value)
            row += sizes[part]
    status, out, _ = run_r1v("plan", str(folder), "--memory", "8GB", "--context", "128", "--json")
    assert status == 0 and [each["format"] for each in json.loads(out)["estimates"]] == ["bf16", "offload"]


def test_codes_without_a_section_are_named(tmp_path: Path) -> None:
    folder, _ = folder_of(tmp_path / "four", GPTQ)
    config = json.loads((folder / "config.json").read_text())
    (folder / "quantize_config.json").write_text(json.dumps(config.pop("quantization_config")))
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"no quantization_config.*quantize_config\.json"):
        load(folder)


@pytest.mark.parametrize("version", ["gptq", "gptq_v2", None])
def test_symmetrical_gptq_with_biases_of_zeros(version: str | None, tmp_path: Path) -> None:
    section = {**GPTQ, "sym": True, "checkpoint_format": version}
    folder, _ = folder_of(tmp_path / "four", {**GPTQ, "checkpoint_format": version or "gptq"})

    def change(tensors: Tensors, base: str) -> None:
        for name in [each for each in tensors if each.endswith(".qzeros")]:
            word = 0x77777777 if version != "gptq_v2" else -0x77777778
            tensors[name] = torch.full_like(tensors[name], word)
        tensors[f"{base}.bias"] = torch.zeros(64, dtype=torch.float16)
        tensors[f"{base}.scales"] = torch.full_like(tensors[f"{base}.scales"], 0.5)
        tensors[f"{base}.qweight"] = along(torch.arange(96)[:, None].expand(96, 64) % 16, 0)

    changed(folder, change)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": section}))
    layer = load(folder, torch.float32).language.layers[1].mlp.down
    assert torch.equal(layer.widened()[5], (torch.arange(96) % 16 - 8) * 0.5)
    assert layer.bias is None


@pytest.mark.parametrize("section", [GPTQ, packed_section()], ids=["gptq", "packed"])
@pytest.mark.parametrize("factor", [1.0001, 2e-6, 1e8], ids=["float32", "tiny", "huge"])
def test_scales_that_float16_does_not_hold(section: dict[str, Any], factor: float, tmp_path: Path) -> None:
    """They are kept in float32, and the values are exact."""
    folder, values = folder_of(tmp_path / "four", section)
    suffix = "scales" if section is GPTQ else "weight_scale"
    before = load_file(folder / "model.safetensors")

    def change(tensors: Tensors, base: str) -> None:
        tensors[f"{base}.{suffix}"] = tensors[f"{base}.{suffix}"].float() * factor

    changed(folder, change)
    name, wanted = next(each for each in values.items() if "layers.1.mlp.down" in each[0])
    old = before[f"{name}.{suffix}"].float()
    old = (old.T if section is GPTQ else old).repeat_interleave(GROUP, 1)
    steps = (wanted / old).round()
    layer = load(folder, torch.float32).language.layers[1].mlp.down
    assert layer.scales.dtype == torch.float32
    assert torch.equal(layer.widened(), steps * (old * factor))


def test_a_coded_tower_projector_and_head(tmp_path: Path) -> None:
    """Every linear layer may be coded; the output matrix is widened."""
    folder, _ = folder_of(tmp_path / "four", packed_section())
    config = json.loads((folder / "config.json").read_text())
    for part in (config, config["text_config"]):
        part["tie_word_embeddings"] = False
    (folder / "config.json").write_text(json.dumps(config))

    def change(tensors: Tensors, base: str) -> None:
        tensors["lm_head.weight"] = torch.zeros(96, 64)
        tower = ("q_proj", "k_proj", "v_proj", "projection_layer", "fc1", "fc2")
        for layer in ("lm_head", *tower, "linear_1", "linear_2"):
            codes_for(tensors, f"{layer}.weight")

    changed(folder, change)
    packed, widened = load(folder, torch.float32), load(folder, torch.float32, widen=True)
    assert packed.language.head is not None and packed.vision is not None
    assert torch.equal(packed.language.head.weight, torch.full((96, 64), -8.0))
    for layer in (
        packed.vision.layers[0].attention.qkv,
        packed.vision.layers[0].mlp.fc1,
        packed.projector.fc1,
    ):
        assert isinstance(layer, AwqLinear) and torch.equal(layer.widened(), torch.full(layer.shape, -8.0))
    ids, tile = torch.tensor([[1, 90, 90, 90, 90, 5]]), torch.rand(1, 3, 28, 28)
    with torch.no_grad():
        assert torch.equal(packed(ids, tile), widened(ids, tile))
