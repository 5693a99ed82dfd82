"""Configurations of the stages that sample from the model: pairs, reward model, MPO, GRPO.

Always holds: as in `config`, from which they are read.
"""

from __future__ import annotations

from dataclasses import dataclass

from r1v.core import ConfigError
from r1v.train.core.checks import at_least, check_components, check_schedule, choice


@dataclass(frozen=True)
class GRPOConfig:
    """Group-relative policy optimisation with verifiable answers and the Selective Sample Buffer.

    model, out, data, families, train, lora: as in SFTConfig; of data only questions and answers are used.
    pool: a file of `r1v train pool`, whose questions alone are asked. steps: rollouts. prompts: questions a
    step, each answered ``group`` times in at most max_tokens, at temperature 1. updates: optimiser steps made
    of one rollout. averaging, scaling, clip_low, clip_high, kl, correct_kl: see `losses.GRPOOptions` and
    `losses.group_advantages`. rule_weight, model_weight, format_weight: see `rewards.RewardWeights`;
    reward_model: a folder of `r1v train reward`. ssb: use the buffer, with the ssb_ keys of
    `buffer.BufferConfig`. rollout: the engine that samples, r1v (our own, beside the trainer) or vllm (in
    processes of its own, on this machine or others). vllm_python: the interpreter that has vLLM and r1v, None
    is this one. vllm_devices: one vLLM process for each entry, which is its CUDA_VISIBLE_DEVICES; the devices
    of an entry share the model; without entries there is one, on the trainer's own device. vllm_at: in their
    place, addresses of processes that `r1v train rollout` started; vllm_key: see RolloutConfig.
    importance_cap: see `losses.GRPOOptions`. max_num_seqs, memory_fraction: of the engine; with vLLM the
    fraction is of all that its devices have, weights included. heldout: held-out questions a family, from
    figures or from the file ``measure``, asked greedily every eval_every steps; the weights that answer them
    best are kept under ``best/``. deadline_s: as in SFTConfig. probe_limit: the largest difference of
    log-probabilities between engine and trainer that is not taken for stale weights; 0 chooses by precision.
    alarm_...: values above which a step is marked.
    """

    model: str
    out: str
    data: str = "figures"
    families: tuple[str, ...] = ()
    pool: str | None = None
    train: tuple[str, ...] = ("projector", "llm")
    lora: tuple[str, ...] = ()
    lora_rank: int = 16
    lora_alpha: int = 32
    steps: int = 100
    prompts: int = 16
    group: int = 8
    max_tokens: int = 512
    updates: int = 1
    micro_batches: int = 1
    lr: float = 1e-6
    muon_lr: float = 0.0
    schedule: str = "constant"
    warmup_steps: int = 0
    decay_share: float = 0.3
    final_lr_share: float = 0.0
    weight_decay: float = 0.0
    clip: float = 1.0
    betas: tuple[float, float] = (0.9, 0.98)
    averaging: str = "response"
    scaling: str = "group"
    clip_low: float = 0.2
    clip_high: float = 0.2
    kl: float = 0.0
    correct_kl: bool = True
    rule_weight: float = 1.0
    model_weight: float = 0.5
    format_weight: float = 0.5
    reward_model: str | None = None
    ssb: bool = True
    ssb_capacity: int = 1024
    ssb_max_age: int = 8
    ssb_mix: float = 0.5
    ssb_max_reuse: int = 0
    variation: float = 1.0
    seed: int = 0
    first_sample: int = 0
    device: str = "auto"
    bf16: bool = True
    checkpointing: bool = False
    workers: int = 1
    rollout: str = "r1v"
    vllm_python: str | None = None
    vllm_devices: tuple[str, ...] = ()
    vllm_at: tuple[str, ...] = ()
    vllm_key: str | None = None
    importance_cap: float = 0.0
    max_num_seqs: int = 64
    memory_fraction: float = 0.3
    eval_every: int = 0
    heldout: int = 0
    measure: str | None = None
    deadline_s: float = 0.0
    save_every_s: float = 300.0
    max_shard_mb: int = 4096
    probe_limit: float = 0.0
    alarm_clipped: float = 0.3
    alarm_empty: float = 0.5
    alarm_truncated: float = 0.5
    alarm_repetition: float = 0.6
    alarm_growth: float = 2.0
    alarm_mismatch: float = 0.05

    def __post_init__(self) -> None:
        check_components(self.train, self.lora)
        check_schedule(self.schedule)
        at_least(self, 1, "steps", "prompts", "max_tokens", "updates", "micro_batches", "max_num_seqs")
        at_least(self, 2, "group")
        at_least(self, 0, "workers", "eval_every", "heldout", "ssb_capacity", "deadline_s", "importance_cap")
        choice("rollout", self.rollout, ("r1v", "vllm"))
        if self.vllm_at and (self.vllm_key is None or self.vllm_devices):
            raise ConfigError("vllm_at needs vllm_key, the file of the engines' key, and no vllm_devices")
        choice("averaging", self.averaging, ("response", "token"))
        choice("scaling", self.scaling, ("group", "none"))


@dataclass(frozen=True)
class RolloutConfig:
    """A vLLM process that answers a GRPO trainer's questions with the weights that the trainer sends.

    model: the checkpoint that the trainer starts from. listen: where the trainer connects, HOST:PORT, or the
    path of a socket on this machine. key: a file with a secret that both know. tensor_parallel: devices that
    share the model. dtype: of weights and cache; the trainer's is bfloat16 where it trains in bf16, else
    float32. memory_fraction: of each device. attached: the process ends when its standard input does.
    """

    model: str
    listen: str
    key: str
    tensor_parallel: int = 1
    dtype: str = "auto"
    max_num_seqs: int = 64
    memory_fraction: float = 0.9
    attached: bool = False

    def __post_init__(self) -> None:
        at_least(self, 1, "tensor_parallel", "max_num_seqs")
        choice("dtype", self.dtype, ("auto", "float32", "bfloat16", "float16"))


@dataclass(frozen=True)
class RewardConfig:
    """A reward model from pairs of replies, in two stages.

    pairs: a file of multimodal pairs, for both stages. text_pairs: text-only pairs, added in the second;
    without them there is one stage. heldout: share of the pairs kept for the accuracy. lr, second_lr: of the
    two stages; epochs: of each. batch_size: pairs a step. workers: processes that make the rows, 0 for none.
    deadline_s: when set, the run also ends after this many seconds of training.
    """

    model: str
    out: str
    pairs: str
    text_pairs: str | None = None
    train: tuple[str, ...] = ("projector", "llm")
    lora: tuple[str, ...] = ()
    lora_rank: int = 16
    lora_alpha: int = 32
    heldout: float = 0.1
    lr: float = 1e-5
    second_lr: float = 1e-6
    epochs: int = 2
    batch_size: int = 1
    schedule: str = "constant"
    warmup_steps: int = 0
    decay_share: float = 0.3
    final_lr_share: float = 0.0
    weight_decay: float = 0.0
    clip: float = 1.0
    betas: tuple[float, float] = (0.9, 0.98)
    seed: int = 0
    device: str = "auto"
    bf16: bool = True
    checkpointing: bool = False
    workers: int = 1
    deadline_s: float = 0.0
    log_every: int = 10
    save_every_s: float = 300.0
    max_shard_mb: int = 4096

    def __post_init__(self) -> None:
        check_components(self.train, self.lora)
        check_schedule(self.schedule)
        at_least(self, 1, "epochs", "batch_size", "log_every")
        at_least(self, 0, "workers", "deadline_s")
        if not 0.0 < self.heldout < 1.0:
            raise ConfigError(f"heldout is {self.heldout}; it must be above 0 and below 1")


@dataclass(frozen=True)
class PairsConfig:
    """Pairs for a reward model, from a model's own replies with verified answers.

    model, data, families: as in SFTConfig. out: the file to write. questions: asked, each answered ``group``
    times at ``temperature``; a right reply is paired with a wrong one, at most ``per_question`` times.
    references: the source's own solution stands in as the right reply where the model has none. deadline_s:
    when set, no batch of questions is asked after this many seconds.
    """

    model: str
    out: str
    data: str = "figures"
    families: tuple[str, ...] = ()
    questions: int = 1000
    group: int = 8
    per_question: int = 1
    temperature: float = 1.0
    references: bool = False
    max_tokens: int = 512
    batch: int = 32
    variation: float = 1.0
    seed: int = 0
    first_sample: int = 0
    device: str = "auto"
    bf16: bool = True
    workers: int = 1
    deadline_s: float = 0.0
    max_num_seqs: int = 64
    memory_fraction: float = 0.5

    def __post_init__(self) -> None:
        at_least(self, 1, "questions", "group", "per_question", "max_tokens", "batch", "max_num_seqs")
        at_least(self, 0, "workers", "deadline_s")


@dataclass(frozen=True)
class MPOConfig:
    """Mixed preference optimisation, in rounds of sampling, ranking, pairing and training.

    model, data, families, train, lora: as in SFTConfig; reward_model: as in GRPOConfig, without one replies
    are ranked by the rules alone. rounds: each asks ``questions``, answered ``group`` times at
    ``temperature``. threshold: least gap of a pair's scores, on the reward model's raw scale; per_question:
    pairs of a question at most. heldout: share of a round's pairs that only the margin is measured on.
    heldout_questions: a family, with ``measure`` as in GRPOConfig, asked greedily before the first and after
    each round; the weights that answer them best are kept under ``best/``. deadline_s: when set, the run ends
    with the step that passes so many seconds. epochs: over a round's pairs, batch_size of them a step.
    preference, quality, generation, beta: see `losses.MPOWeights`. shift_window: rewards that BCO's delta is
    a mean of.
    """

    model: str
    out: str
    data: str = "figures"
    families: tuple[str, ...] = ()
    reward_model: str | None = None
    train: tuple[str, ...] = ("projector", "llm")
    lora: tuple[str, ...] = ()
    lora_rank: int = 16
    lora_alpha: int = 32
    rounds: int = 2
    questions: int = 64
    group: int = 8
    temperature: float = 1.0
    max_tokens: int = 512
    threshold: float = 0.0
    per_question: int = 1
    heldout: float = 0.1
    epochs: int = 1
    batch_size: int = 8
    micro_batches: int = 1
    lr: float = 1e-6
    schedule: str = "constant"
    warmup_steps: int = 0
    decay_share: float = 0.3
    final_lr_share: float = 0.0
    weight_decay: float = 0.0
    clip: float = 1.0
    betas: tuple[float, float] = (0.9, 0.98)
    preference: float = 0.8
    quality: float = 0.2
    generation: float = 1.0
    beta: float = 0.1
    shift_window: int = 1000
    variation: float = 1.0
    seed: int = 0
    first_sample: int = 0
    device: str = "auto"
    bf16: bool = True
    checkpointing: bool = False
    workers: int = 1
    heldout_questions: int = 0
    measure: str | None = None
    deadline_s: float = 0.0
    max_num_seqs: int = 64
    memory_fraction: float = 0.3
    save_every_s: float = 300.0
    max_shard_mb: int = 4096

    def __post_init__(self) -> None:
        check_components(self.train, self.lora)
        check_schedule(self.schedule)
        at_least(self, 1, "rounds", "questions", "max_tokens", "per_question", "epochs", "batch_size",
                 "micro_batches", "shift_window")  # fmt: skip
        at_least(self, 2, "group")
        at_least(self, 0, "workers", "heldout_questions", "deadline_s")
        if not 0.0 <= self.heldout < 1.0:
            raise ConfigError(f"heldout is {self.heldout}; it must be at least 0 and below 1")
