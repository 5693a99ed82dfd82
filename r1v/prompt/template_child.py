"""The child process of ``template.py``, which compiles and renders chat templates under limits of the kernel.

Enters: requests on standard input, each eight bytes of length and JSON (``source``, and ``variables`` to
render). Leaves: answers on standard output in the same form. Always holds: a request takes at most `CPU_S`
seconds of processor time, after which the kernel ends this process, and at most `MEMORY_BYTES` more memory
than the process and the request need. It runs as a script and imports nothing of this package.
"""

from __future__ import annotations

import datetime
import json
import resource
import signal
import sys
from functools import lru_cache
from typing import Any

import jinja2
import jinja2.nodes
from jinja2 import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

CPU_S = 0.5
MEMORY_BYTES = 128 << 20
MAX_OUTPUT_CHARS = 32 << 20

# What can turn a text into special tokens that were not in it; no chat template uses these.
_DROPPED_FILTERS = ("forceescape", "pprint", "random", "striptags", "urlize", "xmlattr")
_DROPPED_METHODS = frozenset(("encode", "decode", "translate", "maketrans"))

# Faults of a template with one conversation. Any other exception is a fault of the template itself.
_FAILURES = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox without the methods that decode text."""

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
    environment.filters["tojson"] = _to_json
    environment.globals.pop("lipsum", None)
    environment.globals.update(raise_exception=_raise_exception, strftime_now=_strftime_now)
    return environment


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
        text = template.render(**request["variables"])
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


def _limit_memory(num_bytes: int) -> None:
    """Allow so much beyond what the process has now; where the system does not say that, no limit is set."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = pages * resource.getpagesize() + num_bytes
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))
    except (OSError, ValueError):
        return


def main() -> None:
    """Serve until the input ends, or until memory ran out once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end ends the input
    source, target = sys.stdin.buffer, sys.stdout.buffer
    _environment()
    while len(header := source.read(8)) == 8:
        length = int.from_bytes(header, "big")
        _limit_memory(MEMORY_BYTES + 16 * length)
        signal.setitimer(signal.ITIMER_PROF, CPU_S + length / 20e6)
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
