"""Our control of decoding inside vLLM: thinking budget, loops, output grammars, ids that are never sampled.

vLLM loads the class by its name in the process that samples. Always holds: what is forced is what our own
engine would force after the same ids; a Follower on the outside, given the same ids, knows the same.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor

from r1v.core import FinishDetail, SamplingParams
from r1v.engine import EngineIds, EngineRequest, Sequence
from r1v.llm.grammar import GrammarCompiler, GrammarMask, OutputGrammar
from r1v.llm.prompt_encoder import engine_ids
from r1v.prompt import Processor

KEY = "r1v"  # of the request's extra arguments


def steering(
    ids: EngineIds, opened: bool, budget: int, detect_loops: bool, *, folder: str = "",
    grammar: str | None = None, detect_answer_loops: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Extra arguments of a request: plain data, since they go to another process. folder: of the R1V
    checkpoint whose tokens these are; empty for another model. grammar: an OutputGrammar's text."""
    return {
        KEY: {
            "image_context": ids.image_context, "eos": list(ids.eos), "think_open": list(ids.think_open),
            "think_close": list(ids.think_close), "close_thinking": list(ids.close_thinking),
            "banned": list(ids.banned), "blank": sorted(ids.blank), "is_spelled": bool(ids.spelling),
            "opened": opened, "budget": budget, "detect_loops": detect_loops,
            "detect_answer_loops": detect_answer_loops, "folder": folder,
            "grammar": grammar,
        }
    }  # fmt: skip


def ids_of(plain: Mapping[str, Any]) -> EngineIds:
    """The EngineIds that ``steering`` was given."""
    if plain["is_spelled"]:  # sending the spelling of every id with each request would be too much
        return _ids_of_folder(plain["folder"])
    return EngineIds(
        image_context=plain["image_context"], eos=tuple(plain["eos"]),
        think_open=tuple(plain["think_open"]), think_close=tuple(plain["think_close"]),
        close_thinking=tuple(plain["close_thinking"]), banned=tuple(plain["banned"]),
        blank=frozenset(plain["blank"]),
    )  # fmt: skip


@lru_cache(maxsize=4)
def _ids_of_folder(folder: str) -> EngineIds:
    return engine_ids(Processor.from_folder(Path(folder)))


class Follower:
    """Follows one completion's ids through its thinking and its grammar."""

    def __init__(self, plain: Mapping[str, Any], mask: GrammarMask | None = None) -> None:
        ids = ids_of(plain)
        params = SamplingParams(
            thinking_budget=plain["budget"], detect_loops=plain["detect_loops"],
            detect_answer_loops=plain["detect_answer_loops"],
        )  # fmt: skip
        request = EngineRequest((), params, opens_thinking=plain["opened"], mask=mask)
        # vLLM itself handles the prompt and the length; only the output matters here
        self.sequence = Sequence.of(request, ids, base_seed=0, max_length=sys.maxsize)
        self.forced: deque[int] = deque(self.sequence.begin())
        self.num_seen = 0

    def push(self, token_ids: Iterable[int]) -> None:
        """Take further ids."""
        for token_id in token_ids:
            self.num_seen += 1
            if self.forced:
                self.forced.popleft()
            else:
                self.forced.extend(self.sequence.advance(token_id))
                if self.sequence.thinking.answer_is_loop:
                    self.forced.append(min(self.sequence.stop_ids))

    @property
    def masked(self) -> bool:
        """Whether a grammar decides about the next id."""
        return not self.forced and self.sequence.masked

    @property
    def detail(self) -> FinishDetail | None:
        """What cut thinking short."""
        return self.sequence.thinking.detail

    @property
    def num_thinking(self) -> int:
        """Ids of thinking so far."""
        return self.sequence.thinking.num_thinking


@lru_cache(maxsize=4)
def _compiler(folder: str) -> GrammarCompiler:
    return GrammarCompiler(Processor.from_folder(Path(folder)))


class _Steer:
    """One request's part in a step."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        banned = {plain["image_context"], *plain["banned"]} - {-1, *plain["eos"]}
        self._banned = torch.tensor(sorted(banned), dtype=torch.int64)
        mask: GrammarMask | None = None
        if plain["grammar"] is not None:
            mask = _compiler(plain["folder"]).mask(OutputGrammar(plain["grammar"]))
        self._follower = Follower(plain, mask)

    def __call__(self, output_ids: list[int], logits: torch.Tensor) -> torch.Tensor:
        follower = self._follower
        follower.push(output_ids[follower.num_seen :])
        if follower.forced:
            logits.fill_(float("-inf"))
            logits[follower.forced[0]] = 0.0
            return logits
        if len(self._banned):
            self._banned = self._banned.to(logits.device)
            logits[self._banned[self._banned < len(logits)]] = float("-inf")
        mask = follower.sequence.mask
        if mask is not None and follower.masked:
            bits = mask.bits().unsqueeze(1)
            allowed = ((bits >> torch.arange(32, dtype=torch.int32)) & 1).flatten()[: len(logits)]
            logits[: len(allowed)].masked_fill_(allowed.to(logits.device) == 0, float("-inf"))
        return logits


class ThinkingSteering(AdapterLogitsProcessor):
    """The class that vLLM is told of."""

    def is_argmax_invariant(self) -> bool:
        """No: it forces ids."""
        return False

    def new_req_logits_processor(self, params: Any) -> Any:
        """A request without our arguments is left alone."""
        plain = (params.extra_args or {}).get(KEY)
        return None if plain is None else _Steer(plain)
