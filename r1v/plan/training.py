"""Planning of training: the memory of each device while loading, updating, sampling and exporting.

Enters: a config and a setting. Leaves: bytes of each part on each device, and the nearest setting that fits.
Always holds: only config.json is read; the parts are those of `r1v.train.core.policy`: master weights, their
gradients and AdamW's two moments in float32, what is frozen in bfloat16, all split among the devices; a block
(one layer, or everything outside the layers) is whole for its own pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, TypeAlias

from r1v.core import ConfigError
from r1v.models import R1VConfig
from r1v.models.checkpoint import build_empty, parameter_shapes
from r1v.models.config import LanguageConfig

STAGES = ("sft", "transfer", "iterate", "reward", "mpo", "grpo")
LOGIT_BYTES = 2 * (1 << 28)  # a chunk of logits and its gradient
ROLLOUTS = ("r1v", "vllm", "asleep", "away")


@dataclass(frozen=True, slots=True)
class TrainingTarget:
    """memory_bytes: of each device. context: tokens of a row. rows: of one pass on a device. lora_rank: 0
    trains all parameters of projector and language model. rollout: r1v (a whole copy on each device), vllm
    (on the same devices, with the model split among them), asleep (the same, but with its memory given back
    while the model is updated: rollout.sleep) or away (on other devices). checkpointing: activations are
    recomputed. kv_tokens: that the sampler's cache holds. together: devices that share the tokens of a row
    (model.sequence_parallel). on_cpu: AdamW's moments lie on the CPU (optim.on_cpu). four_bit: frozen linear
    layers beside adapters are held in 4 bits (model.four_bit)."""

    memory_bytes: int
    num_devices: int = 1
    stage: str = "sft"
    context: int = 8192
    rows: int = 1
    lora_rank: int = 0
    rollout: str = "r1v"
    checkpointing: bool = True
    kv_tokens: int = 65536
    together: int = 1
    on_cpu: bool = False
    four_bit: bool = False

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise ConfigError(f"--train is {self.stage!r}; use {', '.join(STAGES[:-1])} or {STAGES[-1]}")
        if self.rollout not in ROLLOUTS:
            raise ConfigError(
                f"--rollout is {self.rollout!r}; use {', '.join(ROLLOUTS[:-1])} or {ROLLOUTS[-1]}"
            )
        for name in ("memory_bytes", "num_devices", "context", "rows", "together"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.four_bit and not self.lora_rank:
            raise ConfigError("--four-bit holds frozen weights beside adapters in 4 bits; give --lora too")
        if self.num_devices % self.together:
            raise ConfigError(
                f"{self.num_devices} devices cannot be divided into groups of {self.together} that share rows"
            )

    @property
    def overhead(self) -> int:
        """CUDA's context and libraries, NCCL's buffers, and what the allocator loses."""
        return 1_200_000_000 + self.memory_bytes // 33

    @property
    def samples(self) -> bool:
        """Whether the stage samples from the model while it trains it."""
        return self.stage in ("mpo", "grpo")


@dataclass(frozen=True, slots=True)
class TrainingEstimate:
    """Bytes on each device. held: master weights, frozen weights and optimiser, which are always present. The
    others are what a phase needs in addition. stash: what the forward pass keeps of all layers. inside: of
    one layer, and the gradients in it, while it is computed backward. casts: bf16 copies of the weights in
    one process. reading: beside the weights while they are read. exported: of a tensor while it is written,
    or handed to another engine, with its adapter added in."""

    target: TrainingTarget
    frozen: int
    trained: int
    optimizer: int
    block: int
    gradients: int
    stash: int
    inside: int
    casts: int
    reading: int
    exported: int
    logits: int
    sampler: int
    overhead: int
    layers: int

    @property
    def activations(self) -> int:
        """The most of them at a time."""
        return self.stash + self.inside

    @property
    def held(self) -> int:
        """In every phase."""
        return self.frozen + self.trained + self.overhead

    @property
    def phases(self) -> dict[str, int]:
        """All bytes of a device in each phase."""
        always = self.held + self.optimizer
        here = self.sampler if self.target.samples and self.target.rollout != "away" else 0
        resident = 0 if self.target.rollout == "asleep" else here
        found = {
            "load": self.held + self.reading,
            "update": always + resident + self.update,
            "export": always + resident + self.exported,
        }
        if self.target.samples:
            found["rollout"] = always + here + self.exported
        return found

    @property
    def update(self) -> int:
        """The most of three moments: the end of the forward pass; the last layer on the way back, when
        nothing of the stash is free yet; the first layer, when all gradients are there."""
        layer = self.stash // self.layers
        return max(
            self.stash + self.casts + self.logits,
            self.stash + self.block + self.inside,
            self.gradients + self.block + layer + self.inside,
        )

    @property
    def used_bytes(self) -> int:
        """Of the largest phase."""
        return max(self.phases.values())

    @property
    def fits(self) -> bool:
        """Whether every phase fits."""
        return self.used_bytes <= self.target.memory_bytes


@dataclass(frozen=True, slots=True)
class Counts:
    """Parameters: of one layer of each part, of all, and of what lies outside the layers. adapters: per unit
    of rank. matrices: of the linear layers of a language model's layer; matrix: of the largest one.
    four_bit_bytes: of these linear layers in 4 bits. embedding: of the token embedding."""

    layer: int
    vision_layer: int
    language: int
    vision: int
    projector: int
    root: int
    adapters: int
    matrices: int
    matrix: int
    four_bit_bytes: int
    embedding: int


def sizes(config: R1VConfig) -> Counts:
    """From the shapes alone."""
    shapes = parameter_shapes(build_empty(config))
    counts = {name: _product(shape) for name, shape in shapes.items()}

    def of(prefix: str) -> int:
        return sum(number for name, number in counts.items() if name.startswith(prefix))

    layers = sum(n for name, n in counts.items() if ".layers." in name)
    matrices = [s for name, s in shapes.items() if name.startswith("language.layers.0.") and len(s) == 2]
    adapters = sum(
        sum(shape) for name, shape in shapes.items()
        if name.startswith("language.layers.") and len(shape) == 2
    )  # fmt: skip
    return Counts(
        of("language.layers.0."), of("vision.layers.0."), of("language."), of("vision."), of("projector."),
        sum(counts.values()) - layers, adapters, sum(map(_product, matrices)), max(map(_product, matrices)),
        sum(rows * four_bit_row(columns) for rows, columns in matrices), counts["language.embedding.weight"],
    )  # fmt: skip


def estimate(config: R1VConfig, target: TrainingTarget) -> TrainingEstimate:
    """Of one setting."""
    size, number = sizes(config), target.num_devices
    everything = size.language + size.vision + size.projector
    if target.lora_rank:
        trained = size.adapters * target.lora_rank
        frozen = everything
    else:
        trained = size.language + size.projector if target.stage != "transfer" else size.projector
        frozen = everything - trained
    frozen_bytes, layer_bytes, widened = 2 * frozen, 2 * size.layer, 0
    if target.four_bit:
        saved = 2 * size.matrices - size.four_bit_bytes
        frozen_bytes -= saved * config.language.num_layers
        layer_bytes, widened = layer_bytes - saved, 2 * size.matrix
    largest = max(size.layer, size.vision_layer)
    largest_bytes = max(layer_bytes, 2 * size.vision_layer)
    # a layer and the next one, which is gathered ahead, or what lies outside the layers beside one layer
    block = max(2 * largest_bytes, 2 * size.root + largest_bytes) if number > 1 else largest_bytes
    block += widened
    if not target.lora_rank:
        block += 4 * max(largest, size.root)  # its gradient before it is split, in float32
    sampler = 0
    if target.samples:
        cache = target.kv_tokens * kv_bytes(config)
        if target.rollout != "r1v":
            sampler = 2 * everything // number + cache // number
        elif target.four_bit and number == 1:
            sampler = cache  # the engine runs the 4-bit layers themselves
        else:
            sampler = 2 * everything + cache
    tokens = -(-target.context // target.together) * target.rows
    stash, inside = activations(config, target)
    return TrainingEstimate(
        target,
        frozen=frozen_bytes // number,
        trained=4 * trained // number,
        optimizer=0 if target.on_cpu else 8 * trained // number,
        block=block,
        gradients=4 * trained // number,
        stash=stash,
        inside=inside,
        casts=2 * trained if number == 1 else 0,
        # codes are made of a matrix in float32; else a piece of a file goes where it belongs
        reading=4 * size.matrix if target.four_bit else block // 2,
        exported=max(4 * size.embedding, exported_row(target) * size.matrix),
        logits=min(LOGIT_BYTES, 2 * 4 * tokens * config.language.vocab_size) + 2 * 4 * tokens,
        sampler=sampler,
        overhead=target.overhead,
        layers=config.language.num_layers,
    )


def exported_row(target: TrainingTarget) -> int:
    """Bytes that one weight of a linear layer takes while it is gathered, and its adapter added in, in
    float32: itself, what is gathered, the adapter's product, and that at its scale."""
    if not target.lora_rank:
        return 4
    return 12 + 4 * target.four_bit + 2 * (target.num_devices > 1)


def kv_bytes(config: R1VConfig) -> int:
    """Keys and values of a token, bf16."""
    language = config.language
    return 2 * 2 * language.num_layers * language.num_kv_heads * language.head_dim


def activations(config: R1VConfig, target: TrainingTarget) -> tuple[int, int]:
    """Bytes that a pass keeps of all layers for its backward pass, and those of one layer beside it while
    that is computed backward: with recomputation the layers' inputs, and the inside of one layer; without it
    the insides of all."""
    language = config.language
    tokens = -(-target.context // target.together) * target.rows
    tokens *= 2 if target.stage in ("reward", "mpo") else 1
    queries, keys = (n * language.head_dim for n in (language.num_heads, language.num_kv_heads))
    wide, mlp = language.hidden_size, language.intermediate_size
    stream = 2 if target.lora_rank else 4  # float32 where the embedding is trained
    # two places of the residual stream, both as bf16 after their norms, and what the norms keep
    inside = 2 * stream * wide + 4 * wide + 8 * wide
    # q, k and v as they come and rotated, and what attention gives; gate, up, silu(gate) and their product
    inside += 2 * (queries + 2 * keys) + 2 * (queries + keys) + 2 * queries + 8 * mlp
    gradients = 6 * mlp  # of gate, up and their product
    if target.together > 1:
        inside += 4 * (queries + 2 * keys)  # what one sends to the others, and what it gets
    if not target.checkpointing:
        return tokens * inside * language.num_layers, tokens * gradients
    return tokens * stream * wide * language.num_layers, tokens * (inside + gradients)


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """asked: the requested setting. nearest: the setting that fits with the fewest changes; the requested one
    if it fits, None if none does."""

    asked: TrainingEstimate
    nearest: TrainingEstimate | None
    changes: tuple[str, ...]


def plan_training(config: R1VConfig, target: TrainingTarget) -> TrainingPlan:
    """The estimate of the requested setting, and the nearest setting that fits."""
    asked = estimate(config, target)
    for changed, changes in _nearby(target, config.language):
        found = estimate(config, changed)
        if found.fits:
            return TrainingPlan(asked, found, changes)
    return TrainingPlan(asked, None, ())


Step: TypeAlias = tuple[str, dict[str, Any]]  # what is said of a change, and the values of a target


def _steps(target: TrainingTarget, language: LanguageConfig) -> list[Step]:
    """Single changes that take less memory, those first that cost least."""
    steps: list[Step] = []
    if target.rows > 1:
        steps.append(("one row a pass (optim.micro_batches)", {"rows": 1}))
    if not target.checkpointing:
        steps.append(("model.checkpointing=true", {"checkpointing": True}))
    steps += [
        (f"model.sequence_parallel={number}", {"together": number})
        for number in range(target.together + 1, target.num_devices + 1)
        if target.num_devices % number == 0 and language.heads_divide_among(number)
    ]
    if target.samples and target.rollout == "r1v":
        steps.append(("rollout=vllm on the same devices", {"rollout": "vllm"}))
    if target.samples and target.rollout in ("r1v", "vllm"):
        steps.append(("rollout=vllm rollout.sleep=true", {"rollout": "asleep"}))
        steps.append(("rollout=vllm on other devices", {"rollout": "away"}))
    if not target.on_cpu:
        steps.append(("optim.on_cpu=true", {"on_cpu": True}))
    adapters = {} if target.lora_rank else {"lora_rank": 16}
    if adapters:
        steps.append(('model.lora=["llm"]', adapters))
    if not target.four_bit:
        steps.append(('model.lora=["llm"] model.four_bit=true', {**adapters, "four_bit": True}))
    return steps


def _nearby(
    target: TrainingTarget, language: LanguageConfig
) -> Iterator[tuple[TrainingTarget, tuple[str, ...]]]:
    """Settings to try: the requested one first, then settings with more and more changes, at last all of
    them on more devices."""
    steps = _steps(target, language)
    for number in range(4):
        for chosen in combinations(steps, number):
            keys = [key for _, values in chosen for key in values]
            if len(keys) == len(set(keys)):
                values = {key: value for _, one in chosen for key, value in one.items()}
                yield replace(target, **values), tuple(name for name, _ in chosen)
    last = {key: (name, values) for name, values in steps for key in values}
    everything = replace(target, **{key: values[key] for key, (_, values) in last.items()})
    names = tuple(dict.fromkeys(name for name, _ in last.values()))
    yield everything, names
    for factor in (2, 4, 8, 16, 32):
        number = target.num_devices * factor
        yield replace(everything, num_devices=number), (*names, f"{number} devices")


def four_bit_row(columns: int) -> int:
    """Bytes of a row of so many weights in 4 bits, as `r1v.train.core.four_bit` holds it: codes, and a scale
    and a zero point for each group."""
    group = next((size for size in (128, 64, 32) if columns % size == 0), 32)
    return columns // 2 + 3 * (columns // group)


def _product(shape: tuple[int, ...]) -> int:
    found = 1
    for side in shape:
        found *= side
    return found
