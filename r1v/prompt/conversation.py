"""Messages in, trusted and untrusted pieces of a prompt out.

Enters: messages, and what a template needs to be told about them. Leaves: pieces for the tokenizer, with each
image at its place. Always holds: each image of the conversation appears exactly once, in order; the thinking
of earlier turns is handed to the template apart from their answers; nothing that a user wrote is in a special
token (see `r1v.prompt.hiding`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from r1v.core import CheckpointError, ImageRef, Message, PromptError, ToolCall, parse_json
from r1v.prompt.hiding import Hidden, Hiding, Rendered
from r1v.prompt.template import ChatTemplate, TemplateLimitError
from r1v.prompt.thinking import CLOSE_TEXT, OPEN_TEXT, split_text
from r1v.prompt.tokenizer import TextPiece

CLOSE_THINKING = f"\n{CLOSE_TEXT}\n\n"

# How templates that take content in parts write an image.
_PLACEHOLDER = re.compile(r"(?:<img>)?<IMG_CONTEXT>(?:</img>)?|<image>")


@dataclass(frozen=True, slots=True)
class ImageSlot:
    """The place of one image, counted through the conversation."""

    index: int


@dataclass(frozen=True, slots=True)
class TemplateForm:
    """What a template expects. parts: content is a list of typed parts, not text. line_after_image: in that
    form the template itself ends the line of an image. arguments_as_data: the arguments of tool calls are an
    object, not JSON text. no_content: a turn that only calls tools has content None."""

    parts: bool = False
    line_after_image: bool = False
    arguments_as_data: bool = False
    no_content: bool = False

    @classmethod
    def of(cls, template: ChatTemplate, hiding: Hiding) -> TemplateForm:
        """Found by rendering one message and by looking at the template's source. Raises CheckpointError for
        a template that is broken, or takes too much for one message."""
        source = template.source
        arguments_as_data = re.search(r"arguments['\"]?\]?\s*\|\s*tojson", source) is not None
        no_content = re.search(r"content['\"]?\]?\s+is\s+none", source) is not None
        form = cls(arguments_as_data=arguments_as_data, no_content=no_content)
        if _places(template, form, hiding) is not None:
            return form
        in_parts = cls(True, False, arguments_as_data, no_content)
        after = _places(template, in_parts, hiding)
        if after is None:
            return form  # a template that needs more than one user message: its own error is reported later
        return cls(True, after.startswith("\n"), arguments_as_data, no_content)


_PROBE = "a text to be found again"


def _places(template: ChatTemplate, form: TemplateForm, hiding: Hiding) -> str | None:
    """The text that the template puts between image and text of a message that has both; None if it loses one
    of them."""
    message = Message("user", (ImageRef(b""), _PROBE))
    try:
        pieces = render(template, form, [message], {"add_generation_prompt": True}, None, hiding)
    except TemplateLimitError as error:
        raise CheckpointError(str(error)) from None
    except PromptError:
        return None
    slots = [i for i, piece in enumerate(pieces) if isinstance(piece.value, ImageSlot)]
    # a probe has hidden characters only where the template wraps values in tokens
    after = "".join(
        piece.text if isinstance(piece.value, ImageSlot | None) else str(piece.value)
        for piece in pieces[slots[0] + 1 if slots else 0 :]
    )
    if len(slots) != 1 or after.count(_PROBE) != 1:
        return None
    return after[: after.index(_PROBE)]


def render(
    template: ChatTemplate,
    form: TemplateForm,
    messages: Sequence[Message],
    variables: Mapping[str, Any],
    tools: Sequence[Mapping[str, Any]] | None,
    hiding: Hiding,
) -> list[Rendered]:
    """The conversation as the template's text, users' hidden characters (str values) and ImageSlots.

    Raises PromptError where the template refuses, or loses, repeats or reorders images.
    """
    hidden = Hidden(hiding)
    num_images = 0
    listed = []
    for message in messages:
        listed.append(_template_message(message, form, hidden, num_images))
        num_images += len(message.images)
    offered = [hidden.data(tool) for tool in tools] if tools else None
    text = template.render(hidden.table(), messages=listed, tools=offered, **variables)
    pieces = hidden.pieces(text)
    if form.parts:
        pieces = [part for piece in pieces for part in ([piece] if piece.marked else _cut_images(piece.text))]
        slots = iter(range(num_images + len(pieces)))
        pieces = [
            Rendered(value=ImageSlot(next(slots)), marked=True) if piece.value is _IMAGE else piece
            for piece in pieces
        ]
    found = [piece.value.index for piece in pieces if isinstance(piece.value, ImageSlot)]
    if found != list(range(num_images)):
        raise PromptError(
            f"the conversation has {num_images} images, but the chat template puts {len(found)} into the "
            "prompt; images may stand in user messages only"
        )
    return pieces


_IMAGE = object()


def _cut_images(text: str) -> list[Rendered]:
    """The template's text, cut at the places where it writes an image."""
    cut: list[Rendered] = []
    start = 0
    for match in _PLACEHOLDER.finditer(text):
        cut += [Rendered(text[start : match.start()]), Rendered(value=_IMAGE, marked=True)]
        start = match.end()
    return [piece for piece in (*cut, Rendered(text[start:])) if piece.marked or piece.text]


def split_reasoning(message: Message) -> Message:
    """An assistant's turn with thinking inline (``<think>…</think>`` in its text) as one with ``reasoning``.

    For models that think only. Text without ``<think>`` before its first ``</think>`` is thinking too, since
    templates open it; thinking that is not closed is thinking to its end.
    """
    if message.role != "assistant" or message.reasoning is not None or message.images:
        return message
    thinking, answer = split_text(message.text, opened=None)
    if not thinking and answer == message.text:
        return message
    return replace(message, content=(answer,) if answer.strip("\n") else (), reasoning=thinking.strip("\n"))


def _template_message(
    message: Message, form: TemplateForm, hidden: Hidden, first_image: int
) -> dict[str, Any]:
    """A message as templates know it: content is text with a mark for each image, or a list of parts."""
    if message.images and message.role not in ("user", "tool"):
        raise PromptError(f"a message of role {message.role} holds an image; put images into user messages")
    entry: dict[str, Any] = {"role": message.role}
    entry["content"] = (_parts if form.parts else _text)(message, form, hidden, first_image)
    if message.reasoning is not None:
        entry["reasoning_content"] = hidden.text(message.reasoning)
    if message.tool_calls:
        entry["tool_calls"] = [_tool_call(call, form, hidden) for call in message.tool_calls]
        if form.no_content and not message.content:
            entry["content"] = None
    if message.tool_call_id is not None:
        entry["tool_call_id"] = hidden.data(message.tool_call_id)
    return entry


def _joined(message: Message) -> list[str | ImageRef]:
    """The content with neighbouring texts joined."""
    joined: list[str | ImageRef] = []
    for part in message.content:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def _text(message: Message, form: TemplateForm, hidden: Hidden, first_image: int) -> str:
    text, index = "", first_image
    for part in _joined(message):
        if isinstance(part, str):
            text += hidden.text(part)
        else:
            text += hidden.mark(ImageSlot(index))
            index += 1
    return text


def _parts(message: Message, form: TemplateForm, hidden: Hidden, first_image: int) -> list[dict[str, str]]:
    parts: list[dict[str, str]] = []
    after_image = False
    for part in _joined(message):
        if isinstance(part, str):
            if after_image and form.line_after_image:
                part = part.removeprefix("\n")
            parts.append({"type": "text", "text": hidden.text(part)})
        else:
            parts.append({"type": "image"})
        after_image = not isinstance(part, str)
    return parts


def _tool_call(call: ToolCall, form: TemplateForm, hidden: Hidden) -> dict[str, Any]:
    arguments: Any = hidden.text(call.arguments)
    if form.arguments_as_data:
        what = f"the arguments of tool call {call.name[:64]}"
        arguments = hidden.data(parse_json(call.arguments or "{}", what, error=PromptError))
    function = {"name": hidden.data(call.name), "arguments": arguments}
    return {"id": hidden.data(call.id), "type": "function", "function": function}


def tail_of(pieces: Sequence[Rendered], ends: Sequence[str]) -> str:
    """The end of the prompt, in which the template opens the model's turn: what follows the last token that
    ends a turn, and the last marked piece. It may begin with text of the last message, which holds no marker
    of thinking. ends: the tokens that end a turn."""
    tail = ""
    for piece in reversed(pieces):
        if piece.marked:
            break
        tail = piece.text + tail
    for end in ends:
        tail = tail.rpartition(end)[2]
    return tail


def continuation(message: Message, opened: bool, tail: str) -> list[TextPiece]:
    """Pieces by which the model's turn begins as ``message`` does. opened: the prompt is inside thinking.

    Thinking without an answer is continued as thinking; with an answer, thinking is closed before it.
    """
    if message.images or message.tool_calls:
        raise PromptError("a message to be continued may hold text only; remove its images and tool calls")
    closed = not opened and CLOSE_TEXT in tail
    if message.reasoning and closed:
        raise PromptError("a message with thinking is to be continued, but thinking is off; turn it on")
    pieces: list[TextPiece] = []
    if message.reasoning:
        if not opened:
            pieces.append(TextPiece(f"{OPEN_TEXT}\n", trusted=True))
        pieces.append(TextPiece(message.reasoning))
        opened = True
    if message.text:
        if opened:
            pieces.append(TextPiece(CLOSE_THINKING, trusted=True))
        pieces.append(TextPiece(message.text))
    return pieces
