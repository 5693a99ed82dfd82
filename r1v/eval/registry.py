"""What Inspect finds through its entry point: the model provider and the tasks.

Always holds: importing this module does not load torch; the provider is loaded with the first model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspect_ai.model import modelapi

from r1v.eval.inspect_tasks import INSPECT_TASKS

if TYPE_CHECKING:
    from r1v.eval.provider import R1VAPI

__all__ = ["INSPECT_TASKS", "r1v_provider"]


@modelapi(name="r1v")
def r1v_provider() -> type[R1VAPI]:
    """The class behind ``r1v/MODEL``."""
    from r1v.eval.provider import R1VAPI

    return R1VAPI
