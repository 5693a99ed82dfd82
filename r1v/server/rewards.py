"""A server over a reward model: it answers a conversation with a number instead of its next turn.

Enters: a ConversationScorer and a ServerConfig. Leaves: an ASGI app with ``/v1/reward`` and, in the same
form, ``/pooling``, which is what vLLM's clients call. Always holds: access, limits, log and errors are those
of the other servers; conversations are scored one request after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry, Counter, generate_latest
from pydantic import BaseModel, Field, model_validator
from starlette.responses import PlainTextResponse, Response

from r1v import __version__
from r1v.core import Message as CoreMessage
from r1v.core import R1VError
from r1v.llm import ConversationScorer, ScoredRow
from r1v.server.apis.chat_params import Translator
from r1v.server.apis.chat_schema import Message, StrictModel
from r1v.server.apis.endpoint import FAILURES
from r1v.server.app import add_error_handlers
from r1v.server.config import ServerConfig
from r1v.server.console import LogForm
from r1v.server.errors import APIError, from_r1v, json_response
from r1v.server.images import ImageSource
from r1v.server.metrics import CONTENT_TYPE
from r1v.server.middleware import add_middleware, notes
from r1v.server.route import BoundedRoute
from r1v.server.run import serve_app
from r1v.server.stream import unless_gone

PATHS = ("/v1/reward", "/pooling")
Talk = list[Message]


class RewardBody(StrictModel):
    """The body of /v1/reward: one conversation, or several. Each ends with the turn that is judged."""

    model: str = Field(min_length=1, max_length=500)
    messages: Talk | None = Field(default=None, min_length=2, max_length=4096, fail_fast=True)
    conversations: list[Talk] | None = Field(default=None, min_length=1, max_length=256, fail_fast=True)
    encoding_format: Literal["float"] | None = None
    user: str | None = Field(default=None, max_length=1000)

    @model_validator(mode="after")
    def _one(self) -> RewardBody:
        if (self.messages is None) == (self.conversations is None):
            raise ValueError("give either messages or conversations")
        return self


class JudgedTurn(BaseModel):
    """A conversation's reward, in a list as vLLM has it."""

    index: int
    object: Literal["pooling"]
    data: list[float]


class RewardList(BaseModel):
    """What /v1/reward answers."""

    id: str
    object: Literal["list"]
    created: int
    model: str
    data: list[JudgedTurn]
    usage: dict[str, int]


class RewardService:
    """Scores one request after the other, on a thread of its own. At a shutdown it drains as `Service`
    does."""

    def __init__(self, scorer: ConversationScorer, config: ServerConfig) -> None:
        self.scorer, self.config = scorer, config
        self.draining = False
        self.num_active = 0
        self.registry = CollectorRegistry()
        self._requests = Counter("r1v_http_requests", "Requests", ["route", "status"], registry=self.registry)
        self._scored = Counter("r1v_rewards", "Conversations that were scored", registry=self.registry)
        self._thread = ThreadPoolExecutor(1, "r1v-rewards")

    def request(self, route: str, status: int) -> None:
        """Count a request that has ended."""
        self._requests.labels(route, str(status)).inc()

    async def score(self, talks: list[tuple[CoreMessage, ...]]) -> tuple[list[float], int]:
        """A reward for each conversation, and their tokens. Raises APIError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.config.deadline_s):
                rewards, tokens = await loop.run_in_executor(self._thread, self._score, talks)
        except TimeoutError as error:
            text = f"not scored within the deadline of {self.config.deadline_s:g} s; try again later"
            raise APIError(504, text, code="deadline_exceeded") from error
        except R1VError as error:
            raise from_r1v(error) from error
        self._scored.inc(len(rewards))
        return rewards, tokens

    def _score(self, talks: list[tuple[CoreMessage, ...]]) -> tuple[list[float], int]:
        rows: list[ScoredRow] = [self.scorer.prepare(talk) for talk in talks]
        return self.scorer.score(rows), sum(len(row.token_ids) for row in rows)

    def admit(self) -> None:
        """Raises APIError: shutting down, or the queue is full."""
        if self.draining:
            raise APIError(503, "the server is shutting down; try another", code="shutting_down",
                           retry_after_s=30)  # fmt: skip
        if self.num_active > self.config.max_queue:
            raise APIError(429, f"{self.num_active} requests are waiting already; try again later",
                           code="queue_full", retry_after_s=1)  # fmt: skip

    async def drain(self, limit_s: float) -> int:
        """Take no more requests and let the running ones finish within the limit. Returns how many did
        not."""
        self.draining = True
        until = time.monotonic() + limit_s
        while self.num_active and time.monotonic() < until:
            await asyncio.sleep(0.05)
        self._thread.shutdown(wait=False, cancel_futures=True)
        return self.num_active


class RewardAPI:
    """The endpoints."""

    def __init__(self, service: RewardService) -> None:
        self._service, self._config, self._scorer = service, service.config, service.scorer
        self._created = int(time.time())
        self._translator = Translator(
            self._scorer.info, self._scorer.default_params, self._config, ImageSource(self._config)
        )

    def add_routes(self, app: FastAPI) -> None:
        """Put the endpoints on an app."""
        for path in PATHS:
            app.add_api_route(path, self.reward, methods=["POST"], summary="How good is the last turn?",
                              responses={**FAILURES, 200: {"model": RewardList}})  # fmt: skip
        app.add_api_route("/v1/models", self.models, methods=["GET"], summary="What is served")
        app.add_api_route("/health", self.health, methods=["GET"], summary="Is the process alive?")
        app.add_api_route("/ready", self.ready, methods=["GET"], summary="Are requests taken?",
                          responses={503: {"description": "Not now"}})  # fmt: skip
        app.add_api_route("/metrics", self.metrics, methods=["GET"], summary="Numbers for Prometheus",
                          response_class=PlainTextResponse)  # fmt: skip
        app.add_api_route("/v1/{rest:path}", self.nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                          include_in_schema=False)  # fmt: skip

    async def reward(self, body: RewardBody, request: Request) -> Response:
        """The reward of one conversation's last turn, or of several conversations'."""
        if body.model != self._config.name:
            text = f"the model {body.model[:100]!r} is not served here; use {self._config.name!r}"
            raise APIError(404, text, code="model_not_found", param="model")
        sent = body.conversations if body.messages is None else [body.messages]
        assert sent is not None
        self._service.admit()
        self._service.num_active += 1
        try:
            rewards, tokens, images = await unless_gone(request.receive, self._scored(sent))
        finally:
            self._service.num_active -= 1
        found = notes(request.scope)
        found.update({"model": self._config.name, "prompt_tokens": tokens, "completion_tokens": 0})
        if images:
            found["images"] = images
        data = [{"index": i, "object": "pooling", "data": [value]} for i, value in enumerate(rewards)]
        usage = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
        return json_response({
            "id": f"pool-{time.time_ns():x}", "object": "list", "created": int(time.time()),
            "model": self._config.name, "data": data, "usage": usage,
        })  # fmt: skip

    async def _scored(self, sent: list[Talk]) -> tuple[list[float], int, int]:
        talks = [await self._translator.messages(talk) for talk in sent]
        rewards, tokens = await self._service.score(talks)
        return rewards, tokens, sum(len(message.images) for talk in talks for message in talk)

    async def models(self) -> Response:
        """The one model that is served, in a list."""
        info = self._scorer.info
        card: dict[str, Any] = {
            "id": self._config.name, "object": "model", "created": self._created, "owned_by": "r1v",
            "max_model_len": info.context_length, "context_length": info.context_length,
            "input_modalities": ["text", "image"], "output_modalities": ["reward"],
        }  # fmt: skip
        return json_response({"object": "list", "data": [card]})

    async def health(self) -> Response:
        """200 while the process lives."""
        return json_response({"status": "ok"})

    async def ready(self) -> Response:
        """200 while requests are taken."""
        draining = self._service.draining
        return json_response({"status": "shutting down" if draining else "ok"}, 503 if draining else 200)

    async def metrics(self) -> Response:
        """The page that Prometheus reads."""
        return Response(generate_latest(self._service.registry), media_type=CONTENT_TYPE)

    async def nothing(self, request: Request) -> Response:
        """Answer for paths that do not exist."""
        text = f"this is a reward model, so {request.url.path} is not here; {', '.join(PATHS)} are"
        raise APIError(404, text, code="not_found")


def create_reward_app(scorer: ConversationScorer, config: ServerConfig) -> FastAPI:
    """The app over a reward model. ``app.state.service`` is its RewardService."""
    service = RewardService(scorer, config)
    app = FastAPI(title="r1v", version=__version__, docs_url=None, redoc_url=None)
    app.router.route_class = BoundedRoute
    app.state.service = service
    RewardAPI(service).add_routes(app)
    add_error_handlers(app)
    add_middleware(app, config, service)
    return app


def serve_rewards(
    scorer: ConversationScorer,
    config: ServerConfig,
    *,
    on_start: Callable[[str], None] = lambda url: None,
    log_form: LogForm = "json",
) -> None:
    """Serve a reward model; as `serve_app`."""
    serve_app(create_reward_app(scorer, config), config, on_start, log_form)
