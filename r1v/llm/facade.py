"""``LLM``: a model behind one interface, whatever runs it.

Enters: conversations. Leaves: Completions, whole or streamed. Always holds: any number of threads may use one
LLM at a time; their requests are decoded together.
"""

from __future__ import annotations

import importlib
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from r1v.core import Completion, ConfigError, Message, PromptError, SamplingParams, UnavailableError
from r1v.engine import EngineConfig, default_num_seqs
from r1v.llm.async_stream import AsyncStream
from r1v.llm.backend import Backend
from r1v.llm.backends.own.backend import EngineBackend
from r1v.llm.config import RELEASE, LLMConfig, ParallelConfig, RemoteConfig
from r1v.llm.requests import BackendLoad, ChatRequest, ModelInfo, Request
from r1v.llm.settings import BackendInfo, check_settings, describe
from r1v.llm.stream import Stream
from r1v.models import R1V, resolve_model
from r1v.prompt import Processor, PromptLimits


def _lazily(module: str, name: str) -> Callable[[LLMConfig, EngineConfig], Backend]:
    """A backend that is imported when it is asked for."""

    def make(config: LLMConfig, engine: EngineConfig) -> Backend:
        found = getattr(importlib.import_module(f"r1v.llm.backends.{module}"), name)
        backend: Backend = found.from_config(config, engine)
        return backend

    return make


BACKENDS: dict[str, Callable[[LLMConfig, EngineConfig], Backend]] = {
    "r1v": EngineBackend.from_config,
    "transformers": _lazily("transformers.backend", "TransformersBackend"),
    "vllm": _lazily("vllm.backend", "VLLMBackend"),
    "openai": _lazily("remote.backend", "RemoteBackend"),
}

IN_MEMORY = "<module>"  # the model's name where it is no checkpoint

# How many conversations of chat_many are started for each one that is decoded, so that the next are prepared
# meanwhile.
AHEAD = 2


class LLM:
    """A model to talk to.

    >>> llm = LLM("r1v-nano")
    >>> llm.chat("How many red circles are there?", images=["scene.png"]).answer

    What a request's params leave out is taken from ``default_params``, which the checkpoint chooses.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "r1v-nano",
        *,
        backend: str = "r1v",
        device: str = "auto",
        dtype: str = "auto",
        max_model_len: int | None = None,
        max_tiles: int | None = None,
        engine: EngineConfig | None = None,
        limits: PromptLimits | None = None,
        parallel: ParallelConfig | None = None,
        remote: RemoteConfig | None = None,
    ) -> None:
        """model: a folder, a built-in or short name, or a Hugging Face repo id. The others as in LLMConfig.

        backend: "r1v", "transformers", "vllm" or "openai". engine: settings of our own engine. limits: what
        a request may bring. parallel, remote: see their classes. Raises CheckpointError, ConfigError,
        UnavailableError and CapacityError.
        """
        config = LLMConfig(
            os.fspath(model), backend, device, dtype, max_model_len, max_tiles, limits or PromptLimits(),
            parallel or ParallelConfig(), remote or RemoteConfig(),
        )  # fmt: skip
        if backend not in BACKENDS:
            raise ConfigError(f"backend {backend!r} is not known; use one of {', '.join(BACKENDS)}")
        engine = engine or EngineConfig(keep_weights=False)
        check_settings(config, engine)
        self._backend = BACKENDS[backend](config, engine)
        self._process = os.getpid()
        running = engine.max_num_seqs or default_num_seqs(self.config.device)
        self._max_running = running if backend != "openai" else self.config.remote.max_concurrent

    @classmethod
    def from_model(
        cls,
        model: R1V,
        processor: Processor,
        params: SamplingParams | None = None,
        *,
        max_model_len: int | None = None,
        max_tiles: int | None = None,
        engine: EngineConfig | None = None,
    ) -> LLM:
        """An LLM over a module in memory, such as one that is being trained. params: its defaults."""
        dtype = str(model.dtype).removeprefix("torch.")
        config = LLMConfig(IN_MEMORY, "r1v", str(model.device), dtype, max_model_len, max_tiles)
        llm = cls.__new__(cls)
        engine = engine or EngineConfig()
        llm._backend = EngineBackend(
            model, processor, config, (params or SamplingParams()).over(RELEASE), engine
        )
        llm._process = os.getpid()
        llm._max_running = engine.max_num_seqs or default_num_seqs(config.device)
        return llm

    @property
    def config(self) -> LLMConfig:
        """What runs, with nothing left "auto"."""
        return self._backend.config

    @property
    def folder(self) -> Path | None:
        """The checkpoint's folder; None for a module in memory and for a server."""
        inside = self.config.backend == "openai" or self.config.model == IN_MEMORY
        return None if inside else resolve_model(self.config.model)

    @property
    def backend(self) -> BackendInfo:
        """What runs the model: library, devices, versions."""
        return describe(self.config)

    @property
    def default_params(self) -> SamplingParams:
        """What is used where a request's params are None: the checkpoint's settings, then the release's. Of a
        server that is asked by URL they are not known, and stay None."""
        return self._backend.default_params

    @property
    def context_length(self) -> int:
        """Tokens of prompt and output together."""
        return self._backend.context_length

    def stream(
        self,
        messages: str | Sequence[Message],
        params: SamplingParams | None = None,
        *,
        images: Sequence[Any] = (),
        tools: Sequence[Mapping[str, Any]] | None = None,
        continue_final: bool = False,
    ) -> Stream:
        """Start a request and give its events as they come; arguments as for ``chat``."""
        request = ChatRequest(
            as_messages(messages, images), params or self.default_params, tools, continue_final
        )
        return self.start(request)

    @property
    def info(self) -> ModelInfo:
        """What the model can take."""
        return self._backend.info

    @property
    def load(self) -> BackendLoad:
        """What it is doing now; cheap, from any thread."""
        return self._backend.load

    @property
    def max_running(self) -> int:
        """Sequences that are decoded at a time; further ones wait."""
        return self._max_running

    def tokenize(self, request: Request) -> list[int]:
        """The ids that a request's prompt would have. Raises PromptError, ImageError."""
        return self._backend.tokenize(request)

    def token_text(self, token_id: int) -> tuple[str, bytes]:
        """A token as text (U+FFFD for half characters) and as bytes."""
        return self._backend.token_text(token_id)

    async def start_async(self, request: Request, executor: Executor | None = None) -> AsyncStream:
        """Start a request from asyncio; opening its images is work for a thread of executor. Raises as
        ``start`` does."""
        start = partial(self._backend.start, self._complete(request))
        return await AsyncStream.of(request.params.n, start, executor)

    def start(self, request: Request) -> Stream:
        """Start a request. Raises ImageError, PromptError, ContextLengthError at once, not in the stream."""
        request = self._complete(request)
        return Stream.of(request.params.n, lambda deliver: self._backend.start(request, deliver))

    def _complete(self, request: Request) -> Request:
        """The request with the checkpoint's settings for what it does not set. UnavailableError: this is a
        forked child."""
        if os.getpid() != self._process:
            raise UnavailableError(
                f"this LLM was made by process {self._process}, and its threads do not run in the forked "
                f"process {os.getpid()}; make an LLM in the child, and start children with the method spawn"
            )
        return replace(request, params=request.params.over(self.default_params))

    def chat(
        self,
        messages: str | Sequence[Message],
        params: SamplingParams | None = None,
        *,
        images: Sequence[Any] = (),
        tools: Sequence[Mapping[str, Any]] | None = None,
        continue_final: bool = False,
    ) -> Completion:
        """One completion of a conversation.

        messages: the conversation, or just a question. images: paths, bytes, data URLs or PIL images that go
        with a question given as text. continue_final: go on with the last message, an assistant's.
        Raises ImageError, PromptError, ContextLengthError; ConfigError where params.n is not 1.
        """
        if params is not None and params.n != 1:
            raise ConfigError(f"n is {params.n}; chat gives one completion, chat_n gives several")
        with self.stream(
            messages, params, images=images, tools=tools, continue_final=continue_final
        ) as stream:
            return stream.wait()[0]

    def chat_n(
        self,
        messages: str | Sequence[Message],
        params: SamplingParams,
        *,
        images: Sequence[Any] = (),
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> list[Completion]:
        """params.n completions of one conversation; they share the work on the prompt."""
        with self.stream(messages, params, images=images, tools=tools) as stream:
            return list(stream.wait())

    def chat_many(
        self,
        conversations: Sequence[str | Sequence[Message]],
        params: SamplingParams | Sequence[SamplingParams] | None = None,
    ) -> list[Completion]:
        """One completion of each conversation, decoded together, in the order given.

        params: for all, or one for each. The first error ends all of them, and nothing is left running.
        """
        chosen = (
            [params or self.default_params] * len(conversations)
            if not isinstance(params, Sequence)
            else params
        )
        if len(chosen) != len(conversations):
            raise ConfigError(f"{len(chosen)} params were given for {len(conversations)} conversations")
        if any(each.n != 1 for each in chosen):
            raise ConfigError("chat_many gives one completion for each conversation; n must be 1")
        done: list[Completion] = []
        running: deque[Stream] = deque()
        try:
            for conversation, each in zip(conversations, chosen, strict=True):
                if len(running) >= AHEAD * self._max_running:
                    done.append(running[0].wait()[0])
                    running.popleft()
                running.append(self.stream(conversation, each))
            while running:
                done.append(running[0].wait()[0])
                running.popleft()
        finally:
            for stream in running:
                stream.close()
        return done

    def close(self) -> None:
        """Stop generating and let go of the model; what still runs fails with UnavailableError.
        In a forked child it does nothing."""
        if os.getpid() == self._process:
            self._backend.close()

    def __enter__(self) -> LLM:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def as_messages(messages: str | Sequence[Message], images: Sequence[Any] = ()) -> tuple[Message, ...]:
    """A conversation from what callers may give. PromptError: anything else than they may."""
    if isinstance(messages, str):
        return (Message.user(messages, images),)
    if images:
        raise PromptError(
            "images go with a question given as text; in a conversation put ImageRef into messages"
        )
    found = tuple(messages)
    for number, message in enumerate(found):
        if not isinstance(message, Message):
            raise PromptError(
                f"messages[{number}] is a {type(message).__name__}; make it with Message or Message.user"
            )
    if not found:
        raise PromptError("the conversation is empty; give at least one message")
    return found
