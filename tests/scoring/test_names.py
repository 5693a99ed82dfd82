"""Other names of one thing, and Chinese sentences; what only looks like another name is another thing."""

import pytest

from r1v.scoring import compare, extract_answer
from r1v.scoring.sentences.prose import stated

SAME = [
    ("USA", "United States"),
    ("the United States of America", "United States"),
    ("UK", "United Kingdom"),
    ("Einstein", "Albert Einstein"),
    ("A. Einstein", "Albert Einstein"),
    ("Sir Isaac Newton", "Newton"),
    ("J. S. Bach", "Johann Sebastian Bach"),
    ("Paris, France", "Paris"),
    ("van Gogh", "Vincent van Gogh"),
    ("an isosceles triangle", "isosceles"),
    ("right-angled triangle", "right triangle"),
    ("in the clockwise direction", "clockwise"),
    ("anti-clockwise", "counterclockwise"),
    ("逆时针", "anticlockwise"),
    ("left", "to the left"),
    ("vertically upward", "upwards"),
    ("into the paper", "into the page"),
    ("True", "Yes"),
    ("False", "No"),
    ("变大", "增大"),
    ("保持不变", "不变"),
    ("甲同学", "甲"),
    ("充分不必要条件", "sufficient but not necessary"),
    ("a sufficient but not necessary condition", "充分不必要"),
    ("✓", "正确"),
    ("√", "对"),
    ("等腰三角形", "isosceles triangle"),
    ("plasma membrane", "cell membrane"),
    ("ionic bond", "ionic"),
    ("Newton's third law of motion", "Newton's third law"),
    ("sodium bicarbonate (NaHCO3)", "NaHCO_3"),
    ("1st", "first"),
    ("Quadrant III", "third quadrant"),
    ("第三象限", "3rd quadrant"),
    ("Baroque style", "Baroque"),
    ("①、③、④", "1, 3, 4"),
    (r"\triangle ABC", "triangle ABC"),
    ("NaCl (sodium chloride)", "NaCl"),
    ("the sulfate ion", "SO_4^{2-}"),
]
OTHER = [
    ("United States dollar", "United States"),
    ("21st", "first"),
    ("Quadrant 4", "third quadrant"),
    ("time period", "time"),
    ("①②④", "①③④"),
    (r"\triangle ABD", "triangle ABC"),
    ("South America", "United States"),
    ("P. Curie", "Marie Curie"),
    ("Curie", "Marie Curie"),
    ("B. Einstein", "Albert Einstein"),
    ("Louis", "St. Louis"),
    ("Paris, Texas", "Paris"),
    ("isosceles trapezoid", "isosceles triangle"),
    ("right", "right triangle"),
    ("triangle", "isosceles triangle"),
    ("clockwise", "anticlockwise"),
    ("not to the left", "to the left"),
    ("left-handed", "left"),
    ("up", "down"),
    ("Yes and no", "Yes"),
    ("Yes, unless x is negative.", "Yes"),
    ("No, wait, yes.", "No"),
    ("No", "True"),
    ("减小", "增大"),
    ("先增大后减小", "增大"),
    ("不增大", "增大"),
    ("甲球", "甲车"),
    ("甲和乙", "甲"),
    ("乙同学", "甲"),
    ("必要不充分", "sufficient but not necessary"),
    ("✗", "正确"),
    ("顺时针", "counterclockwise"),
    ("不相交", "相交"),
    ("sodium carbonate (NaHCO3)", "NaHCO3"),
    ("sodium bicarbonate (Na2CO3)", "NaHCO3"),
    ("covalent", "ionic bond"),
    ("Newton's second law of motion", "Newton's third law"),
    ("even", "odd function"),
]


@pytest.mark.parametrize(("given", "answer"), SAME)
def test_other_names(given: str, answer: str) -> None:
    assert compare(given, answer).equal and compare(answer, given).equal


@pytest.mark.parametrize(("given", "answer"), OTHER)
def test_other_things(given: str, answer: str) -> None:
    assert not compare(given, answer).equal


@pytest.mark.parametrize(
    ("sentence", "says"),
    [
        ("答:需要付120元", "120元"),
        ("所以她一共花了35.5元", "35.5元"),
        ("一共有12种不同的选法", "12种"),
        ("最多可以买5个", "5个"),
        ("因此电流表的示数增大", "增大"),
        ("甲车先增大后减小", None),
        ("小明比小红多走了300米", None),
        ("面积大于20平方米", None),
        ("水温升高了20℃", None),
        ("答案可能是15", None),
        ("他不能付120元", None),
    ],
)
def test_chinese_sentences(sentence: str, says: str | None) -> None:
    assert stated(sentence) == says


@pytest.mark.parametrize(
    ("reply", "answer", "right"),
    [
        ("(1) The first blank is $\\boxed{8}$.\n(2) The second one is $\\boxed{6}$.", "8; 6", True),
        ("(1) \\boxed{6}\n(2) \\boxed{8}", "8; 6", False),
        ("**(1)** It is \\boxed{8}.\n\n**(2)** It is \\boxed{8}.", "8, 8", True),
        ("a) \\boxed{12}\nb) \\boxed{24}", "(1) 12; (2) 24", True),
        ("Step 1: \\boxed{2}\nStep 2: \\boxed{4}", "4", True),
        ("(1) \\boxed{2} (2) \\boxed{4} and \\boxed{5}", "2, 4", False),
        ("Therefore, it will be a **Wednesday**.", "Wednesday", True),
        ("Yes, the triangles are congruent.", "yes", True),
        ("No, they are not.", "no", True),
        ("No, they are not.", "yes", False),
        ("The answer is probably 15.", "15", True),
        ("It might be 15.", "15", False),
        ("Perhaps 15.", "15", False),
        ("It is 2.5 (to two significant figures)", "2.5", True),
        ("The profit increased by 20%.", "20%", True),
        ("It will decrease.", "decreases", True),
    ],
)
def test_replies(reply: str, answer: str, right: bool) -> None:
    found = extract_answer(reply).text
    assert (found is not None and compare(found, answer).equal) == right
