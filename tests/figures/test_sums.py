"""Written working, expression, arithmetic, word problems: equations hold, answers are worked out again."""

import re
from fractions import Fraction
from random import Random

import pytest

from r1v.figures import DIFFICULTIES, make
from r1v.figures.families.expression import make_expression
from r1v.figures.working import chinese, divide, minus, operate, plus, remainder, solve, times, written

SUMS = ("expression", "arithmetic", "word_problem")


def value(text: str) -> Fraction:
    """An expression's value by Python's own rules."""
    python = text.replace("×", "*").replace("÷", "/")
    assert re.fullmatch(r"[\d\s+\-*/()]+", python), text
    return eval(re.sub(r"\d+", lambda m: f"Fraction({m[0]})", python), {"Fraction": Fraction})  # type: ignore[no-any-return]


def equations(text: str) -> list[list[str]]:
    """Every chain a = b = c of sums in a text."""
    chains = re.findall(r"[\d(][\d +\-×÷()]*(?: = [\d +\-×÷()]*\d\)?)+", text)
    return [chain.split(" = ") for chain in chains]


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_every_equation_holds(name: str, difficulty: str) -> None:
    count = 0
    for seed in range(200):
        figure = make(name, seed, difficulty=difficulty, variation=0.0)  # type: ignore[arg-type]
        for chain in equations(re.sub("equation:.*", "", figure.solution)):
            sides = {value(side) for side in chain}
            assert len(sides) == 1, f"{name} {seed}: {chain}"
            count += 1
        assert figure.answer in figure.solution.splitlines()[-1]
    assert count > 150


def test_expressions_are_evaluated() -> None:
    seen = 0
    for name in ("expression", "arithmetic"):
        for seed in range(150):
            figure = make(name, seed, variation=0.0)
            shown = figure.facts.get("expression") or figure.facts.get("算式")
            if shown:
                assert value(shown) == int(figure.answer)
                seen += 1
    assert seen > 50


def test_missing_numbers_fit() -> None:
    for seed in range(200):
        figure = make("expression", seed, variation=0.0)
        if "equation" in figure.facts:
            left, right = figure.facts["equation"].replace("?", figure.answer).split(" = ")
            assert value(left) == value(right)


def test_columns_and_largest() -> None:
    for seed in range(200):
        figure = make("expression", seed, variation=0.0)
        if "numbers" in figure.facts:
            numbers = [int(n) for n in figure.facts["numbers"].split(", ")]
            total = figure.template.startswith("column")
            assert int(figure.answer) == (sum(numbers) if total else max(numbers))


def test_remainders() -> None:
    for seed in range(300):
        figure = make("arithmetic", seed)
        if figure.template.startswith("remainder"):
            a, b = (int(figure.facts[n]) for n in "ab")
            assert str(a) in figure.question and int(figure.answer) == a % b


def test_stories_again() -> None:
    """A few of the stories, from the numbers of their questions."""
    rules = {
        "shop": lambda n: n[0] * n[1],
        "distance": lambda n: n[0] * n[1],
        "duration": lambda n: n[0] // n[1],
        "speed": lambda n: n[0] // n[1],
        "area": lambda n: n[0] * n[1],
        "perimeter": lambda n: 2 * (n[0] + n[1]),
        "changes": lambda n: n[0] - n[1] + n[2],
        "age": lambda n: sum(n),
        "age_past": lambda n: n[0] + n[1] - 2 * n[2],
        "two_goods": lambda n: n[0] * n[1] + n[2] * n[3],
    }
    checked = set()
    for seed in range(400):
        figure = make("word_problem", seed)
        kind = figure.template.split("/")[0]
        numbers = [int(n) for n in re.findall(r"\d+", figure.question)]
        if kind in rules:
            assert rules[kind](numbers) == int(figure.answer), figure.question
            checked.add(kind)
    assert checked == set(rules)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (plus(7, 8), "7 + 8 = 15"),
        (plus(47, 38), "ones 7 + 8 = 15, tens 4 + 3 + 1 = 8, so 47 + 38 = 85"),
        (minus(503, 47), "ones 13 - 7 = 6, tens 10 - 1 - 4 = 5, hundreds 5 - 1 = 4, so 503 - 47 = 456"),
        (times(47, 6), "47 × 6 = 240 + 42 = 282"),
        (times(6, 347), "6 × 347 = 1800 + 240 + 42 = 2040 + 42 = 2082"),
        (divide(84, 6), "8 = 6 × 1 + 2, 24 = 6 × 4 + 0, so 84 ÷ 6 = 14"),
        (remainder(50, 7), "7 × 7 = 49, 50 - 49 = 1"),
        (chinese(plus(47, 38)), "个位7 + 8 = 15, 十位4 + 3 + 1 = 8，所以47 + 38 = 85"),
    ],
)
def test_working_by_hand(text: str, expected: str) -> None:
    assert text == expected


def test_working_ends_with_the_true_equation() -> None:
    rng = Random(1)
    for _ in range(800):
        a, b = rng.randint(1, 999), rng.randint(1, 999)
        assert plus(a, b).endswith(f"{a} + {b} = {a + b}")
        assert minus(max(a, b), min(a, b)).endswith(f" = {abs(a - b)}")
        c, d = rng.randint(1, 99), rng.randint(1, 99)
        assert re.search(rf"{c} × {d} = .*?{c * d}$", times(c, d))
        assert divide(c * d, d).endswith(f"{c * d} ÷ {d} = {c}")
        for text in (plus(a, b), minus(max(a, b), min(a, b)), times(c, d), remainder(a, d)):
            assert all(len({value(side) for side in chain}) == 1 for chain in equations(text)), text


def test_order_of_operations() -> None:
    steps, result = solve([50, "-", "(", 3, "+", 4, ")", "×", 5])
    assert (steps, result) == ([(3, "+", 4), (7, "×", 5), (50, "-", 35)], 15)
    assert solve([20, "-", 6, "-", 4])[1] == 10
    assert solve([24, "÷", 4, "×", 3])[1] == 18
    assert written(["(", 3, "+", 4, ")", "×", 5]) == "(3 + 4) × 5"
    with pytest.raises(ValueError):
        solve([3, "-", 5])
    with pytest.raises(ValueError):
        operate(7, "÷", 2)


@pytest.mark.parametrize("level", range(3))
def test_made_expressions_stay_in_bounds(level: int) -> None:
    rng = Random(level)
    for _ in range(300):
        tokens = make_expression(rng, level)
        steps, result = solve(tokens)
        assert value(written(tokens)) == result >= 0
        assert all(0 <= operate(*step) <= 1500 for step in steps)
