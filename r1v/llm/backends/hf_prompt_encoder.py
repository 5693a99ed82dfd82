"""The prompt side of a model that is not ours: its own processor and chat template, through transformers.

Enters: requests. Leaves: jobs for static decoding. Always holds: images go where the conversation has them;
thinking is told apart in the text, by ``<think>`` markers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from r1v.core import (
    CheckpointError,
    Completion,
    ContextLengthError,
    FinishReason,
    ImageRef,
    Message,
    PromptError,
    SamplingParams,
    Segment,
    Timing,
    TokenEvent,
    TokenLogprob,
    Usage,
)
from r1v.engine import EngineIds, EngineOutput
from r1v.llm.backends.transformers.static import Job
from r1v.llm.backends.transformers.steered import SteeredRow
from r1v.llm.config import LLMConfig
from r1v.llm.requests import ModelInfo, Request, TextRequest
from r1v.llm.stop import StopMatcher
from r1v.llm.stream import Deliver
from r1v.llm.think_text import CLOSE_TEXT, OPEN_TEXT, ThinkText
from r1v.prompt import open_image


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
        self.ids = EngineIds(
            image_context=-1,
            eos=eos,
            think_open=self._marker(OPEN_TEXT),
            think_close=self._marker(CLOSE_TEXT),
        )

    @classmethod
    def from_folder(
        cls, folder: Path, config: LLMConfig, model_config: Any, generation_config: Any
    ) -> HFPromptEncoder:
        """model_config, generation_config: transformers' objects for the checkpoint. CheckpointError:
        transformers has no processor for it that works here."""
        from transformers import AutoProcessor

        try:
            processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError) as error:
            first = str(error).strip().split("\n")[0]
            raise CheckpointError(f"transformers cannot load the processor of {folder}: {first}") from error
        text = model_config.get_text_config()
        length = int(getattr(text, "max_position_embeddings", 32768))
        eos = generation_config.eos_token_id or text.eos_token_id
        eos = eos if isinstance(eos, list) else [eos]
        if eos == [None]:
            eos = [getattr(processor, "tokenizer", processor).eos_token_id]
        template = str(getattr(processor, "chat_template", "") or "")
        info = ModelInfo(
            name=config.model,
            context_length=min(config.max_model_len or length, length),
            vocab_size=int(text.vocab_size),
            takes_images=getattr(processor, "image_processor", None) is not None,
            takes_tools="tools" in template,
            thinks=OPEN_TEXT in template,
            max_images=config.limits.max_images,
        )
        return cls(processor, config, info, tuple(int(each) for each in eos))

    def _marker(self, text: str) -> tuple[int, ...]:
        """The marker's id where it is a token of its own; no thinking control otherwise."""
        ids = self._tokenizer.encode(text, add_special_tokens=False)
        return tuple(ids) if len(ids) == 1 else ()

    def encode(self, request: Request) -> HFPrompt:
        """Raises PromptError, ImageError."""
        if isinstance(request, TextRequest):
            ids = (
                self._tokenizer.encode(request.prompt) if isinstance(request.prompt, str) else request.prompt
            )
            return HFPrompt(tuple(ids), {}, False)
        if request.grammar is not None:
            raise PromptError("output grammars work with R1V checkpoints only; ask without response_format")
        if request.tools and not self.info.takes_tools:
            raise PromptError("this model's chat template knows no tools; ask without them")
        images = [ref for message in request.messages for ref in message.images]
        if len(images) > self.config.limits.max_images:
            raise PromptError(
                f"the conversation has {len(images)} images; the limit is {self.config.limits.max_images}"
            )
        options: dict[str, Any] = {"enable_thinking": request.params.thinking_budget != 0}
        if request.tools:
            options["tools"] = list(request.tools)
        try:
            text = self.processor.apply_chat_template(
                [self._message(message) for message in request.messages], tokenize=False,
                add_generation_prompt=not request.continue_final,
                continue_final_message=request.continue_final, **options,
            )  # fmt: skip
            opened_images = [open_image(ref, self.config.limits.images) for ref in images]
            arguments = {"images": opened_images} if opened_images else {}
            encoded = self.processor(text=[text], return_tensors="pt", add_special_tokens=False, **arguments)
        except (ValueError, TypeError, KeyError) as error:
            raise PromptError(f"the model's processor refuses the conversation: {error}") from error
        inputs = {k: v for k, v in encoded.items() if k not in ("input_ids", "attention_mask")}
        opened = text.rstrip().endswith(OPEN_TEXT)
        ids = tuple(encoded["input_ids"][0].tolist())
        return HFPrompt(ids, inputs, opened, text, tuple(opened_images))

    def _message(self, message: Message) -> dict[str, Any]:
        parts: list[dict[str, str]] = []
        for part in message.content:
            parts.append({"type": "image"} if isinstance(part, ImageRef) else {"type": "text", "text": part})
        return {"role": message.role, "content": parts}

    def token_text(self, token_id: int) -> tuple[str, bytes]:
        """A token as text and as bytes."""
        text = self._tokenizer.decode([token_id])
        return text, text.encode()

    def job(self, request: Request, deliver: Deliver) -> Job:
        """Raises PromptError, ImageError, ContextLengthError."""
        prompt = self.encode(request)
        params, receiver = self.receiver(request, prompt, deliver)
        rows = [
            SteeredRow(prompt.token_ids, params, self.ids, receiver, index=index, seed=params.seed,
                       opens_thinking=prompt.opened)
            for index in range(params.n)
        ]  # fmt: skip
        return Job(rows, prompt.inputs, alone=True)

    def receiver(
        self, request: Request, prompt: HFPrompt, deliver: Deliver
    ) -> tuple[SamplingParams, HFReceiver]:
        """How the request is decoded within the context, and what takes its ids. ContextLengthError: no
        room."""
        room = self.context_length - len(prompt.token_ids)
        if room < 1:
            raise ContextLengthError(
                f"the prompt has {len(prompt.token_ids)} tokens, but the context holds {self.context_length}"
            )
        params = replace(request.params, max_tokens=min(request.params.max_tokens or room, room))
        return params, HFReceiver(self._tokenizer, params, prompt, self.ids.eos, deliver)


class HFReceiver:
    """Ids to events for a tokenizer that is not ours."""

    def __init__(self, tokenizer: Any, params: SamplingParams, prompt: HFPrompt,
                 eos: Sequence[int], deliver: Deliver) -> None:  # fmt: skip
        self._deliver, self._num_prompt = deliver, len(prompt.token_ids)
        self._texts = [_Text(tokenizer, params, prompt.opened, eos, i) for i in range(params.n)]
        self._arrived_s = time.perf_counter()

    def receive(self, output: EngineOutput) -> bool:
        """See Receiver."""
        text = self._texts[output.index]
        for event in text.push(output.token_ids, output.logprobs, ended=output.finish_reason is not None):
            self._deliver(event)
        if text.stopped or output.finish_reason is not None:
            reason = FinishReason.STOP if text.stopped else output.finish_reason
            assert reason is not None
            now = time.perf_counter()
            first = text.first_s or now
            self._deliver(
                Completion(
                    thinking="".join(text.texts["thinking"]), answer="".join(text.texts["answer"]),
                    token_ids=tuple(text.token_ids), finish_reason=reason, finish_detail=output.finish_detail,
                    usage=Usage(prompt_tokens=self._num_prompt, completion_tokens=len(text.token_ids),
                                reasoning_tokens=text.num_thinking),
                    timing=Timing(first - self._arrived_s, now - first),
                    logprobs=tuple(text.logprobs) if text.logprobs else None, index=output.index,
                )
            )  # fmt: skip
        return not text.stopped

    def fail(self, error: Exception) -> None:
        """See Receiver."""
        self._deliver(error)


class _Text:
    """The text of one completion. A few ids back is decoded again, for characters of several tokens."""

    def __init__(self, tokenizer: Any, params: SamplingParams, opened: bool, eos: Sequence[int],
                 index: int) -> None:  # fmt: skip
        self._tokenizer, self._index = tokenizer, index
        self._hidden = set(tokenizer.all_special_ids) | set(eos)
        self._split, self._stop = ThinkText(opened), StopMatcher(params.stop)
        self._window: list[int] = []
        self._shown = ""
        self.texts: dict[Segment, list[str]] = {"thinking": [], "answer": []}
        self.token_ids: list[int] = []
        self.logprobs: list[TokenLogprob] = []
        self.num_thinking = 0
        self.first_s: float | None = None

    @property
    def stopped(self) -> bool:
        return self._stop.matched is not None

    def push(self, ids: Sequence[int], logprobs: Sequence[TokenLogprob], *, ended: bool) -> list[TokenEvent]:
        if ids and self.first_s is None:
            self.first_s = time.perf_counter()
        self.token_ids += ids
        self.logprobs += logprobs
        events: list[TokenEvent] = []
        self.num_thinking += len(ids) if self._split.segment == "thinking" else 0
        parts = self._split.push("".join(self._decode(token_id) for token_id in ids))
        for segment, text in parts + (self._split.flush() if ended else []):
            text = self._stop.push(text) if segment == "answer" else text
            self._add(events, segment, text)
        if ended and not self.stopped:
            self._add(events, "answer", self._stop.flush())
        return [TokenEvent(e.segment, e.text, tuple(ids) if i == 0 else (), (), self._index)
                for i, e in enumerate(events)]  # fmt: skip

    def _add(self, events: list[TokenEvent], segment: Segment, text: str) -> None:
        if text:
            self.texts[segment].append(text)
            events.append(TokenEvent(segment, text))

    def _decode(self, token_id: int) -> str:
        if token_id in self._hidden:
            spelled = self._tokenizer.decode([token_id])
            return spelled if spelled.strip() in (OPEN_TEXT, CLOSE_TEXT) else ""
        self._window.append(token_id)
        text = self._tokenizer.decode(self._window)
        if text.endswith("\ufffd"):
            return ""
        new = text[len(self._shown) :]
        if len(self._window) > 8:  # a fresh window, from its last id on: spaces depend on what is before
            self._window = self._window[-1:]
            text = self._tokenizer.decode(self._window)
        self._shown = text
        return new
