"""The frozen wordings of the benchmarks.

Enters: a prompt's name. Leaves: its text, version and hash. Always holds: a text that has been used is never
changed; a new wording is a new file with the next version. SOURCES names the texts that come from a
benchmark's own protocol.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from r1v.core import ConfigError

# prompt -> current version; the file is NAME.vVERSION.txt
PROMPTS: dict[str, int] = {
    "question": 1,
    "open": 2,
    "choice": 2,
    "marked": 1,
    "yes_no": 1,
    "unit": 2,
    "short": 1,
    "system": 1,
    "bfcl": 1,
    "bfcl_turns": 1,
    "livecodebench_stdin": 1,
    "livecodebench_functional": 1,
    "judge": 1,
    "extract": 1,
    "caption": 1,
    "pair": 1,
}


@dataclass(frozen=True, slots=True)
class Wording:
    """A wording. ``{name}`` marks the place of a value."""

    name: str
    version: int
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def fill(self, **values: str) -> str:
        """The text with its values. Other braces are not changed."""
        for name in values:
            if "{" + name + "}" not in self.text:
                raise ConfigError(
                    f"prompt {self.name!r} has no {{{name}}}; it needs one where the {name} goes"
                )
        marks = re.compile("|".join("{" + name + "}" for name in values))
        # in one pass, because values may contain such marks
        return marks.sub(lambda match: values[match[0][1:-1]], self.text)

    def describe(self) -> Mapping[str, str | int]:
        """For manifests."""
        return {"version": self.version, "sha256": self.sha256}


@cache
def prompt(name: str, version: int | None = None) -> Wording:
    """A prompt by name; version: None is the current one. Raises ConfigError for an unknown one."""
    if name not in PROMPTS:
        raise ConfigError(f"prompt {name!r} is not known; use one of {', '.join(PROMPTS)}")
    version = version or PROMPTS[name]
    text = resources.files(__package__).joinpath(f"{name}.v{version}.txt").read_text(encoding="utf-8")
    return Wording(name, version, text.rstrip("\n"))


def options_text(options: tuple[str, ...]) -> str:
    """The options of a multiple choice, one a line: "A. first"."""
    return "\n".join(f"{chr(ord('A') + index)}. {option}" for index, option in enumerate(options))
