"""A model behind a URL: any endpoint that speaks OpenAI's chat completions or Anthropic's messages.

Enters: requests. Leaves: events, the same as a local model's but without token ids. Always holds: a request
is sent again only while nothing of its answer was delivered; a server that asks for a pause gets it, from all
requests.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import replace

import httpx

from r1v.core import (
    ConfigError,
    ContextLengthError,
    FinishDetail,
    FinishReason,
    PromptError,
    R1VError,
    SamplingParams,
    TokenEvent,
    UnavailableError,
    Usage,
    parse_json,
)
from r1v.engine import EngineConfig
from r1v.llm.backends.remote.wire import (
    AnthropicReader,
    Delta,
    Json,
    OpenAIReader,
    anthropic_body,
    error_text,
    openai_body,
)
from r1v.llm.config import LLMConfig
from r1v.llm.generation import CompletionBuilder
from r1v.llm.requests import BackendLoad, ChatRequest, ModelInfo, Request, TextRequest
from r1v.llm.stream import Deliver
from r1v.prompt import TextSegmenter

PASSING = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))  # worth another try
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
UNKNOWN_CONTEXT = 1 << 17  # used where the server does not say

BODIES = {"openai": openai_body, "anthropic": anthropic_body}
READERS: dict[str, type[OpenAIReader] | type[AnthropicReader]] = {
    "openai": OpenAIReader,
    "anthropic": AnthropicReader,
}
PATHS = {"openai": "/chat/completions", "anthropic": "/messages"}


class PassingError(Exception):
    """An error that may not occur again at the next try. pause_s: the pause that the server asked for, or
    None."""

    def __init__(self, text: str, pause_s: float | None = None) -> None:
        super().__init__(text)
        self.pause_s = pause_s


class Pace:
    """Lets requests go at the configured rate, and none while a server has asked for a pause."""

    def __init__(
        self, requests_per_minute: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gap_s = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._next_s = 0.0
        self._clock = clock

    def pause(self, seconds: float) -> None:
        """Nothing goes for so long."""
        self._next_s = max(self._next_s, self._clock() + seconds)

    async def turn(self) -> None:
        """Wait for one's turn."""
        while True:
            now = self._clock()
            if now >= self._next_s:
                self._next_s = max(self._next_s, now) + self._gap_s
                return
            await asyncio.sleep(self._next_s - now)


def retry_after_s(headers: httpx.Headers) -> float | None:
    """The pause that a response asks for."""
    if (millis := headers.get("retry-after-ms", "")).replace(".", "", 1).isdigit():
        return float(millis) / 1000
    value = headers.get("retry-after", "")
    if value.replace(".", "", 1).isdigit():
        return float(value)
    found = email.utils.parsedate_tz(value)
    return None if found is None else max(0.0, email.utils.mktime_tz(found) - time.time())


class _Answer:
    """One completion as it arrives."""

    def __init__(self, params: SamplingParams, index: int, deliver: Deliver) -> None:
        self._builder = CompletionBuilder(TextSegmenter(), params, index=index)
        self._deliver = deliver
        self._usage: dict[str, int] = {}
        self._reason: FinishReason | None = None
        self._detail: FinishDetail | None = None

    @property
    def begun(self) -> bool:
        """Whether something has arrived."""
        return self._builder.begun

    @property
    def stopped(self) -> bool:
        """Whether a stop string has ended it that the server itself does not look for."""
        return self._builder.stopped

    @property
    def complete(self) -> bool:
        """Whether it is known why it ended."""
        return self.stopped or self._reason is not None

    def add(self, delta: Delta) -> None:
        """Deliver what an event brings."""
        self._usage |= delta.usage
        self._reason = delta.reason or self._reason
        self._detail = delta.detail or self._detail
        for part in delta.parts:
            self._give(self._builder.push(part.units, part.logprobs))

    def end(self, reason: FinishReason | None = None) -> None:
        """Deliver the completion. reason: in place of the server's."""
        self._give(self._builder.finish())
        reason = reason or self._reason or FinishReason.STOP
        self._deliver(self._builder.completion(reason, self._detail, Usage(**self._usage)))

    def _give(self, events: list[TokenEvent]) -> None:
        for event in events:
            self._deliver(event)


class RemoteBackend:
    """Requests to one server, all from one event loop on a daemon thread. Thread-safe; see Backend."""

    def __init__(self, config: LLMConfig) -> None:
        """Asks the server what it serves. Raises ConfigError, UnavailableError."""
        remote = config.remote
        if not remote.url:
            raise ConfigError("the backend openai needs a URL; give one with --url https://…/v1")
        self._remote = replace(remote, url=remote.url.rstrip("/"))
        # the key goes no further than here: a resolved config is stored beside results
        without_key = replace(self._remote, api_key="")
        self.config = replace(config, device="remote", dtype="auto", remote=without_key)
        self._headers = _headers(remote.form, remote.api_key)
        self.default_params = SamplingParams()  # the server's own defaults; fields that are None are not sent
        self._found = self._ask_models()
        self._owner = _owner(self._remote.url, self._found)
        length = self._found.get("max_model_len") or self._found.get("context_length") or UNKNOWN_CONTEXT
        self.context_length = min(int(length), config.max_model_len or int(length))
        self._pace = Pace(remote.requests_per_minute)
        self._running: set[Future[None]] = set()
        self._num_sent = self._num_retried = 0
        self._loop = asyncio.new_event_loop()
        self._places = asyncio.Semaphore(remote.max_concurrent)
        self._client: httpx.AsyncClient | None = None
        thread = threading.Thread(target=self._loop.run_forever, name="r1v-remote", daemon=True)
        thread.start()
        self._finalizer = weakref.finalize(self, _stop, self._loop, thread, self._running)

    @classmethod
    def from_config(cls, config: LLMConfig, engine_config: EngineConfig) -> RemoteBackend:
        """The server that config names."""
        return cls(config)

    def _ask_models(self) -> Json:
        """What /models says about our model; empty if the server has no such address."""
        try:
            answer = httpx.get(f"{self._remote.url}/models", headers=self._headers, timeout=15.0)
        except httpx.HTTPError as error:
            raise UnavailableError(f"{self._remote.url} cannot be reached ({type(error).__name__}: {error}); "
                                   "is the server running?") from error  # fmt: skip
        if answer.status_code in (401, 403):
            raise UnavailableError(
                f"{self._remote.url} refuses the API key ({answer.status_code}); set OPENAI_API_KEY"
            )
        try:
            found = parse_json(answer.content, "the list of models") if answer.status_code == 200 else {}
            models = {str(each["id"]): each for each in found.get("data", [])}
        except (R1VError, LookupError, TypeError, AttributeError):
            return {}
        if models and self.config.model not in models:
            shown = ", ".join(list(models)[:8])
            raise ConfigError(f"{self._remote.url} has no model {self.config.model!r}; it has {shown}")
        return dict(models.get(self.config.model, {}))

    def start(self, request: Request, deliver: Deliver) -> Callable[[], None]:
        """See Backend. Raises ImageError, PromptError."""
        if isinstance(request, TextRequest):
            raise PromptError("a remote endpoint takes conversations, not texts to continue")
        if request.grammar is not None:
            raise PromptError("a remote endpoint takes a response format only through remote.extra")
        if self._finalizer.alive is False:
            raise UnavailableError("this LLM was closed; make a new one")
        make = BODIES[self._remote.form]
        limits = self.config.limits.images
        bodies = [
            make(self.config.model, request, index, self._remote, limits, self._owner)
            for index in range(request.params.n)
        ]
        loop = self._loop
        futures = [
            asyncio.run_coroutine_threadsafe(
                self._complete(body, _Answer(request.params, index, deliver), deliver), loop
            )
            for index, body in enumerate(bodies)
        ]
        for future in futures:
            self._running.add(future)
            future.add_done_callback(self._running.discard)

        def cancel() -> None:
            for future in futures:
                future.cancel()

        return cancel

    async def _complete(self, body: Json, answer: _Answer, deliver: Deliver) -> None:
        try:
            async with self._places:
                await self._try(body, answer)
        except asyncio.CancelledError:
            answer.end(FinishReason.CANCELLED)
        except R1VError as error:
            deliver(error)
        except Exception as error:  # noqa: BLE001 - the waiting thread is told, and raises it
            deliver(UnavailableError(f"{self._remote.url} answers in an unknown form: {error!r}"))

    async def _try(self, body: Json, answer: _Answer) -> None:
        """Send the request until it succeeds or a further try would be useless."""
        pause_s = FIRST_PAUSE_S
        for attempt in range(self._remote.max_retries + 1):
            await self._pace.turn()
            self._num_sent += 1
            try:
                await self._once(body, answer)
                return
            except (PassingError, httpx.TransportError) as error:
                text = str(error) or type(error).__name__
                if answer.begun or attempt == self._remote.max_retries:
                    where = "in the middle of its answer" if answer.begun else f"{attempt + 1} times"
                    raise UnavailableError(f"{self._remote.url} failed {where}: {text}") from error
                self._num_retried += 1
                asked = error.pause_s if isinstance(error, PassingError) else None
                if asked is not None:
                    self._pace.pause(min(asked, LONGEST_PAUSE_S))
                else:
                    await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _once(self, body: Json, answer: _Answer) -> None:
        if self._client is None:
            timeout = httpx.Timeout(self._remote.timeout_s, connect=15.0)
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._remote.max_concurrent)
            self._client = httpx.AsyncClient(timeout=timeout, limits=limits, headers=self._headers)
        url = self._remote.url + PATHS[self._remote.form]
        reader = READERS[self._remote.form](self._owner == "r1v")
        async with self._client.stream("POST", url, json=body) as response:
            if response.status_code != 200:
                await response.aread()
                raise _complaint(response, self._remote.url)
            async for data in _events(response):
                delta = reader.read(data)
                if delta.error:
                    raise PassingError(delta.error)
                answer.add(delta)
                if delta.done or answer.stopped:
                    break
        if not answer.complete:
            raise PassingError("the stream ended before the answer did")
        answer.end()

    def tokenize(self, request: Request) -> list[int]:
        """See Backend: by the server's own /tokenize. UnavailableError: it has none."""
        root = self._remote.url.removesuffix("/v1")
        if isinstance(request, ChatRequest):
            body = openai_body(self.config.model, request, 0, self._remote, self.config.limits.images, "")
            body = {"model": self.config.model, "messages": body["messages"]}
        else:
            body = {"model": self.config.model, "prompt": request.prompt}
        try:
            answer = httpx.post(f"{root}/tokenize", json=body, headers=self._headers, timeout=60.0)
            ids: list[int] = parse_json(answer.content, "the token ids")["tokens"]
        except (httpx.HTTPError, R1VError, LookupError, TypeError) as error:
            raise UnavailableError(f"{root} gives no token ids (it has no /tokenize)") from error
        return ids

    def token_text(self, token_id: int) -> tuple[str, bytes]:
        """See Backend: unknown here."""
        return "", b""

    @property
    def info(self) -> ModelInfo:
        """See Backend; a server that does not tell is taken to take images and tools."""
        modalities = self._found.get("input_modalities") or self._found.get("modalities") or ["image"]
        return ModelInfo(
            name=self.config.model, context_length=self.context_length, vocab_size=1 << 31,
            takes_images="image" in modalities, takes_tools=True, thinks=True,
            max_images=self.config.limits.max_images,
        )  # fmt: skip

    @property
    def load(self) -> BackendLoad:
        """See Backend."""
        return BackendLoad(
            num_running=len(self._running),
            counters={"num_sent": self._num_sent, "num_retried": self._num_retried},
        )

    def close(self) -> None:
        """End what is under way."""
        self._finalizer()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread, running: set[Future[None]]) -> None:
    for future in list(running):
        future.cancel()
    until = time.monotonic() + 2.0
    while running and time.monotonic() < until:
        time.sleep(0.01)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(2.0)


def _headers(form: str, key: str) -> dict[str, str]:
    headers = {"User-Agent": "r1v"}
    if form == "anthropic":
        return headers | {"anthropic-version": "2023-06-01"} | ({"x-api-key": key} if key else {})
    return headers | ({"Authorization": f"Bearer {key}"} if key else {})


def _owner(url: str, found: Json) -> str:
    if "://api.openai.com/" in url + "/":
        return "openai"
    return str(found.get("owned_by", "")).lower()


def _complaint(response: httpx.Response, url: str) -> Exception:
    """The error that a response is."""
    try:
        text = error_text(parse_json(response.content, "the answer"))
    except R1VError:
        text = error_text(response.text)
    status = response.status_code
    if status in PASSING:
        return PassingError(f"{status} {text}", retry_after_s(response.headers))
    if status in (401, 403):
        return UnavailableError(f"{url} refuses the API key ({status}): {text}")
    if status == 404:
        return UnavailableError(f"{url} has no such model or path: {text}")
    if "context" in text.lower() and ("length" in text.lower() or "maximum" in text.lower()):
        return ContextLengthError(f"{url}: {text}")
    return PromptError(f"{url} refuses the request ({status}): {text}")


async def _events(response: httpx.Response) -> AsyncIterator[str]:
    """The data of each server-sent event. An answer that is one JSON object counts as a single, last
    event."""
    if response.headers.get("content-type", "").startswith("application/json"):
        yield (await response.aread()).decode()
        return
    data: list[str] = []
    async for line in response.aiter_lines():
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data:
        yield "\n".join(data)
