"""The engine: requests in, ids out, one step at a time.

Enters: `EngineRequest`s. Leaves: `EngineOutput`s. Always holds: a step is schedule, run, sample, take; every
sequence gets exactly one output with a finish_reason; blocks of finished sequences are free again; an error
that belongs to one sequence ends that sequence only.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence as Rows
from dataclasses import dataclass, replace

import torch

from r1v.core import ConfigError, ContextLengthError, FinishDetail, FinishReason, PromptError, TokenLogprob
from r1v.engine.adapted import SALT, AdaptedRunner
from r1v.engine.config import EngineConfig, EngineIds
from r1v.engine.flight import Flight, Flights
from r1v.engine.kv_cache import BlockPool
from r1v.engine.memory import free_memory, plan_cache
from r1v.engine.pace import StepPace, resolve_sizes
from r1v.engine.request import EngineOutput, EngineRequest
from r1v.engine.runner import Runner, make_sampler
from r1v.engine.sampler import Sampled, mix, rows_of
from r1v.engine.scheduler import HEAD_START, Chunk, Scheduler, Step
from r1v.engine.sequence import Sequence
from r1v.engine.speculate import Drafter, SharedDrafts
from r1v.engine.tiles import PlacedTiles, TileCache, place_tiles, staged
from r1v.engine.weights import prepare, resolve_format
from r1v.models import R1V
from r1v.models.quantised import codes_of
from r1v.ops.paged import PagedCache

# of weights, which a GPU reads in a millisecond or few; a pass over prompts beside a decode step reads them
# once more, but the host need not wait for ids before it launches that step
JOINED_BYTES = 4 << 30
MIN_IDLE_BYTES = 32 << 20  # of earlier prompts, and as much of tiles, that a small model keeps while idle


@dataclass(slots=True)
class EngineStats:
    """Counters since the engine was made."""

    num_steps: int = 0
    num_steps_ahead: int = 0  # of these, launched before the ids of the step before had been read
    num_prompt_tokens: int = 0
    num_cached_tokens: int = 0
    num_output_tokens: int = 0
    num_drafted: int = 0
    num_accepted: int = 0
    num_tiles_encoded: int = 0
    num_preemptions: int = 0
    num_closed_by_budget: int = 0
    num_closed_by_loop: int = 0


class Engine:
    """Continuous batching over a paged cache. One thread at a time.

    Raises CapacityError where the cache does not fit in memory.
    """

    def __init__(self, model: R1V, config: EngineConfig, ids: EngineIds, adapted: R1V | None = None) -> None:
        """adapted: computes the rows whose prompt has pictures, in place of model (on a CPU)."""
        self.ids, self.model = ids, model
        if adapted is not None:
            config = replace(config, keep_weights=True)  # both share what the adapter does not change
        language = model.config.language
        weight_bytes = sum(p.nbytes for p in (*model.language.parameters(), *model.language.buffers()))
        self._format = resolve_format(config.weight_format, model.dtype, model.device, codes_of(model))
        runnable = prepare(model, self._format, config.keep_weights)
        config = resolve_sizes(config, model, free_memory(model.device))
        sizes = plan_cache(config, language, runnable.dtype, model.device)
        self.config = sizes.config
        # of a decode step that reads all weights once
        self._context_cost = sizes.block_bytes / config.block_size / weight_bytes
        cache = PagedCache.empty(  # one block more, for the rows that fill up captured batches
            language.num_layers, (sizes.num_blocks + 1) * config.block_size, language.num_kv_heads,
            language.head_dim, runnable.dtype, model.device,
        )  # fmt: skip
        self._cache, self._block_bytes = cache, sizes.block_bytes
        self._idle_bytes = max(MIN_IDLE_BYTES, weight_bytes // 4)
        self._tiles = TileCache(config.image_cache_bytes)
        self._sampler, on_device = make_sampler(language.vocab_size, ids, model.device, config.max_num_seqs)
        own = Runner(runnable, cache, self._tiles, self.config, on_device)
        if config.capture_ahead:
            own.capture_ahead()
        self._runner: Runner | AdaptedRunner = own
        if adapted is not None:
            self._runner = AdaptedRunner.of(own, adapted, self._format, cache, self._tiles, self.config)
        self._salt = b"" if adapted is None else SALT
        self._pool = BlockPool(sizes.num_blocks, config.block_size, model.device.type == "cpu")
        paced = config.max_step_ms > 0 and model.device.type == "cpu"
        self._pace = StepPace(config.max_step_ms / 1e3) if paced else None
        self._scheduler = Scheduler(
            self.config, self._pool, self._tiles.__contains__, self._draft_cost, self._pace
        )
        device = self._runner if isinstance(self._runner, Runner) and self._runner.draws else None
        self._flights = Flights(self._scheduler, device, joins=weight_bytes <= JOINED_BYTES)
        self._drafts = SharedDrafts(config.shared_draft_bytes) if config.num_draft_tokens else None
        self._requests: dict[int, list[Sequence]] = {}
        self._request_ids = itertools.count()
        self._outputs: list[EngineOutput] = []
        self._entropy = random.SystemRandom()
        self._stats = EngineStats()

    # --------------------------------------------------------------------------------------------- outside

    def give_back(self) -> None:
        """To be called when nothing has run for a while: the oldest of what is kept of earlier prompts and
        tiles goes, but for a quarter of the model's size, and so does the memory of vacant blocks. On a GPU
        all memory is the engine's for good, and nothing is dropped."""
        if self.model.device.type != "cpu":
            return
        size = self.config.block_size
        runs = self._pool.shed(self._idle_bytes // self._block_bytes)
        self._cache.give_back((first * size, number * size) for first, number in runs)
        self._tiles.trim(min(self._tiles.max_bytes, self._idle_bytes))

    @property
    def has_work(self) -> bool:
        """Whether `step` has anything to do or to report."""
        return self._scheduler.has_work or bool(self._outputs)

    @property
    def max_model_len(self) -> int:
        """Tokens of prompt and output that a sequence can have."""
        assert self.config.max_model_len is not None
        return self.config.max_model_len

    @property
    def num_running(self) -> int:
        """Sequences in the batch."""
        return len(self._scheduler.running)

    @property
    def num_waiting(self) -> int:
        """Sequences in the queue."""
        return len(self._scheduler.waiting)

    @property
    def cache_use(self) -> float:
        """Part of the cache's blocks that sequences use, 0 to 1; kept blocks do not count."""
        return 1.0 - self._pool.num_free / self._pool.num_blocks

    @property
    def stats(self) -> EngineStats:
        """Counters so far."""
        self._stats.num_tiles_encoded = self._runner.num_encoded
        self._stats.num_preemptions = self._scheduler.num_preemptions
        return self._stats

    def add(self, request: EngineRequest) -> int:
        """Queue a request; returns its id.

        Raises PromptError (image tokens do not match the tiles, unknown ids), ContextLengthError.
        """
        self._check(request)
        tiles = place_tiles(request, self.ids.image_context, self.model.config.tokens_per_tile)
        request_id = next(self._request_ids)
        seed = request.params.seed
        seed = self._entropy.getrandbits(64) if seed is None else seed
        sequences = [
            self._sequence(request, request_id, index, tiles, seed) for index in range(request.params.n)
        ]
        for sequence in sequences[1:]:
            sequence.leader = sequences[0]
        self._requests[request_id] = sequences
        for sequence in list(sequences):
            self._scheduler.add(sequence)
            forced = sequence.begin()
            self._report(sequence, len(forced), [], forced)
        return request_id

    def stage(self, request: EngineRequest) -> EngineRequest:
        """The same request with its images named by their content and, for a GPU, in the model's dtype and in
        memory that the device reads by itself. `add` also takes requests as they are; this part is slow,
        touches nothing of the engine, and may run on any thread."""
        return staged(request, self.model.dtype, self.model.device)

    def cancel(self, request_id: int) -> None:
        """End a request now; the next step reports it. Unknown and finished ids are ignored."""
        for sequence in list(self._requests.get(request_id, ())):
            self._end(sequence, FinishReason.CANCELLED)

    def step(self) -> list[EngineOutput]:
        """One pass: every running sequence moves on. Returns what became known since the last call.

        A sequence that cannot go on ends with an output of its own that carries the error. Raises only where
        the device itself has failed and nothing more can be computed in this process.
        """
        with torch.inference_mode():
            if self._scheduler.has_work:
                self._advance()
        outputs, self._outputs = self._outputs, []
        return outputs

    def weights_changed(self) -> float:
        """Tell the engine that the model's weights have changed: it drops what was computed with the old ones
        and rebuilds packed copies. Running sequences keep their ids and continue with the new weights.
        Returns the seconds that this took."""
        if not self.config.keep_weights and self._format != "plain":
            raise ConfigError("the engine has released the model's weights; make it with keep_weights=True")
        start = time.perf_counter()
        if self._flights.current is not None:
            self._land(self._flights.current)
            self._flights.current = None
        self._scheduler.preempt_all()
        self._pool.forget()
        self._tiles.clear()
        self._runner.weights_changed(prepare(self.model, self._format))
        return time.perf_counter() - start

    # ---------------------------------------------------------------------------------------------- inside

    def _check(self, request: EngineRequest) -> None:
        ids, vocab_size = request.token_ids, self.model.config.language.vocab_size
        if not ids:
            raise PromptError("the prompt is empty; it needs at least one token")
        if not 0 <= min(ids) <= max(ids) < vocab_size:
            raise PromptError(
                f"the prompt holds ids outside the vocabulary of {vocab_size}; use this model's tokenizer"
            )
        for token_id in (*request.params.logit_bias, *request.params.stop_token_ids):
            if not 0 <= token_id < vocab_size:
                raise PromptError(f"token id {token_id} is outside the vocabulary of {vocab_size}")
        pixels, side = request.pixel_values, self.model.config.image_size
        if pixels is not None and self.model.config.vision is None:
            raise PromptError("this model is a language model without a vision tower; it takes no images")
        if pixels is not None and (pixels.shape[1:] != (3, side, side) or not pixels.is_floating_point()):
            raise PromptError(
                f"pixel_values is {pixels.dtype} {tuple(pixels.shape)}; it must be a floating dtype and "
                f"(number of tiles, 3, {side}, {side})"
            )
        if len(ids) >= self.max_model_len:
            raise ContextLengthError(
                f"the prompt has {len(ids)} tokens, but only {self.max_model_len} fit, one of them for the "
                "output: shorten it, lower max_tiles or raise max_model_len"
            )

    def _sequence(
        self, request: EngineRequest, request_id: int, index: int, tiles: PlacedTiles, seed: int
    ) -> Sequence:
        sequence = Sequence.of(
            request, self.ids, base_seed=mix(mix(seed) + index), max_length=self.max_model_len,
            tiles=tiles, request_id=request_id, index=index,
            order=(request_id + HEAD_START * request.priority, request_id, index),
        )  # fmt: skip
        if request.pixel_values is not None:
            sequence.salt = self._salt
        return sequence

    def _advance(self) -> None:
        """Schedule, run, sample, take; where the device runs ahead, the next step is launched before the ids
        of the last are read."""
        flight = self._flights.current
        if flight is not None:
            self._flights.current = None  # cleared first, because what follows may raise
            ahead = self._flights.current = self._flights.follow(flight)
            self._land(flight)
            if ahead is not None:
                self._stats.num_steps_ahead += 1
                if self._flights.joins:
                    self._join(ahead, self._plan(frozenset(chunk.sequence for chunk in ahead.chunks)))
            return
        step = self._plan()
        if self._flights.takes(step):
            self._join(*self._flights.launch(step))
            return
        if not step.chunks:
            return
        begun = time.perf_counter()
        chunks, logits = self._run(step)
        if self._pace is not None:
            prompts = sum(len(c.token_ids) for c in step.chunks if len(c.token_ids) > 1 + c.num_drafts)
            self._pace.took(time.perf_counter() - begun, prompts, len(step.tiles))
        rows = rows_of(chunks)
        self._take_all(chunks, self._sampler(logits, rows) if rows and logits is not None else [])

    def _plan(self, under_way: frozenset[Sequence] = frozenset()) -> Step:
        """See `Scheduler.plan`; a step of nothing where that fails."""
        try:
            return self._scheduler.plan(under_way)
        except Exception as error:  # noqa: BLE001 - a fault of ours, which must not harm later requests
            self._abandon(error)
            return Step()

    def _join(self, flight: Flight, step: Step) -> None:
        """Let a step follow a flight, as part of it."""
        if step.chunks:
            flight = self._flights.join(flight, *self._run(step))
        self._flights.current = flight

    def _land(self, flight: Flight) -> None:
        """Read the ids of a launched step, and take those of sequences that have not ended meanwhile and had
        no ids forced."""
        chunks, sampled = [], []
        rows = iter(flight.read())
        for chunk in flight.chunks:
            sequence = chunk.sequence
            if not chunk.samples:
                chunks += [chunk] if sequence.finish_reason is None else []
                continue
            drawn = next(rows)
            if sequence.finish_reason is None and len(sequence.token_ids) == chunk.end:
                chunks.append(chunk)
                sampled.append(drawn)
            else:
                self._sampler.discount(sequence, drawn.token_id)
                if sequence.finish_reason is None:
                    self._scheduler.computed(sequence, chunk.end)
        self._take_all(chunks, sampled)

    def _take_all(self, chunks: Rows[Chunk], sampled: Rows[Sampled]) -> None:
        """Move every sequence of a step on. sampled: of all rows, in the order of the chunks."""
        self._stats.num_steps += 1
        first = 0
        for chunk in chunks:
            number = chunk.num_drafts + 1 if chunk.samples else 0
            try:
                self._take(chunk, sampled[first : first + number])
            except Exception as error:  # noqa: BLE001 - reported to whoever asked for this sequence
                self._fail(chunk.sequence, error)
            first += number

    def _run(self, step: Step) -> tuple[list[Chunk], torch.Tensor | None]:
        """The chunks that could be computed, and the logits of their rows.

        Where the pass fails, each chunk is computed alone, so that only the sequence at fault ends.
        """
        try:
            return step.chunks, self._runner(step)
        except torch.AcceleratorError:  # after this error every later call would fail too
            raise
        except Exception as error:  # noqa: BLE001 - reported to whoever asked for the sequence
            if len(step.chunks) == 1:
                self._fail(step.chunks[0].sequence, error)
                return [], None
        chunks: list[Chunk] = []
        parts: list[torch.Tensor] = []
        for chunk in step.chunks:
            tiles = [(chunk.sequence, tile) for tile in chunk.tiles if tile.key not in self._tiles]
            computed, logits = self._run(Step([chunk], tiles))
            chunks += computed
            parts += [] if logits is None else [logits]
        return chunks, torch.cat(parts) if parts else None

    def _take(self, chunk: Chunk, sampled: Rows[Sampled]) -> None:
        """Move a sequence on by a computed chunk and the ids sampled at its end."""
        sequence, known = chunk.sequence, chunk.end - chunk.num_drafts
        if chunk.start < sequence.num_prompt:
            self._stats.num_prompt_tokens += min(known, sequence.num_prompt) - chunk.start
        self._scheduler.computed(sequence, known)  # first, so that a sequence that ends now leaves its blocks
        if self._drafts is not None:
            self._teach(sequence, known, self._drafts)
        if not sampled:
            return
        if known == sequence.num_prompt:
            self._stats.num_cached_tokens += sequence.num_cached
        if chunk.num_drafts:
            self._take_drafted(chunk, sampled)
            return
        (row,) = sampled
        if row.error is not None:
            self._fail(sequence, row.error)
            return
        forced = sequence.advance(row.token_id)
        logprobs = [] if row.logprob is None else [row.logprob]
        self._report(sequence, 1 + len(forced), logprobs, forced)

    def _take_drafted(self, chunk: Chunk, sampled: Rows[Sampled]) -> None:
        """Take the ids of a chunk with drafts. Row i was computed as if the drafts before it were right: its
        id counts if they were, and if the sequence was still under the rules that the rows were sampled
        under."""
        sequence, known = chunk.sequence, chunk.end - chunk.num_drafts
        drafts = chunk.token_ids[len(chunk.token_ids) - chunk.num_drafts :]
        taken, right, error, forced = 0, 0, None, tuple[int, ...]()
        before = len(sequence.token_ids)
        for row in sampled:
            if row.error is not None:
                error = row.error
                break
            forced = sequence.advance(row.token_id)
            taken += 1
            wrong = taken <= len(drafts) and drafts[taken - 1] != row.token_id
            right += taken <= len(drafts) and not wrong
            # with ids forced, or a grammar begun, later rows were computed without knowing
            if wrong or forced or sequence.finish_reason is not None or sequence.masked:
                break
        self._stats.num_drafted += len(drafts)
        self._stats.num_accepted += max(0, min(right, taken - 1))
        logprobs = [row.logprob for row in sampled[:taken] if row.logprob is not None]
        self._report(sequence, len(sequence.token_ids) - before, logprobs, forced)
        if error is not None:
            self._fail(sequence, error)
        elif sequence.finish_reason is None and taken > 1:
            self._scheduler.computed(sequence, known + min(right, taken - 1))

    def _report(
        self, sequence: Sequence, number: int, logprobs: list[TokenLogprob], forced: tuple[int, ...]
    ) -> None:
        """Tell what a sequence gained: its last ``number`` ids, the forced ones at their end. Frees what it
        holds if it has ended."""
        if forced:
            if sequence.thinking.detail is FinishDetail.BUDGET:
                self._stats.num_closed_by_budget += 1
            else:
                self._stats.num_closed_by_loop += 1
        if sequence.finish_reason is not None:
            self._remove(sequence)
        if number:
            self._emit(sequence, number, logprobs, len(forced))

    def _teach(self, sequence: Sequence, known: int, shared: SharedDrafts) -> None:
        """Let the drafter read the ids that were computed and that it has not seen: the prompt, in chunks."""
        if sequence.drafter is None:
            sequence.drafter = Drafter(
                shared, self.ids.image_context, self.config.num_draft_tokens, sequence.max_length
            )
        if sequence.drafter.num_taken < known:
            sequence.drafter.read(sequence.token_ids[sequence.drafter.num_taken : known])

    def _end(self, sequence: Sequence, reason: FinishReason, error: Exception | None = None) -> None:
        """End a sequence where it stands and report it."""
        sequence.finish_reason = reason
        self._remove(sequence)
        self._emit(sequence, 0, [], 0, error)

    def _fail(self, sequence: Sequence, error: Exception) -> None:
        """End a sequence with an error, unless it has ended already."""
        if sequence in self._requests.get(sequence.request_id, ()):
            self._end(sequence, FinishReason.ERROR, error)

    def _abandon(self, error: Exception) -> None:
        """End every sequence with an error and forget what was cached."""
        for sequence in [s for sequences in self._requests.values() for s in sequences]:
            self._fail(sequence, error)
        self._pool.forget()

    def _remove(self, sequence: Sequence) -> None:
        """Free what an ended sequence holds."""
        self._scheduler.remove(sequence)
        self._sampler.forget(sequence)
        siblings = self._requests[sequence.request_id]
        siblings.remove(sequence)
        if not siblings:
            del self._requests[sequence.request_id]

    def _emit(
        self,
        sequence: Sequence,
        number: int,
        logprobs: list[TokenLogprob],
        num_forced: int,
        error: Exception | None = None,
    ) -> None:
        """Report the last ``number`` ids of a sequence."""
        ids = tuple(sequence.token_ids[len(sequence.token_ids) - number :])
        if num_forced and sequence.params.logprobs is not None:
            logprobs = logprobs + [TokenLogprob(i, 0.0) for i in ids[number - num_forced :]]
        self._stats.num_output_tokens += number
        self._outputs.append(
            EngineOutput(
                sequence.request_id, sequence.index, ids, tuple(logprobs), num_forced,
                sequence.finish_reason, sequence.thinking.detail, sequence.num_prompt, sequence.num_cached,
                sequence.num_output, sequence.thinking.num_thinking, error,
            )
        )  # fmt: skip

    def _draft_cost(self, rows: int, context: int) -> tuple[float, float]:
        """What drafts, and each row of them, cost a sequence, in its share of a step of so many rows.

        A row on a CPU adds a quarter of what the weights cost, up to some rows, and reads its context anew. A
        GPU has time for rows while it reads weights, but leaves its graph for drafts (taken to double the
        step; not measured).
        """
        if self.model.device.type == "cuda":
            return (1.0 if self.config.cuda_graphs else 0.0, 0.02 if rows <= 16 else 0.1)
        if rows > 12:  # products of many rows: all is arithmetic
            return 0.0, 1.0
        reading = context * self._context_cost
        return 0.0, rows * (0.25 + reading) / (1.0 + 0.25 * (rows - 1) + rows * reading)
