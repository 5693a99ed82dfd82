"""Settings of the engine, and the token ids it must know of the model.

Always holds: both are frozen; None means "found by the engine" and is resolved once, by `Engine`, from the
model's configuration and the measured free memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from r1v.core import ConfigError


@dataclass(frozen=True, slots=True)
class EngineIds:
    """Token ids with a meaning of their own.

    image_context: the id whose positions take image features. eos: ids that end a completion.
    think_open, think_close: the markers of thinking (one id or several; empty for a model that does not
    think). blank: ids without text or of white space alone, which may stand before think_open. spelling:
    the bytes of every id, where the markers are no tokens of their own, so that other ids may spell them as
    well. close_thinking: what is forced when thinking must end, e.g. the ids of ``"\\n</think>\\n\\n"``; it
    must contain think_close, and think_close alone is the default. banned: ids that are never sampled, beside
    image_context (image markers, padding).
    """

    image_context: int
    eos: tuple[int, ...]
    think_open: tuple[int, ...] = ()
    think_close: tuple[int, ...] = ()
    close_thinking: tuple[int, ...] = ()
    banned: tuple[int, ...] = ()
    blank: frozenset[int] = frozenset()
    spelling: tuple[bytes, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        marker, forced = self.think_close, self.close_thinking
        if forced and not any(forced[i : i + len(marker)] == marker for i in range(len(forced))):
            raise ConfigError(f"close_thinking {forced} does not contain think_close {marker}")

    @property
    def forced_close(self) -> tuple[int, ...]:
        """The ids that end thinking when the engine ends it."""
        return self.close_thinking or self.think_close


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How the engine uses the machine.

    max_model_len: tokens of prompt and output; None is the model's context, or what the cache holds.
    max_num_seqs: sequences that run at a time. max_step_tokens: tokens of one step, prefill and decode
    together. max_step_tiles: image tiles encoded in one step. For these three 0 means "chosen for the
    device" (see `pace`), and max_step_ms is the time that a step's prompts may take: on a GPU 0 is the
    default of 250; on a CPU 0 is no limit of time, so that prompts are always cut at the same places.
    block_size: tokens of one cache block.
    cache_bytes: of the key-value cache; None is memory_fraction of what is free. image_cache_bytes: of the
    encoded tiles kept for later questions. num_draft_tokens: most tokens guessed ahead in one step, 0 is no
    speculation. shared_draft_bytes: of what outputs teach about the wording of others, 0 is each sequence for
    itself. weight_format: how the linear layers of the language model are held, "auto", "plain" (the module's
    own parameters), "packed" (same values, laid out for this machine), "int4" (rounded to 4 bits) or "fp8"
    (tower and language model rounded to 8-bit floats, inputs too; newer GPUs).
    keep_weights: the module's own parameters stay usable beside packed copies, as training needs.
    deterministic: a row of the language model is computed the same whatever else is in its step, so that an
    answer does not depend on its batch mates, on drafts, on preemption or on what is in the cache (CPU only;
    prompts take longer).
    cuda_graphs: replay captured decode steps, fused_kernels: from fused kernels (CUDA only). capture_ahead:
    capture those of up to 64 rows when the engine is made, not each when it is first needed, so that no user
    of a server waits for it.
    """

    max_model_len: int | None = None
    max_num_seqs: int = 0
    max_step_tokens: int = 0
    max_step_tiles: int = 0
    max_step_ms: float = 0.0
    block_size: int = 16
    cache_bytes: int | None = None
    memory_fraction: float = 0.8
    image_cache_bytes: int = 256 << 20
    num_draft_tokens: int = 8
    shared_draft_bytes: int = 8 << 20
    weight_format: str = "auto"
    keep_weights: bool = True
    deterministic: bool = False
    cuda_graphs: bool = True
    fused_kernels: bool = True
    capture_ahead: bool = False

    def __post_init__(self) -> None:
        if self.block_size < 1:
            raise ConfigError(f"block_size is {self.block_size}; it must be at least 1")
        for name in ("max_num_seqs", "max_step_tokens", "max_step_tiles", "max_step_ms", "num_draft_tokens",
                     "shared_draft_bytes", "image_cache_bytes"):  # fmt: skip
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 0")
        if self.max_model_len is not None and self.max_model_len < 2:
            raise ConfigError(f"max_model_len is {self.max_model_len}; it must be at least 2")
        if 0 < self.max_step_tokens < self.max_num_seqs:
            raise ConfigError(
                f"max_step_tokens is {self.max_step_tokens}, but each of {self.max_num_seqs} sequences needs "
                "a token in every step: raise it, or lower max_num_seqs"
            )
        if not 0.0 < self.memory_fraction <= 1.0:
            raise ConfigError(f"memory_fraction is {self.memory_fraction}; it must be in (0, 1]")
        if self.weight_format not in WEIGHT_FORMATS:
            raise ConfigError(
                f"weight_format is {self.weight_format!r}; use one of {', '.join(WEIGHT_FORMATS)}"
            )


def default_num_seqs(device: str) -> int:
    """How many sequences run at a time when the configuration does not say. device: its type."""
    return 256 if device.startswith("cuda") else 64


WEIGHT_FORMATS = ("auto", "plain", "packed", "int4", "fp8")
