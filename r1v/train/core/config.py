"""The groups of keys that several stages share. A stage's own keys are in its file in `stages`.

Always holds: a configuration is frozen; a key that does not exist, or a value of the wrong type or range,
raises a ConfigError that names the key.
"""

from __future__ import annotations

from dataclasses import dataclass

from r1v.core import ConfigError
from r1v.train.core.checks import COMPONENTS, at_least, check_components, choice, share
from r1v.train.core.keys import key
from r1v.train.data.batches import Split


@dataclass(frozen=True)
class ModelConfig:
    """Which model is trained, and which of its parameters."""

    path: str = key(
        "", "model to start from: a folder, r1v-nano, a GGUF file, or a name on the Hub", required=True
    )
    train: tuple[str, ...] = key(
        ("projector", "llm"),
        "components whose parameters change (vision, projector, llm), or patterns like llm.layers.*.mlp.*",
    )
    lora: tuple[str, ...] = key((), "components or patterns whose matrices get low-rank adapters (LoRA)")
    lora_rank: int = key(16, "rank of the adapters")
    lora_alpha: int = key(32, "adapters are scaled by lora_alpha / lora_rank")
    four_bit: bool = key(
        False, "hold the frozen linear layers of the language model in 4 bits, beside trained adapters "
        "(QLoRA)"
    )  # fmt: skip
    keep_apart: bool = key(
        False, "write what is trained beside the whole checkpoint too, as an adapter of the starting one",
        operational=True,
    )  # fmt: skip
    checkpointing: bool = key(
        False, "recompute activations in the backward pass to save memory", operational=True
    )

    hsdp: bool = key(
        False, "over several hosts: the processes of a host share the model, and every host has all of it",
        operational=True,
    )  # fmt: skip
    replicate: bool = key(
        False, "each process holds the whole model, and the gradients are added up; faster for small models",
        operational=True,
    )  # fmt: skip

    sequence_parallel: int = key(
        1, "how many processes compute a row together, each a part of its tokens: for rows that are too "
        "long for one", operational=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.replicate and self.hsdp:
            raise ConfigError(
                "model.replicate and model.hsdp are two ways to spread a model; turn one of them off"
            )
        check_components(self.train, self.lora)
        at_least(self, 1, "lora_rank", "lora_alpha", "sequence_parallel", group="model")


@dataclass(frozen=True)
class RunConfig:
    """Where a run writes, how long it runs, and on which device."""

    out: str = key("", "folder of the run", required=True, operational=True)
    steps: int = key(1000, "optimiser steps; for grpo and pool: batches of questions", operational=True)
    seed: int = key(0, "seed of everything that is drawn at random")
    device: str = key("auto", "auto, cpu, cuda or cuda:1", operational=True)
    bf16: bool = key(True, "compute forward and backward in bfloat16 where the device supports it")
    compile: bool = key(False, "compile the layers; the first steps then take minutes", operational=True)
    deadline_s: float = key(
        0.0, "end after this many seconds of training, and fit the schedule to that time; 0: no limit",
        operational=True,
    )  # fmt: skip
    log_every: int = key(10, "steps between two lines of metrics", operational=True)
    eval_every: int = key(0, "steps between two held-out measurements; 0: only at the end", operational=True)
    save_every_s: float = key(300.0, "seconds between two checkpoints", operational=True)
    keep: int = key(1, "how many checkpoints are kept for resuming", operational=True)
    max_shard_mb: int = key(4096, "largest size of an exported weight file, MiB", operational=True)
    trackers: tuple[str, ...] = key(
        (), "where metrics are sent during the run: tensorboard, trackio, wandb, or a function "
        "file.py:name",
        operational=True,
    )  # fmt: skip
    samples: int = key(
        2, "how many questions of a step keep their replies for r1v train watch; 0: none", operational=True
    )

    def __post_init__(self) -> None:
        at_least(self, 1, "steps", "log_every", "keep", "max_shard_mb", group="run")
        at_least(self, 0, "deadline_s", "eval_every", "save_every_s", "samples", group="run")


@dataclass(frozen=True)
class OptimConfig:
    """Batches, learning rates and their schedule."""

    batch_size: int = key(16, "samples in a step, over all processes")
    micro_batches: int = key(
        1, "parts of similar length that a step is computed in, one after the other", operational=True
    )
    part_tokens: int = key(
        0, "most tokens of a part, padding included; replaces micro_batches; 0: micro_batches counts",
        operational=True,
    )  # fmt: skip
    lr: float = key(1e-5, "AdamW's peak learning rate")
    rates: dict[str, float] = key(
        {}, "peak learning rates of single components (vision, projector, llm) or of lora, in place of lr"
    )
    muon_lr: float = key(
        0.0, "Muon's peak learning rate, for the matrices of the blocks; 0: AdamW trains them too"
    )
    on_cpu: bool = key(
        False, "keep AdamW's moments and a copy of the master weights in the CPU's memory, and make the "
        "step there",
        operational=True,
    )  # fmt: skip
    schedule: str = key("cosine", "wsd (warm-up, stable, decay), cosine or constant, each after the warm-up")
    warmup_steps: int = key(0, "steps in which the learning rate rises")
    decay_share: float = key(0.3, "wsd: the last share of the run, in which the learning rate falls")
    final_lr_share: float = key(0.0, "learning rate at the end of the run, as a share of the peak")
    weight_decay: float = key(0.0, "weight decay of matrices")
    clip: float = key(1.0, "largest norm of the gradient; 0: no limit")
    betas: tuple[float, ...] = key((0.9, 0.98), "AdamW's two betas")

    def __post_init__(self) -> None:
        at_least(self, 1, "batch_size", "micro_batches", group="optim")
        at_least(
            self, 0, "part_tokens", "lr", "muon_lr", "warmup_steps", "weight_decay", "clip", group="optim"
        )
        share(self, "decay_share", "final_lr_share", group="optim")
        if self.on_cpu and self.muon_lr:
            raise ConfigError("optim.on_cpu is for AdamW; leave optim.muon_lr at 0")
        choice("optim.schedule", self.schedule, ("wsd", "cosine", "constant"))
        if len(self.betas) != 2 or not all(0 <= one < 1 for one in self.betas):
            raise ConfigError(f"optim.betas is {self.betas}; give two numbers in [0, 1)")
        for name, rate in self.rates.items():
            if name not in (*COMPONENTS, "lora"):
                raise ConfigError(f"optim.rates.{name}: use one of {', '.join(COMPONENTS)} and lora")
            if not rate >= 0:
                raise ConfigError(f"optim.rates.{name} is {rate}; it must be at least 0")

    @property
    def split(self) -> Split:
        """How a step is cut into parts."""
        return Split(self.micro_batches, self.part_tokens)


@dataclass(frozen=True)
class DataConfig:
    """Which questions, and how they are made into batches."""

    source: tuple[str, ...] = key(
        ("figures",),
        "figures, abroad, people, typed, talk, refuse, JSONL or parquet files, or hf:NAME:SPLIT; "
        "several are mixed, and a weight is written after :: (mine.jsonl::2)"
    )  # fmt: skip
    families: tuple[str, ...] = key(
        (), "families of figures or of rows that are used; empty: all; a figures' family named twice "
        "counts twice"
    )  # fmt: skip
    columns: dict[str, str] = key(
        {}, 'which column of your rows holds each of our keys: question = "problem"'
    )
    direct_share: float = key(0.0, "share of samples that are trained to answer without thinking")
    packing: bool = key(False, "put a part of a batch into one line without padding")
    variation: float = key(1.0, "how much the looks of figures vary, 0 to 1")
    spoil: float = key(
        0.0, "share of pictures that are spoilt: put on pages, scaled, JPEG, dark themes, photographed "
        "screens"
    )  # fmt: skip
    open_names: float = key(0.0, "share of figures that use any names, not only those of the families' lists")
    first_sample: int = key(0, "number of the first figure")
    heldout: int | None = key(
        0, "held-out questions of each family: of figures, of data.measure or, without it, rows of the data, "
        "which are then not trained on"
    )  # fmt: skip
    measure: str | None = key(None, "file of held-out rows, as in data.source")
    workers: int = key(1, "processes that make the data; 0: the trainer makes it itself", operational=True)
    prefetch: int = key(4, "batches that are made ahead", operational=True)
    bad_share: float = key(
        0.1, "largest share of samples that may be left out; above it the run ends", operational=True
    )

    def __post_init__(self) -> None:
        at_least(self, 0, "workers", "first_sample", group="data")
        if self.heldout is not None:
            at_least(self, 0, "heldout", group="data")
        at_least(self, 1, "prefetch", group="data")
        share(self, "direct_share", "variation", "spoil", "open_names", "bad_share", group="data")
        if not self.source:
            raise ConfigError("data.source is empty; name figures, a file or hf:NAME")


@dataclass(frozen=True)
class RolloutConfig:
    """How the model that is being trained is sampled from."""

    engine: str = key("r1v", "r1v (our own engine, beside the trainer) or vllm", operational=True)
    group: int = key(8, "responses to each question")
    temperature: float = key(1.0, "sampling temperature; 0 is greedy")
    max_tokens: int = key(512, "most tokens of a response")
    max_num_seqs: int = key(64, "responses that are decoded together", operational=True)
    memory_fraction: float = key(
        0.3, "share of the free memory for the cache; with vllm the share of all memory, weights included",
        operational=True,
    )  # fmt: skip
    probe_limit: float = key(
        0.0, "engine and trainer may differ by this much in log-probability, else the engine has stale "
        "weights; 0: chosen by precision",
        operational=True,
    )  # fmt: skip
    environment: str | None = key(
        None, "what replies to the model's turns until it has answered: crop, or file.py:Name; none: "
        "one turn"
    )  # fmt: skip
    turns: int = key(4, "most turns of the model in an environment; max_tokens counts all of them together")
    vllm_python: str | None = key(
        None, "Python interpreter that has vLLM and r1v; none: this one", operational=True
    )
    stale: int = key(
        0, "how many updates old the weights that answer may be: 0, or 1 to have the next batch answered "
        "while the model is being updated",
    )  # fmt: skip
    engine_device: str | None = key(
        None, "device of our own engine, such as cuda:1; none: the trainer's device", operational=True
    )
    vllm_devices: tuple[str, ...] = key(
        (), "one vLLM process for each entry, which becomes its CUDA_VISIBLE_DEVICES", operational=True
    )
    sleep: bool = key(
        False, "vLLM gives weights and cache back while the model is updated, on GPUs that both share",
        operational=True,
    )  # fmt: skip
    vllm_at: tuple[str, ...] = key((), "addresses where r1v train rollout is running", operational=True)
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
        if self.sleep and (self.engine != "vllm" or self.vllm_at or self.stale):
            raise ConfigError(
                "rollout.sleep is for a vLLM that is started here and shares the trainer's GPUs, without "
                "rollout.stale: it sleeps while the model is updated"
            )
        if self.vllm_at and (self.vllm_key is None or self.vllm_devices):
            raise ConfigError(
                "rollout.vllm_at needs rollout.vllm_key, the file of the engines' key; leave out vllm_devices"
            )


def one_turn(stage: str, rollout: RolloutConfig) -> None:
    """ConfigError where a stage that asks in one turn is given an environment, or is to ask ahead."""
    if rollout.environment is not None:
        raise ConfigError(f"{stage} gives each question one turn; rollout.environment is for grpo and pool")
    if rollout.stale or rollout.engine_device is not None:
        raise ConfigError(f"rollout.stale and rollout.engine_device are for grpo, not for {stage}")


@dataclass(frozen=True)
class RewardConfig:
    """The reward of a response: parts for the rules, the reward model and the form, and your own functions,
    each with a weight."""

    model: str | None = key(None, "folder that r1v train reward wrote; none: no reward model")
    rule_weight: float = key(1.0, "reward of a right answer")
    model_weight: float = key(0.5, "weight of the reward model's bounded score")
    format_weight: float = key(0.5, "reward of R1's form: closed thinking, then an answer in a box")
    wrong_cost: float = key(
        0.0, "taken off for a reply that is not right and does not say that it cannot tell"
    )
    refusal_cost: float = key(0.0, "taken off for saying that it cannot tell where there is an answer")
    functions: tuple[str, ...] = key(
        (), 'your own reward functions, "file.py:name:weight"; see docs/guides/train.md'
    )
    model_alone: float = key(
        0.0, "largest advantage from the reward model alone, in a group whose rewards by rule are "
        "equal; 0: none"
    )  # fmt: skip

    def __post_init__(self) -> None:
        at_least(self, 0, "rule_weight", "model_weight", "format_weight", "model_alone", group="reward")
        at_least(self, 0, "wrong_cost", "refusal_cost", group="reward")
