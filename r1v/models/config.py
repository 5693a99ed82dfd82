"""The shape of a model, as frozen data.

Enters: values from a config.json of any layout (see `config_json`) or from code. Leaves: VisionConfig,
LanguageConfig and R1VConfig. Always holds: every combination that can be made here can be built.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from r1v.core import ConfigError
from r1v.ops import RopeConfig

NormType: TypeAlias = Literal["layer_norm", "rms_norm"]
Family: TypeAlias = Literal["qwen2", "qwen3"]
Layout: TypeAlias = Literal["release", "native", "language"]
# the side of tiles in an empty batch, for a model without a tower
DEFAULT_IMAGE_SIZE = 448

ACTIVATIONS = ("gelu", "gelu_pytorch_tanh")


MAX_LAYERS = 4096
# far more than any model has, and small enough that no shape or table of this size overflows or fills the
# memory
MAX_SIZE = 2**20
MAX_SIZES = {"num_layers": MAX_LAYERS, "vocab_size": 2**24, "intermediate_size": 2**22,
             "max_position_embeddings": 2**26}  # fmt: skip


def _positive(owner: str, **values: int) -> None:
    for name, value in values.items():
        limit = MAX_SIZES.get(name, MAX_SIZE)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
            raise ConfigError(f"{owner}: {name} is {value!r}; it must be a whole number from 1 to {limit}")


def _small(owner: str, **values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < 1:  # also catches NaN
            raise ConfigError(f"{owner}: {name} is {value}; it must be at least 0 and less than 1")


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """InternViT. norm_eps: of the blocks' norms; qk_norm_eps: of the q and k norms over the full width.

    layer_scale_init: what the per-channel factors on each residual branch start from.
    """

    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    image_size: int = 448
    patch_size: int = 14
    qkv_bias: bool = True
    qk_norm: bool = False
    norm_type: NormType = "layer_norm"
    norm_eps: float = 1e-6
    qk_norm_eps: float = 1e-6
    activation: str = "gelu"
    layer_scale_init: float = 0.1

    def __post_init__(self) -> None:
        _positive("vision", hidden_size=self.hidden_size, num_layers=self.num_layers,
                  num_heads=self.num_heads, intermediate_size=self.intermediate_size,
                  image_size=self.image_size, patch_size=self.patch_size)  # fmt: skip
        _small("vision", norm_eps=self.norm_eps, qk_norm_eps=self.qk_norm_eps)
        if self.hidden_size % self.num_heads:
            raise ConfigError(
                f"vision: hidden_size {self.hidden_size} is not a multiple of num_heads {self.num_heads}"
            )
        if self.image_size % self.patch_size:
            raise ConfigError(
                f"vision: image_size {self.image_size} is not a multiple of patch_size {self.patch_size}"
            )
        if self.norm_type not in ("layer_norm", "rms_norm"):
            raise ConfigError(
                f"vision: norm_type {self.norm_type!r} is not known; use layer_norm or rms_norm"
            )
        if self.activation not in ACTIVATIONS:
            raise ConfigError(
                f"vision: hidden_act {self.activation!r} is not supported; use {' or '.join(ACTIVATIONS)}"
            )

    @property
    def patches_per_side(self) -> int:
        """Patches along one side of a tile."""
        return self.image_size // self.patch_size


@dataclass(frozen=True, slots=True)
class LanguageConfig:
    """A dense Qwen decoder.

    family: ``qwen2`` has biases on q, k and v; ``qwen3`` has none, but an RMSNorm over each head of q and k.
    tied: the output matrix is the embedding. max_position_embeddings: the context stated in config.json.
    """

    vocab_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    intermediate_size: int
    family: Family = "qwen2"
    rms_norm_eps: float = 1e-6
    max_position_embeddings: int = 32768
    tied: bool = False
    rope: RopeConfig = field(default_factory=RopeConfig)
    bos_token_id: int | None = None
    eos_token_id: int | tuple[int, ...] | None = None
    pad_token_id: int | None = None

    def __post_init__(self) -> None:
        _positive("language", vocab_size=self.vocab_size, hidden_size=self.hidden_size,
                  num_layers=self.num_layers, num_heads=self.num_heads, num_kv_heads=self.num_kv_heads,
                  head_dim=self.head_dim, intermediate_size=self.intermediate_size,
                  max_position_embeddings=self.max_position_embeddings)  # fmt: skip
        _small("language", rms_norm_eps=self.rms_norm_eps)
        if self.family not in ("qwen2", "qwen3"):
            raise ConfigError(f"language model {self.family!r} is not supported; use qwen2 or qwen3")
        if self.num_heads % self.num_kv_heads:
            raise ConfigError(
                f"language: num_heads {self.num_heads} is not a multiple of num_kv_heads {self.num_kv_heads}"
            )
        if self.context_length > MAX_SIZES["max_position_embeddings"]:
            raise ConfigError(
                f"language: YaRN extends the context to {self.context_length} tokens; the limit is "
                f"{MAX_SIZES['max_position_embeddings']}"
            )
        if self.head_dim % 2:
            raise ConfigError(f"language: head_dim is {self.head_dim}; rotary embedding needs an even one")

    @property
    def qkv_bias(self) -> bool:
        """Whether q, k and v have biases."""
        return self.family == "qwen2"

    @property
    def qk_norm(self) -> bool:
        """Whether each head of q and k is normalised."""
        return self.family == "qwen3"

    def heads_divide_among(self, number: int) -> bool:
        """Whether each of so many processes can have as many attention heads, with the key-value heads
        divided among them or each repeated for as many processes."""
        divided = self.num_kv_heads % number == 0 or number % self.num_kv_heads == 0
        return self.num_heads % number == 0 and divided

    @property
    def context_length(self) -> int:
        """The longest sequence in tokens: with YaRN at least factor times the context that it extends."""
        if self.rope.kind == "yarn" and self.rope.original_max_positions:
            return max(self.max_position_embeddings, int(self.rope.factor * self.rope.original_max_positions))
        return self.max_position_embeddings


@dataclass(frozen=True, slots=True)
class R1VConfig:
    """Vision tower, projector and language model together, with what image preparation has to know.

    vision: None is a language model alone, which takes no images; what is said of images then means nothing.
    downsample: patches merged along each side by the pixel shuffle (2 is a downsample_ratio of 0.5).
    shuffle_version: ``v1`` leaves the two spatial axes swapped, ``v2`` does not. select_layer: which hidden
    state of the tower is used; -1 is the last layer's output, -2 that of the layer before, 0 the embeddings.
    image_token_id: the id of ``<IMG_CONTEXT>``; None where a checkpoint does not tell.
    min_tiles, max_tiles, dynamic_tiling, use_thumbnail: the checkpoint's tiling.
    template, system_message: names and text that release configs carry; kept, not read.
    """

    vision: VisionConfig | None
    language: LanguageConfig
    downsample: int = 2
    shuffle_version: Literal["v1", "v2"] = "v2"
    select_layer: int = -1
    projector_activation: str = "gelu"
    image_token_id: int | None = None
    dynamic_tiling: bool = True
    min_tiles: int = 1
    max_tiles: int = 12
    use_thumbnail: bool = True
    template: str | None = None
    system_message: str | None = None

    def __post_init__(self) -> None:
        _positive("config", downsample=self.downsample, min_tiles=self.min_tiles, max_tiles=self.max_tiles)
        if self.vision is not None:
            self._check_vision(self.vision)
        if self.shuffle_version not in ("v1", "v2"):
            raise ConfigError(f"ps_version {self.shuffle_version!r} is not known; use v1 or v2")
        if self.projector_activation not in ACTIVATIONS:
            raise ConfigError(
                f"projector activation {self.projector_activation!r} is not supported; "
                f"use {' or '.join(ACTIVATIONS)}"
            )
        if self.image_token_id is not None and not 0 <= self.image_token_id < self.language.vocab_size:
            raise ConfigError(
                f"image_token_id {self.image_token_id} is outside the vocabulary of "
                f"{self.language.vocab_size}"
            )

    def _check_vision(self, vision: VisionConfig) -> None:
        """Raise ConfigError where the tower does not fit the rest of the model."""
        if vision.patches_per_side % self.downsample:
            raise ConfigError(
                f"{vision.patches_per_side} patches a side cannot be merged {self.downsample} by "
                f"{self.downsample}; check image_size, patch_size and downsample_ratio"
            )
        states = vision.num_layers + 1
        if not -states <= self.select_layer < states:
            raise ConfigError(
                f"select_layer {self.select_layer} is out of range; the tower has {states} hidden states"
            )

    @property
    def image_size(self) -> int:
        """The side of a tile in pixels."""
        return DEFAULT_IMAGE_SIZE if self.vision is None else self.vision.image_size

    @property
    def tokens_per_tile(self) -> int:
        """Rows of the language model's input that one tile becomes; 0 without a tower."""
        if self.vision is None:
            return 0
        return (self.vision.patches_per_side // self.downsample) ** 2

    @property
    def num_vision_layers_used(self) -> int:
        """Layers of the tower that run for the selected hidden state; 0 without a tower."""
        if self.vision is None:
            return 0
        return self.select_layer % (self.vision.num_layers + 1)
