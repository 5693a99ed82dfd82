"""What a backend is asked and what it tells about itself: plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from r1v.core import Message, PromptError, SamplingParams
from r1v.llm.grammar import OutputGrammar


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation to continue. tools: JSON schemas of functions, as the chat template takes them.

    continue_final: go on with the last message, which is the assistant's. priority: smaller goes first.
    grammar: what must follow the thinking.
    """

    messages: Sequence[Message]
    params: SamplingParams
    tools: Sequence[Mapping[str, Any]] | None = None
    continue_final: bool = False
    priority: int = 0
    grammar: OutputGrammar | None = None


@dataclass(frozen=True, slots=True)
class TextRequest:
    """A text to continue as it is, without a chat template. prompt: text, in which special tokens other than
    those of images are recognised, or token ids. Nothing of the output is taken for thinking."""

    prompt: str | Sequence[int]
    params: SamplingParams
    priority: int = 0


Request: TypeAlias = ChatRequest | TextRequest


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model can take. max_images: in one conversation."""

    name: str
    context_length: int
    vocab_size: int
    takes_images: bool
    takes_tools: bool
    thinks: bool
    max_images: int

    def check_tools(self, request: ChatRequest) -> None:
        """Raises PromptError where a request has tools, calls of tools or their answers, and the template
        would leave them out of the prompt."""
        if self.takes_tools:
            return
        if request.tools:
            raise PromptError("this model's chat template does not support tools; ask without them")
        if any(message.tool_calls or message.role == "tool" for message in request.messages):
            raise PromptError(
                "this model's chat template does not support tools; leave out tool calls and tool results"
            )


@dataclass(frozen=True, slots=True)
class BackendLoad:
    """What a backend is doing. num_running, num_waiting: sequences. cache_use: part of the key-value cache in
    use, 0 to 1. stalled_s: since when there is work but no progress; 0 without work. failure: why it takes no
    more requests, empty while it does. counters: totals since the start, by name."""

    num_running: int = 0
    num_waiting: int = 0
    cache_use: float = 0.0
    stalled_s: float = 0.0
    failure: str = ""
    counters: Mapping[str, int] = field(default_factory=dict)
