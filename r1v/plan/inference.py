"""Planning of inference: memory and speed of a model on a device, before anything is loaded.

Enters: a config and the device. Leaves: a MemoryPlan with one Estimate for each way to hold the weights.
Always holds: only config.json is read; a format that fits leaves the stated overhead free on every device.

Bytes are counted from the shapes of the parameters. Decoding at small batches is bound by memory: a step
reads every weight of the language model and the keys and values of every sequence once, so its time is the
number of these bytes divided by the achieved bandwidth (Pope et al. 2022, section 2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from r1v.core import ConfigError
from r1v.models import R1VConfig
from r1v.models.checkpoint import build_empty, parameter_shapes

Format: TypeAlias = Literal["float32", "bf16", "awq", "awq-vision8", "offload", "stored"]
FORMATS: dict[str, str] = {
    "float32": "all weights in float32",
    "bf16": "all weights in bfloat16",
    "awq": "language model in 4 bits (AWQ), the rest in bfloat16",
    "awq-vision8": "AWQ, and the vision tower in 8 bits",
    "offload": "bfloat16, what does not fit stays in the host's memory",
    "stored": "language model in the checkpoint's own bits, by a method that has no format of its own here",
}
CHOICES: tuple[Format, ...] = ("bf16", "awq", "awq-vision8", "offload")
DEVICE_COUNTS = (1, 2, 4, 8, 16)
BLOCK = 16  # tokens; the cache is allocated in blocks
MIN_CONTEXT = 256


@dataclass(frozen=True, slots=True)
class PlanTarget:
    """Where a model will run, and with which load.

    memory_bytes: of each device. num_devices: tensor-parallel size. bandwidth: bytes a second that a device
    reads. link: bytes a second from the host's memory. overhead_bytes: None is 0.6 GB and 2% of the memory,
    for the CUDA context, libraries and the allocator's losses. efficiency: the share of the bandwidth that
    decoding achieves. num_images: in each conversation, with all tiles of the largest grid. step_tokens,
    step_tiles: max_step_tokens and max_step_tiles of EngineConfig. group_size: inputs that share a scale in
    AWQ, -1 is a whole row. stored_bits: of the format "stored".
    """

    memory_bytes: int
    num_devices: int = 1
    bandwidth: float = 1e12
    link: float = 25e9
    context: int = 8192
    concurrent: int = 1
    num_images: int = 1
    overhead_bytes: int | None = None
    efficiency: float = 0.75
    group_size: int = 128
    step_tokens: int = 1024
    step_tiles: int = 4
    stored_bits: int = 16

    def __post_init__(self) -> None:
        for name in ("memory_bytes", "num_devices", "context", "concurrent", "step_tokens", "step_tiles",
                     "stored_bits"):  # fmt: skip
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.group_size != -1 and self.group_size < 1:
            raise ConfigError(f"group_size is {self.group_size}; it must be at least 1, or -1 for whole rows")
        for name in ("bandwidth", "link"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be more than 0")
        if not 0 < self.efficiency <= 1:
            raise ConfigError(f"efficiency is {self.efficiency}; it must be in (0, 1]")
        if self.num_images < 0 or (self.overhead_bytes or 0) < 0:
            raise ConfigError("num_images and overhead_bytes must be at least 0")

    @property
    def overhead(self) -> int:
        """Bytes of a device that are not available to our tensors."""
        if self.overhead_bytes is not None:
            return self.overhead_bytes
        return 600_000_000 + self.memory_bytes // 50


@dataclass(frozen=True, slots=True)
class WeightBytes:
    """Bytes of parameters on one device. linears: of the language model's layers. output: embedding, output
    matrix and norms."""

    vision: int
    projector: int
    linears: int
    output: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.vision + self.projector + self.linears + self.output


@dataclass(frozen=True, slots=True)
class Estimate:
    """The memory of one way to hold the weights, in bytes on each device.

    kv_bytes: of `concurrent` sequences of `context` tokens. offloaded_bytes: of the weights, on the host.
    max_context: the longest context for that many sequences, 0 if none fits. max_concurrent: the most
    sequences of that context. tokens_per_s: the speed of one sequence at full context while `concurrent`
    sequences decode; the total is `concurrent` times that.
    """

    format: Format
    num_devices: int
    context: int
    concurrent: int
    weights: WeightBytes
    offloaded_bytes: int
    kv_bytes: int
    activation_bytes: int
    overhead_bytes: int
    memory_bytes: int
    max_context: int
    max_concurrent: int
    tokens_per_s: float

    @property
    def used_bytes(self) -> int:
        """Everything on a device."""
        held = self.weights.total - self.offloaded_bytes
        return held + self.kv_bytes + self.activation_bytes + self.overhead_bytes

    @property
    def fits(self) -> bool:
        """Whether a device holds it."""
        return self.used_bytes <= self.memory_bytes


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """estimates: one for each format. chosen: the format to use, None if nothing fits as requested. nearest:
    the nearest setting that fits, if chosen is None or offloads; None if no setting fits. tokens_per_image:
    of the largest grid."""

    target: PlanTarget
    estimates: tuple[Estimate, ...]
    chosen: Estimate | None
    nearest: Estimate | None
    tokens_per_image: int
    num_parameters: int


def plan(config: R1VConfig, target: PlanTarget, formats: tuple[Format, ...] = CHOICES) -> MemoryPlan:
    """Estimates of every format that can run, best first, and which one to choose.

    Raises ConfigError if the requested context is longer than the model's, or shorter than its images, or if
    no format can run on so many devices.
    """
    formats = tuple(each for each in formats if runs_on(each, target.num_devices))
    if not formats:
        raise ConfigError(
            f"only r1v's own engine reads awq-vision8, and it runs on one device, not on "
            f"{target.num_devices}; use awq"
        )
    limit = config.language.context_length
    if target.context > limit:
        raise ConfigError(f"context is {target.context}; this model's context is {limit} tokens")
    tokens_per_image = max_tiles(config) * config.tokens_per_tile
    if target.num_images * tokens_per_image >= target.context:
        raise ConfigError(
            f"{target.num_images} images of up to {tokens_per_image} tokens leave no room in a context of "
            f"{target.context}: raise --context, or lower --images"
        )
    sizes = PlanSizes.of(config)
    estimates = tuple(estimate(config, sizes, target, each) for each in formats)
    chosen = next((each for each in estimates if each.fits), None)
    nearest = None
    if chosen is None or chosen.format == "offload":
        nearest = _nearest(config, sizes, target, tuple(each for each in formats if each != "offload"))
    return MemoryPlan(target, estimates, chosen, nearest, tokens_per_image, sizes.num_parameters)


def runs_on(format_: Format, num_devices: int) -> bool:
    """Whether an engine reads this format on so many devices: an 8-bit tower is a format of our own."""
    return num_devices == 1 or format_ != "awq-vision8"


def max_tiles(config: R1VConfig) -> int:
    """Tiles of an image at the checkpoint's largest grid; 0 of a language model alone."""
    if config.vision is None:
        return 0
    if not config.dynamic_tiling:
        return 1
    return config.max_tiles + int(config.use_thumbnail and config.max_tiles > 1)


# ---------------------------------------------------------------------------------------------------- weights


@dataclass(frozen=True, slots=True)
class PlanSizes:
    """Numbers of parameters. *_matrix: those in weights of linear layers; the rest is in biases, norms and
    embeddings.

    linears: (rows, columns) of the language model's linear layers, one layer's.
    """

    vision_matrix: int
    vision_rows: int
    vision_rest: int
    projector: int
    linears: tuple[tuple[int, int], ...]
    num_layers: int
    language_rest: int
    head: int

    @classmethod
    def of(cls, config: R1VConfig) -> PlanSizes:
        """Counted from the model without memory for its parameters."""
        shapes = parameter_shapes(build_empty(config))
        matrix = rows = rest = projector = language_rest = 0
        linears: list[tuple[int, int]] = []
        for name, shape in shapes.items():
            count = math.prod(shape)
            is_linear = name.endswith(".weight") and len(shape) == 2
            if name.startswith("projector."):
                projector += count
            elif name.startswith("vision."):
                if is_linear:
                    matrix, rows = matrix + count, rows + shape[0]
                else:
                    rest += count
            elif is_linear and ".layers." in name:
                if name.startswith("language.layers.0."):
                    linears.append((shape[0], shape[1]))
            else:
                language_rest += count
        head = config.language.vocab_size * config.language.hidden_size
        layers = config.language.num_layers
        return cls(matrix, rows, rest, projector, tuple(linears), layers, language_rest, head)

    @property
    def num_parameters(self) -> int:
        """Of the whole model."""
        linears = sum(rows * columns for rows, columns in self.linears) * self.num_layers
        return self.vision_matrix + self.vision_rest + self.projector + linears + self.language_rest


def weights_of(config: R1VConfig, sizes: PlanSizes, format_: Format, target: PlanTarget) -> WeightBytes:
    """Bytes on each device. If the heads of the tower cannot be divided among the devices, each device holds
    the whole tower."""
    num_devices, width = target.num_devices, 4 if format_ == "float32" else 2
    vision = sizes.vision_matrix * width + sizes.vision_rest * width
    if format_ == "awq-vision8":  # a byte each, and a float32 scale for each row
        vision = sizes.vision_matrix + 4 * sizes.vision_rows + sizes.vision_rest * width
    if config.vision is not None and config.vision.num_heads % num_devices == 0:
        vision = -(-vision // num_devices)
    if format_ in ("awq", "awq-vision8"):
        each = sum(_awq_bytes(rows, columns, target.group_size) for rows, columns in sizes.linears)
    else:
        bits = target.stored_bits if format_ == "stored" else 8 * width
        each = sum(rows * columns for rows, columns in sizes.linears) * bits // 8
    linears = each * sizes.num_layers // num_devices
    return WeightBytes(vision, sizes.projector * width, linears, sizes.language_rest * width // num_devices)


def stored_bits(quantisation: Mapping[str, Any]) -> int | None:
    """Bits of the language model's layers by the quantization_config of any method; None where it names
    none. Their scales, which methods place in their own ways, are not in it."""
    bits = quantisation.get("bits", quantisation.get("w_bit"))
    if bits is None and quantisation.get("quant_method") in ("fp8", "fbgemm_fp8"):
        bits = 8
    for key, value in (("load_in_8bit", 8), ("load_in_4bit", 4)):
        bits = value if quantisation.get(key) is True else bits
    groups = quantisation.get("config_groups")  # as compressed-tensors writes it
    for group in groups.values() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        bits = weights.get("num_bits") if isinstance(weights, Mapping) else bits
    bits = int(bits) if isinstance(bits, str) and bits.isdecimal() else bits
    return bits if type(bits) is int and 1 <= bits <= 16 else None


def _awq_bytes(rows: int, columns: int, group_size: int) -> int:
    """Codes of 4 bits; a float16 scale and a code of 4 bits as zero point for each group."""
    groups = 1 if group_size == -1 else -(-columns // group_size)
    return rows * columns // 2 + groups * rows * 2 + groups * rows // 2


# --------------------------------------------------------------------------------------------------- the rest


def kv_bytes_per_token(config: R1VConfig, num_devices: int, width: int = 2) -> int:
    """Bytes of the keys and values of one token on each device. If there are fewer heads than devices, heads
    are repeated."""
    language = config.language
    heads = -(-language.num_kv_heads // num_devices)
    return 2 * language.num_layers * heads * language.head_dim * width


def activation_bytes(config: R1VConfig, target: PlanTarget, width: int = 2) -> int:
    """The most memory that one step needs besides weights and cache, on each device.

    A prefill step of the language model (in its MLP: the residual, its norm, gate and up, the product), the
    tower over a step's tiles (in its MLP, or its attention), and the sampler's float32 rows over the
    vocabulary. Encoded tiles of the running conversations are kept until their prompts are computed.
    """
    language, vision = config.language, config.vision
    rows = min(target.step_tokens, target.context * target.concurrent)
    inner = -(-language.intermediate_size // target.num_devices)
    prefill = rows * (3 * language.hidden_size + 4 * inner) * width
    tiles = min(target.step_tiles, target.num_images * target.concurrent * max_tiles(config))
    tower = 0
    if vision is not None:
        patches = tiles * (vision.patches_per_side**2 + 1)
        mlp = patches * (2 * vision.hidden_size + 2 * vision.intermediate_size) * width
        attention = patches * 7 * vision.hidden_size * width
        tower = max(mlp, attention) + tiles * 3 * vision.image_size**2 * (4 + width)
    logits = target.concurrent * language.vocab_size * 4 * 3
    kept = target.num_images * target.concurrent * max_tiles(config) * config.tokens_per_tile
    features = min(256 << 20, kept * language.hidden_size * width)
    return max(prefill, tower, logits) + features


def estimate(config: R1VConfig, sizes: PlanSizes, target: PlanTarget, format_: Format) -> Estimate:
    """Memory and speed of one format on a target."""
    width = 4 if format_ == "float32" else 2
    weights = weights_of(config, sizes, format_, target)
    per_token = kv_bytes_per_token(config, target.num_devices, width)
    blocks = -(-target.context // BLOCK)
    kv = per_token * BLOCK * (blocks * target.concurrent + 1)
    activations = activation_bytes(config, target, width)
    room = target.memory_bytes - target.overhead - activations  # for weights and cache
    offloaded = 0
    if format_ == "offload":  # only layers of the language model can stay on the host
        offloaded = max(0, min(weights.total + kv - room, weights.linears))
    left = max(0, room - (weights.total - offloaded) - per_token * BLOCK)
    max_context = left // (per_token * BLOCK * target.concurrent) * BLOCK
    head_bytes = sizes.head * width // target.num_devices
    on_device = weights.linears + head_bytes - offloaded
    read = on_device + per_token * target.context * target.concurrent
    seconds = read / (target.bandwidth * target.efficiency) + offloaded / target.link
    return Estimate(
        format_, target.num_devices, target.context, target.concurrent, weights, offloaded, kv, activations,
        target.overhead, target.memory_bytes,
        max_context=min(max_context, config.language.context_length) if max_context >= MIN_CONTEXT else 0,
        max_concurrent=left // (per_token * BLOCK * blocks),
        tokens_per_s=1 / seconds,
    )  # fmt: skip


def _nearest(
    config: R1VConfig, sizes: PlanSizes, target: PlanTarget, formats: tuple[Format, ...]
) -> Estimate | None:
    """The first change that fits: fewer sequences, then a shorter context, then more devices."""
    for changed in _relaxed(config, target):
        for format_ in (each for each in formats if runs_on(each, changed.num_devices)):
            found = estimate(config, sizes, changed, format_)
            if found.fits:
                return found
    return None


def _relaxed(config: R1VConfig, target: PlanTarget) -> Iterator[PlanTarget]:
    """Targets that ask for less, or offer more."""
    concurrent = target.concurrent
    while concurrent > 1:
        concurrent //= 2
        yield replace(target, concurrent=concurrent)
    least = max(MIN_CONTEXT, target.num_images * max_tiles(config) * config.tokens_per_tile + MIN_CONTEXT)
    context = target.context
    while context // 2 >= least:
        context //= 2
        yield replace(target, concurrent=1, context=context)
    for num_devices in DEVICE_COUNTS:
        if num_devices > target.num_devices:
            yield replace(target, num_devices=num_devices)
