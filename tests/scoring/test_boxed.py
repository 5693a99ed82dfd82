"""Answer extraction: hand-made cases, and properties over arbitrary text."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1v.scoring import extract_boxed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no box", None),
        ("", None),
        (r"\boxed{12}", "12"),
        (r"Answer: \boxed{ 12 }.", "12"),
        (r"first \boxed{1}, no: \boxed{2}", "2"),
        (r"\boxed{1} and then \boxed{2", "1"),
        (r"\boxed{\frac{3}{4}}", r"\frac{3}{4}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{a \} b}", r"a \} b"),
        (r"\boxed{a \\} b}", r"a \\"),
        (r"\boxed {5}", "5"),
        (r"\fbox{B}", "B"),
        (r"\\boxed{7}", "7"),
        (r"\boxed{x = \boxed{3}}", "3"),
        (r"\boxed{x = \boxed{3}", "3"),
        (r"\boxed{4} as asked in \boxed{}", "4"),
        (r"\boxed{}", None),
        (r"} { \boxed{9}", "9"),
        (r"\boxed{\text{东}}", r"\text{东}"),
        ("\\boxed{a\nb}", "a\nb"),
        (r"\boxed", None),
        (r"\unboxed{3}", None),
    ],
)
def test_cases(text: str, expected: str | None) -> None:
    assert extract_boxed(text) == expected


_balanced = st.recursive(
    st.text(alphabet="ab1+ ,.", max_size=5),
    lambda inner: st.lists(st.one_of(inner, inner.map(lambda s: "{" + s + "}")), max_size=4).map("".join),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # of a busy machine
@given(_balanced, st.text(alphabet="xy {}\n", max_size=8).filter(lambda s: s.count("{") == s.count("}")))
def test_content_comes_back(content: str, after: str) -> None:
    expected = content.strip() or None
    assert extract_boxed("thus \\boxed{" + content + "}" + after) == expected


@given(_balanced.filter(str.strip))
def test_a_cut_box_is_never_an_answer(content: str) -> None:
    whole = "so \\boxed{" + content + "}"
    for end in range(len(whole)):
        assert extract_boxed(whole[:end]) is None


@given(st.text(alphabet="\\boxedf{} 1"))
def test_arbitrary_text_is_harmless(text: str) -> None:
    found = extract_boxed(text)
    assert found is None or (found and found in text)


@pytest.mark.parametrize("unit", [r"\boxed{", "{", "}", "\\", r"\boxed", r"\boxed{1}", r"\boxed   "])
@pytest.mark.timeout(120)  # quadratic work would take hours
def test_a_long_text_is_read_in_one_pass(unit: str) -> None:
    found = extract_boxed(unit * 100_000)
    assert found == ("1" if unit == r"\boxed{1}" else None)
