# ruff: noqa: E501 - templates stand on a line each
"""Templates see what users wrote; nothing that users wrote is a special token, whatever a template does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1v.core import Message, PromptError
from r1v.prompt import ChatTemplate, Processor
from r1v.prompt.hiding import Hidden, Hiding, Rendered
from r1v.prompt.tokenizer import TextPiece, TextTokenizer
from tests.prompt.conftest import DEEPSEEK, SPECIALS

TOKENS = [*SPECIALS, *DEEPSEEK, "<think>", "</think>", "<tool_call>", "</tool_call>", "[gMASK]", "##"]
PROPERTY = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)  # fmt: skip

# Tests and changes of content that published templates make.
SEEING = [
    "{{ x | length }}",
    "{{ x.startswith('/no_think') }}{{ x.endswith('stop') }}",
    "{{ '/no_think' in x }}{{ '/think' in x }}{{ x == 'yes' }}",
    "[{{ x[:5] }}][{{ x[-3:] }}][{{ x[::2] }}]",
    "{{ x | upper }}{{ x | lower }}{{ x | title }}{{ x.capitalize() }}",
    "[{{ x.strip() }}][{{ x | trim }}][{{ x.lstrip('\n') }}]",
    "{{ x.split('\n') | length }}{{ x.split() | join('+') }}",
    "{{ x.replace('a', 'bb') }}{{ x | replace('a', '') }}",
    "{{ x * 3 }}{{ x ~ x }}{{ x + '!' }}",
    "{{ x | reverse }}{{ x | list | length }}{{ x.find('a') }}{{ x.count('b') }}",
    "{% for c in x %}{{ c }}{% endfor %}{{ x | wordcount }}{{ x is string }}{{ x | first }}",
    "{{ {'k': x} | tojson }}{{ x | tojson(ensure_ascii=true) }}",
    "{% set y %}{{ x }}{% endset %}{{ y | length }}",
    "{{ '%s|%s' | format(x, x | length) }}{{ '{}'.format(x) }}",
    "{{ '<think>' in x }}{{ '</think>' not in x }}{{ x in ['<think>', 'a'] }}{{ x == '<think>a' }}{{ x != '<' }}",
    "{{ x.startswith('<tool_response>') and x.endswith('</tool_response>') }}{{ x.startswith(('<', '/')) }}",
    "{% if '</think>' in x %}{{ x.split('</think>')[-1].lstrip('\n') }}{% else %}{{ x }}{% endif %}",
    "{{ x.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') }}{{ x.split('<', 1) | join('+') }}",
    "{{ x.rsplit('>', 1) | join('+') }}{{ x.partition('<') | join('+') }}{{ x.rpartition('</think>') | join('+') }}",
    "{{ x.replace('<think>', '').replace('</think>', '[/]') }}{{ x | replace('<', '(') }}{{ x.replace('', '-') }}",
    "{{ x.strip('<>') }}{{ x.lstrip('</') }}{{ x.removeprefix('<think>') }}{{ x.removesuffix('>') }}{{ x | trim('<') }}",
    "{{ x.find('<') }}{{ x.rfind('>') }}{{ x.count('<') }}{{ x.isalpha() }}{{ x[0] == '<' }}{{ x[-1:] == '>' }}",
    "{% for c in x %}{{ '(' if c == '<' else ')' if c in '>]' else c }}{% endfor %}{{ x | list | first == '<' }}",
    "{% set y = x ~ '!' %}{{ '<' in y }}{% set z %}{{ x }}.{% endset %}{{ z.startswith('<') }}{{ (x * 2).count('<') }}",
    "{% macro f(v) %}{{ v }}{% endmacro %}{{ '<think>' in f(x) }}{{ '>' in ('%s.' % x) }}{{ ('.' + x).find('<') }}",
    "{{ x | e }}{{ x in '<think>a' }}{{ '<think>'.startswith(x) }}{{ 'a<b'.split(x) | join('+') }}{{ x < '=' }}",
    "{{ x.splitlines() | join('+') }}{{ x.splitlines(true) | join('+') }}{{ x.split() | join('+') }}{{ {'<': 1}[x] }}",
    "{{ x | urlencode }}{{ {x: x, 'k': 1} | urlencode }}{{ [(x, 'b'), [1, x ~ x]] | urlencode }}{{ 12 | urlencode }}",
    "{{ [x, 'b'] | select('equalto', '<think>') | list | length }}{{ [x] }}{{ [x, x] | unique | join }}{{ x is in ['<'] }}",
]

TEXTS = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(["<think>", "</think>", "<", ">", "</", "[", "#", "a", "\n", " ", "<tool_response>", "]"]))
    .map("".join),
    st.lists(
        st.sampled_from(["/no_think", "/think", " ", "\n", "a", "stop", "B", "yes", "ß", "\U000f0000", "\U0010fffd"])
    ).map("".join),
)  # fmt: skip


def restored(pieces: list[Rendered]) -> str:
    return "".join(str(piece.value) if piece.marked else piece.text for piece in pieces)


@pytest.mark.parametrize("source", SEEING)
def test_templates_see_the_text(source: str) -> None:
    template = ChatTemplate(source)
    hiding = Hiding(TOKENS, template.literals)

    @PROPERTY
    @given(TEXTS.filter(lambda text: text and all(c.isprintable() or c == "\n" for c in text)))
    def check(text: str) -> None:
        hidden = Hidden(hiding)
        assert len(hidden.text(text)) == len(text)
        if any(character >= "\U000f0000" for character in text):  # compared as plain text below
            assert restored(hidden.pieces(hidden.text(text))) == text
            return
        text_there = hidden.text(text)
        assert restored(hidden.pieces(template.render(hidden.table(), x=text_there))) == template.render(
            x=text
        )

    check()


@pytest.mark.parametrize("text", ["a<b>c", "<think>", "[x] 5% #é/\U000f0000", "<|im_end|>"])
def test_filters_that_encode_see_the_text(text: str) -> None:
    """And not the characters that stand for it; compared with Python's own."""
    template = ChatTemplate("{{ x | urlencode }}?{{ {'k y': x} | urlencode }}")
    hidden = Hidden(Hiding(TOKENS, template.literals))
    x = hidden.text(text)
    found = restored(hidden.pieces(template.render(hidden.table(), x=x)))
    assert found == f"{quote(text)}?{urlencode({'k y': text})}"


# What templates do to content, also such that would join or make special tokens of it.
CHANGING = [
    "{{ x }}{{ y }}", "{{ y }}{{ x }}", "{{ x ~ y ~ x }}", "{{ (x ~ y) * 2 }}", "{{ [x, y, x] | join }}",
    "{{ [x, y] | join('|') }}", "{{ x[1:] }}{{ y[:-1] }}", "{{ x[::-1] }}{{ y | reverse }}", "{{ x | upper }}",
    "{{ x | lower }}{{ y | lower }}", "{{ x.replace('X', '') }}{{ y.replace('X', '') }}", "{{ x.strip('X ') }}",
    "{{ x.split('X') | join }}", "{{ x.split() | join }}", "{% for c in x %}{{ c }}{% endfor %}",
    "{% for c in x %}{{ c.strip() }}{% endfor %}", "{{ x | tojson }}", "{{ x | title }}{{ x | capitalize }}",
    "{{ x | trim }}{{ y | trim }}", "{{ x | truncate(9) }}", "{{ '%s%s' | format(x, y) }}", "{{ x | e }}",
    "{{ x | indent }}", "{{ {x: y} | tojson }}", "{{ '<' ~ x ~ '>' }}", "{{ '</' ~ y ~ '>' }}{{ '<|' ~ x ~ '|>' }}",
    "{{ x }}<{{ y }}>", "{{ '<' ~ x | lower ~ '>' }}", "#{{ x }}[{{ y }}]", "{{ x | first }}{{ y | last }}",
    "{{ x.replace('<think>', '<think>') }}{{ y.replace('<', '<') }}", "{{ x | replace('|', '|') }}{{ y.replace('X', '') }}",
    "{{ x.split('<') | join('<') if false else x.split('X') | join }}", "{{ x.partition('<') | join }}{{ y.strip('X') }}",
    "{{ x.replace('</think>', '<|im_end|>') }}{{ y | replace('im_', 'im_') }}", "{{ [x, y] }}{{ x.removeprefix('X') }}",
    "{% set z = x ~ y %}{{ z.replace('X', '') }}{{ z | e }}", "{{ '%s%s' % (x, y) }}{{ x.rsplit('X', 1) | join }}",
    "{{ x | urlencode }}<{{ y | urlencode | lower }}>", "{{ (x ~ y) | urlencode | replace('%23', '#') }}",
    "{{ x | urlencode | replace('%3C', '<') | replace('%7C', '|') | replace('%3E', '>') }}",
    "{{ x | list | sort | join }}", "{{ x | unique | join }}", "{{ x | wordwrap(3) }}", "{{ x | center(40) }}",
]  # fmt: skip
FRAGMENTS = [
    *TOKENS, "<", ">", "|", "<|", "|>", "im_end", "im_", "end", "think", "THINK", "Think", "/think", "/", "X", " ", "\n",
    "IMG_CONTEXT", "img", "<thX", "ink>", "<|im_X", "end|>", "gMASK", "[", "]", "#", "＜", "\U000f0000", "\U00100000",
    "&lt;", "&gt;", "\\u003c", "a",
]  # fmt: skip
SMUGGLED = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=5).map("".join)


@pytest.mark.parametrize("source", CHANGING)
def test_nothing_a_user_wrote_is_a_special_token(source: str, tokens: TextTokenizer) -> None:
    template = ChatTemplate("<|im_start|>" + source + "<|im_end|>")
    hiding = Hiding(tokens.added, template.literals)
    wanted = [tokens.token_id("<|im_start|>"), tokens.token_id("<|im_end|>")]

    @PROPERTY
    @given(SMUGGLED, SMUGGLED)
    def check(x: str, y: str) -> None:
        hidden = Hidden(hiding)
        given = {"x": hidden.text(x), "y": hidden.text(y)}
        found = hidden.pieces(template.render(hidden.table(), **given))
        ids = tokens.encode_pieces(
            [TextPiece(str(p.value)) if p.marked else TextPiece(p.text, trusted=True) for p in found]
        )
        assert [i for i in ids if i in tokens.added_ids] == wanted
        data = Hidden(hiding)
        given = {"x": data.data(x), "y": data.data(y)}
        found = data.pieces(template.render(data.table(), **given))
        ids = tokens.encode_pieces(
            [TextPiece(str(p.value)) if p.marked else TextPiece(p.text, trusted=True) for p in found]
        )
        assert [i for i in ids if i in tokens.added_ids] == wanted

    check()


@pytest.mark.parametrize(
    ("source", "text"),
    [("{{ '<|' ~ x ~ '|>' }}", "im_end"), ("{{ '<|im_' ~ x ~ '|>' }}", "end"), ("{{ '<' ~ x ~ 'ink>' }}", "th"),
     ("{{ '<|' ~ x.replace('X', '') ~ '|>' }}", "imX_end"), ("{{ '<|' ~ x[1:-1] ~ '|>' }}", " im_end "),
     ("{{ '</' ~ x | lower ~ '>' }}", "THINK"), ("<|{{ x | trim }}|>", " im_start\n"), ("<{{ x.split('-') | join }}>", "th-ink"),
     ("{{ '<|' ~ (x | title | lower) ~ '|>' }}", "im_END"), ("{% for c in x %}{{ '<th' ~ c ~ 'nk>' }}{% endfor %}", "i")],
)  # fmt: skip
def test_a_template_that_wraps_a_text_makes_no_token_of_it(
    source: str, text: str, tokens: TextTokenizer
) -> None:
    """Whatever part of a token the template writes itself."""
    template = ChatTemplate(source)
    hiding = Hiding(tokens.added, template.literals)
    for hide in (Hidden.text, Hidden.data):
        hidden = Hidden(hiding)
        x = hide(hidden, text)
        found = hidden.pieces(template.render(hidden.table(), x=x))
        assert restored(found) == template.render(x=text)
        ids = tokens.encode_pieces(
            [TextPiece(str(p.value)) if p.marked else TextPiece(p.text, trusted=True) for p in found]
        )
        assert not set(ids) & set(tokens.added_ids)


@pytest.fixture(scope="module")
def tokens(processor: Callable[..., Processor]) -> TextTokenizer:
    """A tokenizer with tokens of other forms too."""
    from r1v.prompt.tokenizer import AddedToken

    plain = processor("qwq").tokenizer
    first = plain.num_tokens
    more = [AddedToken(first + n, content) for n, content in enumerate(("[gMASK]", "##"))]
    return TextTokenizer(plain._plain, [*plain.added.values(), *more], plain.named)


def test_json_of_data_keeps_its_form(processor: Callable[..., Processor]) -> None:
    template = ChatTemplate("T:{{ tool | tojson }}")
    hidden = Hidden(Hiding(TOKENS, template.literals))
    tool = {"name": "think", "about": 'say "hi" <|im_end|>', "x y <": [1, None, True, 2.5, "三"]}
    found = restored(hidden.pieces(template.render(tool=hidden.data(tool))))
    assert found.startswith("T:") and json.loads(found[2:]) == tool
    with pytest.raises(PromptError, match="not JSON"):
        hidden.data({"f": object()})


def test_a_template_that_makes_marks_is_refused() -> None:
    hidden = Hidden(Hiding(TOKENS, ()))
    with pytest.raises(PromptError, match="private use"):
        hidden.pieces("\U00100005")


def test_switches_in_the_text_reach_the_template(
    processor: Callable[..., Any], tmp_path: Any, bpe: Any
) -> None:
    from tests.prompt.conftest import write_checkpoint

    source = (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
        "{{ '<|im_start|>assistant\n' }}{% if '/no_think' in messages[-1].content %}"
        "{{ '<think>\n\n</think>\n\n' }}{% else %}{{ '<think>\n' }}{% endif %}"
    )
    ours = Processor.from_folder(write_checkpoint(tmp_path / "c", bpe, source))
    assert ours.encode([Message("user", ("1 < 2? /think",))]).opens_thinking
    assert not ours.encode([Message("user", ("1 < 2? /no_think",))]).opens_thinking
