"""Values and names by their place in the last sentence, whatever its words are."""

from pathlib import Path

import pytest

from r1v.scoring import extract_answer, match_found

FOLDER = Path(__file__).parent / "replies"
RIGHT = [
    ("Mercury is the planet closest to the Sun.", "Mercury"), ("March has the tallest bar.", "March"),
    ("The closest planet to the Sun is the planet Mercury.", "Mercury"), ("It's Mercury.", "Mercury"),
    ("Hamlet was written by **William Shakespeare** around 1600.", "William Shakespeare"),
    ("Hamlet was written by William Shakespeare.", "William Shakespeare"),
    ("The process is known as photosynthesis.", "photosynthesis"), ("Sales were highest in March.", "March"),
    ("This is called **osmosis**. It takes place in cells.", "osmosis"), ("The sign says \"STOP\".", "STOP"),
    ("The bulb gets brighter.", "brighter"), ("The pressure doubles.", "doubles"),
    ("Since 1990 the capital of Germany has been Berlin.", "Berlin"), ("Answer: Paris in France", "Paris"),
    ("This is an **acute angle**, not an obtuse one.", "acute angle"), ("Answer: the city of Paris", "Paris"),
    ("The symbol comes from Latin: **Au**. It has atomic number 79.", "Au"),
    ("Salt has sodium and chlorine in the ratio 1:1, so we write NaCl.", "NaCl"),
    ("So after 3 hours, the tank holds 24 litres.", "24 L"), ("Of the 60 students, 24 passed.", "24"),
    ("So over two years she earns two hundred dollars.", "200 dollars"),
    ("So you need at least 24 tiles to cover the floor.", "24"), ("Final result → 24", "24"),
    ("Thus there are **24** ways. The order matters here.", "24"),
    ("The average speed is 240 km ÷ 3 h = 80 km/h.", "80 km/h"),
    ("The war ended on 11 November 1918.", "1918"),
    ("Here we get 2 × 4 × 6 = 48 cubic centimeters, or 48 mL.", "48 cm³"),
    ("Answer: P(at least one six) = 11/36 ≈ 30.6%", "11/36"), ("Answer: 24 apples, since 20 + 4 = 24", "24"),
    ("Answer: [2, 5] — both ends included", "[2,5]"), ("So they are similar: yes.", "yes"),
    ("It equals 2 for x < 2, and equals x for x ≥ 2.", r"\begin{cases}2,&x<2\\x,&x\ge2\end{cases}"),
]  # fmt: skip
WRONG = [
    ("Mercury is not the planet closest to the Sun.", "Mercury"),
    ("It is Bonn rather than Berlin.", "Berlin"),
    ("Sales in May were higher than in March.", "March"), ("It is either Bonn or Berlin.", "Berlin"),
    ("The months with most rain come after March.", "March"), ("Some say it is Berlin.", "Berlin"),
    ("It was Bonn, followed by Berlin.", "Berlin"), ("Is it Berlin?", "Berlin"),
    ("Maybe it is Berlin.", "Berlin"),
    ("It is Bonn, but Berlin is the largest city.", "Berlin"), ("It is Berlin only if 7 is odd.", "Berlin"),
    ("This is **Bonn**, and Berlin is the capital.", "Berlin"),
    ("This is **Berlin**. No, it is Bonn.", "Berlin"),
    ("So after 3 hours, the tank holds 24 litres.", "3"), ("Of the 60 students, 24 passed.", "60"),
    ("We now have 7 and must still divide by 2.", "7"), ("The sum of the digits is 12, divisible by 3.", "3"),
    ("The result was 12, which we then divide by the number of people.", "12"),
    ("The radius is 5. We square it.", "5"), ("So the sum is 12. The product is left.", "12"),
    ("Answer: 12 with remainder 3", "12"), ("Answer: 24, unless order matters", "24"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "key"), RIGHT)
def test_what_a_sentence_states(reply: str, key: str) -> None:
    assert match_found(extract_answer(reply), key).equal


@pytest.mark.parametrize(("reply", "key"), WRONG)
def test_what_it_does_not_state(reply: str, key: str) -> None:
    assert not match_found(extract_answer(reply), key).equal


def _ends(name: str) -> list[tuple[str, str]]:
    """The ends of replies in a file and what stands behind their bars."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    parts = [line.rpartition(" | ") for line in lines if line and not line.startswith("# ")]
    return [(reply.replace("⏎", "\n"), key) for reply, _, key in parts]


@pytest.mark.parametrize(("reply", "key"), _ends("ends_right.txt"))
def test_an_end_that_states(reply: str, key: str) -> None:
    assert match_found(extract_answer(reply), key).equal


@pytest.mark.parametrize(("reply", "key"), _ends("ends_wrong.txt"))
def test_an_end_that_does_not(reply: str, key: str) -> None:
    assert not match_found(extract_answer(reply), key).equal
