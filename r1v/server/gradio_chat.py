"""Gradio's chat interface, where it does not do what this page needs. Importing it takes seconds.

Always holds: uploads are files that were sent here, never URLs, which Gradio would fetch past the rules of
images.py; text and images of a question are messages of their own, as Gradio's pencil edits nothing else,
and an edited question keeps its images; the hint in the question's field stays.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio


class Chat(gradio.ChatInterface):
    """See gradio.ChatInterface. The methods with an underscore are its own, by its names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parts: list[Any] = [self.textbox, self.chatbot]
        for part in parts:
            part.async_move_resource_to_block_cache = partial(_move, part.async_move_resource_to_block_cache)

    def _clear_and_save_textbox(self, message: Any) -> tuple[Any, Any]:
        hint: Any = self.textbox.placeholder
        return gradio.MultimodalTextbox("", interactive=False, placeholder=hint), message

    def _message_as_message_dict(self, message: Any, role: Any) -> list[Any]:
        return [
            {**each, "content": part}
            for each in super()._message_as_message_dict(message, role)
            for part in (each["content"] if isinstance(each["content"], list) else [each["content"]])
        ]

    def _edit_message(self, history: list[Any], edit_data: gradio.EditData) -> tuple[Any, Any, Any]:
        before, _, text = super()._edit_message(history, edit_data)
        return before, before, {"text": text, "files": []}


async def _move(inner: Callable[[Any], Awaitable[str | None]], path: str | Path | None) -> str | None:
    if "://" in str(path):
        raise gradio.Error("images are uploaded here, not fetched; drop the image")
    return await inner(path)
