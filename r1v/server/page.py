"""The chat page: images and questions in, thinking and answer as they come. Needs the extra ``ui`` (Gradio).

Enters: what a person types, drops and chooses. Leaves: messages for Gradio's chat. Always holds: the page
goes through the same Service as the API, so its limits and numbers count for both; nothing is loaded from
outside, which the browser is told too (Content-Security-Policy); Gradio's analytics are off in this process.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from r1v.core import Completion, ImageRef
from r1v.core import Message as CoreMessage
from r1v.llm import ChatRequest
from r1v.server.errors import APIError
from r1v.server.markdown import show
from r1v.server.service import Service

EXAMPLES = Path(__file__).parent / "page_examples"
STYLE = Path(__file__).parent / "page.css"
IMAGE_TYPES = [".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"]

# Between two updates of the page: as often as an eye follows.
_REFRESH_S = 0.08

# Gradio's page needs inline scripts; everything else must come from here.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self' blob:; frame-src 'none'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)

Turn: TypeAlias = Mapping[str, Any]


def quiet_gradio() -> Path:
    """Switch off what Gradio would send or look up, and give it a folder of its own for uploads; before it is
    imported. Returns the folder, which goes with the process."""
    folder = tempfile.mkdtemp(prefix="r1v-page-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = folder
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_SSR_MODE"] = "False"
    return Path(folder).resolve()


def mount(app: FastAPI, service: Service) -> None:
    """Put the page at /, behind the routes that are there. Raises ImportError without the extra."""
    uploads = quiet_gradio()
    import gradio

    page = Page(service, uploads)
    blocks = page.build()
    blocks.queue(default_concurrency_limit=None, max_size=None)
    theme = gradio.themes.Default(
        font=("system-ui", "-apple-system", "Segoe UI", "Noto Sans", "sans-serif"),
        font_mono=("ui-monospace", "Menlo", "Consolas", "monospace"),
    )

    gradio.mount_gradio_app(
        app, blocks, path="/", theme=theme, css_paths=[STYLE], footer_links=[], ssr_mode=False, pwa=False,
        enable_monitoring=False, mcp_server=False, run_history=False, show_error=True,
        max_file_size=service.config.max_image_bytes,
    )  # fmt: skip
    app.add_middleware(PagePolicy)


class PagePolicy:
    """Tells the browser that the page loads nothing from elsewhere and is shown in no frame."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY
                headers["Referrer-Policy"] = "no-referrer"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, add if scope["type"] == "http" else send)


class Page:
    """The page of one server."""

    def __init__(self, service: Service, uploads: Path) -> None:
        """uploads: the folder to which Gradio puts what people send."""
        self._service, self._uploads = service, uploads
        self._llm = service.llm
        self._most = max(64, self._llm.context_length // 64 * 64)

    def build(self) -> Any:
        """Gradio's description of the page."""
        import gradio

        from r1v.server.gradio_chat import Chat

        info, name = self._llm.info, self._service.config.name
        what = "Drop, paste or pick images, and ask" if info.takes_images else "Ask"
        return Chat(
            self.answer,
            title=name,
            description=f"{what}: the thinking is shown as it happens, then the answer.",
            multimodal=True,
            editable=True,
            analytics_enabled=False,
            flagging_mode="never",
            save_history=False,
            api_visibility="private",
            delete_cache=(600, 3600),
            concurrency_limit=None,
            chatbot=gradio.Chatbot(
                elem_id="r1v-chat",
                label="Conversation",
                show_label=False,
                height=None,
                sanitize_html=True,
                allow_tags=False,
                allow_file_downloads=False,
                buttons=["copy"],
                feedback_options=None,
                group_consecutive_messages=False,
                latex_delimiters=[
                    {"left": "$$", "right": "$$", "display": True},
                    {"left": "\\[", "right": "\\]", "display": True},
                    {"left": "$", "right": "$", "display": False},
                    {"left": "\\(", "right": "\\)", "display": False},
                ],
            ),
            textbox=gradio.MultimodalTextbox(
                file_types=IMAGE_TYPES,
                file_count="multiple",
                stop_btn=True,
                sources=["upload"] if info.takes_images else [],
                label="Question",
                placeholder="Ask a question, and drop or paste images here",
                max_plain_text_length=100_000,
            ),
            additional_inputs=self._controls(),
            additional_inputs_accordion=gradio.Accordion("Thinking and sampling", open=False),
            examples=self._examples(),
            cache_examples=False,
            run_examples_on_click=True,
            fill_width=True,
        )

    def _controls(self) -> list[Any]:
        import gradio

        defaults = self._llm.default_params
        return [
            gradio.Slider(0, self._most, self._most, step=64, label="Thinking budget (tokens)",
                          info=f"0 answers at once; {self._most} is no limit"),
            gradio.Slider(0.0, 2.0, min(defaults.temperature, 2.0), step=0.05, label="Temperature",
                          info="0 always gives the likeliest answer"),
        ]  # fmt: skip

    def _examples(self) -> list[list[Any]] | None:
        """Questions with figures, for a model that takes images."""
        if not self._llm.info.takes_images:
            return None
        listed = json.loads((EXAMPLES / "questions.json").read_text(encoding="utf-8"))
        return [[{"text": text, "files": [str(EXAMPLES / name)]}] for name, text in listed]

    async def answer(
        self, message: Turn, history: Sequence[Turn], budget: float, temperature: float
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The turn of the model as it grows; Gradio closes the generator when someone presses stop."""
        view = TurnView()
        try:
            limit = -1 if budget >= self._most else int(budget)
            params = replace(
                self._llm.default_params, thinking_budget=limit, temperature=float(temperature), n=1
            )
            with self._service.admit() as run:
                await run.begin(self._request(message, history, params))
                shown_s = 0.0
                while not run.done:
                    for event in await run.events(self._service.config.keep_alive_s):
                        if isinstance(event, Completion):
                            view.finish(event, *run.finish(event))
                        else:
                            view.add(event.segment, event.text, len(event.token_ids))
                    if time.monotonic() - shown_s >= _REFRESH_S and not run.done:
                        yield view.messages()
                        shown_s = time.monotonic()
        except APIError as error:
            view.fail(error.message)
        yield view.messages()

    async def _request(self, message: Turn, history: Sequence[Turn], params: Any) -> ChatRequest:
        files = [{"file": _path(each)} for each in message.get("files") or ()]
        asked = [{"role": "user", "content": part} for part in (*files, str(message.get("text") or ""))]
        return ChatRequest(turns((*history, *asked), self._upload), params)

    def _upload(self, part: Any) -> ImageRef:
        """An uploaded image; nothing else on this machine can be named."""
        path = Path(_path(part)).resolve()
        if not path.is_relative_to(self._uploads):
            raise APIError(400, "the image was not uploaded here; drop it again", code="invalid_image")
        return ImageRef(path)


class TurnView:
    """One turn of the model, as the page shows it."""

    def __init__(self) -> None:
        self._start_s = time.monotonic()
        self._thinking, self._answer, self._note = "", "", ""
        self._num_thinking = 0
        self._thought_s: float | None = None

    def add(self, segment: str, text: str, num_tokens: int) -> None:
        """Take a piece of output."""
        if segment == "thinking":
            self._thinking += text
            self._num_thinking += num_tokens
        else:
            self._thought()
            self._answer += text

    def finish(self, completion: Completion, reason: str, detail: str | None) -> None:
        """Take the end."""
        self._thought()
        self._num_thinking = completion.usage.reasoning_tokens
        notes = {
            "budget": "Thinking was ended by its budget.",
            "loop": "Thinking went round in circles and was ended.",
            "deadline": "The server's time limit ended the answer.",
            "shutdown": "The server was shut down.",
        }
        self._note = notes.get(detail or "", "")
        if reason == "length" and not detail:
            self._note = "The model's context is full; the answer is cut off."

    def fail(self, message: str) -> None:
        """Show an error in place of the rest."""
        self._thought()
        self._note = f"Error: {message}"

    def _thought(self) -> None:
        if self._thought_s is None:
            self._thought_s = time.monotonic() - self._start_s

    def messages(self) -> list[dict[str, Any]]:
        """Gradio's messages: the thinking as a panel that closes when it is done, then the answer."""
        listed = []
        if self._thinking:
            unit = "token" if self._num_thinking == 1 else "tokens"
            metadata: dict[str, Any] = {"title": "Thinking", "log": f"{self._num_thinking} {unit}",
                                        "status": "pending"}  # fmt: skip
            if self._thought_s is not None:
                metadata |= {"status": "done", "duration": round(self._thought_s, 1)}
            listed.append({"role": "assistant", "content": show(self._thinking), "metadata": metadata})
        answer = show(self._answer)
        if self._note:
            answer += ("\n\n" if answer else "") + f"*{show(self._note)}*"
        if answer or not listed:
            listed.append({"role": "assistant", "content": answer or "…"})
        return listed


def turns(history: Sequence[Turn], upload: Callable[[Any], ImageRef]) -> list[CoreMessage]:
    """Gradio's history as messages. Files and text that a person sent are one turn; the model's thinking is
    left out, as chat templates do. upload: opens a file of the history."""
    found: list[CoreMessage] = []
    texts: list[str] = []
    files: list[ImageRef] = []

    def close_user() -> None:
        if texts or files:
            found.append(CoreMessage.user("\n".join(texts), list(files)))
            texts.clear()
            files.clear()

    for turn in history:
        parts = turn["content"] if isinstance(turn["content"], list) else [turn["content"]]
        if turn["role"] == "user":
            for part in parts:
                if isinstance(part, Mapping) and part.get("type") == "text":
                    texts.append(str(part["text"]))
                elif isinstance(part, str):
                    texts.append(part)
                else:
                    files.append(upload(part))
        elif not (turn.get("metadata") or {}).get("title"):
            close_user()
            text = "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in parts)
            found.append(CoreMessage("assistant", (plain(text),)))
    close_user()
    return found


def plain(shown: str) -> str:
    """What the model had written, from what the page showed of it."""
    return shown.replace("\u200b", "")


def _path(part: Any) -> str:
    """The path of an uploaded file, in any of the forms in which Gradio hands it over."""
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping):
        inner = part.get("file", part)
        return str(inner["path"] if isinstance(inner, Mapping) else inner)
    return str(part.path)
