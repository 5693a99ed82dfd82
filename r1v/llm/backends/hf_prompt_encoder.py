"""The prompt side of a model that is not ours: its own processor and chat template, through transformers.

Enters: requests. Leaves: jobs for static decoding. Always holds: images go where the conversation has them;
thinking is told apart in the text, by ``<think>`` markers.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from r1v.core import (
    CheckpointError,
    ConfigError,
    ContextLengthError,
    ImageRef,
    Message,
    PromptError,
    SamplingParams,
    ToolCall,
    Usage,
    library_faults,
    parse_json,
)
from r1v.engine import EngineIds
from r1v.llm.backends.transformers.static import Job
from r1v.llm.backends.transformers.steered import SteeredRow
from r1v.llm.config import LLMConfig
from r1v.llm.generation import Generation
from r1v.llm.requests import ModelInfo, Request, TextRequest
from r1v.llm.stream import Deliver
from r1v.prompt import (
    CLOSE_TEXT,
    NO_MARKERS,
    OPEN_TEXT,
    ChatTemplate,
    IdSegmenter,
    ThinkingMarkers,
    open_image,
)

MAX_WINDOW = 8  # ids that are decoded again together with each new one
MAX_BYTES = 4  # bytes of a character, and so the most tokens that write one together

# a token of white space as vocabularies write it: byte-level, by SentencePiece, or as it is
_BLANK = re.compile(r"(?:[ĠĊĉčċČ▁\s]|<0x(?:20|09|0A|0B|0C|0D)>)+")


@dataclass(frozen=True, slots=True)
class HFPrompt:
    """token_ids: the prompt. inputs: what else the model takes. opened: the prompt opens thinking. text: of a
    conversation, with the processor's own marks for images; images: opened."""

    token_ids: tuple[int, ...]
    inputs: dict[str, torch.Tensor]
    opened: bool
    text: str = ""
    images: tuple[Any, ...] = ()


class HFPromptEncoder:
    """Requests in, jobs out, through a processor of transformers."""

    def __init__(self, processor: Any, config: LLMConfig, info: ModelInfo, eos: tuple[int, ...]) -> None:
        self.processor, self.config, self.info = processor, config, info
        self.context_length = info.context_length
        self._tokenizer = getattr(processor, "tokenizer", processor)
        pad = self._tokenizer.pad_token_id
        self.pad = int(eos[0] if pad is None else pad)
        self.markers = self._find_markers() if info.thinks else NO_MARKERS
        self.ids = EngineIds(
            image_context=-1,
            eos=eos,
            think_open=() if self.markers.are_spelled else self.markers.open_ids,
            think_close=() if self.markers.are_spelled else self.markers.close_ids,
            blank=self.markers.blank_ids,
        )
        markers = {*self.markers.open_ids, *self.markers.close_ids}
        self._silent = frozenset({*self._tokenizer.all_special_ids, *eos} - markers)
        source = template_source(processor)
        # rendered in a child with limits, since a checkpoint's template is a stranger's program
        self._template = None if source is None else ChatTemplate(source)

    @classmethod
    def from_folder(
        cls, folder: Path, config: LLMConfig, model_config: Any, generation_config: Any
    ) -> HFPromptEncoder:
        """model_config, generation_config: transformers' objects for the checkpoint. CheckpointError:
        transformers has no processor for it that works here."""
        from transformers import AutoProcessor

        if config.max_tiles is not None:
            raise ConfigError(f"max_tiles is {config.max_tiles}, but {folder} has an image processor of its "
                              "own, which does not take it: leave it out")  # fmt: skip
        with library_faults(CheckpointError, f"transformers cannot load the processor of {folder}"):
            processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
        text = model_config.get_text_config()
        length = int(getattr(text, "max_position_embeddings", 32768))
        eos = generation_config.eos_token_id or text.eos_token_id
        eos = eos if isinstance(eos, list) else [eos]
        if eos == [None]:
            eos = [getattr(processor, "tokenizer", processor).eos_token_id]
        template = template_source(processor) or ""
        info = ModelInfo(
            name=config.model,
            context_length=min(config.max_model_len or length, length),
            vocab_size=int(text.vocab_size),
            takes_images=getattr(processor, "image_processor", None) is not None,
            takes_tools="tools" in template,
            thinks=OPEN_TEXT in template or CLOSE_TEXT in template,
            max_images=config.limits.max_images,
        )
        return cls(processor, config, info, tuple(int(each) for each in eos))

    def _find_markers(self) -> ThinkingMarkers:
        """The markers of a model that thinks. Markers that are not tokens of their own are only found in the
        text, so thinking between them has no budget."""
        known = self._tokenizer.get_vocab()
        if not {OPEN_TEXT, CLOSE_TEXT} <= known.keys():
            encode = partial(self._tokenizer.encode, add_special_tokens=False)
            return ThinkingMarkers(tuple(encode(OPEN_TEXT)), tuple(encode(CLOSE_TEXT)))
        blank = {token_id for token, token_id in known.items() if _BLANK.fullmatch(token)}
        open_id, close_id = known[OPEN_TEXT], known[CLOSE_TEXT]
        blank |= set(self._tokenizer.all_special_ids) - {open_id, close_id}
        return ThinkingMarkers((open_id,), (close_id,), frozenset(blank))

    def encode(self, request: Request) -> HFPrompt:
        """Raises PromptError, ImageError."""
        if isinstance(request, TextRequest):
            ids = request.prompt
            if isinstance(ids, str):
                with library_faults(PromptError, "the model's tokenizer fails on this text, send another"):
                    ids = self._tokenizer.encode(ids)
            return HFPrompt(tuple(ids), {}, False)
        if request.grammar is not None:
            raise PromptError("output grammars work with R1V checkpoints only; ask without response_format")
        self.info.check_tools(request)
        images = [ref for message in request.messages for ref in message.images]
        if len(images) > self.config.limits.max_images:
            raise PromptError(
                f"the conversation has {len(images)} images; the limit is {self.config.limits.max_images}"
            )
        if self._template is None:
            raise PromptError("this model has no chat template, so it cannot chat; ask for a completion")
        text = self._template.render_messages(
            [self._message(message) for message in request.messages],
            continue_final=request.continue_final,
            **self._tokenizer.special_tokens_map,
            tools=list(request.tools) if request.tools else None,
            enable_thinking=request.params.thinking_budget != 0,
        )
        opened_images = [open_image(ref, self.config.limits.images) for ref in images]
        arguments = {"images": opened_images} if opened_images else {}
        with library_faults(PromptError, "the model's processor refuses the conversation"):
            encoded = self.processor(text=[text], return_tensors="pt", add_special_tokens=False, **arguments)
        inputs = {k: v for k, v in encoded.items() if k not in ("input_ids", "attention_mask")}
        opened = text.rstrip().endswith(OPEN_TEXT)
        ids = tuple(encoded["input_ids"][0].tolist())
        return HFPrompt(ids, inputs, opened, text, tuple(opened_images))

    def _message(self, message: Message) -> dict[str, Any]:
        """A message as chat templates know it."""
        parts: list[dict[str, str]] = []
        for part in message.content:
            parts.append({"type": "image"} if isinstance(part, ImageRef) else {"type": "text", "text": part})
        entry: dict[str, Any] = {"role": message.role, "content": parts}
        if message.reasoning is not None:
            # under each name that templates read
            entry |= dict.fromkeys(("reasoning_content", "reasoning", "thinking"), message.reasoning)
        if message.tool_calls:
            entry["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
        if message.tool_call_id is not None:
            entry["tool_call_id"] = message.tool_call_id
        return entry

    def token_text(self, token_id: int) -> tuple[str, bytes]:
        """A token as text and as bytes."""
        text = self._tokenizer.decode([token_id])
        return text, text.encode()

    def job(self, request: Request, deliver: Deliver) -> Job:
        """Raises PromptError, ImageError, ContextLengthError."""
        prompt = self.encode(request)
        params, receiver = self.generation(request, prompt, deliver)
        rows = [
            SteeredRow(prompt.token_ids, params, self.ids, receiver, index=index, seed=params.seed,
                       opens_thinking=prompt.opened)
            for index in range(params.n)
        ]  # fmt: skip
        return Job(rows, prompt.inputs, alone=True)

    def generation(
        self, request: Request, prompt: HFPrompt, deliver: Deliver
    ) -> tuple[SamplingParams, Generation]:
        """How the request is decoded within the context, and what receives its ids. ContextLengthError: no
        room."""
        room = self.context_length - len(prompt.token_ids)
        if room < 1:
            raise ContextLengthError(
                f"the prompt has {len(prompt.token_ids)} tokens, but the context holds "
                f"{self.context_length}; use a shorter conversation or fewer images"
            )
        params = replace(request.params, max_tokens=min(request.params.max_tokens or room, room))
        markers = NO_MARKERS if isinstance(request, TextRequest) else self.markers
        segmenters = [
            IdSegmenter(markers, Speller(self._tokenizer, self._silent), prompt.opened)
            for _ in range(params.n)
        ]
        usage = Usage(prompt_tokens=len(prompt.token_ids))
        return params, Generation(segmenters, params, deliver, eos=self.ids.eos, usage=usage)


def template_source(processor: Any) -> str | None:
    """The chat template of a processor or tokenizer of transformers; of several, the default one."""
    for each in (processor, getattr(processor, "tokenizer", None)):
        found = getattr(each, "chat_template", None)
        if isinstance(found, dict):
            found = found.get("default")
        if found:
            return str(found)
    return None


def _tool_call(call: ToolCall) -> dict[str, Any]:
    """A tool call in the form that transformers' templates expect: with its arguments as data."""
    what = f"the arguments of tool call {call.name[:64]}"
    arguments = parse_json(call.arguments or "{}", what, error=PromptError)
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


class Speller:
    """The bytes of each generated token by the tokenizer's own decoding. A token's text may depend on those
    before it, so the last few are decoded again with it; a character of several tokens comes with its
    last."""

    def __init__(self, tokenizer: Any, silent: Set[int]) -> None:
        """silent: ids without text."""
        self._tokenizer, self._silent = tokenizer, silent
        self._window: list[int] = []
        self._shown = ""
        self._num_waiting = 0  # ids since the last whole character

    def __call__(self, token_id: int) -> bytes:
        """Call it for each id of one completion, in order."""
        if token_id in self._silent:
            return b""
        self._window.append(token_id)
        text = self._tokenizer.decode(self._window)
        self._num_waiting += 1
        if text.endswith("\ufffd") and self._num_waiting < MAX_BYTES:
            return b""
        new, self._shown, self._num_waiting = text[len(self._shown) :], text, 0
        if len(self._window) > MAX_WINDOW:  # begin a new window at the last id
            self._window = self._window[-1:]
            self._shown = self._tokenizer.decode(self._window)
        return new.encode("utf-8", "replace")
