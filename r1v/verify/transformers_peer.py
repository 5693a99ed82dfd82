"""Peers to be compared with: transformers by its own tokenizer, template, image processor and ``generate``.

Always holds: nothing here uses our prompt room, but for the child process that renders templates under
limits, and the tiles that a model is fed when only its logits are in question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from r1v.core import Completion, FinishReason, ImageRef, Message
from r1v.llm.backends.transformers.backend import TransformersBackend, check_transformers
from r1v.llm.config import LLMConfig
from r1v.llm.prompt_encoder import engine_ids
from r1v.prompt import ChatTemplate, Processor, Prompt, split_text
from r1v.prompt.geometry import ImageGeometry
from r1v.verify.certificate import Case, Scores

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def rendered(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> str:
    """Messages by a transformers tokenizer's template and special tokens, with the model's turn opened."""
    template = ChatTemplate(tokenizer.get_chat_template())
    return template.render_messages(messages, **tokenizer.special_tokens_map)


class TransformersPeer:
    """The checkpoint through transformers' own classes."""

    name = "transformers"

    def __init__(self, folder: Path, dtype: str = "float32", device: str = "cpu") -> None:
        check_transformers()
        from r1v.engine import EngineConfig

        config = LLMConfig(str(folder), "transformers", device, dtype)
        self._backend = TransformersBackend.from_config(config, EngineConfig())
        self._geometry = ImageGeometry.from_folder(folder)
        self._folder = folder
        self._tokenizer = self._load_tokenizer()
        self._images = self._load_image_processor()
        self.versions = {"transformers": version("transformers")}

    def _load_tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._folder, trust_remote_code=False)

    def _load_image_processor(self) -> Any:
        """InternVL's image processor, in the form that needs no torchvision."""
        try:
            from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
        except ImportError:
            return None
        tiling = self._geometry.tiling
        side = {"height": tiling.image_size, "width": tiling.image_size}
        return GotOcr2ImageProcessorPil(
            size=side, crop_to_patches=tiling.max_tiles > 1, min_patches=tiling.min_tiles,
            max_patches=tiling.max_tiles, image_mean=list(MEAN), image_std=list(STD), resample=3,
        )  # fmt: skip

    def tiles(self, case: Case) -> np.ndarray | None:
        """See Peer."""
        images = [ref.source for message in case.messages for ref in message.images]
        if self._images is None or not images:
            return None
        values = self._images(images, return_tensors="np")["pixel_values"]
        pixels = np.asarray(values, np.float64).transpose(0, 2, 3, 1)
        return (pixels * np.array(STD) + np.array(MEAN)) * 255

    def token_ids(self, case: Case) -> list[int] | None:
        """See Peer."""
        counts = iter(self._tiles_per_image(case))
        messages = [{"role": m.role, "content": self._text(m, counts)} for m in case.messages]
        text = rendered(self._tokenizer, messages)
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _tiles_per_image(self, case: Case) -> list[int]:
        images = [ref.source for message in case.messages for ref in message.images]
        if not images or self._images is None:
            return [1] * len(images)
        return [self._count(image) for image in images]

    def _count(self, image: Any) -> int:
        return len(self._images([image], return_tensors="np")["pixel_values"])

    def _text(self, message: Message, counts: Any) -> str:
        parts = []
        for part in message.content:
            if isinstance(part, ImageRef):
                context = "<IMG_CONTEXT>" * (self._geometry.tokens_per_tile * next(counts))
                parts.append(f"<img>{context}</img>")
            else:
                parts.append(part)
        return "".join(parts)

    def num_prompt_tokens(self, case: Case) -> int | None:
        """See Peer."""
        return None

    def greedy(self, case: Case, prompt: Prompt, max_tokens: int) -> tuple[list[int] | None, Completion]:
        """See Peer."""
        from transformers import GenerationConfig

        front = Processor.from_folder(self._folder)
        ids = engine_ids(front)
        banned = sorted({i for i in (ids.image_context, *ids.banned) if i >= 0} - set(ids.eos))
        settings = GenerationConfig(
            do_sample=False, max_new_tokens=max_tokens, eos_token_id=list(ids.eos),
            pad_token_id=front.special.pad, suppress_tokens=banned or None,
        )  # fmt: skip
        model = self._backend.model
        device = model.get_input_embeddings().weight.device
        given = torch.tensor([prompt.token_ids], device=device)
        pixels = prompt.pixel_values
        extra = {} if pixels is None else {"pixel_values": pixels.to(device, model.dtype)}
        with torch.inference_mode():
            found = model.generate(
                input_ids=given, attention_mask=torch.ones_like(given), generation_config=settings, **extra
            )
        output = found[0, given.shape[1] :].tolist()
        text = self._tokenizer.decode([i for i in output if i not in ids.eos], skip_special_tokens=False)
        return output, split_by_markers(text, prompt.opens_thinking, output)

    def scores(self, case: Case, prompt: Prompt, output: Sequence[int]) -> Scores | None:
        """See Peer."""
        return Scores(0, self._backend.logits([*prompt.token_ids, *output], prompt.pixel_values))


def split_by_markers(text: str, opened: bool, output: Sequence[int]) -> Completion:
    """Thinking and answer by the text of the markers, as a client would do it. opened: the prompt opens
    thinking."""
    thinking, answer = split_text(text, opened)
    return Completion(thinking.strip(), answer.strip(), tuple(output), FinishReason.STOP)
