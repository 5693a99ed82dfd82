"""A reward model behind one interface: a number for how good the last turn of a conversation is.

Enters: conversations that end with the model's turn. Leaves: a reward each. Always holds: rows are made as
``r1v train reward`` makes them, and a reward does not depend on the conversations beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from r1v.core import ComputeError, ContextLengthError, Message, PromptError, SamplingParams
from r1v.llm.config import DTYPES, LLMConfig, default_params, resolve
from r1v.llm.requests import ModelInfo
from r1v.models.hub import resolve_model
from r1v.models.reward import HEAD_FILE, load_reward
from r1v.prompt import Processor, Prompt, PromptLimits, normalise, split_reasoning

ROWS = 8  # of a pass


def is_reward_model(model: str) -> bool:
    """Whether a local folder is one that ``r1v train reward`` wrote."""
    return (Path(model) / HEAD_FILE).is_file()


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """A conversation as tokens. token_ids: of the whole, the last turn and its end included. prompt: what
    stands before the last turn."""

    token_ids: tuple[int, ...]
    prompt: Prompt


class ConversationScorer:
    """A reward model. ``prepare`` may run on several threads at a time, ``score`` on one."""

    def __init__(
        self,
        model: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        max_tiles: int | None = None,
        limits: PromptLimits | None = None,
    ) -> None:
        """model: a folder that ``r1v train reward`` wrote. The others as in LLMConfig. CheckpointError."""
        folder = resolve_model(model)
        limits = limits or PromptLimits()
        self.config = resolve(
            LLMConfig(model, device=device, dtype=dtype, max_tiles=max_tiles, limits=limits), folder
        )
        self.default_params: SamplingParams = default_params(folder)
        self._processor = Processor.from_folder(folder, limits=limits)
        self._model = load_reward(folder, DTYPES[self.config.dtype], self.config.device).requires_grad_(False)
        self.info = ModelInfo(
            model, self._processor.context_length, self._processor.vocab_size, takes_images=True,
            takes_tools=False, thinks=self._processor.thinks, max_images=limits.max_images,
        )  # fmt: skip

    def prepare(self, messages: Sequence[Message]) -> ScoredRow:
        """The row of one conversation. Raises PromptError, ImageError, ContextLengthError."""
        if len(messages) < 2 or messages[-1].role != "assistant":
            raise PromptError(
                "a reward is given for the last turn; end the conversation with one of the assistant"
            )
        last = split_reasoning(messages[-1])
        prompt = self._processor.encode(messages[:-1], max_tiles=self.config.max_tiles)
        ids = self._processor.encode_completion(last.reasoning or "", last.text, opened=prompt.opens_thinking)
        whole = (*prompt.token_ids, *ids)
        if len(whole) > self.info.context_length:
            raise ContextLengthError(
                f"the conversation has {len(whole)} tokens; the context holds {self.info.context_length}"
            )
        return ScoredRow(whole, prompt)

    def score(self, rows: Sequence[ScoredRow]) -> list[float]:
        """A reward for each row, in their order. ComputeError: one is not a number."""
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].token_ids))
        rewards = [0.0] * len(rows)
        for start in range(0, len(order), ROWS):
            places = order[start : start + ROWS]
            for place, reward in zip(places, self._pass([rows[i] for i in places]), strict=True):
                if not math.isfinite(reward):
                    raise ComputeError("the reward model computed something that is not a number")
                rewards[place] = reward
        return rewards

    def _pass(self, rows: Sequence[ScoredRow]) -> list[float]:
        lengths = torch.tensor([len(row.token_ids) for row in rows])
        ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
        for line, row in zip(ids, rows, strict=True):
            line[: len(row.token_ids)] = torch.tensor(row.token_ids)
        tiles = [normalise(row.prompt.tiles) for row in rows if len(row.prompt.tiles)]
        device, dtype = self.config.device, DTYPES[self.config.dtype]
        pixels = torch.cat(tiles).to(device, dtype) if tiles else None
        with torch.inference_mode():
            rewards: list[float] = self._model(ids.to(device), lengths.to(device), pixels).tolist()
        return rewards
