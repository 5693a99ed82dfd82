"""What runs a model for the façade: the one protocol that every backend follows.

Always holds: what can be wrong with a request is found in ``start``, on the caller's thread, before anything
is queued; what a backend delivers is the same whichever backend it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from r1v.core import SamplingParams
from r1v.llm.config import LLMConfig
from r1v.llm.requests import BackendLoad, ModelInfo, Request
from r1v.llm.stream import Deliver


class Backend(Protocol):
    """Runs requests. config: resolved. context_length: tokens of prompt and output together."""

    config: LLMConfig
    default_params: SamplingParams
    context_length: int

    def start(self, request: Request, deliver: Deliver) -> Callable[[], None]:
        """Begin a request; gives what cancels it. deliver is called on another thread with each event."""
        ...

    def tokenize(self, request: Request) -> list[int]:
        """The ids that a request's prompt would have."""
        ...

    def token_text(self, token_id: int) -> tuple[str, bytes]:
        """A token as text (U+FFFD for half characters) and as bytes; empty for an id that means nothing."""
        ...

    @property
    def info(self) -> ModelInfo:
        """What the model can take."""
        ...

    @property
    def load(self) -> BackendLoad:
        """What the backend is doing now. Cheap, and safe to call from any thread."""
        ...

    def close(self) -> None:
        """End everything that runs and free the model."""
        ...


class Encoder(Protocol):
    """Makes prompts of requests."""

    @property
    def info(self) -> ModelInfo: ...

    def encode(self, request: Request) -> Any:
        """The prompt of a request, with its ``token_ids``. Raises PromptError, ImageError."""
        ...

    def token_text(self, token_id: int) -> tuple[str, bytes]:
        """See Backend."""
        ...


class EncodedHere:
    """What backends have in common whose prompts are made in this process, by ``_front``."""

    _front: Encoder

    def tokenize(self, request: Request) -> list[int]:
        """See Backend. Raises PromptError, ImageError."""
        return list(self._front.encode(request).token_ids)

    def token_text(self, token_id: int) -> tuple[str, bytes]:
        """See Backend."""
        return self._front.token_text(token_id)

    @property
    def info(self) -> ModelInfo:
        """See Backend."""
        return self._front.info
