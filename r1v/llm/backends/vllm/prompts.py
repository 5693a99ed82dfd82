"""Requests as vLLM takes them: an R1V checkpoint's made by our prompt room, another model's by its processor.

Enters: requests. Leaves: what vLLM is given, the ids that it must make of that, and what takes its output.
Always holds: images go as opened pictures, each place of one in the prompt is the model's own mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from r1v.core import ImageRef, PromptError, SamplingParams
from r1v.engine import EngineIds
from r1v.llm.backend import Encoder
from r1v.llm.backends.hf_prompt_encoder import HFPromptEncoder
from r1v.llm.backends.own.loop import Receiver
from r1v.llm.config import LLMConfig
from r1v.llm.grammar import GrammarCompiler
from r1v.llm.prompt_encoder import PromptEncoder, engine_ids
from r1v.llm.requests import ChatRequest, Request
from r1v.llm.stream import Deliver
from r1v.prompt import Processor, Prompt, image_size, open_image, share_tiles

IMAGE_TEXT = "<image>"  # what vLLM's InternVL processor replaces by an image's tokens


@dataclass(frozen=True, slots=True)
class VLLMRequest:
    """given: vLLM's prompt. token_ids: what it must be once images are expanded. opened: thinking is open.
    params: within the context. grammar: an OutputGrammar's text, for steering."""

    given: dict[str, Any]
    token_ids: tuple[int, ...]
    opened: bool
    params: SamplingParams
    receiver: Receiver
    grammar: str | None = None


class Prompts(Protocol):
    """The prompt side of one checkpoint. front: makes the prompts. ids, folder: what steering must
    know of its tokens."""

    ids: EngineIds
    folder: str  # of an R1V checkpoint, else empty

    @property
    def front(self) -> Encoder: ...

    def ask(self, request: Request, deliver: Deliver) -> VLLMRequest:
        """Raises ImageError, PromptError, ContextLengthError."""
        ...


class R1VPrompts:
    """Of an R1V checkpoint."""

    def __init__(self, folder: Path, config: LLMConfig, context_length: int) -> None:
        self._processor = Processor.from_folder(folder, limits=config.limits)
        self._config = config
        self.folder = str(folder)
        self._grammars = GrammarCompiler(self._processor)
        self.front = PromptEncoder(self._processor, config, context_length)
        self.ids = engine_ids(self._processor)

    def ask(self, request: Request, deliver: Deliver) -> VLLMRequest:
        """See Prompts."""
        prompt = self.front.encode(request)
        params = self.front.within_context(request.params, prompt)
        messages = request.messages if isinstance(request, ChatRequest) else ()
        grammar = None
        if isinstance(request, ChatRequest) and request.grammar is not None:
            self._grammars.mask(request.grammar)  # a grammar that cannot be compiled is refused here
            grammar = request.grammar.lark
            params = replace(params, min_tokens=0)  # the grammar decides when the output may end
        refs = [ref for message in messages for ref in message.images]
        given = for_vllm(prompt, refs, self._processor, self._config.max_tiles)
        receiver = self.front.generation(request, prompt, params, deliver)
        return VLLMRequest(given, prompt.token_ids, prompt.opens_thinking, params, receiver, grammar)


class HFPrompts:
    """Of any other model, by its own processor and chat template."""

    def __init__(self, folder: Path, config: LLMConfig, context_length: int) -> None:
        """CheckpointError: transformers has no processor for it that works here."""
        from transformers import AutoConfig, GenerationConfig

        model_config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        generation = (
            GenerationConfig.from_pretrained(folder)
            if (folder / "generation_config.json").is_file()
            else GenerationConfig()
        )
        self.folder = ""
        config = replace(config, max_model_len=context_length)
        self.front = HFPromptEncoder.from_folder(folder, config, model_config, generation)
        self.ids = self.front.ids

    def ask(self, request: Request, deliver: Deliver) -> VLLMRequest:
        """See Prompts."""
        prompt = self.front.encode(request)
        params, receiver = self.front.generation(request, prompt, deliver)
        given: dict[str, Any]
        if prompt.images:
            given = {"prompt": prompt.text, "multi_modal_data": {"image": list(prompt.images)}}
        else:
            given = {"prompt_token_ids": list(prompt.token_ids)}
        return VLLMRequest(given, prompt.token_ids, prompt.opened, params, receiver)


def for_vllm(
    prompt: Prompt, refs: Sequence[ImageRef], processor: Processor, max_tiles: int | None = None
) -> dict[str, Any]:
    """A prompt that was made here, as vLLM takes it: with the pictures themselves, which it cuts as we did.

    refs: the prompt's images. max_tiles: what they were cut under; None is the checkpoint's own limit.
    """
    if not refs:
        return {"prompt_token_ids": list(prompt.token_ids)}
    limits = processor.limits
    tiling = processor.geometry.tiling
    if max_tiles is not None:
        tiling = tiling.limited(max_tiles)
    budget = processor.max_tiles_per_request
    if len(refs) * (tiling.max_tiles + 1) > budget:
        tiling = share_tiles([image_size(ref, limits.images) for ref in refs], tiling, budget)
    given: dict[str, Any] = {
        "prompt_token_ids": collapsed(prompt, processor, processor.encode_text(IMAGE_TEXT)),
        "multi_modal_data": {"image": [open_image(ref, limits.images) for ref in refs]},
    }
    if tiling != processor.geometry.tiling:
        given["mm_processor_kwargs"] = {
            "min_dynamic_patch": tiling.min_tiles, "max_dynamic_patch": tiling.max_tiles,
        }  # fmt: skip
    return given


def check_prompt(ours: Sequence[int], theirs: Sequence[int]) -> None:
    """Raises PromptError where vLLM made other tokens of a prompt than we did."""
    if list(ours) != list(theirs):
        raise PromptError(
            f"vLLM made {len(theirs)} tokens of a prompt that has {len(ours)} here; its image "
            "processor cuts tiles differently: use --backend r1v, and report it"
        )


def collapsed(prompt: Prompt, processor: Processor, image_text: list[int]) -> list[int]:
    """The prompt's ids with each image as vLLM expects it: the ids of ``<image>``.

    PromptError: the text itself has these ids, so vLLM would take it for an image.
    """
    start, end = processor.special.img_start, processor.special.img_end
    ids: list[int] = []
    inside, num_images = False, 0
    for token_id in prompt.token_ids:
        if token_id == start and prompt.image_token_count:
            inside, num_images = True, num_images + 1
            ids += image_text
        elif token_id == end and inside:
            inside = False
        elif not inside:
            ids.append(token_id)
    width = len(image_text)
    places = sum(ids[i : i + width] == image_text for i in range(len(ids) - width + 1))
    if places != num_images:
        raise PromptError(
            f"the text holds {IMAGE_TEXT}, which vLLM takes for an image; write it differently, or use "
            "--backend r1v"
        )
    return ids
