"""What enters the engine and what leaves it: token ids, image tiles and sampling settings in, token ids out.

Always holds: a request is never changed by the engine; every request ends with exactly one output per index
that has a finish_reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch

from r1v.core import FinishDetail, FinishReason, SamplingParams, TokenLogprob


class TokenMask(Protocol):
    """A grammar, seen as masks over the vocabulary; one object follows one sequence from the first token
    after thinking. It knows the end tokens: where it allows one, the output is complete."""

    def bits(self) -> torch.Tensor:
        """The ids allowed next: int32 (ceil(vocabulary / 32),) on the CPU, a bit an id, lowest first."""
        ...

    def accept(self, token_id: int) -> None:
        """Move on by one allowed token."""
        ...

    def fork(self) -> TokenMask:
        """An independent copy in the same state."""
        ...


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """One prompt and how to continue it.

    token_ids: the whole prompt, each image already expanded to its image_context ids. pixel_values: float
    (num_tiles, 3, S, S), the tiles of all images in their order, or None. tiles_per_image: sums to num_tiles.
    image_hashes: one content hash per image (equal hashes mean equal tiles); the engine hashes the pixels
    where it is empty. opens_thinking: the prompt's end has already opened thinking. priority: smaller goes
    first. mask: a grammar for what follows thinking.
    """

    token_ids: tuple[int, ...]
    params: SamplingParams = field(default_factory=SamplingParams)
    pixel_values: torch.Tensor | None = None
    tiles_per_image: tuple[int, ...] = ()
    image_hashes: tuple[bytes | str, ...] = ()
    opens_thinking: bool = False
    priority: int = 0
    mask: TokenMask | None = None


@dataclass(slots=True)  # not frozen: one is made for every id
class EngineOutput:
    """What one sequence gained in one step.

    index: which of the n completions. token_ids: the new ids; an end or stop id that finished the sequence
    is its last one, and is part of the counts. num_forced: so many at the end of token_ids were not sampled
    but put there to close thinking. logprobs: one per new id where asked for (0.0 for a forced one), of the
    model's own distribution, before penalties and temperature. finish_reason: set on the last output of
    (request_id, index), whose token_ids may be empty. finish_detail: what cut thinking short, if anything.
    error: what ended this completion, where finish_reason is ERROR; the others of the request go on.
    num_cached: prompt tokens taken from the cache. num_completion, num_thinking: ids so far (num_thinking
    without the markers).
    """

    request_id: int
    index: int
    token_ids: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...] = ()
    num_forced: int = 0
    finish_reason: FinishReason | None = None
    finish_detail: FinishDetail | None = None
    num_prompt: int = 0
    num_cached: int = 0
    num_completion: int = 0
    num_thinking: int = 0
    error: Exception | None = None
