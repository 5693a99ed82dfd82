"""What training takes: parts from shapes, phases, and the nearest setting that fits."""

from __future__ import annotations

import json
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
    assert "rollout" not in estimate(LARGE, replace(target, stage="reward")).phases


def test_the_nearest_setting_fits() -> None:
    found = plan_training(LARGE, TrainingTarget(80 * GB, 8, "grpo", lora_rank=16))
    assert not found.asked.fits and found.nearest is not None and found.nearest.fits
    assert found.changes == ("rollout=vllm on the same devices",)
    assert plan_training(LARGE, TrainingTarget(GB, 1, "sft")).nearest is None


@pytest.mark.parametrize("values", [{"stage": "init"}, {"rollout": "x"}, {"num_devices": 0}])
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
    assert found["changes"] == ['model.lora=["llm"]']
