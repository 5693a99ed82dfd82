# ruff: noqa: E501 - templates stand on a line each
"""The sandbox of chat templates: what they may do, and what stops them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from r1v.core import CheckpointError, PromptError
from r1v.prompt import ChatTemplate, template, template_child
from r1v.prompt.template import CHATML
from tests.prompt.conftest import TEMPLATES


def rendered(source: str, **variables: object) -> str:
    return ChatTemplate(source).render(**variables)


def test_what_templates_use() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert rendered(CHATML, messages=messages[:1], add_generation_prompt=True) == (
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
    )
    cases = {
        "{% for m in messages %}{% if loop.last %}{% continue %}{% endif %}{{ m.content }}{% endfor %}": "a",
        "{% for m in messages %}{{ m.role }}{% break %}{% endfor %}": "user",
        "{{ messages | tojson }}": json.dumps(messages),
        "{{ messages[0] | tojson(indent=2) }}": json.dumps(messages[0], indent=2),
        "{% set s = namespace(n=0) %}{% for m in messages %}{% set s.n = 1 + s.n %}{% endfor %}{{s.n}}": "2",
        "{{ messages | map(attribute='role') | join(', ') }}": "user, assistant",
        "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}": "1",
        "{{ 'x' ~ 1 ~ none ~ 'y' }}": "x1Noney",
        "{{ ('a' ~ 'b') | upper }}{{ 'ab'[::-1] }}{{ 'a' in 'ab' }}": "ABbaTrue",
        "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice('ab') }}": "abab",
        "{% generation %}a{{ messages[1].content }}{% endgeneration %}": "ab",
        "{{ '%s-%03d' | format('a', 7) }}{{ '{}!'.format('b') }}": "a-007b!",
        "{{ 'a\nb' | indent(2) }}": "a\n  b",
        "{{ 'aXb' | replace('X', '-') }}{{ 'aXb'.replace('X', '+') }}": "a-ba+b",
        "{{ '-'.join(['a', 'b']) }}{{ ' a '.strip() }}{{ 'a b'.split(' ')[1] }}": "a-bab",
        "{{ range(3) | list }}{{ 7 // 2 }}{{ 7 % 4 }}{{ 2 ** 5 }}{{ 1.5 * 2 }}": "[0, 1, 2]33323.0",
        "{{ missing is defined }}{{ missing | default('d') }}": "Falsed",
        "{%- if true %}\n    {{- 'a' }}\n{%- endif %}\n": "a",
        "{% set x %}a{{ 1 }}{% endset %}{{ x | trim }}": "a1",
        "{{ {'a': 1}.items() | list }}{{ dict(b=2) }}": "[('a', 1)]{'b': 2}",
        "{{ (messages[0].content ~ 'z') * 2 }}": "azaz",
    }
    for source, expected in cases.items():
        assert rendered(source, messages=messages) == expected, source
    assert len(rendered("{{ strftime_now('%Y-%m-%d') }}")) == 10


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__init__.__globals__ }}",
        "{{ (messages | map(attribute='__class__') | list)[0].__name__ }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update(a=1) }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ '{0.__class__}'.format(messages) | tojson.x }}",
        "{{ 'x'.encode().decode('unicode_escape') }}",
        "{{ raise_exception('only two turns, please') }}",
        "{{ missing.attribute }}",
        "{{ messages['nothing'].more }}",
        "{{ 1 / 0 }}",
        "{{ messages[0] + 1 }}",
        "{% include 'x' %}",
    ],
)
def test_what_templates_may_not_do_gives_one_line(source: str) -> None:
    with pytest.raises((PromptError, CheckpointError)) as caught:
        rendered(source, messages=[{"role": "user"}])
    assert "\n" not in str(caught.value)
    if "raise_exception" in source:
        assert "only two turns, please" in str(caught.value)


@pytest.mark.parametrize(
    "source", ["{% if %}", "{{ a", "{{ 'a' | nosuch }}", "{{ 'a' | striptags }}", "x\U000f0000"]
)
def test_templates_that_do_not_compile(source: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        ChatTemplate(source)
    assert "\n" not in str(caught.value)


def test_a_template_of_any_length_is_not_read() -> None:
    with pytest.raises(CheckpointError, match="the limit"):
        ChatTemplate("a" * 1_000_001)


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for a in range(99999) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(n=3) %}{% for i in range(26) %}{% set ns.n = ns.n * ns.n %}{% endfor %}{{ ns.n }}",
        "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    ],
)
def test_what_takes_too_much_is_stopped_and_the_next_template_works(source: str) -> None:
    with pytest.raises(PromptError) as caught:
        rendered(source)
    assert "\n" not in str(caught.value)
    assert rendered("{{ a }}", a="b") == "b"


def test_a_template_that_cannot_work_is_a_fault_of_the_checkpoint() -> None:
    for broken in ("{{ [1] | map('nosuch') | list }}", "{% if a %}{{ a | nosuch }}{% endif %}"):
        with pytest.raises(CheckpointError, match="nosuch"):
            rendered(broken, a=1)
    with pytest.raises(CheckpointError, match="not valid Jinja"):
        ChatTemplate("(" * 100_000 + "{{ " + "(" * 100_000 + " }}")


@pytest.mark.parametrize("name", ["qwq", "qwen3", "r1"])
def test_a_long_conversation_is_within_the_bounds(name: str) -> None:
    messages = [{"role": role, "content": "x" * 1000} for _ in range(1000) for role in ("user", "assistant")]
    assert len(rendered(TEMPLATES[name], messages=messages)) > 2_000_000


@pytest.mark.parametrize("character", ["x", "<", "é", "字", "👩"])
def test_the_largest_conversation_is_within_the_bounds_and_a_larger_one_is_refused(character: str) -> None:
    most = template.MAX_REQUEST_BYTES
    assert most == template_child.MAX_REQUEST_BYTES
    content = character * ((most - 10_000) // len(character.encode())) + "\U000f0000"
    messages = [{"role": "system", "content": "Answer."}, {"role": "user", "content": content}]
    for name in ("qwq", "qwen3", "r1"):
        assert content in rendered(TEMPLATES[name], messages=messages)
    with pytest.raises(PromptError, match=f"the limit is {most}"):
        rendered(TEMPLATES["qwq"], messages=[{"role": "user", "content": content + "x" * 10_000}])


def test_what_earlier_conversations_left_in_the_child_takes_nothing_from_the_next() -> None:
    for number in range(12):
        assert rendered(f"{{{{ a }}}}{number}", a="👩" * 900_000) == "👩" * 900_000 + str(number)


def test_threads_and_forks_and_a_killed_child() -> None:
    compiled, found = ChatTemplate("{{ a }}"), []
    threads = [threading.Thread(target=lambda n=n: found.append(compiled.render(a=n))) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, found)) == list(range(20))
    process = template._children[os.getpid()]._process
    assert process is not None
    if (pid := os.fork()) == 0:  # a fork has a child of its own, and leaves the other alone
        os._exit(compiled.render(a="x") != "x" or template._children[os.getpid()]._process is process)
    assert os.waitpid(pid, 0)[1] == 0
    assert compiled.render(a="y") == "y" and process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert compiled.render(a="z") == "z"


def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import os, signal; from r1v.prompt import ChatTemplate, template; ChatTemplate('{{ a }}');"
        "print(template._children[os.getpid()]._process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid = int(ended.stdout)
    for _ in range(600):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":  # ended; whoever adopted it has not asked yet
            return
        threading.Event().wait(0.1)
    raise AssertionError("the child outlives its parent")


@pytest.mark.parametrize("name", [*TEMPLATES, "stripping"])
@pytest.mark.parametrize("continue_final", [False, True])
def test_messages_as_transformers_renders_them(name: str, continue_final: bool) -> None:
    library = pytest.importorskip("transformers.utils.chat_template_utils")
    source = (
        "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content | trim }}!{% endfor %}"
        if name == "stripping"
        else TEMPLATES[name]
    )
    final = "So far, \n"
    content = [{"type": "text", "text": final}] if name == "parts" else final
    question = [{"type": "text", "text": "Why?"}] if name == "parts" else "Why?"
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": content}]
    if not continue_final:
        messages.pop()
    theirs, _ = library.render_jinja_template(
        [messages], chat_template=source, add_generation_prompt=not continue_final,
        continue_final_message=continue_final, bos_token="<s>",
    )  # fmt: skip
    made = ChatTemplate(source).render_messages(messages, continue_final=continue_final, bos_token="<s>")
    assert made == theirs[0] and (not continue_final or made.rstrip().endswith("So far,"))


def test_a_template_that_drops_the_last_message_cannot_continue_it() -> None:
    with pytest.raises(PromptError, match="cannot be continued"):
        ChatTemplate("x").render_messages([{"role": "assistant", "content": "a"}], continue_final=True)
