"""What clients may send, as OpenAI names it.

Always holds: strict types (no "1" for 1, no true for 1), no unknown field anywhere, numbers are finite and
within their ranges. A value that passes here has a meaning.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator


class StrictModel(BaseModel):
    """An object without unknown fields, with values of the stated types and finite numbers."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class RequestBody(StrictModel):
    """The whole body of a request. An unknown field whose value is null is taken as not sent: clients fill in
    the fields of later versions of an API with it."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {name: each for name, each in value.items() if each is not None or name in known}


class CacheControl(StrictModel):
    """A wish about caching. It has no effect, because every prompt is cached by its beginning."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


def variant_by(key: str, known: tuple[str, ...]) -> Discriminator:
    """Chooses the variant of an object by one of its fields. Tags begin with ~, by which error messages know
    that they have to leave them out."""

    def choose(value: Any) -> str | None:
        found = value.get(key) if isinstance(value, dict) else getattr(value, key, None)
        return f"~{found}" if isinstance(found, str) and found in known else None

    return Discriminator(
        choose,
        custom_error_type="unknown_variant",
        custom_error_message=f"must be an object whose {key} is one of {', '.join(known)}",
    )


def _text_or_list(value: Any) -> str | None:
    return "~text" if isinstance(value, str) else "~list" if isinstance(value, list) else None


TEXT_OR_LIST = Discriminator(
    _text_or_list, custom_error_type="text_or_list", custom_error_message="must be a string or a list"
)
P = TypeVar("P")
# only the first error is reported, so the others need not be found
TextOr: TypeAlias = Annotated[
    Annotated[str, Tag("~text")]
    | Annotated[list[P], Tag("~list"), Field(min_length=1, max_length=4096, fail_fast=True)],
    TEXT_OR_LIST,
]

# ------------------------------------------------------------------------------------------------- messages


class TextPart(StrictModel):
    """Text in a message."""

    type: Literal["text"]
    text: str
    cache_control: CacheControl | None = None


class ImageURL(StrictModel):
    """A data:, http(s):// or file:// URL of an image. detail is accepted and has no effect on the tiling."""

    url: str = Field(min_length=1)
    detail: Literal["auto", "low", "high"] = "auto"


def _with_url(value: Any) -> Any:
    """Older clients send the address alone."""
    return {"url": value} if isinstance(value, str) else value


class ImagePart(StrictModel):
    """An image in a message."""

    type: Literal["image_url"]
    image_url: Annotated[ImageURL, BeforeValidator(_with_url)]
    cache_control: CacheControl | None = None


Part: TypeAlias = Annotated[
    Annotated[TextPart, Tag("~text")] | Annotated[ImagePart, Tag("~image_url")],
    variant_by("type", ("text", "image_url")),
]
Nothing: TypeAlias = Annotated[list[Any], Field(max_length=0)] | None


# The name of the speaker, which OpenAI's clients may give with any message. Chat templates do not use it.
SpeakerName: TypeAlias = Annotated[str, Field(max_length=128)] | None


class SystemMessage(StrictModel):
    """Instructions; ``developer`` is another name for it."""

    role: Literal["system", "developer"]
    content: TextOr[TextPart]
    name: SpeakerName = None


class UserMessage(StrictModel):
    """What a person says and shows."""

    role: Literal["user"]
    content: TextOr[Part]
    name: SpeakerName = None


class CalledFunction(StrictModel):
    """A function's name, and its arguments as the text of a JSON object."""

    name: str = Field(min_length=1, max_length=128)
    arguments: str = Field(max_length=1_000_000)


class CalledTool(StrictModel):
    """A call that the model made earlier."""

    id: str = Field(max_length=256)
    type: Literal["function"] = "function"
    function: CalledFunction
    index: int | None = None


class AssistantMessage(StrictModel):
    """What the model said. reasoning_content, reasoning: its thinking, by either name. The fields that must
    be null are there because the official client sends them when it sends an answer back. A content of null
    is an empty turn."""

    role: Literal["assistant"]
    content: TextOr[TextPart] | None = None
    name: SpeakerName = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[CalledTool] | None = Field(default=None, max_length=1024)
    refusal: None = None
    audio: None = None
    function_call: None = None
    annotations: Nothing = None

    @model_validator(mode="after")
    def _whole(self) -> AssistantMessage:
        if self.reasoning and self.reasoning_content and self.reasoning != self.reasoning_content:
            raise ValueError("reasoning and reasoning_content differ; send one of them")
        return self


class ToolMessage(StrictModel):
    """What a tool answered."""

    role: Literal["tool"]
    content: TextOr[Part]
    tool_call_id: str = Field(max_length=256)
    name: SpeakerName = None


Message: TypeAlias = Annotated[
    Annotated[SystemMessage, Tag("~system")]
    | Annotated[SystemMessage, Tag("~developer")]
    | Annotated[UserMessage, Tag("~user")]
    | Annotated[AssistantMessage, Tag("~assistant")]
    | Annotated[ToolMessage, Tag("~tool")],
    variant_by("role", ("system", "developer", "user", "assistant", "tool")),
]

# ---------------------------------------------------------------------------------------- tools and formats


class Function(StrictModel):
    """A function that may be called. parameters: the JSON schema of its arguments."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(StrictModel):
    """A tool; functions are the only kind."""

    type: Literal["function"]
    function: Function


class FunctionName(StrictModel):
    """A function by name."""

    name: str


class NamedTool(StrictModel):
    """The tool that must be called."""

    type: Literal["function"]
    function: FunctionName


class TextFormat(StrictModel):
    """Plain text."""

    type: Literal["text"]


class ObjectFormat(StrictModel):
    """Any JSON object."""

    type: Literal["json_object"]


class NamedSchema(StrictModel):
    """A JSON schema with its name. The schema is followed even where strict is false."""

    model_config = ConfigDict(protected_namespaces=())
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class SchemaFormat(StrictModel):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


ResponseFormat: TypeAlias = Annotated[
    Annotated[TextFormat, Tag("~text")]
    | Annotated[ObjectFormat, Tag("~json_object")]
    | Annotated[SchemaFormat, Tag("~json_schema")],
    variant_by("type", ("text", "json_object", "json_schema")),
]


def _choice(value: Any) -> str | None:
    return "~name" if isinstance(value, str) else "~tool" if isinstance(value, dict | StrictModel) else None


ChoiceOf: TypeAlias = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("~name")] | Annotated[P, Tag("~tool")],
    Discriminator(_choice, custom_error_type="tool_choice",
                  custom_error_message="must be none, auto, required or an object that names a function"),
]  # fmt: skip
ToolChoice: TypeAlias = ChoiceOf[NamedTool]


class TemplateArguments(StrictModel):
    """Settings of the chat template."""

    enable_thinking: bool | None = None
    thinking_budget: int | None = Field(default=None, ge=-1, le=2**31)


class StreamOptions(StrictModel):
    """include_usage: a last chunk with the token counts."""

    include_usage: bool | None = None
    continuous_usage_stats: Literal[False] | None = None
    include_obfuscation: Literal[False] | None = None


# --------------------------------------------------------------------------------------------------- bodies

StopText: TypeAlias = Annotated[str, Field(min_length=1, max_length=1000)]
TokenId: TypeAlias = Annotated[int, Field(ge=0, le=2**31)]
Bias: TypeAlias = Annotated[float, Field(ge=-100, le=100)]


class SamplingFields(RequestBody):
    """How to decode. A setting that is not given has the checkpoint's own default. deadline_s: of this
    request, at most the server's. user, metadata, safety_identifier and prompt_cache_key are labels without
    effect."""

    model: str = Field(min_length=1, max_length=500)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=-1, le=2**31)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float | None = Field(default=None, ge=0.01, le=10)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)
    n: int | None = Field(default=None, ge=1, le=128)
    stop: (
        Annotated[
            Annotated[StopText, Tag("~text")] | Annotated[list[StopText], Tag("~list"), Field(max_length=16)],
            TEXT_OR_LIST,
        ]
        | None
    ) = None
    stop_token_ids: list[TokenId] | None = Field(default=None, max_length=64)
    logit_bias: dict[str, Bias] | None = Field(default=None, max_length=1024)
    max_tokens: int | None = Field(default=None, ge=1, le=2**31)
    min_tokens: int | None = Field(default=None, ge=0, le=2**31)
    ignore_eos: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    deadline_s: float | None = Field(default=None, ge=0.001)
    detect_answer_loops: bool | None = None
    user: str | None = Field(default=None, max_length=1000)
    # vLLM's clients send these with their default values; other values are not supported
    skip_special_tokens: Literal[True] | None = None
    spaces_between_special_tokens: Literal[True] | None = None
    include_stop_str_in_output: Literal[False] | None = None
    use_beam_search: Literal[False] | None = None
    prompt_logprobs: None = None
    add_special_tokens: Literal[False] | None = None
    best_of: Literal[1] | None = None
    echo: Literal[False] | None = None
    length_penalty: Annotated[float, Field(ge=1, le=1)] | None = None
    early_stopping: Literal[False] | None = None
    bad_words: Annotated[list[str], Field(max_length=0)] | None = None
    priority: Literal[0] | None = None
    return_token_ids: Literal[False] | None = None


class ChatBody(SamplingFields):
    """The body of /v1/chat/completions."""

    messages: list[Message] = Field(min_length=1, max_length=4096, fail_fast=True)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=2**31)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    tools: list[Tool] | None = Field(default=None, max_length=256)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    thinking_budget: int | None = Field(default=None, ge=-1, le=2**31)
    chat_template_kwargs: TemplateArguments | None = None
    continue_final_message: bool | None = None
    add_generation_prompt: bool | None = None
    include_reasoning: bool | None = None
    metadata: dict[str, str] | None = Field(default=None, max_length=16)
    safety_identifier: str | None = Field(default=None, max_length=1000)
    prompt_cache_key: str | None = Field(default=None, max_length=1000)
    modalities: list[Literal["text"]] | None = None
    service_tier: Literal["auto", "default"] | None = None
    store: Literal[False] | None = None
    verbosity: Literal["medium"] | None = None
    prompt_cache_retention: Literal["in_memory", "in-memory", "24h"] | None = None


def _prompt_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "~text"
    if isinstance(value, list) and value:
        first = value[0]
        return "~texts" if isinstance(first, str) else "~lists" if isinstance(first, list) else "~ids"
    return None


_PROMPT = Discriminator(
    _prompt_kind,
    custom_error_type="prompt",
    custom_error_message="must be text, token ids, or a list of either; not empty",
)
Ids: TypeAlias = Annotated[list[TokenId], Field(min_length=1, max_length=10_000_000, fail_fast=True)]


class TextBody(SamplingFields):
    """The body of /v1/completions: text to continue as it is, without a chat template."""

    prompt: Annotated[
        Annotated[str, Tag("~text")]
        | Annotated[list[str], Tag("~texts"), Field(max_length=128)]
        | Annotated[Ids, Tag("~ids")]
        | Annotated[list[Ids], Tag("~lists"), Field(max_length=128)],
        _PROMPT,
    ]
    logprobs: int | None = Field(default=None, ge=0, le=20)


class TokenizeBody(RequestBody):
    """The body of /tokenize: text, or a conversation as the chat template writes it."""

    model: str = Field(min_length=1, max_length=500)
    prompt: str | None = None
    messages: list[Message] | None = Field(default=None, min_length=1, max_length=4096, fail_fast=True)
    tools: list[Tool] | None = Field(default=None, max_length=256)
    chat_template_kwargs: TemplateArguments | None = None
    continue_final_message: bool | None = None
    add_generation_prompt: bool | None = None
    add_special_tokens: Literal[False] | None = None
    return_token_strs: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> TokenizeBody:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either prompt or messages")
        return self
