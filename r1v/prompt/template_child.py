"""The child process of ``template.py``, which compiles and renders chat templates under limits of the kernel.

Enters: requests on standard input, each eight bytes of length and JSON, none above `MAX_REQUEST_BYTES`:
``source``; to render also ``variables``, and ``hidden``, what stands for which character in users' texts (see
`hiding`). Leaves: answers on standard output in the same form. Always holds: a request takes less than a
second of processor time, after which the kernel ends this process, and the process less than 200 MB; a
template compares and cuts users' texts as they were written, and puts out nothing that was hidden in them.
It runs as a script and imports nothing of this package.
"""

from __future__ import annotations

import datetime
import json
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, wraps
from typing import Any

import jinja2
import jinja2.nodes
from jinja2 import TemplateError
from jinja2.compiler import CodeGenerator, Frame
from jinja2.ext import Extension, loopcontrols
from jinja2.filters import do_title, do_urlencode
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

# A conversation may be large without its template's doing, so the bounds grow with it, up to these sums: 0.7
# seconds, and 160 MiB beside the interpreter's own 20.
MAX_REQUEST_BYTES = 4 << 20
CPU_S, CPU_S_PER_BYTE = 0.5, 1 / 20e6
MEMORY_BYTES, MEMORY_PER_BYTE = 128 << 20, 8
MAX_OUTPUT_CHARS = 8 << 20

# What can turn a text into special tokens that were not in it; no chat template uses these.
_DROPPED_FILTERS = ("forceescape", "pprint", "random", "striptags", "urlize", "xmlattr")
_DROPPED_METHODS = frozenset(("encode", "decode", "translate", "maketrans"))

# Faults of a template with one conversation. Any other exception is a fault of the template itself.
_FAILURES = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)


class _Hidden:
    """Which private characters stand for which in this request, and which are never written by a user."""

    back: dict[int, str] = {}  # noqa: RUF012 - of the one request at a time
    forth: dict[int, str] = {}  # noqa: RUF012
    found = re.compile("(?!)")
    letters = False

    @classmethod
    def take(cls, pairs: dict[str, str]) -> None:
        """pairs: private character -> the user's."""
        cls.back = {ord(private): character for private, character in pairs.items()}
        cls.forth = {ord(character): private for private, character in pairs.items()}
        cls.found = re.compile(f"[{re.escape(''.join(pairs))}]" if pairs else "(?!)")
        cls.letters = any(character.isalpha() for character in pairs.values())


def _shown(value: Any) -> Any:
    """A text as its user wrote it, to be compared or searched; never to be put out."""
    if isinstance(value, UserText):
        return value._shown()
    if type(value) is str and _Hidden.found.search(value):
        return value.translate(_Hidden.back)
    return tuple(map(_shown, value)) if isinstance(value, tuple) else value


def _wrapped(value: Any) -> Any:
    """The same text; a UserText where a user's hidden characters are in it."""
    return UserText(value) if type(value) is str and _Hidden.found.search(value) else value


def _wrapped_in(value: Any) -> Any:
    """JSON data with all its texts wrapped."""
    if isinstance(value, dict):
        return {_wrapped(key): _wrapped_in(item) for key, item in value.items()}
    return [_wrapped_in(item) for item in value] if isinstance(value, list) else _wrapped(value)


class UserText(str):
    """A text with hidden characters: it is compared, searched and cut as its user wrote it, and what is cut
    out of it or made of it keeps them hidden. The two forms have the same length."""

    __slots__ = ("_plain",)

    def _shown(self) -> str:
        try:
            return self._plain
        except AttributeError:
            self._plain: str = self.translate(_Hidden.back)
            return self._plain

    def __hash__(self) -> int:
        return hash(self._shown())

    def __contains__(self, key: object) -> bool:
        return _shown(key) in self._shown()

    def __repr__(self) -> str:
        return repr(self._shown()).translate(_Hidden.forth)

    def __iter__(self) -> Iterator[str]:
        return map(_wrapped, super().__iter__())

    def __getitem__(self, key: Any) -> str:
        return _wrapped(super().__getitem__(key))

    def strip(self, chars: Any = None) -> str:
        """See str; as all of these."""
        return self.lstrip(chars).rstrip(chars)

    def lstrip(self, chars: Any = None) -> str:
        return self[len(self) - len(self._shown().lstrip(_shown(chars))) :]

    def rstrip(self, chars: Any = None) -> str:
        return self[: len(self._shown().rstrip(_shown(chars)))]

    def removeprefix(self, prefix: str) -> str:
        return self[len(prefix) :] if self._shown().startswith(_shown(prefix)) else self

    def removesuffix(self, suffix: str) -> str:
        return self[: len(self) - len(suffix)] if suffix and self._shown().endswith(_shown(suffix)) else self

    def split(self, sep: Any = None, maxsplit: Any = -1) -> list[str]:
        return self._cut(self._shown().split(_shown(sep), maxsplit), None if sep is None else len(sep))

    def rsplit(self, sep: Any = None, maxsplit: Any = -1) -> list[str]:
        return self._cut(self._shown().rsplit(_shown(sep), maxsplit), None if sep is None else len(sep))

    def splitlines(self, keepends: bool = False) -> list[str]:
        lines = self._cut(self._shown().splitlines(True), 0)
        if keepends:
            return lines
        return [line[: len(shown)] for line, shown in zip(lines, self._shown().splitlines(), strict=True)]

    def partition(self, sep: str) -> tuple[str, str, str]:
        before, middle, _ = self._shown().partition(_shown(sep))
        end = len(before) + len(middle)
        return self[: len(before)], self[len(before) : end], self[end:]

    def rpartition(self, sep: str) -> tuple[str, str, str]:
        before, middle, _ = self._shown().rpartition(_shown(sep))
        end = len(before) + len(middle)
        return self[: len(before)], self[len(before) : end], self[end:]

    def replace(self, old: str, new: str, count: Any = -1) -> str:
        """What replaces a user's hidden characters is hidden too: it may complete nothing."""
        if not old:
            return _wrapped(super().replace(old, new, count))
        parts = self._cut(self._shown().split(_shown(old), count), len(old))
        made, place = [parts[0]], len(parts[0])
        for part in parts[1:]:
            touched = _Hidden.found.search(str.__getitem__(self, slice(place, place + len(old))))
            made += [new.translate(_Hidden.forth) if touched else new, part]
            place += len(old) + len(part)
        return _wrapped("".join(made))

    def _cut(self, parts: list[str], gap: int | None = None) -> list[str]:
        """Parts of the shown text, in order, as parts of this one. gap: characters between two; None: as few
        as there can be."""
        found, place = [], 0
        for part in parts:
            if gap is None:
                place = self._shown().index(part, place)
            found.append(self[place : place + len(part)])
            place += len(part) + (gap or 0)
        return found


def _on_shown(name: str) -> Callable[..., Any]:
    """A method of str that says something about the text and makes none of it."""
    method = getattr(str, name)

    def said(self: UserText, *given: Any, **named: Any) -> Any:
        return method(self._shown(), *map(_shown, given), **named)

    return said


def _on_hidden(name: str) -> Callable[..., Any]:
    """A method of str that makes another text."""
    method = getattr(str, name)

    def made(self: UserText, *given: Any, **named: Any) -> Any:
        return _wrapped(method(self, *given, **named))

    return made


def _on_case(name: str) -> Callable[..., Any]:
    """A method of str that changes letters; where some are hidden, all that come out are that can be."""
    method = getattr(str, name)

    def changed(self: UserText) -> Any:
        text = method(self._shown()).translate(_Hidden.forth) if _Hidden.letters else method(self)
        return _wrapped(text)

    return changed


_SAYING = (
    "eq ne lt le gt ge",
    "startswith endswith find rfind index rindex count isalnum isalpha isascii isdecimal isdigit "
    "isidentifier islower isnumeric isprintable isspace istitle isupper",
)
_MAKING = (
    "add mul rmul mod",
    "join center ljust rjust zfill expandtabs",
)
_CASE = ("", "upper lower title capitalize swapcase casefold")
for _how, (_operators, _names) in ((_on_shown, _SAYING), (_on_hidden, _MAKING), (_on_case, _CASE)):
    for _name in (*(f"__{name}__" for name in _operators.split()), *_names.split()):
        setattr(UserText, _name, _how(_name))
UserText.__radd__ = lambda self, other: _wrapped(str.__add__(other, self))  # type: ignore[attr-defined]


def _within(item: Any, container: Any) -> bool:
    """``item in container``, with texts as they were written."""
    if type(container) is str and isinstance(item, str):
        return _shown(item) in _shown(container)
    return item in container


def _replace(text: Any, old: Any, new: Any, count: int = -1) -> str:
    """Jinja's filter, for users' texts too."""
    text = text if isinstance(text, str) else str(text)
    return text.replace(str(old), str(new), count)


def _title(text: Any) -> str:
    """Jinja's filter, which cuts words at brackets, for users' texts too."""
    if not isinstance(text, UserText):
        return do_title(text)
    return do_title(text._shown()).translate(_Hidden.forth)


def _escape(value: Any) -> Any:
    """HTML's references in place of its marks, in a user's text too."""
    if not isinstance(value, UserText):
        return escape(value)
    text: str = value
    for mark, reference in (("&", "&amp;"), (">", "&gt;"), ("<", "&lt;"), ("'", "&#39;"), ('"', "&#34;")):
        text = text.replace(mark, reference)
    return Markup(text)


def _urlencode(value: Any) -> str:
    """Jinja's filter: the bytes are those of what users wrote, and the signs for them are users' as well."""
    if isinstance(value, dict):
        value = list(value.items())
    elif not isinstance(value, str) and isinstance(value, Iterable):
        value = [tuple(pair) for pair in value]
    shown = [_shown(pair) for pair in value] if isinstance(value, list) else _shown(value)
    return do_urlencode(shown).translate(_Hidden.forth)


class _Code(CodeGenerator):
    """Jinja's, but that ``~`` keeps a user's text what it is, and ``in`` looks for it in any text."""

    def visit_Compare(self, node: jinja2.nodes.Compare, frame: Frame) -> None:
        if len(node.ops) != 1 or node.ops[0].op not in ("in", "notin"):
            super().visit_Compare(node, frame)
            return
        self.write(f"({'not ' if node.ops[0].op == 'notin' else ''}environment.within(")
        self.visit(node.expr, frame)
        self.write(", ")
        self.visit(node.ops[0].expr, frame)
        self.write("))")

    def visit_Concat(self, node: jinja2.nodes.Concat, frame: Frame) -> None:
        self.write("environment.concat(map(str, (")
        for each in node.nodes:
            self.visit(each, frame)
            self.write(", ")
        self.write(")))")


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox without the methods that decode text, and with users' texts kept what they are."""

    code_generator_class = _Code
    intercepted_binops = frozenset("%")
    within = staticmethod(_within)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """As in Jinja."""
        return _wrapped(super().call_binop(context, operator, left, right))

    @staticmethod
    def concat(parts: Iterable[str]) -> str:  # type: ignore[override]
        """The pieces of a block, of a macro, of all."""
        return _wrapped("".join(parts))

    def call(self, context: Any, obj: Any, /, *given: Any, **named: Any) -> Any:  # type: ignore[override]
        """As in Jinja; a template's own text treats users' texts as they do."""
        if type(getattr(obj, "__self__", None)) is str and any(isinstance(each, UserText) for each in given):
            obj = getattr(UserText(obj.__self__), obj.__name__)
        return _wrapped(super().call(context, obj, *given, **named))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """As in Jinja, and less."""
        return attr not in _DROPPED_METHODS and super().is_safe_attribute(obj, attr, value)


class _Generation(Extension):
    """``{% generation %}``, by which training marks the model's turns: here its body and no more."""

    tags = {"generation"}  # noqa: RUF012 - declared so by Jinja

    def parse(self, parser: Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _raise_exception(message: object) -> None:
    raise TemplateError(str(message))


def _strftime_now(form: str) -> str:
    return datetime.datetime.now().strftime(form[:200])


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    """JSON of a value. Private characters stay as they are, since they stand for other characters."""
    dumped = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys)
    if not ensure_ascii:
        return dumped
    return "".join(c if c.isascii() or c >= "\U000f0000" else json.dumps(c)[1:-1] for c in dumped)


@lru_cache(maxsize=1)
def _environment() -> _Environment:
    """The one environment: trimmed blocks as transformers trims them, loop controls, few globals."""
    environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation])
    for name in _DROPPED_FILTERS:
        environment.filters.pop(name, None)
    environment.filters |= {
        "tojson": _to_json,
        "replace": _replace,
        "title": _title,
        "urlencode": _urlencode,
        "escape": _escape,
        "e": _escape,
    }
    environment.tests["in"] = _within
    environment.filters = {name: _keeping(each) for name, each in environment.filters.items()}
    environment.globals.pop("lipsum", None)
    environment.globals.update(raise_exception=_raise_exception, strftime_now=_strftime_now)
    return environment


def _keeping(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose text is a UserText where it is made of one."""

    @wraps(function)
    def kept(*given: Any, **named: Any) -> Any:
        return _wrapped(function(*given, **named))

    return kept


@lru_cache(maxsize=8)
def _compiled(source: str) -> jinja2.Template:
    return _environment().from_string(source)


def _literals(source: str) -> list[str]:
    """The texts that the template itself writes or compares with."""
    tree = _environment().parse(source)
    found = [node.data for node in tree.find_all(jinja2.nodes.TemplateData)]
    return found + [c.value for c in tree.find_all(jinja2.nodes.Const) if isinstance(c.value, str)]


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """``text`` or ``literals``; or ``fault`` (syntax, refuses, fails, broken, memory) with a ``line``."""
    try:
        template = _compiled(request["source"])
        if "variables" not in request:
            return {"literals": _literals(request["source"])}
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the compiler makes of a stranger's source
        return {"fault": "syntax", "line": _line(error)}
    try:
        _Hidden.take(request.get("hidden") or {})
        text = str(template.render(**_wrapped_in(request["variables"])))
    except MemoryError:
        raise
    except TemplateError as error:
        # raised as such for a filter or test that does not exist; its subclasses depend on the conversation
        unknown = isinstance(error, jinja2.TemplateSyntaxError) or type(error) is jinja2.TemplateRuntimeError
        return {"fault": "broken" if unknown else "refuses", "line": _line(error)}
    except RecursionError:
        return {"fault": "fails", "line": "it calls itself without end"}
    except _FAILURES as error:
        return {"fault": "fails", "line": _line(error)}
    except Exception as error:  # noqa: BLE001 - whatever a stranger's template raises
        return {"fault": "broken", "line": f"{type(error).__name__}: {_line(error)}"}
    return {"text": text} if len(text) <= MAX_OUTPUT_CHARS else {"fault": "memory"}


def _line(error: BaseException) -> str:
    """The first line of an error."""
    text = str(error).strip().splitlines()
    return text[0][:300] if text else type(error).__name__


def _address_space() -> int:
    """Bytes of this process's address space; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 0


def _limit_memory(num_bytes: int) -> None:
    """Allow an address space of so many bytes."""
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (num_bytes if hard < 0 else min(num_bytes, hard), hard))
    except (OSError, ValueError):
        return


def main() -> None:
    """Serve until the input ends, or until memory ran out once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end ends the input
    source, target = sys.stdin.buffer, sys.stdout.buffer
    _environment()
    own_bytes = _address_space()
    while len(header := source.read(8)) == 8:
        length = int.from_bytes(header, "big")
        if length > MAX_REQUEST_BYTES:
            return
        if own_bytes:
            _limit_memory(own_bytes + MEMORY_BYTES + MEMORY_PER_BYTE * length)
        signal.setitimer(signal.ITIMER_PROF, CPU_S + CPU_S_PER_BYTE * length)
        try:
            found = answer(json.loads(source.read(length).decode("utf-8", "surrogatepass")))
            encoded = json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogatepass")
        except MemoryError:
            encoded = b'{"fault": "memory"}'
        signal.setitimer(signal.ITIMER_PROF, 0)
        target.write(len(encoded).to_bytes(8, "big") + encoded)
        target.flush()
        if encoded == b'{"fault": "memory"}':
            return


if __name__ == "__main__":
    main()
