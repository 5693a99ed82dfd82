"""The tokenizer of a GGUF file, written as the files that everybody reads.

Enters: the settings of a text model's file. Leaves: tokenizer.json, tokenizer_config.json,
generation_config.json and chat_template.jinja in a folder. Always holds: every token keeps its id, and text
is split as Qwen2 splits it; a tokenizer of another kind is refused by name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from r1v.core import CheckpointError
from r1v.models.gguf.file import GgufFile
from r1v.models.gguf.names import CONTROL, NORMAL, QWEN2_SPLIT, UNUSED, USER_DEFINED

# GGUF's names of splits that are Qwen2's
QWEN2_NAMES = ("qwen2", "deepseek-r1-qwen")
# tokens that end a turn in Qwen's models, whichever of them the file names
ENDS = ("<|im_end|>", "<|endoftext|>")
PREFIX = "tokenizer.ggml."


def write_tokenizer(file: GgufFile, folder: Path) -> dict[str, int | None]:
    """Write all files; the ids of bos, eos and pad. CheckpointError: a tokenizer of another kind."""
    tokens, types = _tokens(file)
    added = [
        {"id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": kind == CONTROL}
        for number, (token, kind) in enumerate(zip(tokens, types, strict=True))
        if kind in (CONTROL, USER_DEFINED)
    ]  # fmt: skip
    vocabulary = {
        token: number
        for number, (token, kind) in enumerate(zip(tokens, types, strict=True))
        if kind == NORMAL
    }
    merges = file.setting(f"{PREFIX}merges", list)
    pairs = [each.split(" ") if isinstance(each, str) else [] for each in merges]
    if any(len(pair) != 2 or not {*pair, "".join(pair)} <= vocabulary.keys() for pair in pairs):
        raise CheckpointError(f"{file.path}: a merge of its tokenizer does not join two tokens into a third")
    _write(folder / "tokenizer.json", _tokenizer(vocabulary, pairs, added))
    ids = {name: _named(file, name, len(tokens)) for name in ("bos", "eos", "padding")}
    if ids["eos"] is None:
        raise CheckpointError(f"{file.path} names no token that ends a turn (tokenizer.ggml.eos_token_id)")
    settings: dict[str, Any] = {
        "tokenizer_class": "Qwen2Tokenizer",
        "add_bos_token": False,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "errors": "replace",
        "model_max_length": _context(file),
        "bos_token": None,
        "eos_token": tokens[ids["eos"]],
        "pad_token": None if ids["padding"] is None else tokens[ids["padding"]],
        "unk_token": None,
        "added_tokens_decoder": {
            str(each["id"]): {key: value for key, value in each.items() if key != "id"} for each in added
        },
    }
    _write(folder / "tokenizer_config.json", settings)
    known = {str(each["content"]): each["id"] for each in added}
    ends = [ids["eos"], *(known[token] for token in ENDS if token in known)]
    generation = {"eos_token_id": list(dict.fromkeys(ends)), "pad_token_id": ids["padding"]}
    _write(folder / "generation_config.json", {k: v for k, v in generation.items() if v is not None})
    template = file.settings.get("tokenizer.chat_template")
    if isinstance(template, str) and template:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return {"bos": ids["bos"], "eos": ids["eos"], "pad": ids["padding"]}


def _tokens(file: GgufFile) -> tuple[list[str], list[int]]:
    """Tokens by id, and their types. CheckpointError: no byte-level BPE with Qwen2's split."""
    model, split = file.setting(f"{PREFIX}model", str), file.setting(f"{PREFIX}pre", str, "none")
    if model != "gpt2" or split not in QWEN2_NAMES:
        raise CheckpointError(
            f"{file.path} has a tokenizer of the kind {model} with the split {split}; only gpt2 "
            f"with {' or '.join(QWEN2_NAMES)} can be read"
        )
    tokens, types = file.setting(f"{PREFIX}tokens", list), file.setting(f"{PREFIX}token_type", list)
    if len(tokens) != len(types) or not all(isinstance(each, str) for each in tokens):
        raise CheckpointError(f"{file.path} has {len(tokens)} tokens and {len(types)} types of tokens")
    used = [token for token, kind in zip(tokens, types, strict=True) if kind != UNUSED]
    if len(set(used)) != len(used):
        raise CheckpointError(f"{file.path}: its tokenizer has a token twice")
    unknown = {kind for kind in types if kind not in (NORMAL, CONTROL, USER_DEFINED, UNUSED)}
    if unknown:
        raise CheckpointError(f"{file.path} has tokens of the type {unknown.pop()}, which BPE does not have")
    return tokens, types


def _named(file: GgufFile, name: str, size: int) -> int | None:
    """The id of a token that has a name; None without one. CheckpointError: outside the vocabulary."""
    value = file.settings.get(f"{PREFIX}{name}_token_id")
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < size:
        raise CheckpointError(f"{file.path}: {PREFIX}{name}_token_id is {value!r}; there are {size} tokens")
    return value


def _context(file: GgufFile) -> int:
    return file.setting(f"{file.setting('general.architecture', str)}.context_length", int, 32768)


def _tokenizer(vocabulary: dict[str, int], merges: list[list[str]], added: list[dict[str, Any]]) -> Any:
    """tokenizer.json, as the tokenizers library reads it."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": QWEN2_SPLIT}, "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": vocabulary, "merges": merges,
        },
    }  # fmt: skip


def _write(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False) + "\n", encoding="utf-8")
