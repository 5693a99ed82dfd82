# ruff: noqa: E501 - templates stand on a line each
"""150 hostile chat templates: each ends within a second of processor time and 200 MB, with a text or one line."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from r1v.core import R1VError
from r1v.prompt import ChatTemplate
from r1v.prompt import template as template_room
from r1v.prompt.template import end_child

OF_OLD = [
    "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3,
    "{% for a in range(99999) %}" * 2 + "long text " * 1000 + "{% endfor %}" * 2,
    "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ [1] * 10**9 }}",
    "{% set ns = namespace(s='ab') %}" + "{% set ns.s = ns.s ~ ns.s %}" * 60,
    "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set a %}ab{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 60,
    "{{ 'a'.ljust(10**9) }}",
    "{{ 'a'.center(width=10**9) }}",
    "{{ '7'.zfill(10**9) }}",
    "{{ '\t'.expandtabs(10**9) }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '%*d' % (999999999, 1) }}",
    "{{ '%999999999d' | format(1) }}",
    "{{ '{:>999999999}'.format(1) }}",
    "{{ '{:>{w}}'.format(1, w=999999999) }}",
    "{% set s = 'a' * 100000 %}{{ s.replace('a', s) }}",
    "{% set s = 'a' * 100000 %}{{ s | replace('a', s) }}",
    "{% set s = 'a' * 100000 %}{{ s.join(['b'] * 100000) }}",
    "{% set s = 'a' * 100000 %}{{ (['b'] * 100000) | join(s) }}",
    "{% set s = '\n' * 100000 %}{{ s | indent('a' * 100000, blank=true) }}",
    "{{ 9 ** 9 ** 9 ** 9 }}",
    "{{ range(10**12) | list }}",
    "{{ [1] | tojson(indent=1000000) }}",
]


def growing(start: str, step: str, times: int) -> str:
    """A value that grows in a loop."""
    return f"{{% set ns = namespace(v={start}) %}}{{% for i in range({times}) %}}{{% set ns.v = {step} %}}{{% endfor %}}"


DEEP = growing("[1]", "[ns.v, ns.v]", 30)
TUPLES = growing("(1, 2)", "(ns.v, ns.v)", 30)
BIG = "{% set s = 'ab' * 5000000 %}"
LONG = "{% set n = namespace(v=range(99999) | list) %}{% for i in range(7) %}{% set n.v = n.v + n.v %}{% endfor %}"
INTEGER = growing("3", "ns.v * ns.v", 22)

# what is done with a value that is far larger than it looks
ON_DEEP = [
    "{{ ns.v == ns.v }}", "{{ ns.v }}", "{{ ns.v | tojson }}", "{{ ns.v | string }}", "{{ ns.v ~ '' }}",
    "{{ ns.v | sort }}", "{{ ns.v in [ns.v] }}", "{% if ns.v < [ns.v] %}{% endif %}", "{{ '%s' % ns.v }}",
    "{{ '{}'.format(ns.v) }}", "{{ ns.v | join }}", "{{ ns.v | unique | list }}", "{{ ns.v | length }}",
    "{{ ns.v != [ns.v] }}", "{{ ns.v | pprint }}", "{{ [ns.v, ns.v] | groupby(0) }}", "{{ raise_exception(ns.v) }}",
    "{{ ns.v | urlencode }}", "{{ ns.v | upper }}", "{{ [ns.v] | max }}", "{{ ns.v | map('string') | list }}",
]  # fmt: skip
ON_TUPLES = ["{{ {ns.v: 1} }}", "{{ ns.v in {1: 2} }}", "{{ [ns.v, ns.v] | unique | list }}", "{{ {}[ns.v] }}",
             "{{ dict([(ns.v, 1)]) }}"]  # fmt: skip
ON_BIG = [
    "{{ s * 100 }}", "{{ s.split('a') }}", "{{ s | list | sort }}", "{{ s.replace('a', s) }}", "{{ s | wordwrap(1) }}",
    "{{ s | reverse | list }}", "{{ s.splitlines() * 1000 }}", "{{ s | indent(100000) }}", "{{ s.title() * 50 }}",
    "{{ s | urlize }}", "{{ s | wordcount }}{{ s * 90 }}", "{{ s.join(s) }}", "{{ s | batch(1) | list }}",
    "{{ s | slice(1000000) | list }}", "{{ s.partition('b') * 9999999 }}", "{% for c in s %}{{ s }}{% endfor %}",
    "{% for c in s %}{% for d in s %}{% endfor %}{% endfor %}", "{{ s.count('aa') }}{{ s.rjust(10 ** 10) }}",
    "{{ s | tojson | tojson | tojson * 30 }}", "{{ s.encode() }}", "{{ s | e * 60 }}", "{{ s | truncate(9) * 99999999 }}",
    "{{ s | center(10 ** 10) }}", "{{ s.expandtabs(10 ** 9) }}", "{{ s | format(s) }}{{ ('%s' * 999) | format }}",
    "{{ s | map('upper') | list }}", "{{ s | groupby('x') }}", "{{ s | unique | join(s) }}", "{{ s | xmlattr }}",
]  # fmt: skip
ON_LONG = [
    "{{ n.v | sort }}", "{{ n.v | sum }}{% for i in range(99999) %}{{ n.v | sum }}{% endfor %}", "{{ n.v | list }}",
    "{% for i in n.v %}{% if -1 in n.v %}{% endif %}{% endfor %}", "{{ n.v | map('string') | join }}", "{{ n.v | tojson }}",
    "{{ n.v | batch(2) | list | sort }}", "{{ n.v | unique | list }}", "{{ n.v | select('in', n.v) | list }}",
    "{{ n.v * 1000 }}", "{{ n.v == n.v[::-1] }}", "{{ n.v | slice(99999) | list }}", "{{ n.v | random }}",
    "{{ n.v | groupby('real') }}", "{{ n.v | max }}{% for i in n.v %}{{ n.v | max }}{% endfor %}",
    "{{ n.v | reverse | list | string }}", "{{ n.v | dictsort }}", "{{ (n.v | join) * 100 }}",
]  # fmt: skip
ON_INTEGER = [
    "{{ ns.v * ns.v }}", "{{ ns.v ** 9 }}", "{{ ns.v | string }}", "{{ ns.v % 7 ** 99999 }}", "{{ '%d' % ns.v }}",
    "{{ ns.v | float }}", "{{ ns.v // 3 ** 999999 }}", "{{ '{:,}'.format(ns.v) }}", "{{ ns.v | filesizeformat }}",
    "{{ ns.v | tojson }}", "{{ [1] * ns.v }}", "{{ range(ns.v) }}", "{{ 'a' * ns.v }}", "{{ ns.v | round }}",
]  # fmt: skip
ALONE = [
    growing("3", "ns.v * ns.v", 60), growing("1.5", "ns.v * ns.v", 99999) * 200, "{{ 10 ** 10 ** 10 }}",
    "{{ (2 ** 2 ** 26) | string }}", "{{ 99 ** 9999999 }}", "{{ -9 ** 99999999 }}",
    "{% for i in range(99999) %}{{ range(99999) | sum }}{% endfor %}", growing("''", "ns.v ~ 'aaaaaaaaaa' ~ ns.v", 60),
    "{% for i in range(99999) %}{% for j in range(99999) %}{% if 99998 in range(99999) | list %}{% endif %}{% endfor %}{% endfor %}",
    "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", "{% macro f(x) %}{{ x }}{% endmacro %}" + "{{ f(f(f(f('a' * 9999999)))) }}" * 99,
    "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", "{% for a in [[1] * 9] recursive %}{{ loop(a if a is iterable else [a] * 9) }}{% endfor %}",
    "{% set ns = namespace(a=1) %}{% set ns.a = ns %}{{ ns.a }}{{ ns | tojson }}", "{{ [cycler] | tojson }}",
    "{{ joiner }}{{ cycler(*range(99999)) }}" * 300, "{{ dict(range(99999) | batch(2)) }}", "{{ ('(' * 99999) | list | length }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "{{ " + "[" * 90000 + "]" * 90000 + " }}", "{{ " + "not " * 90000 + "1 }}",
    "{{ " + "1 + " * 90000 + "1 }}", "{% if 1 %}" * 9000 + "{% endif %}" * 9000, "{{ " + "'a' ~ " * 50000 + "'b' }}",
    "{{ x" + ".a" * 90000 + " }}", "{{ x" + " | upper" * 50000 + " }}", "{% set a = 1 %}" * 50000, "{{ 'a' }}" * 100000,
    "{{ '" + "a" * 900000 + "' * 1000 }}", "{% block a %}{{ self.a() }}{% endblock %}", "{% for i in range(99999) %}{{ caller }}{% endfor %}" * 50,
    "{{ '%99999999999d' % 1 }}", "{{ '%.999999999f' % 1.5 }}", "{{ '{:1000000000}'.format(1) }}", "{{ 1.5 | round(99999999) }}",
    "{{ 'a'.__mul__(10 ** 10) }}", "{{ strftime_now('%Y' * 99999999) }}", "{{ raise_exception('a' * 10 ** 9) }}",
    "{% filter upper %}" * 500 + "a" + "{% endfilter %}" * 500, "{% call(x) f() %}{% endcall %}", "{{ [0] | map('nosuch') | list }}",
    "{{ ([1, 2] | batch(10 ** 9, 0)) | list }}", "{{ [1] | batch(10 ** 9, 0) | list | length }}", "{{ [1] | slice(10 ** 9, 0) | list | length }}",
]  # fmt: skip
HOSTILE = [
    *OF_OLD, *(DEEP + part for part in ON_DEEP), *(TUPLES + part for part in ON_TUPLES), *(BIG + part for part in ON_BIG),
    *(LONG + part for part in ON_LONG), *(INTEGER + part for part in ON_INTEGER), *ALONE,
]  # fmt: skip


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The highest resident memory in kB of the children that render, read again and again. The system's own
    figure for ended children does not do: it counts the memory of this process, which started them."""
    found, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.005):
            child = template_room._children.get(os.getpid())
            process = None if child is None else child._process
            with suppress(OSError, AttributeError, StopIteration):
                place = Path(f"/proc/{process.pid}")
                if "template_child" in (place / "cmdline").read_text():  # before that it is in our memory
                    lines = (place / "status").read_text().splitlines()
                    line = next(line for line in lines if line.startswith("VmHWM:"))
                    found[0] = max(found[0], int(line.split()[1]))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def check(source: str, content: str = "hello") -> None:
    """One hostile template, in a child process of its own."""
    end_child()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with peak_memory() as peak:
        try:
            template = ChatTemplate(source)
            template.render(messages=[{"role": "user", "content": content}])
        except R1VError as error:
            assert "\n" not in str(error) and len(str(error)) < 600
    end_child()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # the compilation and the rendering, each of 0.7 seconds of processor time at most, and two starts
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2.9
    assert 0 < peak[0] < 200 << 10, "more than 200 MB"
    assert ChatTemplate("{{ a }}").render(a="b") == "b"


@pytest.mark.slow
@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_template(source: str) -> None:
    check(source)


ON_CONTENT = [
    "{% set n = namespace(v=c) %}{% for i in range(60) %}{% set n.v = n.v ~ n.v %}{% endfor %}", "{{ c * 1000 }}",
    "{{ c | list | sort }}", "{% for a in c %}{% for b in c %}{% endfor %}{% endfor %}", "{{ c.replace('x', c) }}",
    "{{ c.split('x') | join(c) }}", "{{ c | tojson | tojson | tojson * 9 }}", "{{ c | wordwrap(1) }}", "{{ c | batch(1) | list }}",
    "{% for i in range(99999) %}{% if c in c ~ 'a' %}{% endif %}{% endfor %}", "{{ c }}{{ c | upper }}{{ c | e }}{{ c.title() }}" * 99,
]  # fmt: skip


@pytest.mark.parametrize("character", ["x", "<", "👩"])
@pytest.mark.parametrize(
    "number", [0, 4, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3, *range(5, 11)))]
)
def test_the_bounds_hold_for_the_largest_conversation_too(number: int, character: str) -> None:
    content = character * ((template_room.MAX_REQUEST_BYTES - 10_000) // len(character.encode()))
    check("{% set c = messages[0].content %}" + ON_CONTENT[number], content)


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) >= 150


@pytest.mark.parametrize("number", range(0, len(HOSTILE), 19))
def test_a_few_hostile_templates(number: int) -> None:
    check(HOSTILE[number])
