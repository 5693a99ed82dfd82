"""Opens the engine that a configuration names.

Enters: the group ``rollout`` of a configuration, and the policy that is trained or the folder of a model that
is not. Leaves: what answers questions in one turn. Always holds: every stage that samples opens its engine
here.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from r1v import models
from r1v.prompt import Processor
from r1v.train.core.compute import Compute, device_of
from r1v.train.core.config import RolloutConfig
from r1v.train.core.workbench import Workbench
from r1v.train.rollout.sampler import EngineRollouts
from r1v.train.rollout.vllm import VLLMRollouts, open_links


def open_engine(
    bench: Workbench, model: str, config: RolloutConfig, console: Console
) -> EngineRollouts | VLLMRollouts:
    """Our own engine over the policy, or vLLM's processes, of which it waits until they are ready. model: the
    checkpoint that the policy started from. Questions for vLLM keep their pictures."""
    if config.engine != "r1v":
        links = open_links(model, config, bench.compute, bench.run.folder)
        return VLLMRollouts(bench.policy, bench.processor, bench.compute, links, console, sleep=config.sleep)
    own = config.engine_device
    return EngineRollouts(
        bench.policy, bench.processor, bench.compute, max_num_seqs=config.max_num_seqs,
        memory_fraction=config.memory_fraction, apart=config.stale > 0,
        device=None if own is None else device_of(own, "rollout.engine_device"),
    )  # fmt: skip


def open_sampler(folder: str | Path, compute: Compute, config: RolloutConfig) -> EngineRollouts:
    """Our own engine over a checkpoint's model as it is, in float32 unless the run computes in bfloat16."""
    model = models.load(folder, None, compute.device)
    return EngineRollouts(
        model if compute.bf16 else model.float(), Processor.from_folder(folder), compute,
        max_num_seqs=config.max_num_seqs, memory_fraction=config.memory_fraction,
    )  # fmt: skip
