"""Answers bodies of chat completions without HTTP, in the way the server answers them.

Enters: a body as a client would send it. Leaves: status and body of the response.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from r1v.core import CapacityError, Completion, R1VError, UnavailableError
from r1v.llm import LLM
from r1v.server.apis.chat_answers import ChatWriter
from r1v.server.apis.chat_params import Translator
from r1v.server.apis.chat_schema import ChatBody
from r1v.server.config import ServerConfig
from r1v.server.errors import APIError, from_r1v, from_validation
from r1v.server.images import ImageSource


class ChatAnswerer:
    """Answers with one model. Threads may share it."""

    def __init__(self, llm: LLM, name: str, image_folder: Path | None = None) -> None:
        """name: of the model in responses. image_folder: where file:// images may come from."""
        self._llm, self._name = llm, name
        config = ServerConfig(name=name, image_folder=image_folder, max_n=128, page=False)
        self._translator = Translator(llm.info, llm.default_params, config, ImageSource(config))

    def answer(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """(status, response). Raises UnavailableError, CapacityError."""
        try:
            checked = ChatBody.model_validate({**body, "stream": None, "stream_options": None})
            request = asyncio.run(self._translator.chat(checked))
            with self._llm.start(request) as stream:
                return 200, self._write(checked, list(stream))
        except (UnavailableError, CapacityError):
            raise
        except ValidationError as error:
            refused = from_validation(error.errors())
        except APIError as error:
            refused = error
        except R1VError as error:
            refused = from_r1v(error)
        return refused.status, dict(refused.body())

    def _write(self, body: ChatBody, events: list[Any]) -> dict[str, Any]:
        completions = sorted((e for e in events if isinstance(e, Completion)), key=lambda each: each.index)
        num_thinking_ids: Counter[int] = Counter()
        for event in events:
            if not isinstance(event, Completion) and event.segment == "thinking":
                num_thinking_ids[event.index] += len(event.token_ids)
        writer = ChatWriter(
            str(body.model or self._name),
            self._llm.token_text,
            with_tools=bool(body.tools),
            fingerprint="r1v",
        )
        finishes = [(c.finish_reason.value, c.finish_detail and c.finish_detail.value) for c in completions]
        return writer.whole(completions, finishes, num_thinking_ids)
