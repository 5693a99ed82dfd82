"""What a checkpoint says of itself, for people who choose or use it.

Enters: the folder of a checkpoint. Leaves: a ModelCard. Always holds: a checkpoint without a README, or with
one that cannot be understood, has a card too, with less on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1v.core import R1VError, parse_json
from r1v.llm.config import LLMConfig
from r1v.models import resolve_model
from r1v.models.summary import summarise

MAX_SUMMARY_CHARS = 600
MAX_LIMIT_CHARS = 500
MAX_LIMITS = 12
MAX_README_BYTES = 1 << 20
MAX_SCORES_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A checkpoint in words and numbers. Zero and empty mean that it does not say.

    num_parameters: of all parts. num_bytes: of the weight files. summary: the first paragraph of the README.
    license, languages: of the README's header. cannot: the points under the README's heading "What it cannot
    do". kinds: the kinds of questions that its scores.json claims, with the accuracy in percent.
    """

    num_parameters: int = 0
    num_bytes: int = 0
    summary: str = ""
    license: str = ""
    languages: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    kinds: tuple[tuple[str, float], ...] = ()


def card_of(config: LLMConfig) -> ModelCard:
    """The card of a model that has been loaded; an empty one where it is not a folder on this machine."""
    if config.backend == "openai" or config.model.startswith("<"):
        return ModelCard()
    try:
        return read_card(resolve_model(config.model))
    except R1VError:  # a bad card must not keep the model from answering
        return ModelCard()


def read_card(folder: Path) -> ModelCard:
    """The card of the checkpoint in a folder. Raises CheckpointError, ConfigError without a config.json."""
    found = summarise(folder)
    text = _text(folder / "README.md")
    header, body = _header(text)
    return ModelCard(
        num_parameters=found.num_parameters,
        num_bytes=found.stored_bytes,
        summary=_first_paragraph(body),
        license=header.get("license", "")[:100],
        languages=tuple(re.findall(r"[A-Za-z-]{2,12}", header.get("language", "")))[:20],
        cannot=_points(body, "What it cannot do"),
        kinds=_kinds(folder / "scores.json"),
    )


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(MAX_README_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _header(text: str) -> tuple[Mapping[str, str], str]:
    """The one-line fields of a README's YAML header, and what comes after it."""
    found = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    if found is None:
        return {}, text
    fields = re.findall(r"^([a-z_]+):[ \t]*(.+)$", found[1], re.MULTILINE)
    return dict(fields), text[found.end() :]


def _first_paragraph(body: str) -> str:
    """The first lines of prose: no heading, table, image, list or HTML."""
    for part in re.split(r"\n\s*\n", body):
        text = " ".join(part.split())
        if text and text[0] not in "#|!<-*[`>":
            return text[:MAX_SUMMARY_CHARS]
    return ""


def _points(body: str, heading: str) -> tuple[str, ...]:
    """The points of the list under a heading."""
    found = re.search(rf"^#+ {re.escape(heading)}\s*$\n(.*?)(?=^#|\Z)", body, re.MULTILINE | re.DOTALL)
    if found is None:
        return ()
    points = re.findall(r"^- (.*?)(?=^- |^\S|\n\s*\n|\Z)", found[1].strip() + "\n", re.MULTILINE | re.DOTALL)
    return tuple(" ".join(point.split())[:MAX_LIMIT_CHARS] for point in points)[:MAX_LIMITS]


def _kinds(path: Path) -> tuple[tuple[str, float], ...]:
    """(name, accuracy in percent) of the kinds that a checkpoint's scores claim."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_SCORES_BYTES:
            return ()
        scores: Any = parse_json(path.read_bytes(), path.name)
        families = scores["families"]
        return tuple((str(name), float(families[name]["accuracy"])) for name in scores["claimed"])
    except (R1VError, OSError, ValueError, KeyError, TypeError, OverflowError):
        return ()
