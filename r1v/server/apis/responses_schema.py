"""What clients may send to /v1/responses, as OpenAI names it.

Always holds: types are strict and unknown fields are refused, as in `chat_schema`; a field that would need
a store of responses is refused by name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from r1v.server.apis.chat_schema import (
    ChoiceOf,
    Nothing,
    ObjectFormat,
    RequestBody,
    StreamOptions,
    StrictModel,
    TextFormat,
    TextOr,
    variant_by,
)

ItemStatus: TypeAlias = Literal["in_progress", "completed", "incomplete"] | None
ItemId: TypeAlias = Annotated[str, Field(max_length=256)] | None


class InputText(StrictModel):
    """Text in a message of the input."""

    type: Literal["input_text"]
    text: str


class InputImage(StrictModel):
    """An image: a data:, http(s):// or file:// URL. detail has no effect on this model's tiling."""

    type: Literal["input_image"]
    image_url: str = Field(min_length=1)
    detail: Literal["auto", "low", "high", "original"] | None = None
    file_id: None = None


class OutputText(StrictModel):
    """Text that the model wrote."""

    type: Literal["output_text"]
    text: str
    annotations: Nothing = None
    logprobs: Nothing = None


ContentPart: TypeAlias = Annotated[
    Annotated[InputText, Tag("~input_text")]
    | Annotated[InputImage, Tag("~input_image")]
    | Annotated[OutputText, Tag("~output_text")],
    variant_by("type", ("input_text", "input_image", "output_text")),
]


class InputMessage(StrictModel):
    """A message of the conversation."""

    type: Literal["message"] = "message"
    role: Literal["user", "system", "developer", "assistant"]
    content: TextOr[ContentPart]
    id: ItemId = None
    status: ItemStatus = None
    phase: Literal["commentary", "final_answer"] | None = None

    @model_validator(mode="after")
    def _fitting(self) -> InputMessage:
        """Only messages of the user hold images, and only the model's own messages hold output_text."""
        allowed = {"user": ("input_text", "input_image"), "assistant": ("output_text", "input_text")}
        for part in self.content if isinstance(self.content, list) else ():
            if part.type not in allowed.get(self.role, ("input_text",)):
                raise ValueError(f"a message of the {self.role} cannot hold {part.type}")
        return self


class FunctionCall(StrictModel):
    """A call that the model made earlier."""

    type: Literal["function_call"]
    call_id: str = Field(max_length=256)
    name: str = Field(min_length=1, max_length=128)
    arguments: str = Field(max_length=1_000_000)
    id: ItemId = None
    status: ItemStatus = None


ResultPart: TypeAlias = Annotated[
    Annotated[InputText, Tag("~input_text")] | Annotated[InputImage, Tag("~input_image")],
    variant_by("type", ("input_text", "input_image")),
]


class FunctionResult(StrictModel):
    """What a function answered."""

    type: Literal["function_call_output"]
    call_id: str = Field(max_length=256)
    output: TextOr[ResultPart]
    id: ItemId = None
    status: ItemStatus = None


class ReasoningText(StrictModel):
    """What the model thought, or a summary of it."""

    type: Literal["reasoning_text", "summary_text"]
    text: str


class ReasoningItem(StrictModel):
    """The thinking before the message or the call that follows it."""

    type: Literal["reasoning"]
    id: ItemId = None
    summary: list[ReasoningText] = Field(default_factory=list)
    content: list[ReasoningText] | None = None
    encrypted_content: None = None
    status: ItemStatus = None


_KNOWN = ("message", "function_call", "function_call_output", "reasoning")


def _item_kind(value: Any) -> str | None:
    """A message may leave its type out."""
    kind = value.get("type", "message") if isinstance(value, dict) else getattr(value, "type", None)
    return f"~{kind}" if isinstance(kind, str) and kind in _KNOWN else None


Item: TypeAlias = Annotated[
    Annotated[InputMessage, Tag("~message")]
    | Annotated[FunctionCall, Tag("~function_call")]
    | Annotated[FunctionResult, Tag("~function_call_output")]
    | Annotated[ReasoningItem, Tag("~reasoning")],
    Discriminator(_item_kind, custom_error_type="unknown_variant",
                  custom_error_message=f"must be an object whose type is one of {', '.join(_KNOWN)}"),
]  # fmt: skip


class FunctionTool(StrictModel):
    """A function that may be called. parameters: JSON schema of its arguments."""

    type: Literal["function"]
    name: str = Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class NamedFunction(StrictModel):
    """The function that must be called."""

    type: Literal["function"]
    name: str


class FlatSchemaFormat(StrictModel):
    """JSON that fits a schema. strict false: the schema is followed all the same."""

    model_config = ConfigDict(protected_namespaces=())
    type: Literal["json_schema"]
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    schema_: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class TextOptions(StrictModel):
    """The form of the answer."""

    format: (
        Annotated[
            Annotated[TextFormat, Tag("~text")]
            | Annotated[ObjectFormat, Tag("~json_object")]
            | Annotated[FlatSchemaFormat, Tag("~json_schema")],
            variant_by("type", ("text", "json_object", "json_schema")),
        ]
        | None
    ) = None
    verbosity: Literal["medium"] | None = None


class ReasoningOptions(StrictModel):
    """effort: as reasoning_effort of chat completions. summary, or generate_summary, its older name: the
    thinking also comes as the summary of its item, at its full length, because some clients show nothing
    else."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


class ResponsesBody(RequestBody):
    """The body of /v1/responses. thinking_budget: tokens of thinking, as in chat completions."""

    model: str = Field(min_length=1, max_length=500)
    input: TextOr[Item]
    instructions: str | None = None
    max_output_tokens: int | None = Field(default=None, ge=1, le=2**31)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    reasoning: ReasoningOptions | None = None
    thinking_budget: int | None = Field(default=None, ge=-1, le=2**31)
    text: TextOptions | None = None
    tools: list[FunctionTool] | None = Field(default=None, max_length=256)
    tool_choice: ChoiceOf[NamedFunction] | None = None
    parallel_tool_calls: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    truncation: Literal["auto", "disabled"] | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    include: list[str] | None = Field(default=None, max_length=16)
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = None
    user: str | None = Field(default=None, max_length=1000)
    safety_identifier: str | None = Field(default=None, max_length=1000)
    prompt_cache_key: str | None = Field(default=None, max_length=1000)
    service_tier: Literal["auto", "default"] | None = None
    top_logprobs: Literal[0] | None = None  # as clients send it back from a Response object
