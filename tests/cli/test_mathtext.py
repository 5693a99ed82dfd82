"""LaTeX made readable: cases, and that nothing else changes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1v.cli.screen.mathtext import readable, readable_markdown


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\frac{1}{2}", "1/2"),
        (r"\frac{a+b}{2}x", "(a+b)/2 x"),
        (r"x^2 + y_{10}", "x² + y₁₀"),
        (r"2^{ab}", "2^(ab)"),
        (r"90^\circ", "90°"),
        (r"\sqrt{3}\times\sqrt{a+1}", "√3×√(a+1)"),
        (r"\text{area} = \pi r^2", "area = π r²"),
        (r"\left( x \right)", "( x )"),
        (r"\{1,2\}", "{1,2}"),
        (r"\boxed{\frac12}", "1/2"),
        (r"\unknown{x}", r"\unknown{x}"),
    ],
)
def test_formulas(formula: str, expected: str) -> None:
    assert readable(formula) == expected


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        (r"Answer: \boxed{12}", "Answer: **12**"),
        (r"so $\boxed{x^2}$.", "so **x²**."),
        ("it costs $5 and then $6", "it costs $5 and then $6"),
        (r"`\frac{1}{2}` stays", r"`\frac{1}{2}` stays"),
        (r"\(a*b*c\)", r"a\*b\*c"),
        (r"an open \boxed{12", r"an open \boxed{12"),
        ("**bold** and _it_", "**bold** and _it_"),
        (r"a\[ x^2 \]b", "a\n\nx²\n\nb"),
    ],
)
def test_markdown(markdown: str, expected: str) -> None:
    assert readable_markdown(markdown) == expected


@given(st.text(alphabet=r"ab1 \${}[]()^_boxedfrac`*", max_size=60))
def test_any_text_is_harmless(text: str) -> None:
    readable_markdown(text)


@given(st.text(alphabet="ab1 .,\n#*-", max_size=60))
def test_text_without_formulas_is_unchanged(text: str) -> None:
    assert readable_markdown(text) == text


@pytest.mark.parametrize("unit", [r"\boxed{", r"\(", r"\[", "$", r"\frac{", "$$", "`", "```", "{"])
def test_bounded_time(unit: str) -> None:
    start = time.process_time()
    readable_markdown(unit * 3000)
    assert time.process_time() - start < 3
