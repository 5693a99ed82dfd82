"""Our own engine as a backend: `r1v.prompt` makes the prompts, the engine the ids, in this process."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch

from r1v.core import SamplingParams
from r1v.engine import Engine, EngineConfig
from r1v.llm.backend import EncodedHere
from r1v.llm.backends.own.loop import EngineLoop
from r1v.llm.config import DTYPES, LLMConfig, default_params, resolve
from r1v.llm.grammar import GrammarCompiler
from r1v.llm.prompt_encoder import PromptEncoder, engine_ids, engine_request
from r1v.llm.requests import BackendLoad, ChatRequest, Request
from r1v.llm.stream import Deliver
from r1v.models import R1V, load
from r1v.models.adapter import adapted, has_adapter, read_adapter
from r1v.models.hub import resolve_model
from r1v.prompt import Processor


class EngineBackend(EncodedHere):
    """`r1v.prompt` and the engine, in this process. Thread-safe."""

    _front: PromptEncoder

    def __init__(
        self,
        model: R1V,
        processor: Processor,
        config: LLMConfig,
        params: SamplingParams,
        engine_config: EngineConfig,
        adapted: R1V | None = None,
    ) -> None:
        """adapted: see Engine. config: resolved. params: the defaults of this checkpoint."""
        self.config = config
        self.processor = processor
        self._grammars = GrammarCompiler(processor)
        self.default_params = params
        if config.max_model_len is not None:
            engine_config = replace(engine_config, max_model_len=config.max_model_len)
        self._engine = Engine(model, engine_config, engine_ids(processor), adapted)
        self.context_length = self._engine.max_model_len
        self._front = PromptEncoder(processor, config, self.context_length)
        self.loop = EngineLoop(self._engine)
        self._finalizer = weakref.finalize(self, self.loop.close)  # also at exit, before torch goes away

    @classmethod
    def from_config(cls, config: LLMConfig, engine_config: EngineConfig) -> EngineBackend:
        """Load the model that config names."""
        folder = resolve_model(config.model)
        config = resolve(config, folder)
        processor = Processor.from_folder(folder, limits=config.limits)
        model = load(folder, DTYPES[config.dtype], torch.device(config.device), base=True)
        changes = adapted(model, read_adapter(folder, model)) if has_adapter(folder) else None
        return cls(model, processor, config, default_params(folder), engine_config, changes)

    def start(self, request: Request, deliver: Deliver) -> Callable[[], None]:
        """See Backend. Raises ImageError, PromptError, ContextLengthError."""
        arrived_s = time.perf_counter()
        prompt = self._front.encode(request)
        params = self._front.within_context(request.params, prompt)
        grammar = request.grammar if isinstance(request, ChatRequest) else None
        mask = None if grammar is None else self._grammars.mask(grammar)
        generation = self._front.generation(request, prompt, params, deliver, mask=mask, arrived_s=arrived_s)
        staged = self._engine.stage(  # here, on the request's own thread
            engine_request(prompt, params, priority=request.priority, mask=mask)
        )
        ticket = self.loop.submit(staged, generation)
        return partial(self._cancel, ticket)

    @property
    def load(self) -> BackendLoad:
        """See Backend."""
        engine, ended = self._engine, self.loop.ended
        return BackendLoad(
            num_running=engine.num_running,
            num_waiting=engine.num_waiting,
            cache_use=engine.cache_use,
            stalled_s=time.monotonic() - self.loop.last_progress_s if engine.has_work else 0.0,
            failure="" if ended is None else f"{type(ended).__name__}: {ended}",
            counters=asdict(engine.stats),
        )

    def _cancel(self, ticket: Any) -> None:
        # bound to this object, so that a stream keeps its model alive
        self.loop.cancel(ticket)

    def close(self) -> None:
        """Stop the engine; requests still running fail with UnavailableError."""
        self._finalizer()
