"""The HTTP interface: routes, and what each of them does.

Enters: an LLM and a ServerConfig. Leaves: an ASGI app. Always holds: answers and errors have the form of the
API that was asked; the only broad ``except`` around a request is Starlette's, which logs the traceback and
answers 500.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from openai.types import Completion as TextCompletion
from openai.types.chat import ChatCompletion
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response

from r1v import __version__
from r1v.core import Completion, R1VError
from r1v.llm import LLM, ChatRequest, Event, TextRequest, card_of
from r1v.server.apis.chat_answers import ChatWriter, Json, TextWriter, add_usage, usage_of
from r1v.server.apis.chat_params import Translator
from r1v.server.apis.chat_schema import ChatBody, TextBody, TokenizeBody
from r1v.server.apis.endpoint import FAILURES, Endpoint
from r1v.server.apis.messages import Messages
from r1v.server.apis.responses import Responses
from r1v.server.config import ServerConfig
from r1v.server.errors import APIError, from_r1v, from_validation, json_response
from r1v.server.facts import model_facts
from r1v.server.images import ImageSource
from r1v.server.memory import give_back_after_load
from r1v.server.metrics import CONTENT_TYPE, Metrics
from r1v.server.middleware import add_middleware
from r1v.server.route import BoundedRoute
from r1v.server.service import Run, Service
from r1v.server.static_page import StaticPage, read_page
from r1v.server.stream import DONE, data, unless_gone

_POSTED = (
    "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens",
)  # fmt: skip
_OTHER_MODELS = ("/v1/embeddings", "/v1/rerank", "/v1/score", "/v1/audio/transcriptions", "/v1/audio/speech",
                 "/v1/images/generations", "/v1/moderations")  # fmt: skip


def create_app(llm: LLM, config: ServerConfig) -> FastAPI:
    """The app over a model. ``app.state.service`` is its Service."""
    metrics = Metrics(llm)
    service = Service(llm, config, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(
            give_back_after_load(lambda: metrics.num_requests, lambda: not service.num_active)
        )
        yield
        task.cancel()

    app = FastAPI(
        title="r1v", version=__version__, docs_url=None, redoc_url=None, separate_input_output_schemas=False,
        lifespan=lifespan,
    )  # fmt: skip
    app.router.route_class = BoundedRoute
    images = ImageSource(config)
    app.state.service = service
    translator = Translator(llm.info, llm.default_params, config, images)
    Responses(service, translator).add_routes(app)
    Messages(service, translator).add_routes(app)
    API(service, translator).add_routes(app)
    add_error_handlers(app)
    page = read_page() if config.page else {}
    if page:
        get = StaticPage(page).get  # after all other routes
        app.add_api_route("/{path:path}", get, methods=["GET", "HEAD"], include_in_schema=False)
    add_middleware(app, config, metrics, page)
    return app


def add_error_handlers(app: FastAPI) -> None:
    """Make every error an APIError, written in the form of the API that was asked."""

    def answer(request: Request, error: Exception) -> Response:
        return _as_api_error(error).response(request.url.path)

    for kind in (RequestValidationError, APIError, R1VError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, answer)


def _as_api_error(error: Exception) -> APIError:
    if isinstance(error, APIError):
        return error
    if isinstance(error, RequestValidationError):
        return from_validation(error.errors())
    if isinstance(error, R1VError):
        return from_r1v(error)
    if isinstance(error, HTTPException):
        codes = {404: "not_found", 405: "method_not_allowed", 400: "invalid_json"}
        text = "the body is not valid JSON" if error.status_code == 400 else str(error.detail)
        code = codes.get(error.status_code, "invalid_value")
        return APIError(error.status_code, text, code=code, headers=error.headers)
    if isinstance(error, ClientDisconnect):
        return APIError(499, "the client went away", code="client_gone")
    return APIError(500, "a fault of the server, which has been logged; report it", code="internal_error")


class API(Endpoint):
    """The endpoints of OpenAI's older form, and those about the server itself."""

    def __init__(self, service: Service, translator: Translator) -> None:
        super().__init__(service, translator)
        self._created = int(time.time())
        self._facts = model_facts(self._llm, card_of(self._llm.config))
        self._fingerprint = f"r1v-{__version__}-{self._llm.config.device}-{self._llm.config.dtype}"

    def add_routes(self, app: FastAPI) -> None:
        """Put the endpoints on an app."""
        stream = {
            "content": {"text/event-stream": {}},
            "description": "The response, or a stream of its chunks",
        }
        app.add_api_route(
            "/v1/chat/completions", self.chat, methods=["POST"],
            responses={**FAILURES, 200: {**stream, "model": ChatCompletion}},
            summary="Answer a conversation",
        )  # fmt: skip
        app.add_api_route(
            "/v1/completions", self.text, methods=["POST"],
            responses={**FAILURES, 200: {**stream, "model": TextCompletion}}, summary="Continue a text",
        )  # fmt: skip
        app.add_api_route("/tokenize", self.tokenize, methods=["POST"], responses=FAILURES,
                          summary="The tokens of a text or a conversation")  # fmt: skip
        app.add_api_route("/v1/models", self.models, methods=["GET"], summary="What is served")
        app.add_api_route("/v1/models/{model:path}", self.model, methods=["GET"], responses=FAILURES,
                          summary="What the model can take")  # fmt: skip
        app.add_api_route("/health", self.health, methods=["GET"], summary="Is the process alive?")
        app.add_api_route("/ready", self.ready, methods=["GET"], responses={503: {"description": "Not now"}},
                          summary="Does decoding make progress?")  # fmt: skip
        app.add_api_route("/v1/{rest:path}", self.nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                          include_in_schema=False)  # fmt: skip
        app.add_api_route("/metrics", self.metrics, methods=["GET"], summary="Numbers for Prometheus",
                          response_class=PlainTextResponse)  # fmt: skip

    # -------------------------------------------------------------------------------------------------- chat

    async def chat(self, body: ChatBody, request: Request) -> Response:
        """Answer a conversation with text and images."""
        self.check_model(body.model)
        run = self._service.admit(body.n or 1, body.deadline_s)
        with ExitStack() as stack:
            stack.enter_context(run)
            await unless_gone(request.receive, run.begin(self._translator.chat(body)))
            writer = ChatWriter(
                self._config.name,
                self._llm.token_text,
                with_tools=bool(body.tools),
                fingerprint=self._fingerprint,
                with_reasoning=body.include_reasoning is not False,
                loose_names=[tool.function.name for tool in body.tools or ()]
                if self._config.tool_calls == "any"
                else (),
            )
            if body.stream:
                usage = bool(body.stream_options and body.stream_options.include_usage)
                events = self._chat_chunks(run, writer, usage)
                stack.pop_all()  # from here on the response is responsible for ending the run
                return self.event_stream(run, events, request)
            completions = await unless_gone(request.receive, run.whole())
            self.note(request, run)
            finishes = [run.finish(completion) for completion in completions]
            return json_response(writer.whole(completions, finishes, run.num_thinking_ids))

    async def _chat_chunks(self, run: Run, writer: ChatWriter, usage: bool) -> AsyncIterator[bytes]:
        def write(event: Event) -> list[bytes]:
            if isinstance(event, Completion):
                return list(map(data, writer.last(event, *run.finish(event))))
            return list(map(data, writer.event(event)))

        for index in range(run.num_completions):
            yield data(writer.first(index))
        try:
            async for piece in self.pieces(run, write):
                yield piece
        except APIError as error:
            yield data(error.body())
            return
        if usage:
            yield data(writer.usage(run.completions))
        yield DONE

    # -------------------------------------------------------------------------------------------------- text

    async def text(self, body: TextBody, request: Request) -> Response:
        """Continue one text or several as they are."""
        self.check_model(body.model)
        requests = self._translator.texts(body)
        self._service.check_share(body.n or 1, len(requests))
        with ExitStack() as stack:
            runs = [stack.enter_context(self._service.admit(body.n or 1, body.deadline_s)) for _ in requests]
            await unless_gone(request.receive, self._begin_texts(runs, requests))
            writer = TextWriter(self._config.name, self._llm.token_text, fingerprint=self._fingerprint)
            if body.stream:
                usage = bool(body.stream_options and body.stream_options.include_usage)
                events = self._text_chunks(runs, writer, usage)
                close = stack.pop_all()
                return self.event_stream(runs[0], events, request, runs, close)
            choices, usages = [], []
            for number, run in enumerate(runs):
                completions = await unless_gone(request.receive, run.whole())
                usages.append(usage_of(completions))
                choices += [(number * run.num_completions + c.index, c, *run.finish(c)) for c in completions]
            self.note(request, *runs)
            return json_response(writer.whole(choices, add_usage(usages)))

    async def _begin_texts(self, runs: list[Run], requests: list[TextRequest]) -> None:
        for run, each in zip(runs, requests, strict=True):
            await run.begin(_ready(each))

    async def _text_chunks(self, runs: list[Run], writer: TextWriter, usage: bool) -> AsyncIterator[bytes]:
        """The events of all prompts, in the order of the prompts. Later prompts are decoded meanwhile."""
        try:
            for number, run in enumerate(runs):
                write = partial(_text_chunk, writer, run, number * run.num_completions)
                async for piece in self.pieces(run, write):
                    yield piece
        except APIError as error:
            yield data(error.body())
            return
        if usage:
            yield data(writer.usage(add_usage([usage_of(run.completions) for run in runs])))
        yield DONE

    # ------------------------------------------------------------------------------------------------- rest

    async def tokenize(self, body: TokenizeBody, request: Request) -> Response:
        """The tokens of a text, or of a conversation as the chat template writes it."""
        self.check_model(body.model)
        translator = self._translator
        extra = body.chat_template_kwargs
        params = translator.tokenized(extra is None or extra.enable_thinking is not False)
        with self._service.admit():
            if body.messages is None:
                work: ChatRequest | TextRequest = TextRequest(body.prompt or "", params)
            else:
                work = ChatRequest(
                    await translator.messages(body.messages), params, translator.tool_list(body.tools),
                    translator.continues(body),
                )  # fmt: skip
            ids = await self._service.tokenize(work)
        pictured = work.messages if isinstance(work, ChatRequest) else ()
        self.note_prompt(request, len(ids), sum(len(message.images) for message in pictured))
        found: Json = {"count": len(ids), "max_model_len": self._llm.context_length, "tokens": ids}
        if body.return_token_strs:
            found["token_strs"] = [self._llm.token_text(token_id)[0] for token_id in ids]
        return json_response(found)

    async def nothing(self, request: Request) -> Response:
        """Answer for paths of the API that do not exist, in the API's form, although the page answers all
        other paths."""
        path = request.url.path
        if path in _POSTED or path == "/v1/models":
            raise APIError(405, f"{request.method} is not for {path}", code="method_not_allowed")
        if path in _OTHER_MODELS:
            text = f"this model writes answers, so {path} is not here; {', '.join(_POSTED)} are"
            raise APIError(404, text, code="not_found")
        raise APIError(404, "there is no such endpoint; see /openapi.json", code="not_found")

    async def models(self) -> Response:
        """The one model that is served, in a list."""
        return json_response({"object": "list", "data": [self._card()]})

    async def model(self, model: str) -> Response:
        """The model by its name."""
        self.check_model(model)
        return json_response(self._card())

    def _card(self) -> Json:
        info, backend = self._llm.info, self._llm.backend
        inputs = ["text", "image"] if info.takes_images else ["text"]
        return {
            "id": self._config.name,
            "object": "model",
            "created": self._created,
            "owned_by": "r1v",
            "context_length": info.context_length,
            "max_model_len": info.context_length,
            "input_modalities": inputs,
            "output_modalities": ["text"],
            "architecture": {"input_modalities": inputs, "output_modalities": ["text"]},
            "capabilities": {
                "reasoning": info.thinks,
                "tools": info.takes_tools,
                "vision": info.takes_images,
            },
            "max_images": min(info.max_images, self._config.max_images),
            "backend": {
                "name": backend.name,
                "devices": list(backend.devices),
                "dtype": backend.dtype,
                "versions": dict(backend.versions),
            },
            **self._facts,
        }

    async def health(self) -> Response:
        """200 while the process and the engine's thread live."""
        failure = self._llm.load.failure
        return json_response({"status": failure or "ok"}, 503 if failure else 200)

    async def ready(self) -> Response:
        """200 while requests are taken and decoding makes progress."""
        reason = self._service.not_ready()
        return json_response({"status": reason or "ok"}, 503 if reason else 200)

    async def metrics(self) -> Response:
        """The page that Prometheus reads."""
        return Response(self._service.metrics.text(), media_type=CONTENT_TYPE)


def _text_chunk(writer: TextWriter, run: Run, first: int, event: Event) -> list[bytes]:
    """first: the index of the prompt's first choice."""
    index = first + event.index
    if isinstance(event, Completion):
        return [data(writer.last(index, *run.finish(event)))]
    chunk = writer.event(index, event)
    return [] if chunk is None else [data(chunk)]


async def _ready(request: TextRequest) -> TextRequest:
    return request
