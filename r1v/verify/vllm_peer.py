"""vLLM as a peer to be compared with: its own tokenizer, image processor and greedy decoding.

Always holds: vLLM is given text and pictures, as its users would do it; only for the logits of a given output
is it fed ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from r1v.core import Completion
from r1v.llm.backends.vllm.launch import check_vllm, engine_arguments, folder_for_vllm, prepare
from r1v.llm.backends.vllm.prompts import IMAGE_TEXT, collapsed
from r1v.llm.config import LLMConfig, ParallelConfig
from r1v.llm.prompt_encoder import engine_ids
from r1v.prompt import Processor, Prompt
from r1v.prompt.geometry import ImageGeometry
from r1v.verify.certificate import Case, Scores
from r1v.verify.transformers_peer import MEAN, STD, rendered, split_by_markers

FULL_VALUES = 1 << 23  # logits of so many positions and ids are fetched whole; of more only the best
NUM_TOP = 20


class VLLMPeer:
    """The checkpoint through vLLM's offline engine."""

    name = "vllm"

    def __init__(self, folder: Path, dtype: str = "float32", tensor_parallel_size: int = 1) -> None:
        """Raises UnavailableError, CheckpointError."""
        self.versions = {"vllm": check_vllm()}
        parallel = ParallelConfig(tensor=tensor_parallel_size)
        config = LLMConfig(str(folder), "vllm", dtype=dtype, parallel=parallel)
        prepare(parallel)
        from vllm import LLM as OfflineEngine

        self._engine = OfflineEngine(
            **engine_arguments(folder_for_vllm(folder), config, logprobs_mode="raw_logits", max_logprobs=-1)
        )
        self._tokenizer = self._engine.get_tokenizer()
        self._processor = Processor.from_folder(folder)
        self._ids = engine_ids(self._processor)
        self._geometry = ImageGeometry.from_folder(folder)
        self._vocab_size = self._processor.vocab_size

    def tiles(self, case: Case) -> np.ndarray | None:
        """See Peer."""
        from vllm.transformers_utils.processors.internvl import InternVLImageProcessor

        images = _images(case)
        if not images:
            return None
        tiling = self._geometry.tiling
        process = InternVLImageProcessor(
            tiling.image_size, tiling.min_tiles, tiling.max_tiles, tiling.max_tiles > 1, tiling.use_thumbnail
        )
        pixels = process(images)["pixel_values_flat"].numpy().astype(np.float64).transpose(0, 2, 3, 1)
        found: np.ndarray = (pixels * np.array(STD) + np.array(MEAN)) * 255
        return found

    def _given(self, case: Case) -> dict[str, Any]:
        messages = [
            {"role": m.role, "content": "".join(p if isinstance(p, str) else IMAGE_TEXT for p in m.content)}
            for m in case.messages
        ]
        text = rendered(self._tokenizer, messages)
        images = _images(case)
        return {"prompt": text} | ({"multi_modal_data": {"image": images}} if images else {})

    def token_ids(self, case: Case) -> list[int] | None:
        """See Peer."""
        return list(self._generate(self._given(case), max_tokens=1).prompt_token_ids)

    def num_prompt_tokens(self, case: Case) -> int | None:
        """See Peer."""
        return None

    def _generate(self, given: dict[str, Any], **options: Any) -> Any:
        from vllm import SamplingParams

        banned = {i for i in (self._ids.image_context, *self._ids.banned) if i >= 0} - set(self._ids.eos)
        params = SamplingParams(
            temperature=0.0, stop_token_ids=list(self._ids.eos),
            logit_bias=dict.fromkeys(sorted(banned), -100.0) or None, **options,
        )  # fmt: skip
        return self._engine.generate(given, params, use_tqdm=False)[0]

    def greedy(self, case: Case, prompt: Prompt, max_tokens: int) -> tuple[list[int] | None, Completion]:
        """See Peer."""
        ids = list(self._generate(self._given(case), max_tokens=max_tokens).outputs[0].token_ids)
        text = self._tokenizer.decode([i for i in ids if i not in self._ids.eos], skip_special_tokens=False)
        return ids, split_by_markers(text, prompt.opens_thinking, ids)

    def scores(self, case: Case, prompt: Prompt, output: Sequence[int]) -> Scores | None:
        """See Peer; of a large vocabulary the best 20 of each position of the output."""
        num_rows = len(prompt.token_ids) + len(output)
        full = num_rows * self._vocab_size <= FULL_VALUES
        image_text = self._processor.encode_text(IMAGE_TEXT)
        given: dict[str, Any] = {
            "prompt_token_ids": [*collapsed(prompt, self._processor, image_text), *output]
        }
        if images := _images(case):
            given["multi_modal_data"] = {"image": images}
        found = self._generate(
            given, max_tokens=1, prompt_logprobs=-1 if full else NUM_TOP, flat_logprobs=True
        ).prompt_logprobs
        first = 0 if full else len(prompt.token_ids) - 1
        values = torch.full((num_rows - 1 - first, self._vocab_size), torch.inf)
        for row in range(len(values)):  # an entry belongs to its own id, a row of ours to the id that follows
            place = slice(found.start_indices[first + row + 1], found.end_indices[first + row + 1])
            values[row, torch.tensor(found.token_ids[place])] = torch.tensor(found.logprobs[place])
        return Scores(first, values)


def _images(case: Case) -> list[Any]:
    return [ref.source for message in case.messages for ref in message.images]
