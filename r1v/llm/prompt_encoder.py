"""The prompt side of a backend whose prompts are made here: shared by every engine that takes token ids.

Enters: requests. Leaves: Prompts within the context, and Generations that turn an engine's ids into events.
Always holds: the same request has the same ids, tiles and limits whatever runs the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from r1v.core import ContextLengthError, PromptError, SamplingParams, Usage
from r1v.engine import EngineIds, EngineRequest, TokenMask
from r1v.llm.config import LLMConfig
from r1v.llm.generation import Generation
from r1v.llm.grammar import GrammarMask
from r1v.llm.requests import ModelInfo, Request, TextRequest
from r1v.llm.stream import Deliver
from r1v.prompt import Processor, Prompt


def engine_ids(processor: Processor) -> EngineIds:
    """What an engine must know of a checkpoint's tokens. Image markers, padding and the ids that a padded
    vocabulary has beyond the tokenizer are never sampled."""
    special, markers = processor.special, processor.markers
    beyond = range(processor.tokenizer.num_tokens, processor.vocab_size)
    banned = {special.img_start, special.img_end, special.pad, *beyond} - {None, *special.eos}
    return EngineIds(
        image_context=-1 if special.image_context is None else special.image_context,
        eos=special.eos,
        think_open=markers.open_ids,
        think_close=markers.close_ids,
        close_thinking=special.close_text if markers.close_ids else (),
        banned=tuple(sorted(token_id for token_id in banned if token_id is not None)),
        blank=markers.blank_ids,
        spelling=tuple(map(processor.spell, range(processor.vocab_size))) if markers.are_spelled else (),
    )


def engine_request(
    prompt: Prompt, params: SamplingParams, *, priority: int = 0, mask: TokenMask | None = None
) -> EngineRequest:
    """A prompt as our engine takes it: the same ids, its tiles normalised to float32."""
    return EngineRequest(
        token_ids=prompt.token_ids,
        params=params,
        pixel_values=prompt.pixel_values,
        tiles_per_image=prompt.tiles_per_image,
        image_hashes=prompt.image_hashes,
        opens_thinking=prompt.opens_thinking,
        priority=priority,
        mask=mask,
    )


class PromptEncoder:
    """Requests in, Prompts out, for one checkpoint. Threads may share it."""

    def __init__(self, processor: Processor, config: LLMConfig, context_length: int) -> None:
        """context_length: tokens of prompt and output together."""
        self.processor, self.config, self.context_length = processor, config, context_length

    def encode(self, request: Request) -> Prompt:
        """The prompt of a request. Raises PromptError, ImageError, ContextLengthError."""
        processor = self.processor
        if isinstance(request, TextRequest):
            return self._encode_text(request.prompt)
        self.info.check_tools(request)
        return processor.encode(
            request.messages,
            thinking=request.params.thinking_budget != 0,
            tools=request.tools,
            max_tiles=self.config.max_tiles,
            continue_final=request.continue_final,
            limit=self.context_length,
        )

    def _encode_text(self, prompt: str | Sequence[int]) -> Prompt:
        processor = self.processor
        if isinstance(prompt, str) and len(prompt) > processor.limits.max_text_chars:
            raise PromptError(
                f"the prompt has {len(prompt)} characters; the limit is {processor.limits.max_text_chars}"
            )
        ids = self._text_ids(prompt)
        special = processor.special
        if not {special.image_context, special.img_start, special.img_end}.isdisjoint(ids):
            raise PromptError("a text to continue holds image tokens; ask about images in a conversation")
        if not ids:
            raise PromptError("the prompt is empty; it needs at least one token")
        if not 0 <= min(ids) <= max(ids) < processor.vocab_size:
            raise PromptError(f"the prompt holds ids outside the vocabulary of {processor.vocab_size}")
        side = processor.geometry.tiling.image_size
        return Prompt(tuple(ids), np.zeros((0, side, side, 3), np.uint8), (), (), 0, False)

    def _text_ids(self, prompt: str | Sequence[int]) -> list[int]:
        if isinstance(prompt, str):
            self.processor.tokenizer.check_length([prompt], self.context_length)
            return self.processor.tokenizer.encode_trusted(prompt, self.context_length)
        return list(prompt)

    def token_text(self, token_id: int) -> tuple[str, bytes]:
        """A token as text (U+FFFD for half characters) and as bytes."""
        spelled = self.processor.tokenizer.token_bytes(token_id)
        return spelled.decode("utf-8", "replace"), spelled

    @cached_property
    def info(self) -> ModelInfo:
        """What the model can take."""
        processor = self.processor
        takes_images = processor.takes_images
        return ModelInfo(
            name=self.config.model,
            context_length=self.context_length,
            vocab_size=processor.vocab_size,
            takes_images=takes_images,
            takes_tools="tool_call" in processor.template.source and "tools" in processor.template.source,
            thinks=processor.thinks,
            max_images=processor.limits.max_images if takes_images else 0,
        )

    def within_context(self, params: SamplingParams, prompt: Prompt) -> SamplingParams:
        """params with max_tokens limited to what the context leaves. ContextLengthError: nothing."""
        room = self.context_length - len(prompt.token_ids)
        if room < 1:
            images = len(prompt.tiles_per_image)
            share = f", {prompt.image_token_count} of them of {images} images" if images else ""
            remedy = "fewer images or tiles" if images else "a shorter conversation"
            raise ContextLengthError(
                f"the prompt has {len(prompt.token_ids)} tokens{share}, but the context holds "
                f"{self.context_length} and the answer needs some; use {remedy}"
            )
        return replace(params, max_tokens=min(params.max_tokens or room, room))

    def generation(
        self,
        request: Request,
        prompt: Prompt,
        params: SamplingParams,
        deliver: Deliver,
        *,
        mask: GrammarMask | None = None,
        arrived_s: float | None = None,
    ) -> Generation:
        """What receives the ids of a request. arrived_s: on the clock of time.perf_counter; None is now."""
        plain = isinstance(request, TextRequest)
        return Generation(
            [self.processor.segmenter(prompt.opens_thinking, plain=plain) for _ in range(params.n)],
            params,
            deliver,
            eos=self.processor.special.eos,
            usage=Usage(prompt_tokens=len(prompt.token_ids), image_tokens=prompt.image_token_count),
            arrived_s=arrived_s,
            mask=mask,
        )
