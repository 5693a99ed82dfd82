"""The planner: the release's cases, and its figures beside what the engine really uses."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from r1v.cli.commands.plan import parse_bytes
from r1v.core import ConfigError, SamplingParams
from r1v.engine import Engine, EngineConfig, EngineIds, EngineRequest
from r1v.models import R1V, LanguageConfig, R1VConfig, VisionConfig, read_config, write_release
from r1v.models.hub import resolve_model
from r1v.ops import RopeConfig
from r1v.plan.inference import (
    CHOICES,
    MemoryPlan,
    PlanSizes,
    PlanTarget,
    estimate,
    plan,
    weights_of,
)
from r1v.plan.machine import read_rate

GB = 10**9
R1V2 = R1VConfig(
    VisionConfig(3200, 45, 25, 12800, qkv_bias=False, qk_norm=True, norm_type="rms_norm"),
    LanguageConfig(
        152064, 5120, 64, 40, 8, 128, 27648, max_position_embeddings=40960, rope=RopeConfig(theta=1e6)
    ),
    image_token_id=151667,
)
ONE_B = R1VConfig(
    VisionConfig(1024, 24, 16, 4096),
    LanguageConfig(151674, 896, 24, 14, 2, 64, 4864, tied=True, rope=RopeConfig(theta=1e6)),
    image_token_id=5, dynamic_tiling=False,
)  # fmt: skip


def fits(memory: int, **settings: Any) -> dict[str, bool]:
    found = plan(R1V2, PlanTarget(memory * GB, **settings))
    return {each.format: each.fits for each in found.estimates}


def test_the_release_on_40_gb() -> None:
    found = fits(40, context=8192)
    assert not found["bf16"] and found["awq"]


def test_the_release_on_30_gb() -> None:
    found = fits(30, context=8192)
    assert not found["bf16"] and not found["awq"] and found["awq-vision8"]


def test_readme_says_what_the_release_takes() -> None:
    text = " ".join((Path(__file__).parents[2] / "README.md").read_text().split())
    one, two, four = (plan(R1V2, PlanTarget(80 * GB, n, context=8192)) for n in (1, 2, 4))
    takes = {(i, each.format): round(each.used_bytes / GB) for i, found in ((1, one), (2, two), (4, four))
             for each in found.estimates}  # fmt: skip
    assert f"needs {takes[1, 'awq']} GB on one card in 4 bits" in text
    assert f"{takes[2, 'bf16']} GB on each of two cards, or {takes[4, 'bf16']} GB on each of four" in text


def test_the_releases_weights_are_those_of_the_issue() -> None:
    sizes = PlanSizes.of(R1V2)
    assert sizes.num_parameters == sum(p.numel() for p in _meta(R1V2).parameters())
    assert weights_of(R1V2, sizes, "awq", PlanTarget(GB)).total == pytest.approx(30.6 * GB, rel=0.01)
    assert weights_of(R1V2, sizes, "bf16", PlanTarget(GB)).total == 2 * sizes.num_parameters


def _meta(config: R1VConfig) -> R1V:
    with torch.device("meta"):
        return R1V(config)


def test_more_devices_share_layers_and_heads_but_not_an_odd_tower() -> None:
    sizes = PlanSizes.of(R1V2)
    one, two, five = (weights_of(R1V2, sizes, "bf16", PlanTarget(GB, number)) for number in (1, 2, 5))
    assert two.linears * 2 == one.linears and two.vision == one.vision  # 25 heads
    assert five.vision * 5 == one.vision
    found = plan(R1V2, PlanTarget(80 * GB, num_devices=2, context=32768, concurrent=4))
    assert found.chosen is not None and found.chosen.format == "bf16"


def test_the_largest_context_fits_and_one_block_more_does_not() -> None:
    target = PlanTarget(40 * GB, context=8192)
    found = next(each for each in plan(R1V2, target).estimates if each.format == "awq")
    sizes = PlanSizes.of(R1V2)
    assert 8192 < found.max_context < 40960
    assert estimate(R1V2, sizes, replace(target, context=found.max_context), "awq").fits
    assert not estimate(R1V2, sizes, replace(target, context=found.max_context + 16), "awq").fits
    assert estimate(R1V2, sizes, replace(target, concurrent=found.max_concurrent), "awq").fits


def test_where_nothing_fits_the_nearest_is_named() -> None:
    found = plan(R1V2, PlanTarget(16 * GB, context=8192))
    assert found.chosen is None and found.nearest is not None and found.nearest.num_devices > 1
    assert found.nearest.fits
    fewer = plan(R1V2, PlanTarget(40 * GB, context=8192, concurrent=16), ("awq",))
    assert fewer.chosen is None and fewer.nearest is not None
    assert fewer.nearest.concurrent < 16 and fewer.nearest.num_devices == 1


def test_an_eight_bit_tower_is_for_one_device() -> None:
    found = plan(R1V2, PlanTarget(20 * GB, num_devices=2, context=8192))
    assert "awq-vision8" not in {each.format for each in found.estimates}
    assert found.nearest is not None and found.nearest.format != "awq-vision8"
    with pytest.raises(ConfigError, match="one device"):
        plan(R1V2, PlanTarget(24 * GB, num_devices=2, context=8192), ("awq-vision8",))


def test_speed_is_bytes_over_bandwidth() -> None:
    slow, fast = (plan(R1V2, PlanTarget(80 * GB, bandwidth=rate)) for rate in (1e12, 2e12))
    assert _speed(fast, "awq") == pytest.approx(2 * _speed(slow, "awq"))
    assert _speed(slow, "awq") > 3 * _speed(slow, "bf16") and _speed(slow, "offload") < _speed(slow, "bf16")


def _speed(found: MemoryPlan, name: str) -> float:
    return next(each.tokens_per_s for each in found.estimates if each.format == name)


def test_what_cannot_be_asked_for() -> None:
    with pytest.raises(ConfigError, match="40960"):
        plan(R1V2, PlanTarget(GB, context=65536))
    with pytest.raises(ConfigError, match="no room"):
        plan(R1V2, PlanTarget(GB, context=4096, num_images=4))
    with pytest.raises(ConfigError, match="num_devices"):
        PlanTarget(GB, num_devices=0)
    assert parse_bytes("80GB") == 80 * GB and parse_bytes("24 GiB") == 24 << 30
    assert parse_bytes("2TB/s") == 2 * 10**12 and parse_bytes("1.5gb") == 1.5 * GB
    for wrong in ("", "much", "0GB", "-3GB", "3 XB"):
        with pytest.raises(ConfigError, match="not a size"):
            parse_bytes(wrong)


def measured(config: R1VConfig, length: int, context: int, concurrent: int) -> tuple[int, int]:
    """Bytes of weights, cache and the most that steps allocate, by the engine and by the plan; float32."""
    with torch.device("meta"):
        model = R1V(config).eval()
    model = model.to_empty(device="cpu").requires_grad_(False)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.02)
    image = config.image_token_id or 0
    engine = Engine(
        model,
        EngineConfig(max_model_len=context, max_num_seqs=concurrent, weight_format="plain",
                     num_draft_tokens=0, cache_bytes=1 << 33),
        EngineIds(image_context=image, eos=(1,)),
    )  # fmt: skip
    cache = engine._runner.cache
    size, random_ = config.vision.image_size, random.Random(0)
    params = SamplingParams.greedy(max_tokens=2, min_tokens=2, detect_loops=False)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as trace:
        for _ in range(concurrent):
            ids = [random_.randrange(10, 1500) for _ in range(length)]
            engine.add(EngineRequest((*[image] * config.tokens_per_tile, *ids), params,
                                     torch.randn(1, 3, size, size), (1,)))  # fmt: skip
        while engine.has_work:
            engine.step()
    now = peak = 0
    for event in trace.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    target = PlanTarget(1 << 40, context=context, concurrent=concurrent, overhead_bytes=0)
    planned = estimate(config, PlanSizes.of(config), target, "float32").used_bytes
    weights = sum(parameter.nbytes for parameter in model.parameters())
    return weights + cache.keys.nbytes + cache.values.nbytes + peak, planned


def test_the_plan_is_within_a_tenth_of_the_engine() -> None:
    used, planned = measured(read_config(resolve_model("r1v-nano")), 20, 2048, 4)  # one step holds all tiles
    assert planned == pytest.approx(used, rel=0.1)


@pytest.mark.slow
def test_the_plan_is_within_a_tenth_of_the_engine_at_1b() -> None:
    used, planned = measured(ONE_B, 200, 1024, 1)
    assert planned == pytest.approx(used, rel=0.1)


def write_config(folder: Path, config: R1VConfig = R1V2) -> Path:
    (folder / "config.json").write_text(json.dumps(write_release(config, "bfloat16")))
    return folder


def test_the_command(run_r1v: Any, tmp_path: Path) -> None:
    folder = str(write_config(tmp_path))
    status, out, _ = run_r1v("plan", folder, "--memory", "40GB")
    assert status == 0 and "use awq" in " ".join(out.split())
    status, out, _ = run_r1v("plan", folder, "--memory", "30GB")
    assert status == 0 and "use awq-vision8" in " ".join(out.split())
    status, out, _ = run_r1v("plan", folder, "--memory", "30GB", "--format", "awq")
    words = " ".join(out.split())
    assert status == 1 and "nothing fits" in words and "the nearest that fits is awq" in words
    status, out, _ = run_r1v("plan", folder, "--memory", "16GB", "--json")
    found = json.loads(out)
    assert status == 1 and found["chosen"] is None and len(found["estimates"]) == len(CHOICES)
    status, out, error = run_r1v("plan", folder, "--memory", "lots")
    assert status == 1 and error.startswith("r1v: 'lots' is not a size")


def test_a_checkpoint_that_is_quantised_is_planned_as_such(run_r1v: Any, tmp_path: Path) -> None:
    folder = write_config(tmp_path)
    values = json.loads((folder / "config.json").read_text())
    values["quantization_config"] = {"quant_method": "awq", "bits": 4, "group_size": 128}
    (folder / "config.json").write_text(json.dumps(values))
    status, out, _ = run_r1v("plan", str(folder), "--memory", "80GB", "--json")
    assert status == 0 and [each["format"] for each in json.loads(out)["estimates"]] == ["awq", "awq-vision8"]


@pytest.mark.parametrize("group", [64, -1, 10**30, 10**5])
def test_a_checkpoints_own_groups_are_counted(run_r1v: Any, tmp_path: Path, group: int) -> None:
    """A row of K inputs in groups of G has K / G scales of 16 bits and zero points of 4."""
    folder = write_config(tmp_path)
    values = json.loads((folder / "config.json").read_text())
    values["quantization_config"] = {"quant_method": "awq", "bits": 4, "group_size": group}
    (folder / "config.json").write_text(json.dumps(values))
    status, out, error = run_r1v("plan", str(folder), "--memory", "80GB", "--json")
    if group > 64:
        assert status == 1 and not out and f"group_size is {group}, which divides" in error
        return
    sizes = PlanSizes.of(read_config(folder))
    half_bytes = sum(n * k + n * (1 if group == -1 else k // group) * 5 for n, k in sizes.linears)
    assert status == 0
    assert json.loads(out)["estimates"][0]["weights"]["linears"] == sizes.num_layers * half_bytes // 2


def test_the_older_name_of_a_quantisation_is_read(run_r1v: Any, tmp_path: Path) -> None:
    """compressed-tensors before 0.6 wrote compression_config."""
    folder = write_config(tmp_path)
    values = json.loads((folder / "config.json").read_text())
    values["compression_config"] = {"format": "int-quantized", "config_groups": GROUPS}
    (folder / "config.json").write_text(json.dumps(values))
    status, out, _ = run_r1v("plan", str(folder), "--memory", "80GB", "--json")
    found = json.loads(out)
    assert status == 1 and "quantised (int-quantized)" in found["verdict"]
    assert [each["format"] for each in found["estimates"]] == ["stored"]


GROUPS = {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "group_size": 128}}}


@pytest.mark.parametrize(
    ("method", "bits", "keys"),
    [("gptq", 8, {"bits": 8}), ("fbgemm_fp8", 8, {}), ("bitsandbytes", 4, {"load_in_4bit": True}),
     ("bitsandbytes", 8, {"load_in_8bit": True}), ("gptq", 3, {"bits": "3"}), ("other", None, {}),
     ("compressed-tensors", 4, {"config_groups": GROUPS}), ("awq", 8, {"bits": 8})],
)  # fmt: skip
def test_another_quantisation_is_named_and_planned_by_its_own_bits(
    run_r1v: Any, tmp_path: Path, method: str, bits: int | None, keys: dict[str, Any]
) -> None:
    folder = write_config(tmp_path)
    values = json.loads((folder / "config.json").read_text())
    values["quantization_config"] = {"quant_method": method, **keys}
    (folder / "config.json").write_text(json.dumps(values))
    status, out, error = run_r1v("plan", str(folder), "--memory", "80GB", "--json")
    assert status == 1
    if bits is None:
        assert not out and f"quantised ({method})" in error and error.count("\n") == 1
        return
    found = json.loads(out)
    assert found["verdict"].startswith("r1v does not load this checkpoint") and method in found["verdict"]
    (written,) = found["estimates"]
    sizes = PlanSizes.of(read_config(folder))
    matrices = sizes.num_layers * sum(rows * columns for rows, columns in sizes.linears)
    assert written["weights"]["linears"] == matrices * bits // 8
    rest = 2 * (sizes.num_parameters - matrices)
    assert sum(written["weights"].values()) == rest + matrices * bits // 8
    status, out, _ = run_r1v("plan", str(folder), "--memory", "80GB")
    assert status == 1 and f"{bits} bits" in out and "does not load this checkpoint" in " ".join(out.split())


def test_without_a_gpu_the_plan_is_of_this_processor(run_r1v, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("r1v.plan.machine._measured", lambda num_bytes, rounds: 10e9)
    status, out, _ = run_r1v("plan", "r1v-nano", "--context", "512", "--json")
    found = json.loads(out)
    assert status == 0 and [each["format"] for each in found["estimates"]] == [
        "float32",
        "awq",
        "awq-vision8",
    ]
    first = found["estimates"][0]
    config = read_config(resolve_model("r1v-nano"))
    language = config.language
    read = first["weights"]["linears"] + 4 * language.vocab_size * language.hidden_size
    read += 512 * 2 * language.num_layers * language.num_kv_heads * language.head_dim * 4
    assert first["tokens_per_s"] == pytest.approx(0.75 * 10e9 / read, rel=1e-6)
    status, out, _ = run_r1v("plan", "r1v-nano")
    assert "at 10.0 GB/s (measured here)" in out and "offload" not in out
    status, _, err = run_r1v("plan", "r1v-nano", "--gpus", "2")
    assert status == 1 and "no GPU" in err and err.count("\n") == 1


def test_a_named_device_is_planned_without_measuring(run_r1v, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("r1v.plan.machine._measured")
    status, out, _ = run_r1v("plan", "r1v-nano", "--memory", "24GB")
    assert status == 0 and "1,000 GB/s (assumed" in out and "bf16" in out


def test_a_rate_is_measured() -> None:
    rate, known = read_rate(torch.device("cpu"))
    assert known == "measured here" and 1e7 < rate < 1e13
