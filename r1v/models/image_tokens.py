"""The image tokens of a tokenizer: found, or added, in every file that lists its added tokens.

Enters: a folder of tokenizer files, edited in place. Leaves: the ids. Always holds: files that were there
agree on each id; a token never takes an id that is in use.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1v.core import CheckpointError, library_faults
from r1v.models.config_json.read import IMAGE_TOKEN, read_json

IMAGE_TOKENS = ("<img>", "</img>", IMAGE_TOKEN)


@dataclass(frozen=True, slots=True)
class TokenIds:
    """ids: of the image tokens, by text. added: those that were new. size: ids in use, the highest plus 1."""

    ids: dict[str, int]
    added: tuple[str, ...]
    size: int


def ensure_image_tokens(folder: Path, tokens: Sequence[str] = IMAGE_TOKENS) -> TokenIds:
    """Find the image tokens in a folder's tokenizer, adding those that it lacks as special tokens.

    CheckpointError: no tokenizer, files that disagree, or a token that stands in the plain vocabulary.
    """
    files = {
        name: read_json(folder / name)
        for name in ("tokenizer.json", "tokenizer_config.json", "added_tokens.json", "vocab.json",
                     "special_tokens_map.json")
        if (folder / name).is_file()
    }  # fmt: skip
    plain = _plain_vocabulary(folder, files)
    known = _added(folder, files)
    ids: dict[str, int] = {}
    added = []
    following = max([*plain.values(), *known.values()], default=-1) + 1
    for token in tokens:
        if token in plain and token not in known:
            raise CheckpointError(
                f"{folder}: {token} is an ordinary entry of the vocabulary, not a special token"
            )
        if token not in known:
            known[token] = following
            following += 1
            added.append(token)
        ids[token] = known[token]
    for token in tokens:
        _add(files, token, ids[token])
    _complete(files, known)
    for name, values in files.items():
        if name != "vocab.json":
            text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
            (folder / name).write_text(text, encoding="utf-8")
    _check_library(folder, ids)
    return TokenIds(ids, tuple(added), following)


def _check_library(folder: Path, ids: dict[str, int]) -> None:
    """The tokenizers library numbers added tokens without gaps, whatever tokenizer.json says: compare."""
    if not (folder / "tokenizer.json").is_file():
        return
    from tokenizers import Tokenizer

    with library_faults(CheckpointError, f"{folder}: tokenizer.json cannot be read"):
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for token, value in ids.items():
        if tokenizer.token_to_id(token) != value:
            raise CheckpointError(
                f"{folder}: {token} would get id {tokenizer.token_to_id(token)} and not {value}; "
                "there is a gap in the ids of tokenizer.json"
            )


def _plain_vocabulary(folder: Path, files: dict[str, dict[str, Any]]) -> dict[str, int]:
    model = files.get("tokenizer.json", {}).get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else files.get("vocab.json")
    if not isinstance(vocabulary, dict) or not all(isinstance(value, int) for value in vocabulary.values()):
        raise CheckpointError(
            f"{folder} has no byte-level BPE tokenizer: tokenizer.json, or vocab.json and merges.txt"
        )
    return vocabulary


def _added(folder: Path, files: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Added tokens of all files. CheckpointError: two files give a token different ids."""
    found: dict[str, int] = {}

    def take(token: Any, value: Any) -> None:
        if isinstance(token, str) and isinstance(value, int) and found.setdefault(token, value) != value:
            raise CheckpointError(f"{folder}: {token} has id {found[token]} and {value} in different files")

    for entry in files.get("tokenizer.json", {}).get("added_tokens") or ():
        take(entry.get("content"), entry.get("id"))
    for key, entry in (files.get("tokenizer_config.json", {}).get("added_tokens_decoder") or {}).items():
        take(entry.get("content"), int(key))
    for token, value in files.get("added_tokens.json", {}).items():
        take(token, value)
    return found


def _add(files: dict[str, dict[str, Any]], token: str, value: int) -> None:
    """Enter a token where it is missing."""
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    if "tokenizer.json" in files:
        entries = files["tokenizer.json"].setdefault("added_tokens", [])
        if all(entry.get("content") != token for entry in entries):
            entries.append({"id": value, "content": token, **flags})
            entries.sort(key=lambda entry: entry["id"])
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if name in files:
            special = files[name].setdefault("additional_special_tokens", [])
            if all((each.get("content") if isinstance(each, dict) else each) != token for each in special):
                special.append(token)
    if "added_tokens.json" in files or "tokenizer.json" not in files:
        files.setdefault("added_tokens.json", {})[token] = value


def _complete(files: dict[str, dict[str, Any]], known: dict[str, int]) -> None:
    """Enter every added token in tokenizer_config.json: transformers takes the list there for the whole,
    reads tokens that it lacks as plain text, and without a list numbers some tokens anew."""
    settings = files.get("tokenizer_config.json")
    if settings is None:
        return
    decoder = settings.get("added_tokens_decoder") or {}
    described = {
        entry.get("content"): entry for entry in files.get("tokenizer.json", {}).get("added_tokens") or ()
    }
    special = set(IMAGE_TOKENS) | {
        each.get("content") if isinstance(each, dict) else each
        for each in settings.get("additional_special_tokens") or ()
    }
    for token, value in sorted(known.items(), key=lambda each: each[1]):
        flags = described.get(token, {"content": token, "special": token in special})
        names = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
        decoder.setdefault(str(value), {name: flags.get(name, False) for name in names})
    settings["added_tokens_decoder"] = decoder


def chat_template(folder: Path) -> str | None:
    """The template of a folder: chat_template.jinja, or in tokenizer_config.json; None without one."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    if (folder / "tokenizer_config.json").is_file():
        found = read_json(folder / "tokenizer_config.json").get("chat_template")
        if isinstance(found, list):
            named = {each.get("name"): each.get("template") for each in found if isinstance(each, dict)}
            found = named.get("default")
        if isinstance(found, str):
            return found
    return None
