"""Typed configurations of the training stages, read from TOML with ``key=value`` changes.

Always holds: every key is known, every value of the right type and range; else a ConfigError names it.
"""

from __future__ import annotations

from dataclasses import dataclass

from r1v.core import ConfigError
from r1v.train.core.checks import COMPONENTS, at_least, check_components, check_schedule
from r1v.train.core.config_policy import GRPOConfig, MPOConfig, PairsConfig, RewardConfig, RolloutConfig
from r1v.train.core.config_read import from_dict, read

__all__ = [
    "COMPONENTS",
    "DistillConfig",
    "GRPOConfig",
    "InitConfig",
    "IterateConfig",
    "MPOConfig",
    "PairsConfig",
    "RewardConfig",
    "RolloutConfig",
    "SFTConfig",
    "TransferConfig",
    "from_dict",
    "read",
]


@dataclass(frozen=True)
class InitConfig:
    """A new model from nothing: its tokenizer, its shape and random weights.

    vocab_size counts the special tokens. tokenizer_samples: figure questions per family that the tokenizer is
    trained on. tokenizer: a folder whose tokenizer is taken instead. image_size, patch_size in pixels.
    """

    out: str
    tokenizer: str | None = None
    vocab_size: int = 1536
    tokenizer_samples: int = 2000
    families: tuple[str, ...] = ()
    image_size: int = 448
    patch_size: int = 16
    vision_hidden: int = 256
    vision_layers: int = 6
    vision_heads: int = 4
    vision_mlp: int = 1024
    llm_hidden: int = 384
    llm_layers: int = 6
    llm_heads: int = 6
    llm_kv_heads: int = 2
    llm_mlp: int = 768
    context: int = 8192
    rope_theta: float = 10000.0
    seed: int = 0


@dataclass(frozen=True)
class SFTConfig:
    """Supervised training on questions with worked solutions.

    model: a checkpoint folder to start from. out: the run's folder. data: ``figures``, or a JSONL file with
    ``images question thinking answer`` (or ``solution`` for ``thinking``). families: of the figures, none is
    all; one that is named twice is drawn twice as often. train: the components whose
    parameters change, or patterns like ``llm.layers.*.mlp.*``. lora: likewise, what gets adapters of
    lora_rank beside its frozen matrices, scaled by lora_alpha / lora_rank. batch_size: samples a step, sorted
    by length into micro_batches parts. packing: the examples of a part go through the model as one line, each
    seeing only itself, without padding. lr is AdamW's; matrices of the blocks take Muon at muon_lr (0: AdamW
    for all). decay_share: the last part of the run, in which the rate falls to final_lr_share. deadline_s:
    when set, the schedule also ends after this many seconds of training. curriculum: let each family's looks
    widen as it is learned, from start_variation on; the families that the model has learned before,
    ``known``, start at full variation. direct_share: samples trained to answer without thinking. bf16:
    forward and backward in it, where the device computes it natively. heldout: held-out items per family for
    the evaluation every eval_every steps. save_every_s: time between checkpoints. max_shard_mb: size of a
    weight file, MiB.
    """

    model: str
    out: str
    data: str = "figures"
    families: tuple[str, ...] = ()
    train: tuple[str, ...] = COMPONENTS
    lora: tuple[str, ...] = ()
    lora_rank: int = 16
    lora_alpha: int = 32
    steps: int = 1000
    batch_size: int = 64
    micro_batches: int = 1
    packing: bool = False
    lr: float = 1e-3
    muon_lr: float = 3e-3
    schedule: str = "wsd"
    warmup_steps: int = 100
    decay_share: float = 0.3
    final_lr_share: float = 0.02
    weight_decay: float = 0.02
    clip: float = 1.0
    betas: tuple[float, float] = (0.9, 0.98)
    curriculum: bool = True
    start_variation: float = 0.0
    known: tuple[str, ...] = ()
    widen: float = 0.01
    widen_above: float = 0.4
    floor_start: float = 0.35
    floor_end: float = 0.65
    direct_share: float = 0.05
    seed: int = 0
    first_sample: int = 0
    device: str = "auto"
    bf16: bool = True
    compile: bool = False
    checkpointing: bool = False
    workers: int = 1
    prefetch: int = 4
    eval_every: int = 500
    heldout: int = 32
    log_every: int = 10
    save_every_s: float = 300.0
    max_shard_mb: int = 4096
    deadline_s: float = 0.0

    def __post_init__(self) -> None:
        check_components(self.train, self.lora)
        check_schedule(self.schedule)
        at_least(
            self, 1, "lora_rank", "steps", "batch_size", "micro_batches", "workers", "prefetch", "log_every"
        )
        if self.micro_batches > self.batch_size:
            raise ConfigError(
                f"micro_batches is {self.micro_batches}; it must be at most batch_size, {self.batch_size}"
            )
        for name in ("decay_share", "direct_share", "final_lr_share", "floor_start", "floor_end"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 0 and at most 1")


@dataclass(frozen=True)
class DistillConfig:
    """Adaptive-length distillation: chains written by the model itself, shorter where a question is easy.

    model, data, families: as in SFTConfig. out: the folder of the result, ``chains.jsonl`` and its images.
    questions: how many, from first_sample on. alpha, beta, gamma: of the penalty, see `quality.penalty`; the
    report leaves them open. temperature: 0 is greedy. judge: base URL of an OpenAI-compatible server whose
    judge_model scores questions and corrects chains; without one, scores come from the known difficulty of
    figures and a wrong chain is replaced by the reference's.
    """

    model: str
    out: str
    data: str = "figures"
    families: tuple[str, ...] = ()
    questions: int = 1000
    alpha: float = 0.2
    beta: float = 1.0
    gamma: float = 1.0
    temperature: float = 0.0
    max_tokens: int = 512
    batch: int = 32
    judge: str | None = None
    judge_model: str = "judge"
    judge_key: str = "none"
    variation: float = 1.0
    seed: int = 0
    first_sample: int = 0
    device: str = "auto"
    bf16: bool = True
    max_num_seqs: int = 64
    memory_fraction: float = 0.5

    def __post_init__(self) -> None:
        at_least(self, 1, "questions", "max_tokens", "batch", "max_num_seqs")
        at_least(self, 0, "alpha", "beta", "gamma", "temperature")


@dataclass(frozen=True)
class IterateConfig:
    """Iterative supervised training with a reward model.

    data: a JSONL file with chains. M_0 is trained on all of it, M_t on the rows that the reward model scores
    at least thresholds[t - 1] (0 to 5) and on those that M_(t-1) answers wrong. first_lr: of M_0; lr: of M_1;
    later_lr: after it. epochs: of each round. Only the projector trains, unless ``train`` says otherwise.
    """

    model: str
    out: str
    data: str
    reward_model: str
    thresholds: tuple[int, ...] = (2, 3, 4, 5)
    train: tuple[str, ...] = ("projector",)
    epochs: int = 1
    batch_size: int = 512
    micro_batches: int = 1
    first_lr: float = 2e-4
    lr: float = 1e-4
    later_lr: float = 2e-5
    weight_decay: float = 0.05
    warmup_share: float = 0.03
    max_tokens: int = 512
    seed: int = 0
    device: str = "auto"
    bf16: bool = True
    max_num_seqs: int = 64
    save_every_s: float = 300.0
    max_shard_mb: int = 4096

    def __post_init__(self) -> None:
        check_components(self.train)
        at_least(self, 1, "epochs", "batch_size", "micro_batches", "max_tokens")
        if not self.thresholds or any(not 0 <= t <= 5 for t in self.thresholds):
            raise ConfigError(f"thresholds is {self.thresholds}; give scores from 0 to 5")


@dataclass(frozen=True)
class TransferConfig:
    """Multimodal transfer: the projector is trained before a substitute language model, then moved.

    vision, substitute, reasoner: checkpoint folders, bare or whole, of the tower and of two language models
    of one shape. steps, lrs: of the three phases of the projector's training, then of the alignment behind
    the reasoner. data, families, batch_size: as in SFTConfig. heldout: held-out figures of a family that each
    step is measured on, or rows of the file ``measure``, which a data file needs.
    """

    vision: str
    substitute: str
    reasoner: str
    out: str
    data: str = "figures"
    families: tuple[str, ...] = ()
    steps: tuple[int, ...] = (400, 200, 100, 200)
    lrs: tuple[float, ...] = (2e-4, 4e-5, 4e-5, 4e-5)
    batch_size: int = 64
    weight_decay: float = 0.05
    direct_share: float = 1.0
    measure: str | None = None
    heldout: int = 16
    max_tokens: int = 256
    seed: int = 0
    device: str = "auto"
    bf16: bool = True
    workers: int = 1

    def __post_init__(self) -> None:
        if len(self.steps) != 4 or len(self.lrs) != 4:
            raise ConfigError("steps and lrs each need four numbers: three phases and the alignment")
        if (self.data == "figures") != (self.measure is None):
            raise ConfigError("measure is a file of held-out rows for a data file, and for that only")
        at_least(self, 1, "batch_size", "heldout", "max_tokens", "workers")
