"""Grammars of outputs: what may follow thinking, as masks over the vocabulary.

Enters: a JSON schema, or the tools that must be called. Leaves: an OutputGrammar, and from it a mask that the
engine follows. Always holds: nothing outside the text given here is read (no remote references), and both
compiling and each step have a bound on their work. Source: llguidance, which compiles Lark with JSON schemas.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from r1v.core import ConfigError, PromptError
from r1v.prompt import Processor

TOOL_OPEN, TOOL_CLOSE = "<tool_call>", "</tool_call>"
MAX_GRAMMAR_CHARS = 200_000
MAX_COMPILED = 32  # kept, the least recently used dropped first
MAX_COMPILE_S = 10.0  # of one grammar, in a process of its own

_CHILD = Path(__file__).with_name("grammar_child.py")

# As models print JSON; without a bound, a weak model may write white space to its limit. llguidance keeps to
# it from 1.8 on; vLLM 0.32 brings 1.7, which leaves it open.
_WHITE_SPACE = r"[ \t\n]{0,32}"


@dataclass(frozen=True, slots=True)
class OutputGrammar:
    """What an answer must look like. lark: in llguidance's dialect, whose rules tool_open and tool_close are
    written for the checkpoint at hand."""

    lark: str

    @classmethod
    def json_object(cls) -> OutputGrammar:
        """Any JSON object, on one line: left free, a weak model pads it with white space."""
        return cls(f"start: {_json({'type': 'object'}, white_space=' ?')}\n")

    @classmethod
    def json_schema(cls, schema: Mapping[str, Any]) -> OutputGrammar:
        """JSON that fits a schema."""
        return cls(f"start: EDGE value EDGE\nEDGE: /\\n{{0,2}}/\nvalue: {_json(schema)}\n")

    @classmethod
    def tool_calls(cls, tools: Mapping[str, Mapping[str, Any]], *, several: bool = True) -> OutputGrammar:
        """One call, or several, of named functions with their JSON schemas, in the Hermes form."""
        bodies, rules = [], []
        for number, (name, parameters) in enumerate(tools.items()):
            schema = {
                "type": "object",
                "properties": {"name": {"const": name}, "arguments": parameters or {"type": "object"}},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
            if "$defs" in parameters:  # references count from the root of the schema
                schema["$defs"] = parameters["$defs"]
            bodies.append(f"call_{number}")
            rules.append(f"call_{number}: {_json(schema)}\n")
        more = ' ("\\n" call)*' if several else ""
        return cls(
            f"start: EDGE call{more} EDGE\nEDGE: /\\n{{0,2}}/\n"
            f'call: tool_open "\\n" ({" | ".join(bodies)}) "\\n" tool_close\n' + "".join(rules)
        )


def _json(schema: Mapping[str, Any], white_space: str = _WHITE_SPACE) -> str:
    """A schema as a term of Lark. white_space: pattern of what may stand between the parts."""
    options = {"whitespace_pattern": white_space}
    try:
        return "%json " + json.dumps({**_plain(schema), "x-guidance": options}, ensure_ascii=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"the JSON schema is not plain data ({error})") from error


_SCHEMA_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def _plain(schema: Any) -> Any:
    """A schema without ``uniqueItems: false``, which asks for nothing and which llguidance refuses; data in
    it (of const, enum, default, examples) is left alone."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "uniqueItems" and value is False:
            continue
        if key in _SCHEMA_MAPS and isinstance(value, Mapping):
            plain[key] = {name: _plain(each) for name, each in value.items()}
        else:
            plain[key] = value if key in ("const", "enum", "default", "examples") else _plain(value)
    return plain


@dataclass(slots=True)
class _Fault:
    """The first error in the masks of one request, if there was one."""

    message: str = ""


@dataclass(slots=True)
class GrammarMask:
    """A TokenMask of the engine. fault is shared by the copies of one request."""

    matcher: Any
    num_words: int
    eos: int
    fault: _Fault = field(default_factory=_Fault)

    def bits(self) -> torch.Tensor:
        """See r1v.engine.request.TokenMask. Where the grammar cannot go on, the end alone is allowed."""
        words = torch.frombuffer(bytearray(self.matcher.compute_bitmask()), dtype=torch.int32)
        if self.matcher.is_error():
            self.fault.message = self.fault.message or str(self.matcher.get_error()).split("\n")[0]
            words = torch.zeros(self.num_words, dtype=torch.int32)
        if len(words) < self.num_words:  # ids that pad the vocabulary
            words = torch.cat([words, torch.zeros(self.num_words - len(words), dtype=torch.int32)])
        if not words.any():
            words[self.eos // 32] = 1 << (self.eos % 32) if self.eos % 32 < 31 else -(1 << 31)
        return words

    def accept(self, token_id: int) -> None:
        """Move on."""
        if not self.matcher.consume_token(token_id) and not self.fault.message:
            self.fault.message = str(self.matcher.get_error()).split("\n")[0]

    def fork(self) -> GrammarMask:
        """A copy in the same state."""
        return GrammarMask(self.matcher.deep_copy(), self.num_words, self.eos, self.fault)


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """A tokenizer as llguidance wants it: the bytes of every id, and a way to encode text."""

    processor: Processor
    tokens: Sequence[bytes]
    eos_token_id: int
    special_token_ids: Sequence[int]
    bos_token_id: None = None

    def __call__(self, text: str) -> list[int]:
        if not isinstance(text, str):
            raise TypeError("text only")
        return self.processor.encode_text(text)


class GrammarCompiler:
    """Compiles grammars for one checkpoint's tokens. Safe to share between threads."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._lock = threading.Lock()
        self._tokenizer: Any = None
        self._compiled: OrderedDict[str, Any] = OrderedDict()

    def mask(self, grammar: OutputGrammar) -> GrammarMask:
        """A fresh mask. Raises PromptError for a grammar that is wrong, not known or beyond the limits."""
        processor = self._processor
        with self._lock:
            known = grammar.lark in self._compiled
        if not known and grammar != OutputGrammar.json_object():
            self._try(grammar.lark)  # without the lock, so that other requests need not wait
        with self._lock:
            matcher = self._compiled.get(grammar.lark)
            if matcher is None:
                matcher = self._compile(grammar.lark)
                self._compiled[grammar.lark] = matcher
                if len(self._compiled) > MAX_COMPILED:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end(grammar.lark)
            return GrammarMask(matcher.deep_copy(), -(-processor.vocab_size // 32), processor.special.eos[0])

    def _try(self, lark: str) -> None:
        """Compile a stranger's grammar in a child first: a few numbers in a schema can take it for hours,
        and a thread cannot be ended."""
        if len(lark) > MAX_GRAMMAR_CHARS:
            raise PromptError(
                f"the schema of the output has {len(lark)} characters; the limit is {MAX_GRAMMAR_CHARS}"
            )
        if "tool_open" in lark:
            lark += f"tool_open: {json.dumps(TOOL_OPEN)}\ntool_close: {json.dumps(TOOL_CLOSE)}\n"
        try:
            child = subprocess.run(
                [sys.executable, "-P", str(_CHILD)], input=lark.encode(), capture_output=True,
                timeout=MAX_COMPILE_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise PromptError(
                f"the schema of the output takes longer than {MAX_COMPILE_S:g} s to compile; make it simpler"
            ) from error
        reason = child.stdout.decode("utf-8", "replace").strip()
        if child.returncode != 0:  # out of memory, most likely
            reason = f"compiling it ends with status {child.returncode}"
        if reason:
            raise PromptError(f"the schema of the output cannot be used: {reason}; make it simpler")

    def _compile(self, lark: str) -> Any:
        from llguidance import LLMatcher

        if self._tokenizer is None:
            self._tokenizer = self._make_tokenizer()
        if "tool_open" in lark:
            lark += f"tool_open: {self._marker(TOOL_OPEN)}\ntool_close: {self._marker(TOOL_CLOSE)}\n"
        matcher = LLMatcher(self._tokenizer, LLMatcher.grammar_from_lark(lark), log_level=0)
        if matcher.is_error():
            reason = str(matcher.get_error()).strip().split("\n")[0][:300]
            raise PromptError(f"the schema of the output cannot be used: {reason}; make it simpler")
        return matcher

    def _marker(self, text: str) -> str:
        """A marker as the checkpoint writes it: a token of its own, or text."""
        return text if self._processor.tokenizer.token_id(text) is not None else json.dumps(text)

    def _make_tokenizer(self) -> Any:
        from llguidance import LLTokenizer, TokenizerWrapper

        tokenizer, special = self._processor.tokenizer, self._processor.special
        vocabulary = _Vocabulary(
            self._processor,
            [tokenizer.token_bytes(token_id) for token_id in range(self._processor.vocab_size)],
            special.eos[0],
            sorted(tokenizer.added_ids),
        )
        return LLTokenizer(TokenizerWrapper(vocabulary))
