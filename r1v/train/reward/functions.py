"""Reward functions that a researcher writes: plain Python, named in ``reward.functions``.

    def iou(completions, bbox):            # bbox: a column of the row
        return [overlap(text, bbox) for text in completions]

A function is called once for each question with keyword arguments, of which it names those that it wants:
``completions`` (the answers as text, without the chain), ``thinking`` (the chains), ``answers`` (the right
answer, once for each completion), ``question``, and the row's other columns by name. It returns a number or
None for each completion: None says nothing. Always holds: what is not a finite number is counted and named,
and a function that raises names its sample.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from r1v.core import ConfigError, R1VError
from r1v.train.core.plugins import failure, load_object


@dataclass(frozen=True)
class RewardFunction:
    """One function, its name in the metrics, and its weight in the sum."""

    name: str
    weight: float
    call: Callable[..., Sequence[float | None]]

    def __call__(
        self, sample: str, completions: Sequence[str], thinking: Sequence[str], answer: str, question: str,
        columns: Mapping[str, Any],
    ) -> list[float | None]:  # fmt: skip
        """Of the completions of one question; NaN and infinity are kept for the caller to count.

        R1VError: it raised, wants what the row does not have, or returned something else. sample: its name.
        """
        given: dict[str, Any] = {
            **columns, "completions": list(completions), "thinking": list(thinking),
            "answers": [answer] * len(completions), "question": question,
        }  # fmt: skip
        if missing := [name for name in self.needed if name not in given]:
            raise R1VError(
                f"reward function {self.name} wants {' and '.join(missing)}, which {sample} does not have; "
                f"it has {', '.join(given)}"
            )
        try:
            found = self.call(**{k: v for k, v in given.items() if self.takes(k)})
        except (Exception, SystemExit) as error:
            raise R1VError(f"reward function {self.name} failed for {sample}: {failure(error)}") from error
        values = list(found) if isinstance(found, Iterable) and not isinstance(found, str | Mapping) else None
        if values is None or len(values) != len(completions):
            what = type(found).__name__ if values is None else f"a list of {len(values)}"
            raise R1VError(
                f"reward function {self.name} returned {what} for {sample}; it must return a list with one "
                f"entry for each of the {len(completions)} completions, a number or None"
            )
        return [self._number(value, sample) for value in values]

    def takes(self, name: str) -> bool:
        """Whether the function wants an argument of this name."""
        wanted = inspect.signature(self.call).parameters
        return name in wanted or any(one.kind is inspect.Parameter.VAR_KEYWORD for one in wanted.values())

    @property
    def needed(self) -> list[str]:
        """The arguments without which the function cannot be called."""
        single = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        wanted = inspect.signature(self.call).parameters.items()
        return [name for name, one in wanted if one.kind in single and one.default is one.empty]

    def _number(self, value: Any, sample: str) -> float | None:
        if value is None:
            return None
        try:
            if isinstance(value, str | bytes):
                raise TypeError
            return float(value)
        except (TypeError, ValueError):
            raise R1VError(
                f"reward function {self.name} returned {value!r} for {sample}; it must be a number or None"
            ) from None


def load_function(text: str) -> RewardFunction:
    """``file.py:name``, ``file.py:name:weight`` or ``package.module:name:weight``. ConfigError: it is not
    there."""
    parts = text.rsplit(":", 2)
    weight = 1.0
    if len(parts) == 3:
        try:
            weight = float(parts.pop())
        except ValueError:
            weight = math.nan
    if len(parts) != 2 or not math.isfinite(weight):
        raise ConfigError(f"reward.functions: {text!r}; write file.py:name or file.py:name:weight")
    place, name = parts
    return RewardFunction(name, weight, load_object(place, name, "reward.functions"))
