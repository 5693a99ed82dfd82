"""A model run by vLLM: for several devices and several machines.

Enters: requests. Leaves: events, the same as our own engine's. Always holds: prompts are made on our side
(vllm_prompt); the ids that vLLM has after expanding images are compared with ours, and any difference is an
error. No code of a checkpoint is ever run.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from r1v.core import ConfigError, FinishReason, PromptError, TokenLogprob, UnavailableError
from r1v.engine import EngineConfig, EngineOutput, default_num_seqs
from r1v.llm.backend import EncodedHere
from r1v.llm.backends.transformers.backend import is_r1v
from r1v.llm.backends.vllm.launch import check_vllm, engine_arguments, folder_for_vllm, prepare
from r1v.llm.backends.vllm.prompts import HFPrompts, Prompts, R1VPrompts, VLLMRequest, check_prompt
from r1v.llm.config import LLMConfig, default_params, resolve_dtype, weight_bytes
from r1v.llm.requests import BackendLoad, Request
from r1v.llm.stream import Deliver
from r1v.models import resolve_model

STEERING = "r1v.llm.backends.vllm.steering:ThinkingSteering"


class VLLMBackend(EncodedHere):
    """vLLM's asynchronous engine, driven from an event loop on a daemon thread. See Backend."""

    def __init__(self, config: LLMConfig, engine_config: EngineConfig) -> None:
        check_vllm()
        source = resolve_model(config.model)
        self.config = config = _resolved(config, source)
        self.default_params = default_params(source)
        ours = is_r1v(source)
        arguments = engine_arguments(
            folder_for_vllm(source) if ours else source, config, logits_processors=[STEERING],
            max_num_seqs=engine_config.max_num_seqs or default_num_seqs(config.device),
        )  # fmt: skip
        prepare(config.parallel)
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="r1v-vllm", daemon=True)
        thread.start()
        self._engine = asyncio.run_coroutine_threadsafe(_make(arguments), self._loop).result()
        self.context_length = int(self._engine.model_config.max_model_len)
        self._prompts: Prompts = (R1VPrompts if ours else HFPrompts)(source, config, self.context_length)
        self._front = self._prompts.front
        self._numbers = itertools.count()
        self._running: set[Future[None]] = set()
        self._failure = ""
        self._finalizer = weakref.finalize(self, _stop, self._loop, thread, self._engine, self._running)

    @classmethod
    def from_config(cls, config: LLMConfig, engine_config: EngineConfig) -> VLLMBackend:
        """The model that config names, in vLLM's own processes."""
        return cls(config, engine_config)

    def start(self, request: Request, deliver: Deliver) -> Callable[[], None]:
        """See Backend. Raises ImageError, PromptError, ContextLengthError."""
        if not self._finalizer.alive:
            raise UnavailableError("this LLM was closed; make a new one")
        asked = self._prompts.ask(request, deliver)
        future = asyncio.run_coroutine_threadsafe(self._run(asked), self._loop)
        self._running.add(future)
        future.add_done_callback(self._running.discard)

        def cancel() -> None:
            future.cancel()

        return cancel

    def _sampling(self, asked: VLLMRequest) -> Any:
        from vllm import SamplingParams as VLLMParams
        from vllm.sampling_params import RequestOutputKind

        from r1v.llm.backends.vllm.steering import steering

        params, ids = asked.params, self._prompts.ids
        return VLLMParams(
            temperature=params.temperature, top_k=params.top_k, top_p=params.top_p,
            min_p=params.min_p, repetition_penalty=params.repetition_penalty,
            presence_penalty=params.presence_penalty, frequency_penalty=params.frequency_penalty,
            seed=params.seed, max_tokens=params.max_tokens, min_tokens=params.min_tokens,
            stop_token_ids=sorted({*ids.eos, *params.stop_token_ids}),
            logit_bias=dict(params.logit_bias) or None, logprobs=params.logprobs,
            detokenize=False, output_kind=RequestOutputKind.DELTA,
            extra_args=steering(ids, asked.opened, params.thinking_budget, params.detect_loops,
                                folder=self._prompts.folder, grammar=asked.grammar,
                                detect_answer_loops=params.detect_answer_loops),
        )  # fmt: skip

    async def _run(self, asked: VLLMRequest) -> None:
        """Each completion is a request of its own, and so follows its own thinking; vLLM shares the prompt's
        cache among them as it does with its own ``n``."""
        from r1v.llm.backends.vllm.steering import KEY, Follower

        sampling = self._sampling(asked)
        followers = [Follower(sampling.extra_args[KEY]) for _ in range(asked.params.n)]
        open_ones = set(range(asked.params.n))
        each = [
            self._complete(asked, sampling, i, follower, open_ones) for i, follower in enumerate(followers)
        ]
        try:
            async with asyncio.TaskGroup() as group:
                for one in each:
                    group.create_task(one)
        except asyncio.CancelledError:
            for index in sorted(open_ones):
                asked.receiver.receive(EngineOutput(0, index, (), finish_reason=FinishReason.CANCELLED,
                                                    finish_detail=followers[index].detail))  # fmt: skip
        except ExceptionGroup as errors:  # the waiting thread is told, and raises the first
            error = errors.exceptions[0]
            first = str(error).strip().split("\n")[0]
            self._failure = first if type(error).__name__ == "EngineDeadError" else self._failure
            asked.receiver.fail(
                error if isinstance(error, PromptError)
                else UnavailableError(f"vLLM: {type(error).__name__}: {first}")
            )  # fmt: skip

    async def _complete(
        self, asked: VLLMRequest, sampling: Any, index: int, follower: Any, open_ones: set[int]
    ) -> None:
        """One completion from its first id to its last; then it is removed from open_ones."""
        sampling = sampling.clone()
        if sampling.seed is not None:
            sampling.seed += index
        name = f"r1v-{next(self._numbers)}"
        checked = False
        try:
            async for output in self._engine.generate(asked.given, sampling, name):
                if not checked and output.prompt_token_ids is not None:
                    check_prompt(asked.token_ids, output.prompt_token_ids)
                    checked = True
                (part,) = output.outputs
                if _hand_over(part, output, index, follower, asked):
                    open_ones.discard(index)
                    return
            raise UnavailableError("ended without a last token")
        finally:
            await self._engine.abort(name)

    @property
    def load(self) -> BackendLoad:
        """See Backend. That vLLM's process has died is known before the next request."""
        failure = self._failure
        if not failure and self._finalizer.alive and self._engine.errored:
            failure = "vLLM's engine process has ended; start again"
        return BackendLoad(num_running=len(self._running), failure=failure)

    def close(self) -> None:
        """Stop vLLM's processes."""
        self._finalizer()


def _resolved(config: LLMConfig, folder: Path) -> LLMConfig:
    """The configuration with the device that vLLM uses. ConfigError: another one was asked for."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if config.device not in ("auto", device):
        raise ConfigError(
            f"device is {config.device!r}, but vLLM runs on {device} here: leave it out, and choose cards "
            "with CUDA_VISIBLE_DEVICES"
        )
    return replace(config, device=device, dtype=resolve_dtype(config.dtype, device, weight_bytes(folder)))


async def _make(arguments: dict[str, Any]) -> Any:
    from vllm import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))


def _hand_over(part: Any, output: Any, index: int, follower: Any, asked: VLLMRequest) -> bool:
    """One piece of vLLM's output as an EngineOutput; whether it is the last."""
    ids = tuple(part.token_ids)
    follower.push(ids)
    logprobs: tuple[TokenLogprob, ...] = ()
    number = asked.params.logprobs
    if number is not None and part.logprobs:
        logprobs = tuple(
            _logprob(token_id, table, number) for token_id, table in zip(ids, part.logprobs, strict=True)
        )
    reasons = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH, "abort": FinishReason.CANCELLED}
    reason = None if part.finish_reason is None else reasons.get(part.finish_reason, FinishReason.ERROR)
    goes_on = asked.receiver.receive(
        EngineOutput(
            0, index, ids, logprobs, 0, reason, follower.detail, 0, output.num_cached_tokens or 0,
            follower.num_seen, follower.num_thinking,
        )
    )  # fmt: skip
    return reason is not None or not goes_on


def _logprob(token_id: int, table: Any, number: int) -> TokenLogprob:
    best = sorted(table.items(), key=lambda item: item[1].rank)[:number]
    return TokenLogprob(token_id, table[token_id].logprob, tuple((i, each.logprob) for i, each in best))


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread, engine: Any,
          running: set[Future[None]]) -> None:  # fmt: skip
    for future in list(running):
        future.cancel()
    loop.call_soon_threadsafe(engine.shutdown)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10.0)
