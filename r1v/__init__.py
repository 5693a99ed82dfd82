"""r1v: multimodal reasoning models, run, served, measured and trained.

``from r1v import LLM`` is the whole public entry point; importing the package loads no torch.
"""

from __future__ import annotations

TYPE_CHECKING = False  # that of typing, which takes time to import: Ctrl-C is not yet ours then
if TYPE_CHECKING:
    from typing import Any

    from r1v.core import (
        Completion,
        FinishReason,
        ImageRef,
        Message,
        R1VError,
        SamplingParams,
        TokenEvent,
        Usage,
    )
    from r1v.llm import LLM

__version__ = "0.1.0"
__all__ = [
    "LLM",
    "Completion",
    "FinishReason",
    "ImageRef",
    "Message",
    "R1VError",
    "SamplingParams",
    "TokenEvent",
    "Usage",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Load a name when it is asked for: the façade brings torch, and the command line starts without both."""
    if name == "LLM":
        from r1v.llm import LLM

        return LLM
    if name in __all__:
        from r1v import core

        return getattr(core, name)
    raise AttributeError(f"module 'r1v' has no attribute {name!r}")
