"""What clients may send to /v1/messages, as Anthropic names it.

Always holds: types are strict and unknown fields are refused, as in `chat_schema`; numbers have the same
ranges as in chat completions.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, Tag

from r1v.server.apis.chat_schema import (
    TEXT_OR_LIST,
    CacheControl,
    P,
    RequestBody,
    StopText,
    StrictModel,
    TextOr,
    variant_by,
)

# as TextOr, but the list may be empty
TextOrAny: TypeAlias = Annotated[
    Annotated[str, Tag("~text")] | Annotated[list[P], Tag("~list"), Field(max_length=4096, fail_fast=True)],
    TEXT_OR_LIST,
]


class _Block(StrictModel):
    cache_control: CacheControl | None = None


class TextBlock(_Block):
    """Text."""

    type: Literal["text"]
    text: str
    citations: None = None


class Base64Source(StrictModel):
    """An image's bytes."""

    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str = Field(min_length=1)


class URLSource(StrictModel):
    """Where an image is."""

    type: Literal["url"]
    url: str = Field(min_length=1)


class ImageBlock(_Block):
    """An image."""

    type: Literal["image"]
    source: Annotated[
        Annotated[Base64Source, Tag("~base64")] | Annotated[URLSource, Tag("~url")],
        variant_by("type", ("base64", "url")),
    ]


class ThinkingBlock(StrictModel):
    """What the model thought in an earlier turn. signature: any text; this server checks none."""

    type: Literal["thinking"]
    thinking: str
    signature: str | None = None


class ToolUseBlock(_Block):
    """A call that the model made earlier."""

    type: Literal["tool_use"]
    id: str = Field(max_length=256)
    name: str = Field(min_length=1, max_length=128)
    input: dict[str, Any]
    caller: dict[str, Any] | None = None


ResultPart: TypeAlias = Annotated[
    Annotated[TextBlock, Tag("~text")] | Annotated[ImageBlock, Tag("~image")],
    variant_by("type", ("text", "image")),
]


class ToolResultBlock(_Block):
    """What a tool answered. is_error has no effect, because the text says what went wrong."""

    type: Literal["tool_result"]
    tool_use_id: str = Field(max_length=256)
    content: TextOrAny[ResultPart] | None = None
    is_error: bool | None = None


UserBlock: TypeAlias = Annotated[
    Annotated[TextBlock, Tag("~text")]
    | Annotated[ImageBlock, Tag("~image")]
    | Annotated[ToolResultBlock, Tag("~tool_result")],
    variant_by("type", ("text", "image", "tool_result")),
]
AssistantBlock: TypeAlias = Annotated[
    Annotated[TextBlock, Tag("~text")]
    | Annotated[ThinkingBlock, Tag("~thinking")]
    | Annotated[ToolUseBlock, Tag("~tool_use")],
    variant_by("type", ("text", "thinking", "tool_use")),
]


class UserTurn(StrictModel):
    """What a person says and shows, and what tools answered."""

    role: Literal["user"]
    content: TextOr[UserBlock]


class AssistantTurn(StrictModel):
    """What the model said. As the last message it is continued."""

    role: Literal["assistant"]
    content: TextOr[AssistantBlock]


Turn: TypeAlias = Annotated[
    Annotated[UserTurn, Tag("~user")] | Annotated[AssistantTurn, Tag("~assistant")],
    variant_by("role", ("user", "assistant")),
]


class ThinkingOn(StrictModel):
    """Think for at most budget_tokens, which are part of max_tokens. With display "omitted" the thinking is
    not sent."""

    type: Literal["enabled"]
    budget_tokens: int = Field(ge=1, le=2**31)
    display: Literal["summarized", "omitted"] | None = None


class ThinkingOff(StrictModel):
    """Do not think."""

    type: Literal["disabled"]


class ThinkingFree(StrictModel):
    """Think as long as it takes."""

    type: Literal["adaptive"]
    display: Literal["summarized", "omitted"] | None = None


Thinking: TypeAlias = Annotated[
    Annotated[ThinkingOn, Tag("~enabled")]
    | Annotated[ThinkingOff, Tag("~disabled")]
    | Annotated[ThinkingFree, Tag("~adaptive")],
    variant_by("type", ("enabled", "disabled", "adaptive")),
]


class MessagesTool(_Block):
    """A function that may be called. input_schema: JSON schema of its arguments."""

    type: Literal["custom"] | None = None
    name: str = Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")
    description: str | None = None
    input_schema: dict[str, Any]
    strict: bool | None = None


class MessagesToolChoice(StrictModel):
    """Which tools must be called. name: only for the type "tool"."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class JSONFormat(StrictModel):
    """JSON that fits a schema."""

    model_config = ConfigDict(protected_namespaces=())
    type: Literal["json_schema"]
    schema_: dict[str, Any] = Field(alias="schema")


class OutputConfig(StrictModel):
    """effort: limits the thinking as reasoning_effort does in chat completions; max means xhigh. format: of
    the answer."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: JSONFormat | None = None


class MessagesMetadata(StrictModel):
    """A label without effect."""

    user_id: str | None = Field(default=None, max_length=1000)


class CountBody(RequestBody):
    """The body of /v1/messages/count_tokens: a conversation."""

    model: str = Field(min_length=1, max_length=500)
    messages: list[Turn] = Field(min_length=1, max_length=4096, fail_fast=True)
    system: TextOrAny[TextBlock] | None = None
    thinking: Thinking | None = None
    tools: list[MessagesTool] | None = Field(default=None, max_length=256)
    tool_choice: MessagesToolChoice | None = None
    output_config: OutputConfig | None = None
    cache_control: CacheControl | None = None


class MessagesBody(CountBody):
    """The body of /v1/messages."""

    max_tokens: int = Field(ge=1, le=2**31)
    stop_sequences: list[StopText] | None = Field(default=None, max_length=16)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, le=2**31)
    stream: bool | None = None
    metadata: MessagesMetadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
