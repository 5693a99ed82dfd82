"""The groups of keys that several stages share. A stage's own keys are in its file in `stages`.

Always holds: a configuration is frozen; a key that does not exist, or a value of the wrong type or range,
raises a ConfigError that names the key.
"""

from __future__ import annotations

from dataclasses import dataclass

from r1v.core import ConfigError
from r1v.train.core.checks import at_least, check_components, choice, share
from r1v.train.core.keys import key
from r1v.train.data.batches import Split


@dataclass(frozen=True)
class ModelConfig:
    """Which model is trained, and which of its parameters."""

    path: str = key("", "checkpoint to start from: a folder, r1v-nano, or a name on the hub", required=True)
    train: tuple[str, ...] = key(
        ("projector", "llm"),
        "components whose parameters change (vision, projector, llm), or patterns like llm.layers.*.mlp.*",
    )
    lora: tuple[str, ...] = key((), "components or patterns that get low-rank adapters beside their matrices")
    lora_rank: int = key(16, "rank of the adapters")
    lora_alpha: int = key(32, "adapters are scaled by lora_alpha / lora_rank")
    four_bit: bool = key(
        False, "hold the frozen linear layers of the language model in 4 bits, beside adapters (QLoRA)"
    )
    checkpointing: bool = key(
        False, "recompute activations in the backward pass to save memory", operational=True
    )

    hsdp: bool = key(
        False, "over several hosts: each holds the whole model in shares, and hosts repeat each other",
        operational=True,
    )  # fmt: skip
    replicate: bool = key(
        False, "each process holds the whole model, and gradients are added up: faster for small models",
        operational=True,
    )  # fmt: skip

    sequence_parallel: int = key(
        1, "so many processes compute a row together, each a part of its tokens, for rows that are too long "
        "for one", operational=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.replicate and self.hsdp:
            raise ConfigError("model.replicate and model.hsdp are both on; each says how a model is spread")
        check_components(self.train, self.lora)
        at_least(self, 1, "lora_rank", "lora_alpha", "sequence_parallel", group="model")


@dataclass(frozen=True)
class RunConfig:
    """Where a run writes, how long it runs, and on which device."""

    out: str = key("", "folder of the run", required=True, operational=True)
    steps: int = key(1000, "optimiser steps; for grpo and pool batches of questions", operational=True)
    seed: int = key(0, "of everything that is drawn at random")
    device: str = key("auto", "auto, cpu, cuda or cuda:1", operational=True)
    bf16: bool = key(True, "forward and backward in bf16 where the device computes it natively")
    compile: bool = key(False, "compile the layers; the first steps then take minutes", operational=True)
    deadline_s: float = key(
        0.0, "end after this many seconds of training, with the schedule scaled to it; 0: no limit",
        operational=True,
    )  # fmt: skip
    log_every: int = key(10, "steps between two lines of metrics", operational=True)
    eval_every: int = key(0, "steps between two held-out measurements; 0: none", operational=True)
    save_every_s: float = key(300.0, "seconds between two checkpoints", operational=True)
    keep: int = key(1, "checkpoints to keep for resuming", operational=True)
    max_shard_mb: int = key(4096, "size of an exported weight file, MiB", operational=True)
    trackers: tuple[str, ...] = key(
        (), "where numbers go while it runs: tensorboard, trackio, wandb, or a hook file.py:name",
        operational=True,
    )  # fmt: skip
    samples: int = key(
        2, "questions of a step whose replies are kept for r1v train watch; 0: none", operational=True
    )

    def __post_init__(self) -> None:
        at_least(self, 1, "steps", "log_every", "keep", "max_shard_mb", group="run")
        at_least(self, 0, "deadline_s", "eval_every", "save_every_s", "samples", group="run")


@dataclass(frozen=True)
class OptimConfig:
    """Batches, learning rates and their schedule."""

    batch_size: int = key(16, "samples of a step, over all processes")
    micro_batches: int = key(
        1, "parts of similar length that a step is computed in, one after the other", operational=True
    )
    part_tokens: int = key(
        0, "tokens of a part at most, padding included, in place of a number of parts; 0: micro_batches",
        operational=True,
    )  # fmt: skip
    lr: float = key(1e-5, "AdamW's peak learning rate")
    rates: dict[str, float] = key(
        {}, "peak rates of their own: component (vision, projector, llm) or lora -> rate"
    )
    muon_lr: float = key(0.0, "Muon's peak rate, for the matrices of the blocks; 0: AdamW for all")
    on_cpu: bool = key(
        False, "AdamW's moments and a copy of the master weights lie on the CPU, where it makes its step",
        operational=True,
    )  # fmt: skip
    schedule: str = key("cosine", "wsd, cosine or constant, each after the warm-up")
    warmup_steps: int = key(0, "steps in which the rate rises")
    decay_share: float = key(0.3, "wsd: last part of the run, in which the rate falls")
    final_lr_share: float = key(0.0, "what the rate falls to, as a share of the peak")
    weight_decay: float = key(0.0, "of matrices")
    clip: float = key(1.0, "largest norm of the gradient; 0: no limit")
    betas: tuple[float, ...] = key((0.9, 0.98), "AdamW's two")

    def __post_init__(self) -> None:
        at_least(self, 1, "batch_size", "micro_batches", group="optim")
        at_least(
            self, 0, "part_tokens", "lr", "muon_lr", "warmup_steps", "weight_decay", "clip", group="optim"
        )
        share(self, "decay_share", "final_lr_share")
        if self.on_cpu and self.muon_lr:
            raise ConfigError("optim.on_cpu is for AdamW; leave optim.muon_lr at 0")
        choice("optim.schedule", self.schedule, ("wsd", "cosine", "constant"))
        if len(self.betas) != 2 or not all(0 <= one < 1 for one in self.betas):
            raise ConfigError(f"optim.betas is {self.betas}; give two numbers in [0, 1)")
        for name, rate in self.rates.items():
            choice("optim.rates", name, ("vision", "projector", "llm", "lora"))
            if not rate >= 0:
                raise ConfigError(f"optim.rates: {name} is {rate}; it must be at least 0")

    @property
    def split(self) -> Split:
        """How a step is cut into parts."""
        return Split(self.micro_batches, self.part_tokens)


@dataclass(frozen=True)
class DataConfig:
    """Which questions, and how they are made into batches."""

    source: tuple[str, ...] = key(
        ("figures",),
        "figures, abroad, people, typed, talk, refuse, JSONL or parquet files, or hf:NAME:SPLIT; several are "
        "mixed, each with :: and its weight (mine.jsonl::2)",
    )
    families: tuple[str, ...] = key(
        (), "of figures or of rows; none is all; a figures' family named twice counts twice"
    )
    columns: dict[str, str] = key({}, 'column of your rows for each of ours: question = "problem"')
    direct_share: float = key(0.0, "samples that are trained to answer without thinking")
    packing: bool = key(False, "a part of a batch is one line without padding")
    variation: float = key(1.0, "how far the looks of figures vary, 0 to 1")
    spoil: float = key(
        0.0, "share of pictures spoilt: pages around, scales, JPEG, dark themes, photographed screens"
    )
    open_names: float = key(0.0, "share of figures whose names are any names, not those of their lists")
    first_sample: int = key(0, "number of the first figure")
    heldout: int = key(0, "held-out questions of each family, of figures or of the file measure")
    measure: str | None = key(None, "file of held-out rows")
    workers: int = key(1, "processes that make the data; 0: none beside the trainer", operational=True)
    prefetch: int = key(4, "batches made ahead", operational=True)
    bad_share: float = key(
        0.1, "largest share of samples that may be left out; above it the run ends", operational=True
    )

    def __post_init__(self) -> None:
        at_least(self, 0, "heldout", "workers", "first_sample", group="data")
        at_least(self, 1, "prefetch", group="data")
        share(self, "direct_share", "variation", "spoil", "open_names", "bad_share")
        if not self.source:
            raise ConfigError("data.source is empty; name figures, a file or hf:NAME")


@dataclass(frozen=True)
class RolloutConfig:
    """How the model that is being trained is sampled from."""

    engine: str = key("r1v", "r1v (our own, beside the trainer) or vllm", operational=True)
    group: int = key(8, "responses to each question")
    temperature: float = key(1.0, "of sampling; 0 is greedy")
    max_tokens: int = key(512, "of a response")
    max_num_seqs: int = key(64, "responses decoded together", operational=True)
    memory_fraction: float = key(
        0.3, "of the free memory, for the cache; with vllm of all, weights included", operational=True
    )
    probe_limit: float = key(
        0.0, "largest difference of log-probabilities that is not taken for stale weights; 0: by precision",
        operational=True,
    )  # fmt: skip
    environment: str | None = key(
        None, "answers the model's turns until it has answered: crop, or file.py:Name; none: one turn"
    )
    stale: int = key(
        0, "updates by which the weights that answer may be old: 0, or 1 to have the next batch answered "
        "while the model is being updated",
    )  # fmt: skip
    engine_device: str | None = key(
        None, "where our own engine works, such as cuda:1; none is the trainer's device", operational=True
    )
    turns: int = key(4, "turns of the model in an environment at most; max_tokens counts all of them")
    vllm_python: str | None = key(None, "interpreter with vLLM and r1v; none is this one", operational=True)
    vllm_devices: tuple[str, ...] = key(
        (), "one vLLM process for each entry, which is its CUDA_VISIBLE_DEVICES", operational=True
    )
    vllm_at: tuple[str, ...] = key((), "addresses of r1v train rollout processes", operational=True)
    vllm_key: str | None = key(None, "file with the secret that trainer and engines share", operational=True)

    def __post_init__(self) -> None:
        choice("rollout.engine", self.engine, ("r1v", "vllm"))
        at_least(self, 1, "group", "max_tokens", "max_num_seqs", "turns", group="rollout")
        if self.environment is not None and self.engine != "r1v":
            raise ConfigError("rollout.environment needs our own engine; leave rollout.engine=r1v")
        at_least(self, 0, "temperature", "probe_limit", group="rollout")
        if self.stale not in (0, 1):
            raise ConfigError(
                f"rollout.stale is {self.stale}; it can be 0 or 1: while one batch is being answered, there "
                "are no answers for a second update"
            )
        if self.engine_device is not None and self.engine != "r1v":
            raise ConfigError("rollout.engine_device is for our own engine; vLLM's are rollout.vllm_devices")
        if not 0.0 < self.memory_fraction <= 1.0:
            raise ConfigError(
                f"rollout.memory_fraction is {self.memory_fraction}; it must be above 0 and at most 1"
            )
        if self.vllm_at and (self.vllm_key is None or self.vllm_devices):
            raise ConfigError(
                "rollout.vllm_at needs rollout.vllm_key, the file of the engines' key, and no vllm_devices"
            )


def one_turn(stage: str, rollout: RolloutConfig) -> None:
    """ConfigError where a stage that asks in one turn is given an environment, or is to ask ahead."""
    if rollout.environment is not None:
        raise ConfigError(f"{stage} asks in one turn; rollout.environment is for grpo and pool")
    if rollout.stale or rollout.engine_device is not None:
        raise ConfigError(f"rollout.stale and rollout.engine_device are for grpo, not for {stage}")


@dataclass(frozen=True)
class RewardConfig:
    """The reward of a response: parts for the rules, the reward model and the form, and your own functions,
    each with a weight."""

    model: str | None = key(None, "folder that r1v train reward wrote; none: no reward model")
    rule_weight: float = key(1.0, "of a right answer")
    model_weight: float = key(0.5, "of the reward model's bounded score")
    format_weight: float = key(0.5, "of R1's form")
    wrong_cost: float = key(0.0, "taken off for a reply that is neither right nor says that it cannot tell")
    refusal_cost: float = key(0.0, "taken off for saying so where there is an answer")
    functions: tuple[str, ...] = key((), 'Python functions "file.py:name:weight"; see docs/guides/train.md')
    model_alone: float = key(
        0.0, "largest advantage that the reward model alone may give where a group is equal by rule; 0: none"
    )

    def __post_init__(self) -> None:
        at_least(self, 0, "rule_weight", "model_weight", "format_weight", "model_alone", group="reward")
        at_least(self, 0, "wrong_cost", "refusal_cost", group="reward")
