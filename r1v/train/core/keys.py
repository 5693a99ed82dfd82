"""One key of a configuration: its default and its meaning, which ``--help`` prints."""

from __future__ import annotations

import copy
from dataclasses import field
from typing import Any


def key(default: Any, meaning: str, *, required: bool = False, operational: bool = False) -> Any:
    """A field of a frozen configuration.

    required: every configuration must give a value. operational: the key changes how a run proceeds but not
    what it computes, so a run may be resumed with another value.
    """
    about = {"meaning": meaning, "required": required, "operational": operational}
    if isinstance(default, dict | list) or hasattr(default, "__dataclass_fields__"):
        return field(default_factory=lambda: copy.deepcopy(default), metadata=about)
    return field(default=default, metadata=about)
