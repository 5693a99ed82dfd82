"""One completion while it is generated: its ids, its blocks in the cache, its settings, and how it advances.

Always holds: the keys and values of the first ``num_computed`` ids are in the cache, in the blocks of
``table``; ids after those still have to go through the model, whether they come from the prompt, were
sampled, or were forced. `Sequence.advance` is the only place where a sampled id changes the state of a
completion: stops, grammar, thinking budget, loops and length are all decided there, in this order, also for
other libraries' loops that our settings steer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from r1v.core import Decoding, FinishReason, SamplingParams
from r1v.engine.config import EngineIds
from r1v.engine.kv_cache import BlockTable, block_digest
from r1v.engine.request import EngineRequest, TokenMask
from r1v.engine.speculate import Drafter
from r1v.engine.thinking import ThinkingControl
from r1v.engine.tiles import PlacedTiles


@dataclass(eq=False, slots=True)
class Sequence:
    """One of the n completions of a request. order: smaller goes first. leader: the sample whose prefill this
    one waits for, to share it. base_seed: with a position it gives that token's random number. salt:
    begins the digests of its blocks, where a model with an adapter fills them."""

    request_id: int
    index: int
    request: EngineRequest
    tiles: PlacedTiles
    params: SamplingParams
    order: tuple[int, int, int]
    base_seed: int
    thinking: ThinkingControl
    max_length: int
    stop_ids: frozenset[int]
    mask: TokenMask | None = None
    leader: Sequence | None = None
    salt: bytes = b""
    decoding: Decoding = field(init=False)
    drafter: Drafter | None = None
    token_ids: list[int] = field(default_factory=list)
    table: BlockTable = field(default_factory=BlockTable)
    digests: list[bytes] = field(default_factory=list)
    num_computed: int = 0
    num_cached: int = 0
    num_committed: int = 0  # blocks whose digest the pool knows
    finish_reason: FinishReason | None = None
    num_prompt: int = field(init=False)  # ids of the prompt

    def __post_init__(self) -> None:
        self.token_ids = list(self.request.token_ids)
        self.num_prompt = len(self.token_ids)
        self.decoding = self.params.decoding

    @classmethod
    def of(
        cls,
        request: EngineRequest,
        ids: EngineIds,
        *,
        base_seed: int,
        max_length: int,
        tiles: PlacedTiles | None = None,
        request_id: int = 0,
        index: int = 0,
        order: tuple[int, int, int] = (0, 0, 0),
    ) -> Sequence:
        """One completion of a request. max_length: ids of prompt and output that it can have in the model's
        context. tiles: where the images of the request stand in its prompt; None is nowhere."""
        params = request.params
        if params.max_tokens is not None:
            max_length = min(max_length, len(request.token_ids) + params.max_tokens)
        return cls(
            request_id, index, request, tiles or PlacedTiles(), params, order, base_seed,
            thinking=ThinkingControl(ids, opened=request.opens_thinking, budget=params.thinking_budget,
                                     detect_loops=params.detect_loops,
                                     detect_answer_loops=params.detect_answer_loops),
            max_length=max_length,
            stop_ids=frozenset((*ids.eos, *params.stop_token_ids)),
            mask=None if request.mask is None else request.mask.fork(),
        )  # fmt: skip

    def begin(self) -> tuple[int, ...]:
        """Take the ids that must follow the prompt itself, and return them: with a thinking budget of 0 and
        thinking opened by the prompt, those that close it."""
        return self._force(self.thinking.start())

    def advance(self, token_id: int) -> tuple[int, ...]:
        """Take the next sampled id. Returns the ids that must follow it, which are taken as well.

        Afterwards finish_reason is set if the completion has ended. Raises what the grammar raises.
        """
        masked = self.mask is not None and self.masked
        self._push(token_id)
        if token_id in self.stop_ids:
            self.finish_reason = FinishReason.STOP
            return ()
        if masked and self.mask is not None:
            self.mask.accept(token_id)
        forced = self._force(self.thinking.push(token_id))
        if self.thinking.answer_is_loop:
            self.finish_reason = FinishReason.LENGTH
        return forced

    def _force(self, token_ids: tuple[int, ...]) -> tuple[int, ...]:
        """Take ids that were not sampled, as many as the length allows, and note whether it is reached."""
        if token_ids:
            token_ids = token_ids[: self.max_length - len(self.token_ids)]
            for token_id in token_ids:
                self._push(token_id)
        if len(self.token_ids) >= self.max_length:
            self.finish_reason = FinishReason.LENGTH
        return token_ids

    def _push(self, token_id: int) -> None:
        self.token_ids.append(token_id)
        if self.drafter is not None:
            self.drafter.push(token_id)

    @property
    def num_output(self) -> int:
        """Ids after the prompt."""
        return len(self.token_ids) - self.num_prompt

    @property
    def num_pending(self) -> int:
        """Known ids that the model has not seen yet."""
        return len(self.token_ids) - self.num_computed

    @property
    def waits_for_leader(self) -> bool:
        """Whether another sample is still computing the prompt of both."""
        leader = self.leader
        return leader is not None and leader.finish_reason is None and leader.num_computed < leader.num_prompt

    @property
    def masked(self) -> bool:
        """Whether a grammar decides about the next id. Then that id cannot be sampled before all ids before
        it have been taken, so there are no drafts, and rows behind drafts that led here do not count."""
        return self.mask is not None and not self.thinking.inside

    def digest(self, block: int, block_size: int) -> bytes:
        """The digest that names the content of one of its full blocks."""
        if not self.digests and self.leader is not None:  # both have the same prompt
            self.digests = self.leader.digests[: self.num_prompt // block_size]
        while len(self.digests) <= block:
            start = len(self.digests) * block_size
            ids = self.token_ids[start : start + block_size]
            assert len(ids) == block_size
            previous = self.digests[-1] if self.digests else self.salt
            self.digests.append(block_digest(previous, ids, self.tiles.identity(start, start + block_size)))
        return self.digests[block]
