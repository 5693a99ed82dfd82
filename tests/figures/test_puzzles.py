"""Theorems, solids, forces, formulas, sets, graphs, maps, months, money, odd ones: answers found again."""

import datetime
import itertools
import re
from collections.abc import Iterator
from math import isqrt

import pytest

from r1v.figures import DIFFICULTIES, Figure, claims, make
from r1v.figures.families.calendar import DAYS, LONG, ORDINALS

FAMILIES = (
    "theorem", "solid", "force", "formula", "venn", "network", "town_map", "calendar", "money", "odd_one",
    "handwriting", "icon",
)  # fmt: skip


def drawn(name: str, number: int = 60) -> Iterator[tuple[str, Figure]]:
    """Plain figures with their kinds."""
    for seed in range(number):
        figure = make(name, seed, variation=0.0, difficulty=DIFFICULTIES[seed % 3])
        yield figure.template.split("/")[0], figure


def numbers(figure: Figure) -> dict[str, int]:
    return {name: int(value) for name, value in figure.facts.items() if re.fullmatch(r"\d+", value)}


@pytest.mark.parametrize("name", FAMILIES)
def test_solutions_say_what_the_picture_shows_and_end_at_the_answer(name: str) -> None:
    for _, figure in drawn(name):
        said = claims.check(figure.solution, figure.facts)
        assert said.stated and not said.wrong, figure.solution
        assert figure.answer in figure.solution.splitlines()[-1], figure.solution
        assert len(figure.solution) < 420


@pytest.mark.parametrize("name", FAMILIES)
def test_sums_are_right(name: str) -> None:
    for _, figure in drawn(name):
        for left, right in re.findall(r"((?:\d+ [-+*/×] )+\d+) = (\d+)(?![\d×])", figure.solution):
            assert eval(left.replace("×", "*")) == int(right), figure.solution


@pytest.mark.parametrize("name", FAMILIES)
def test_answers_are_not_guessed(name: str) -> None:
    answers = [figure.answer for _, figure in drawn(name, 150)]
    assert max(map(answers.count, set(answers))) < 0.25 * len(answers)


def test_theorems() -> None:
    for kind, figure in drawn("theorem"):
        values = list(numbers(figure).values())
        if kind == "similar":
            first, second = (
                [v for n, v in numbers(figure).items() if n.startswith(w)] for w in ("first", "second")
            )
            known = next(n for n in numbers(figure) if n.startswith("second")).split()[1]
            other = next(
                v for n, v in numbers(figure).items() if n.startswith("first") and n.split()[1] != known
            )
            expected = other * second[0] // numbers(figure)[f"first {known}"]
            assert len(first) == 2
        elif kind == "ray":
            upper, lower, width = values
            expected = width * (upper + lower) // upper
        elif kind == "inscribed":
            expected = values[0] // 2 if "angle M" in figure.facts else 2 * values[0]
        else:
            expected = {"thales": 90, "cyclic": 180}[kind] - values[0]
        assert figure.answer == str(expected), figure.solution


def test_solids() -> None:
    for kind, figure in drawn("solid"):
        a, b, c = numbers(figure).values()
        expected = {
            "box_volume": a * b * c,
            "cubes": a * b * c,
            "box_surface": 2 * (a * b + a * c + b * c),
            "box_edges": 4 * (a + b + c),
            "prism_volume": a * b * c // 2,
        }[kind]
        assert figure.answer == str(expected), figure.solution


def test_forces() -> None:
    for kind, figure in drawn("force"):
        sides = {s: figure.facts.get(s, "none") for s in ("left", "right")}
        left, right = (sum(map(int, re.findall(r"\d+", text))) for text in sides.values())
        if kind == "right_angle":
            expected = str(isqrt((left + right) ** 2 + int(figure.facts["up"]) ** 2))
        elif kind == "direction":
            expected = "right" if right > left else "left"
        else:
            expected = str(abs(left - right) // int(figure.facts.get("mass", "1")))
        assert figure.answer == expected, figure.solution


def test_formulas_hold() -> None:
    """The written equations are true with the values given and the answer."""
    for kind, figure in drawn("formula", 90):
        name = re.search(r"([a-zA-Z](?:\(x\))?) is", figure.solution.splitlines()[-1])
        assert name is not None
        known = {name[1].replace("(x)", ""): int(figure.answer)}
        lines = [line.replace("(x)", "") for line in figure.facts.values()]
        for line in lines:
            if value := re.fullmatch(r"(\w) = (\d+)", line):
                known.setdefault(value[1], int(value[2]))
        if kind == "system" and len(known) == 1:  # two unknowns: the second follows from the first line
            p, q, total = re.fullmatch(r"(\w) \+ (\w) = (\d+)", lines[0]).groups()  # type: ignore[union-attr]
            known[q] = int(total) - known[p]
        for line in lines:
            left, right = (
                re.sub(r"(\d)([a-z])", r"\1*\2", side).replace("·", "*").replace("²", "**2")
                for side in line.split(" = ")
            )
            assert eval(left, {}, dict(known)) == eval(right, {}, dict(known)), (figure.facts, known)


def test_venn_diagrams() -> None:
    for kind, figure in drawn("venn"):
        named = [w for n in figure.facts for w in [n.removeprefix("only ")] if n.startswith("only ")]
        members = {
            name: set(named) if name == "all three" else set(name.split(" ", 1)[1].split(" and "))
            for name in figure.facts
            if not name.startswith("circle ")
        }
        asked = sorted((w for w in named if re.search(rf"\b{w}\b", figure.question)),
                       key=lambda w: re.search(rf"\b{w}\b", figure.question).start())  # type: ignore[union-attr]  # fmt: skip
        holds = {
            "only": lambda m, asked=asked: m == {asked[0]},
            "both": lambda m, asked=asked: set(asked[:2]) <= m,
            "whole": lambda m, asked=asked: asked[0] in m,
            "either": lambda m, asked=asked: bool(set(asked[:2]) & m),
            "all": lambda m: True,
        }[kind]
        counted = {n: int(figure.facts[n]) for n in members if holds(members[n])}
        assert figure.answer == str(sum(counted.values())), (figure.question, figure.facts)
        said = re.findall(r"^(.+): (\d+); (in|out)", figure.solution, re.M)
        assert {n: int(v) for n, v, where in said if where == "in"} == counted
        assert len(said) == len(members)


def test_shortest_ways() -> None:
    for kind, figure in drawn("network", 90):
        edges = {frozenset(n): int(v.split(",")[0]) for n, v in figure.facts.items() if n.isupper()}
        nodes = sorted(frozenset().union(*edges))
        rows = [v for n, v in figure.facts.items() if not n.isupper()]
        assert sorted(", ".join(rows).split(", ")) == nodes
        if kind == "edge":
            assert int(figure.answer) in edges.values()
        elif kind == "degree":
            node = re.search(r"\b([A-HP-W])\b(?!.*\b[A-HP-W]\b)", figure.question)
            assert node is not None
            assert figure.answer == str(sum(node[1] in e for e in edges))
        elif kind == "path":
            way = re.search(r"[A-Z](?:-[A-Z])+", figure.question)
            assert way is not None
            steps = itertools.pairwise(way[0].split("-"))
            assert figure.answer == str(sum(edges[frozenset(step)] for step in steps))
        else:
            start, end = re.search(r"from ([A-Z]) to ([A-Z])", figure.question).groups()  # type: ignore[union-attr]
            far = dict.fromkeys(nodes, 10**6) | {start: 0}
            for _ in nodes:  # Bellman and Ford
                for edge, weight in edges.items():
                    a, b = edge
                    far[a], far[b] = min(far[a], far[b] + weight), min(far[b], far[a] + weight)
            assert figure.answer == str(far[end]), figure.solution


def test_maps() -> None:
    for kind, figure in drawn("town_map"):
        squares = {n: s for n, s in figure.facts.items() if re.fullmatch(r"[A-H]\d", s)}
        named = sorted((n for n in squares if f" {n}" in figure.question), key=figure.question.index)
        if kind == "square":
            assert figure.answer == squares[named[0]]
        elif kind == "what":
            assert squares[figure.answer] in figure.question
        elif kind == "blocks":
            (ax, ay), (bx, by) = (squares[n] for n in named[:2])
            assert figure.answer == str(abs(ord(ax) - ord(bx)) + abs(int(ay) - int(by)))
        else:
            x, y = ord(squares[named[0]][0]), int(squares[named[0]][1])
            for steps, way in re.findall(r"(\d) (north|south|east|west)", figure.question):
                x += int(steps) * ((way == "east") - (way == "west"))
                y += int(steps) * ((way == "north") - (way == "south"))
            assert figure.answer == f"{chr(x)}{y}", figure.question


def test_calendars() -> None:
    for kind, figure in drawn("calendar", 90):
        asked = [int(n) for n in re.findall(r"\d+", figure.question)]
        if kind == "between":
            first, second = numbers(figure).values()
            assert figure.answer == str(second - first)
            continue
        # any month that begins on the same weekday does
        start = next(
            day
            for day in (datetime.date(2024, month, 1) for month in range(1, 13))
            if DAYS[day.weekday()] == figure.facts["the 1st"]
        )
        if kind == "weekday":
            assert figure.answer == DAYS[(start + datetime.timedelta(asked[0] - 1)).weekday()]
        elif kind == "later":
            assert figure.answer == DAYS[(start + datetime.timedelta(sum(asked) - 1)).weekday()]
        elif kind == "date":
            weekday = next(i for i, name in enumerate(LONG) if name in figure.question)
            nth = next(i for i, word in enumerate(ORDINALS) if f"{word} {LONG[weekday]}" in figure.question)
            assert figure.answer == str(1 + (weekday - start.weekday()) % 7 + 7 * nth)
        else:
            weekday = next(i for i, name in enumerate(LONG) if name in figure.question)
            dates = range(1 + (weekday - start.weekday()) % 7, int(figure.facts["the last day"]) + 1, 7)
            assert figure.answer == str(len(dates))


def test_money() -> None:
    for kind, figure in drawn("money"):
        rows = [value for name, value in figure.facts.items() if name.startswith("row")]
        values = [int(re.match(r"\d+", part)[0]) for row in rows for part in row.split(", ")]  # type: ignore[index]
        asked = int((re.findall(r"\d+", figure.question) or ["0"])[0])
        expected = {
            "total": sum(values),
            "change": sum(values) - asked,
            "missing": asked - sum(values),
            "count": values.count(asked),
        }[kind]
        assert figure.answer == str(expected), figure.question


def test_odd_ones() -> None:
    for kind, figure in drawn("odd_one"):
        if kind == "single":
            rows = [value for name, value in figure.facts.items() if name.startswith("row")]
            things = [re.sub(r" [A-F] \d$", "", t) for row in rows for t in row.split(", ")]
            assert [t for t in set(things) if things.count(t) == 1] == [figure.answer]
        else:
            odd = next(n for n, v in figure.facts.items() if v.startswith("row ") and not n.startswith("row"))
            assert figure.answer == (odd if kind == "name" else figure.facts[odd])
            assert odd != figure.facts["most"]
