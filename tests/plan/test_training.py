"""What training takes: parts from shapes, phases, and the nearest setting that fits."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from r1v.core import ConfigError
from r1v.models import LanguageConfig, R1VConfig, VisionConfig
from r1v.models.checkpoint import build_empty, parameter_shapes
from r1v.models.config_json.write import write_native
from r1v.plan.training import TrainingTarget, estimate, plan_training, sizes

GB = 10**9
LARGE = R1VConfig(
    VisionConfig(3200, 45, 25, 12800, qkv_bias=False, qk_norm=True, norm_type="rms_norm"),
    LanguageConfig(152064, 5120, 64, 40, 8, 128, 27648),
    image_token_id=151667,
)


def total(config: R1VConfig) -> int:
    found = 0
    for shape in parameter_shapes(build_empty(config)).values():
        number = 1
        for side in shape:
            number *= side
        found += number
    return found


def test_the_parts_are_those_of_the_shapes() -> None:
    """16 bytes a trained parameter and 2 a frozen one, in equal shares."""
    size = sizes(LARGE)
    assert size.language + size.vision + size.projector == total(LARGE)
    found = estimate(LARGE, TrainingTarget(80 * GB, 8, "sft"))
    trained = size.language + size.projector
    assert found.trained + found.optimizer + found.gradients == pytest.approx(16 * trained / 8, rel=1e-6)
    assert found.frozen == pytest.approx(2 * size.vision / 8, rel=1e-6)
    adapters = estimate(LARGE, TrainingTarget(80 * GB, 8, "sft", lora_rank=16))
    layers = [shape for name, shape in parameter_shapes(build_empty(LARGE)).items()
              if name.startswith("language.layers.") and len(shape) == 2]  # fmt: skip
    assert adapters.trained == sum(map(sum, layers)) * 16 * 4 // 8
    assert adapters.frozen == 2 * total(LARGE) // 8


def test_more_devices_and_recomputation_take_less_and_samplers_more() -> None:
    target = TrainingTarget(80 * GB, 8, "grpo", lora_rank=16)
    used = estimate(LARGE, target).used_bytes
    assert estimate(LARGE, replace(target, num_devices=16)).used_bytes < used
    assert estimate(LARGE, replace(target, checkpointing=False)).used_bytes > used
    assert estimate(LARGE, replace(target, rollout="vllm")).used_bytes < used
    assert (
        estimate(LARGE, replace(target, rollout="away")).sampler
        == estimate(LARGE, replace(target, rollout="vllm")).sampler
    )  # it lies elsewhere, but is as large
    awake, asleep = (estimate(LARGE, replace(target, rollout=name)).phases for name in ("vllm", "asleep"))
    sampler = estimate(LARGE, replace(target, rollout="asleep")).sampler
    assert awake["update"] - asleep["update"] == sampler and awake["rollout"] == asleep["rollout"]
    assert "rollout" not in estimate(LARGE, replace(target, stage="reward")).phases


def test_the_nearest_setting_fits() -> None:
    found = plan_training(LARGE, TrainingTarget(80 * GB, 8, "grpo", lora_rank=16))
    assert not found.asked.fits and found.nearest is not None and found.nearest.fits
    assert found.changes == ("rollout=vllm on the same devices",)
    assert plan_training(LARGE, TrainingTarget(GB, 1, "sft")).nearest is None


def test_rows_that_are_too_long_for_a_device_are_shared() -> None:
    """38B, adapters, 65,536 tokens to a row: eight devices of 80 GB hold it if two share each row."""
    target = TrainingTarget(80 * GB, 8, "sft", context=65536, lora_rank=16)
    found = plan_training(LARGE, target)
    assert not found.asked.fits and found.nearest is not None
    assert found.changes == ("model.sequence_parallel=2",) and found.nearest.target.together == 2
    # the layers' inputs, of which each holds its half
    assert found.nearest.stash == found.asked.stash // 2
    odd = replace(LARGE.language, num_heads=12, num_kv_heads=3)
    assert [number for number in range(2, 13) if odd.heads_divide_among(number)] == [3, 6, 12]


def test_two_changes_are_named_where_one_is_not_enough() -> None:
    """All parameters of 38B by GRPO on eight devices of 80 GB: neither an engine that sleeps nor an optimiser
    on the CPU is enough, both are. One device holds it with adapters over 4 bits."""
    target = TrainingTarget(80 * GB, 8, "grpo")
    found = plan_training(LARGE, target)
    assert set(found.changes) == {"rollout=vllm on the same devices", "optim.on_cpu=true"}
    for name, value in (("rollout", "vllm"), ("on_cpu", True)):
        assert not estimate(LARGE, replace(target, **{name: value})).fits  # type: ignore[arg-type]
    held = estimate(LARGE, target)
    assert held.used_bytes - estimate(LARGE, replace(target, on_cpu=True)).used_bytes == held.optimizer
    one = plan_training(LARGE, TrainingTarget(80 * GB, 1, "sft", lora_rank=16))
    assert one.changes == ('model.lora=["llm"] model.four_bit=true',)


@pytest.mark.parametrize(
    "values", [{"stage": "init"}, {"rollout": "x"}, {"num_devices": 0}, {"num_devices": 8, "together": 3}]
)
def test_a_bad_value_is_named(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        TrainingTarget(**{"memory_bytes": GB, **values})


def test_the_command(run_r1v: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(write_native(LARGE, "bfloat16")))
    status, out, _ = run_r1v(
        "plan",
        tmp_path,
        "--train",
        "sft",
        "--devices",
        "8",
        "--memory",
        "80GB",
        "--lora",
        "--context",
        "16384",
    )
    assert status == 0 and "it fits" in out and "optimizer" in out
    status, out, _ = run_r1v(
        "plan", tmp_path, "--train", "sft", "--devices", "8", "--memory", "80GB", "--json"
    )
    found = json.loads(out)
    assert status == 1 and not found["asked"]["fits"] and found["nearest"]["fits"]
    assert found["changes"] == ["optim.on_cpu=true"]


RECORDED = Path(__file__).parents[2] / "benchmarks" / "results" / "gpu" / "train-large.json"
LARGE_8B = R1VConfig(
    VisionConfig(1024, 24, 16, 4096),
    LanguageConfig(151936, 4096, 36, 32, 8, 128, 12288, family="qwen3"),
    image_token_id=151671,
)


@pytest.mark.parametrize(
    ("part", "config", "context", "lora_rank"), [("lora38b", LARGE, 16384, 16), ("full8b", LARGE_8B, 4096, 0)]
)
def test_the_plan_is_within_a_tenth_of_what_two_h200s_took(
    part: str, config: R1VConfig, context: int, lora_rank: int
) -> None:
    """The allocator's peak of a second step on each of two devices, with a row each
    (`benchmarks/gpu/train.py`)."""
    rows = json.loads(RECORDED.read_text())["parts"][part]["rows"]
    taken = next(row["memory_gb"] for row in rows if row["stage"] == "sft" and row.get("step") == 1) * GB
    found = estimate(config, TrainingTarget(140 * GB, 2, "sft", context, lora_rank=lora_rank))
    assert 0.9 * taken < found.phases["update"] - found.overhead < 1.1 * taken


SETTINGS = [
    (512, 1, 0, True), (2048, 2, 0, True), (512, 1, 0, False), (2048, 1, 0, False), (512, 1, 16, True),
    (2048, 2, 16, True), (2048, 1, 16, False), (512, 1, -16, True), (2048, 1, -16, False),
]  # fmt: skip


def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from r1v.train.stages.init import InitConfig, initialise

    pytest.importorskip("peft")
    return initialise(
        InitConfig(
            out=str(tmp_path_factory.mktemp("plan") / "m"), vocab_size=400, tokenizer_samples=20,
            families=("arithmetic",), image_size=32, patch_size=8, vision_hidden=32, vision_layers=1,
            vision_heads=2, vision_mlp=64, llm_hidden=256, llm_layers=8, llm_heads=4, llm_kv_heads=2,
            llm_mlp=768, context=2048,
        )
    )  # fmt: skip


def chosen_of(model: Path, lora_rank: int, four_bit: bool, **more: Any) -> Any:
    from r1v.train.core.config import ModelConfig

    return ModelConfig(
        str(model), train=() if lora_rank else ("projector", "llm"), lora=("llm",) if lora_rank else (),
        four_bit=four_bit, **more,
    )  # fmt: skip


def peak_of(work: Callable[[], Any], held: int = 0) -> tuple[Any, int]:
    """What some work returns, and the most bytes that torch's allocator had given out, from ``held`` on. The
    work can be repeated: torch's log is empty now and then."""
    from torch.profiler import ProfilerActivity, profile

    for _ in range(3):
        gc.collect()  # what is freed in between would be counted
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as log:
            result = work()
        events = [e for e in log.profiler.kineto_results.events() if e.name() == "[memory]"]
        now = taken = held
        for event in sorted(events, key=lambda e: e.start_ns()):
            now += event.nbytes()
            taken = max(taken, now)
        if taken > held:
            break
    return result, taken


@pytest.mark.slow
@pytest.mark.parametrize(("context", "rows", "lora_rank", "checkpointing"), SETTINGS)
def test_the_plan_is_within_a_tenth_of_a_step(
    context: int, rows: int, lora_rank: int, checkpointing: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A small model in bf16 on a CPU, by the log of torch's allocator. A negative rank: over 4-bit layers."""
    import torch
    from rich.console import Console

    from r1v.models.checkpoint import describe
    from r1v.train.core.compute import Compute
    from r1v.train.core.config import OptimConfig
    from r1v.train.core.optim import Optimizer
    from r1v.train.core.policy import load_policy
    from r1v.train.data.batches import MicroBatch

    model = small_model(tmp_path_factory)
    four_bit, lora_rank = lora_rank < 0, abs(lora_rank)
    chosen = chosen_of(model, lora_rank, four_bit, checkpointing=checkpointing)
    compute = Compute(torch.device("cpu"), True)
    policy = load_policy(model, compute, chosen, seed=0, console=Console(quiet=True))
    optimizer = Optimizer(policy, OptimConfig())
    ids, places = torch.randint(10, 300, (rows, context)), torch.arange(rows * context)
    part = MicroBatch(
        ids, torch.zeros((0, 32, 32, 3), dtype=torch.uint8), places, ids.flatten(), places // context,
        ("",) * rows,
    )  # fmt: skip

    def step() -> None:
        policy.backward(-policy.scores(part).logprobs.mean())
        optimizer.step(1.0)

    step()
    states = [value for one in optimizer.parts for state in one.state.values() for value in state.values()]
    _, taken = peak_of(step, sum(each.nbytes for each in (*policy.parameters(), *states)))
    config: Any = describe(model, whole=True).module.config
    target = TrainingTarget(GB, 1, "sft", context, rows, lora_rank, checkpointing=checkpointing,
                            four_bit=four_bit)  # fmt: skip
    found = estimate(config, target)
    assert 0.9 * taken < found.phases["update"] - found.overhead < 1.1 * taken


@pytest.mark.slow
@pytest.mark.parametrize("lora_rank", [0, 16, -16])
def test_loading_exporting_and_sampling_are_within_a_tenth(
    lora_rank: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As above. The allocator also counts the file that is mapped while it is read, which is taken off. A
    cache in float32, which a CPU may have, takes twice the bytes of the plan's."""
    import torch
    from rich.console import Console

    from r1v.core import Message
    from r1v.models.checkpoint import describe
    from r1v.prompt import Processor
    from r1v.train.core.compute import Compute
    from r1v.train.core.policy import load_policy
    from r1v.train.rollout.sampler import EngineRollouts

    model = small_model(tmp_path_factory)
    four_bit, lora_rank = lora_rank < 0, abs(lora_rank)
    chosen, compute = chosen_of(model, lora_rank, four_bit), Compute(torch.device("cpu"), True)
    config: Any = describe(model, whole=True).module.config
    target = TrainingTarget(GB, 1, "grpo", 512, 1, lora_rank, four_bit=four_bit)
    found = estimate(config, target)
    policy, taken = peak_of(lambda: load_policy(model, compute, chosen, seed=0, console=Console(quiet=True)))
    mapped = sum(path.stat().st_size for path in model.glob("*.safetensors"))
    held = sum(parameter.nbytes for parameter in policy.parameters())
    assert found.frozen + found.trained == pytest.approx(held, rel=0.02)
    assert 0.9 * (taken - mapped) < found.phases["load"] - found.overhead < 1.1 * (taken - mapped)
    _, taken = peak_of(lambda: policy.export(model.parent / "x", model, 1), held)
    planned = found.held - found.overhead + found.exported
    assert 0.9 * taken < planned < 1.1 * taken
    processor = Processor.from_folder(model)

    def sample() -> EngineRollouts:
        made = EngineRollouts(policy, processor, compute, max_num_seqs=8)
        made.sample([processor.encode([Message.user("3 + 4?")])] * 4, [0] * 4, n=2, max_tokens=16)
        return made

    made, taken = peak_of(sample)
    keys = made.engine._cache.keys
    tokens = keys.shape[1] * keys.element_size() // 2
    planned = estimate(config, replace(target, kv_tokens=tokens)).sampler
    assert 0.9 * taken < planned < 1.1 * taken
