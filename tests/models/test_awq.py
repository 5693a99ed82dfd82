"""AutoAWQ's layout: unpacking against a straight reference, reading, and running in the engine."""

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
from r1v.models import R1V, LanguageConfig, R1VConfig, VisionConfig, load, save
from r1v.models.convert import convert
from r1v.models.quantised import INVERSE, is_quantised, pack_codes, unpack_codes
from r1v.ops.linear import AwqLinear, Int4Linear, Int8Linear, pack_nibbles, unpack_nibbles

GROUP = 32
SECTION = {"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm", "zero_point": True}
LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def straight(qweight: torch.Tensor, qzeros: torch.Tensor, scales: torch.Tensor, group: int) -> torch.Tensor:
    """The layer's weight (K, N), one number at a time, by AutoAWQ's order of nibbles."""
    rows, columns = scales.shape[1], qweight.shape[0]
    places = {output: nibble for nibble, output in enumerate([0, 2, 4, 6, 1, 3, 5, 7])}
    out = torch.zeros(columns, rows)
    for k in range(columns):
        for n in range(rows):
            shift = 4 * places[n % 8]
            code = (int(qweight[k, n // 8]) & 0xFFFFFFFF) >> shift & 15
            zero = (int(qzeros[k // group, n // 8]) & 0xFFFFFFFF) >> shift & 15
            out[k, n] = (code - zero) * float(scales[k // group, n])
    return out


def tiny(tied: bool = True) -> R1V:
    config = R1VConfig(
        VisionConfig(32, 2, 2, 64, image_size=28, patch_size=7),
        LanguageConfig(96, 64, 2, 4, 2, 16, 96, max_position_embeddings=256, tied=tied),
        image_token_id=90, max_tiles=1,
    )  # fmt: skip
    model = R1V(config).eval()
    model.initialise(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    return model


def quantised_folder(path: Path, layout: str, *, nested: bool = False, section: Any = None) -> Path:
    """A checkpoint whose language layers hold random codes."""
    model = tiny()
    save(model, path, layout)  # type: ignore[arg-type]
    tensors = load_file(path / "model.safetensors")
    generator = torch.Generator().manual_seed(1)
    for name in [each for each in tensors if each.endswith(".weight") and each.split(".")[-2] in LINEARS]:
        if "language_model" not in name:
            continue
        rows, columns = tensors.pop(name).shape
        base = name.removesuffix(".weight")
        groups = columns // GROUP
        tensors[f"{base}.qweight"] = torch.randint(
            -(2**31), 2**31, (columns, rows // 8), generator=generator
        ).int()
        tensors[f"{base}.qzeros"] = torch.randint(
            -(2**31), 2**31, (groups, rows // 8), generator=generator
        ).int()
        tensors[f"{base}.scales"] = (torch.rand(groups, rows, generator=generator) * 0.02 + 0.01).half()
    save_file(tensors, path / "model.safetensors", {"format": "pt"})
    values = json.loads((path / "config.json").read_text())
    found = section or {**SECTION, "modules_to_not_convert": ["vision", "mlp1", "lm_head"]}
    inner = "llm_config" if layout == "release" else "text_config"
    (values[inner] if nested else values)["quantization_config"] = found
    (path / "config.json").write_text(json.dumps(values))
    return path


def test_codes_go_there_and_back() -> None:
    codes = torch.randint(0, 16, (5, 24)).to(torch.uint8)
    assert torch.equal(unpack_codes(pack_codes(codes)), codes)
    assert torch.equal(unpack_nibbles(pack_nibbles(codes)), codes)
    assert INVERSE == (0, 4, 1, 5, 2, 6, 3, 7)


@pytest.mark.parametrize("layout", ["release", "native"])
@pytest.mark.parametrize("nested", [False, True])
def test_unpacking_is_that_of_a_straight_reference(layout: str, nested: bool, tmp_path: Path) -> None:
    folder = quantised_folder(tmp_path / "awq", layout, nested=nested)
    tensors = load_file(folder / "model.safetensors")
    base = next(name for name in tensors if name.endswith("layers.1.self_attn.k_proj.qweight")).removesuffix(
        ".qweight"
    )
    expected = straight(*(tensors[f"{base}.{each}"] for each in ("qweight", "qzeros", "scales")), GROUP)
    packed, widened = load(folder, torch.float32), load(folder, torch.float32, widen=True)
    layer = packed.language.layers[1].attention.qkv
    assert isinstance(layer, AwqLinear) and layer.group_size == GROUP and layer.shape == (128, 64)
    assert torch.equal(layer.widened()[64:96], expected.T)
    assert torch.equal(widened.language.layers[1].attention.qkv.weight, layer.widened())
    assert is_quantised(packed) and not is_quantised(widened)
    ids = torch.randint(0, 90, (1, 12))
    with torch.no_grad():
        assert torch.equal(packed(ids), widened(ids))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_engine_runs_it_in_four_bits(dtype: torch.dtype, tmp_path: Path) -> None:
    folder = quantised_folder(tmp_path / "awq", "native")
    model, ids = load(folder, dtype), EngineIds(image_context=90, eos=(91,))
    config = EngineConfig(max_model_len=128, cache_bytes=1 << 20, keep_weights=False, num_draft_tokens=0)
    engine = Engine(model, config, ids)
    kinds = {type(each) for each in engine._runner.runnable.model.language.layers.modules()}
    assert Int4Linear in kinds and AwqLinear not in kinds
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
    assert (
        len(out) >= 1 and float((logits.amax(1) - chosen).max()) < 0.05 * float(logits[:, :90].std()) + 0.02
    )


def test_plain_is_the_reference(tmp_path: Path) -> None:
    model = load(quantised_folder(tmp_path / "awq", "native"), torch.float32)
    config = EngineConfig(max_model_len=64, cache_bytes=1 << 20, weight_format="plain")
    engine = Engine(model, config, EngineIds(image_context=90, eos=(91,)))
    assert engine._runner.runnable.model is model


def section(**changes: Any) -> dict[str, Any]:
    return {**SECTION, **changes}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another method": (section(quant_method="hqq"), r"quantised \(hqq\)"),
    "a method that a terminal would obey": (section(quant_method="a\x1b[31m\nb" + 5000 * "c"),
                                            r"\(a\\x1b\[31m\\nbc{52}\.\.\.\); what can be read is"),
    "a method without bits": ({"quant_method": "mxfp4"}, r"quantised \(mxfp4\); what can be read is"),
    "8 bits": (section(bits=8), "bits 8.* what can be read is"),
    "gemv": (section(version="gemv"), 'version "gemv"'),
    "symmetrical": (section(zero_point=False), "zero_point false"),
    "an excepted layer": (section(modules_to_not_convert=["attn.o_proj"]), 'names "attn.o_proj"'),
    "groups": (section(group_size=48), "groups of 48"),
    "another group size": (section(group_size=64), "wrong shapes|groups of 64"),
    "nonsense": (section(group_size="many"), 'group_size is "many"'),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, tmp_path: Path) -> None:
    values, words = REFUSED[name]
    folder = quantised_folder(tmp_path / "awq", "release", section=values)
    with pytest.raises(CheckpointError, match=words):
        load(folder)


def test_older_spellings_are_read(tmp_path: Path) -> None:
    values = {"quant_method": "awq", "w_bit": 4, "q_group_size": GROUP, "version": "GEMM", "zero_point": True}
    assert is_quantised(load(quantised_folder(tmp_path / "awq", "release", section=values)))


DAMAGES: dict[str, tuple[Callable[[dict[str, torch.Tensor], str], Any], str]] = {
    "zeros missing": (lambda t, b: t.pop(f"{b}.qzeros"), "missing tensors"),
    "one of q, k, v plain": (
        lambda t, b: [t.pop(f"{b}.{each}") for each in ("qweight", "qzeros", "scales")]
        and t.__setitem__(f"{b}.weight", torch.zeros(32, 64)), "only a part of"),
    "codes of another type": (
        lambda t, b: t.__setitem__(f"{b}.qweight", t[f"{b}.qweight"].long()), "is torch.int64, not torch"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named(name: str, tmp_path: Path) -> None:
    folder = quantised_folder(tmp_path / "awq", "release")
    tensors = load_file(folder / "model.safetensors")
    damage, words = DAMAGES[name]
    damage(tensors, "language_model.model.layers.0.self_attn.k_proj")
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=words):
        load(folder)


def test_other_commands_say_that_they_need_plain_weights(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="full-precision"):
        convert(quantised_folder(tmp_path / "awq", "release"), tmp_path / "out", "native")


def test_a_tower_in_eight_bits(tmp_path: Path) -> None:
    folder = quantised_folder(tmp_path / "awq", "release", section=section(vision_bits=8))
    tensors = load_file(folder / "model.safetensors")
    name = "vision_model.encoder.layers.0.mlp.fc1.weight"
    codes = torch.randint(-127, 128, tensors[name].shape).to(torch.int8)
    tensors |= {name: codes, name.replace("weight", "weight_scale"): torch.rand(codes.shape[0])}
    save_file(tensors, folder / "model.safetensors")
    model = load(folder)
    layer = model.vision.layers[0].mlp.fc1
    assert isinstance(layer, Int8Linear) and layer.bias is not None
    scales = tensors[name.replace("weight", "weight_scale")]
    assert torch.equal(layer.widened(), codes.float() * scales[:, None])
    pixels = torch.randn(1, 3, 28, 28)
    with torch.no_grad():
        wide = load(folder, widen=True).encode_images(pixels)
        assert torch.equal(model.encode_images(pixels), wide)
