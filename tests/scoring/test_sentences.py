"""What sentences state: the one value that they say, and nothing where they deny, hedge or say several
things."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring import compare, extract_answer
from r1v.scoring.sentences.prose import stated

QUICK = settings(max_examples=60, deadline=None)

SAID = [
    ("The party begins at 4:20 p.m.", "16:20"), ("It was signed on 5 May 1789.", "May 5, 1789"),
    ("Ben gets $14 and Mia gets $26.", r"Ben: \$14, Mia: \$26"), ("The current is 0.25 A.", "250 mA"),
    ("The domain is all real numbers except 3.", r"\mathbb{R}\setminus\{3\}"),
    ("The process is called diffusion.", "diffusion"), ("答：需要2小时15分钟。", "2.25小时"),
    ("She loses 40 dollars on the sale.", "a loss of $40"), ("The price falls by 12%.", "12% decrease"),
    ("There are 8 choose 3 = 56 ways in total.", "56"),
    ("The rope is 2500 metres from end to end.", "2.5 km"), ("Each ticket costs 85 cents.", r"\$0.85"),
    ("She has read three sevenths of the book.", r"\frac{3}{7}"),
    ("That is 12 out of 16 people, or 75%.", r"75\%"), ("The probability is 1 in 8.", r"\frac18"),
    ("The integral therefore evaluates to ln 4.", r"2\ln 2"),
    ("The range is all real numbers.", r"\mathbb{R}"),
    ("So a must be at least -3 and less than 4.", "[-3,4)"),
    ("The lines meet only at the origin.", "(0,0)"), ("So p is 3 and q is -2.", "(p,q)=(3,-2)"),
    ("Hence k can be 2, 4, or 9.", "k=2,4,9"),
    ("The discriminant is negative, so it has no real roots.", r"\text{no real solutions}"),
    ("The claim is true.", "True"), ("The volume goes down.", "decreases"),
    ("The film starts at half past nine.", "9:30"), ("It ends at 12 p.m.", r"12:00\text{ noon}"),
    ("The series is divergent.", "diverges"), ("Thus the circle has equation x² + y² = 9.", "x^2+y^2=9"),
    ("Dividing by y, the only solution is y = 4.", "4"), ("所以第三名是丁。", "丁"),
    ("答：这台机器的价格是42000元。", "4.2万元"),
    ("综上所述，故选C。", "C"),
]  # fmt: skip
UNSAID = [
    ("The domain is all real numbers except 0.", "0"),
    ("Ben gets $14 and Mia gets $26.", r"Ben: \$26, Mia: \$14"),
    ("The value increases from 3 to 5.", "5"), ("It was signed on 5 May 1789.", "May 6, 1789"),
    ("The price goes up by 30%.", "30% decrease"), ("He gained 40 dollars.", "a loss of $40"),
    ("The answer is less than 5.", "5"), ("It is more than 3 metres long.", "3 m"),
    ("The value could be 7.", "7"), ("There are between 3 and 5 apples.", "5"), ("It is not 7.", "7"),
    ("Of the 12 apples, 5 are red.", "12"), ("The first is 3 and the second is 4.", "4"),
    ("She has 5 apples and 3 pears.", "5"), ("x is 3 or 4.", "3"), ("Either 5 or 6 works.", "5"),
    ("The statement is not true.", "True"), ("There were 3 fewer apples.", "3"),
    ("It is false that the series converges.", "converges"),
    ("The pressure does not increase.", "increases"), ("The function is increasing.", "decreasing"),
    ("The equation has two real roots.", "no real solutions"),
    ("The train leaves at half past six.", "5:30"), ("It leaves at a quarter to six.", "6:15"),
    ("k must be at least 2.", "k>2"), ("The year is 1945, or 1946.", "1946"),
    ("So m is 5 and n is 7.", "(7,5)"), ("The inequality holds for all x less than 2.", r"(-\infty,2]"),
    ("The limit is 5/3 of the original.", "5"),
    ("So the domain is all positive real numbers.", r"\mathbb{R}"), ("The roots are 2 and 3.", "2"),
    ("50 basis points", "50"), ("Each of the 4 sides measures 6 cm.", "4"), ("3 out of 4", "4/3"),
    ("The first 3 terms sum to 12, and the fourth is 7.", "12"), ("所以甲不是说谎的人。", "甲"),
    ("答案可能是3。", "3"),
    ("面积不是12平方米。", "12平方米"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "answer"), SAID)
def test_said(sentence: str, answer: str) -> None:
    assert compare(sentence, answer).equal
    found = extract_answer(sentence).text
    assert found is not None and compare(found, answer).equal


@pytest.mark.parametrize(("sentence", "answer"), UNSAID)
def test_unsaid(sentence: str, answer: str) -> None:
    assert not compare(sentence, answer).equal
    found = extract_answer(sentence).text
    assert found is None or not compare(found, answer).equal


FRAMES = [
    "So the answer is {}.", "Therefore the total comes to {}.", "We get {} in the end.",
    "The distance equals {}.",
    "Hence the area of the triangle is {}.", "Adding both, the sum is {}.", "It weighs {} altogether.",
]  # fmt: skip
HEDGES = [
    "It is not {}.",
    "It might be {}.",
    "It is less than {}.",
    "It is either {} or 3.",
    "It cannot be {}.",
]


@QUICK
@given(st.integers(-999, 999), st.sampled_from(["", " cm", " kg", "%", " dollars"]), st.sampled_from(FRAMES))
def test_one_value_in_any_frame(value: int, unit: str, frame: str) -> None:
    sentence = frame.format(f"{value}{unit}")
    assert compare(sentence, f"{value}{unit}").equal
    assert not compare(sentence, f"{value + 1}{unit}").equal
    assert not compare(sentence, f"{-value or 7}{unit}").equal


@QUICK
@given(st.integers(4, 999), st.sampled_from(HEDGES))
def test_nothing_is_stated_by_what_is_denied_or_doubted(value: int, frame: str) -> None:
    assert not compare(frame.format(value), str(value)).equal


@given(st.text(max_size=120))
@settings(max_examples=150, deadline=None)
def test_any_text_is_read(text: str) -> None:
    said = stated(text)
    assert said is None or isinstance(said, str)


@pytest.mark.parametrize(
    "piece",
    ["Ann 5, ", "1 and ", "x (x>1); ", "less than 3 ", "half past six ", "x is 1 and ", "increase of 5% "],
)
def test_repeated_phrases_are_read_at_once(piece: str) -> None:
    """A pattern that tries every way to cut such texts would not end."""
    for length in (120, 290, 1900):
        text = (piece * 400)[:length]
        assert not compare(text, "5").equal and not compare("5", text).equal
        extract_answer(text)


def test_formulas_state_nothing_beyond_themselves() -> None:
    for text in ("x^2+2x+1", "(1, 2)", r"\frac12", "5 cm", "mitosis", "47+38", "a:b:c=1:2:3"):
        assert stated(text) is None
