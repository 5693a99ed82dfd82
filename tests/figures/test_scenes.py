"""Counting, spatial, clock and compare: answers worked out again, from the facts alone."""

import re

import pytest

from r1v.figures import DIFFICULTIES, Figure, make
from r1v.figures.drawing.shapes import COLORS_ZH, PLURALS, SHAPES
from r1v.figures.families.clock import Time

SCENES = ("counting", "spatial", "clock", "compare")
SINGULARS = {plural: shape for shape, plural in PLURALS.items()}


def of_kind(name: str, *kinds: str, number: int = 150) -> list[Figure]:
    figures = [make(name, seed, variation=0.0) for seed in range(number)]
    return [f for f in figures if f.template.split("/")[0] in kinds]


def things(figure: Figure, prefix: str = "row ") -> list[list[str]]:
    """The rows of a transcription, tallies taken off."""
    rows = [value for name, value in figure.facts.items() if name.startswith(prefix)]
    return [[re.sub(r" \d+$", "", thing) for thing in row.split(", ")] for row in rows]


def cells(figure: Figure) -> list[list[str]]:
    """The rows of a grid, from the facts ``row.column: thing``."""
    rows: dict[str, list[str]] = {}
    for name, value in figure.facts.items():
        if re.fullmatch(r"\d\.\d", name):
            rows.setdefault(name[0], []).append(value)
    return list(rows.values())


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_hundreds_of_seeds_at_any_variation(name: str, difficulty: str) -> None:
    for seed in range(50):
        figures = [make(name, seed, variation=v, difficulty=difficulty) for v in (0.0, 0.4, 1.0)]  # type: ignore[arg-type]
        assert len({f.answer for f in figures}) == 1  # the look changes no content


def test_counts() -> None:
    figures = of_kind("counting", "all", "color", "shape", "both")
    assert len(figures) > 50
    for figure in figures:
        kind = figure.template.split("/")[0]
        words = re.findall(r"[a-z]+", figure.question)
        flat = [thing for row in things(figure) for thing in row]
        shapes = [SINGULARS[w] for w in words if w in SINGULARS]
        wanted = shapes[:1] if kind in ("shape", "both") else []
        wanted += [w for w in words if w in COLORS_ZH] if kind in ("color", "both") else []
        assert len(wanted) == {"all": 0, "color": 1, "shape": 1, "both": 2}[kind]
        hits = [thing for thing in flat if set(wanted) <= set(thing.split())]
        assert figure.answer == str(len(hits)), figure.question


def test_counting_tallies_run_up_to_the_answer() -> None:
    for figure in of_kind("counting", "color", "color_zh"):
        tallies = [int(n) for n in re.findall(r" (\d+)(?=[,\n])", figure.solution.rsplit("\n", 2)[0] + "\n")]
        assert tallies == list(range(1, int(figure.answer) + 1))


def test_counting_is_not_guessed() -> None:
    answers = [f.answer for f in of_kind("counting", "all", "color", "shape", "both", number=400)]
    assert max(answers.count(a) for a in set(answers)) < 0.3 * len(answers)


def test_neighbours() -> None:
    steps = {"above": (-1, 0), "below": (1, 0), "left of": (0, -1), "right of": (0, 1)}
    for figure in of_kind("spatial", "beside", "letter"):
        rows = cells(figure)
        direction = next(d for d in steps if f"directly {d}" in figure.question)
        target = re.search(rf"directly {direction} (?:the letter |the )?([A-Z]\b|\w+ \w+)", figure.question)
        assert target is not None
        row, column = next(
            (r, c) for r, line in enumerate(rows) for c, n in enumerate(line) if n == target[1]
        )
        down, across = steps[direction]
        assert figure.answer == rows[row + down][column + across]


def test_nearest_is_nearest() -> None:
    for figure in of_kind("spatial", "nearest"):
        spots = {name: tuple(map(int, re.findall(r"\d", spot))) for name, spot in figure.facts.items()}
        start = next(name for name in spots if name in figure.question)
        away = {n: (r - spots[start][0]) ** 2 + (c - spots[start][1]) ** 2 for n, (r, c) in spots.items()}
        del away[start]
        assert min(away, key=away.__getitem__) == figure.answer
        assert sorted(away.values())[1] > away[figure.answer]


def test_clock_reading_agrees_with_its_hands() -> None:
    for figure in of_kind("clock", "time"):
        hour, minute = map(int, figure.answer.split(":"))
        numbers = [int(n) for n in re.findall(r"\d+", figure.facts["long hand"])]
        ticks, mark = (numbers[-2], numbers[-1]) if len(numbers) > 1 else (0, numbers[0])
        assert minute == mark % 12 * 5 + ticks
        assert int(re.findall(r"\d+", figure.facts["short hand"])[0]) == hour


def test_clock_shifts() -> None:
    for figure in of_kind("clock", "after", "before"):
        asked = re.search(r"(\d+) minutes", figure.question)
        hour, minute = map(int, figure.facts["time"].split(":"))
        assert asked is not None
        sign = 1 if figure.template.startswith("after") else -1
        total = (hour * 60 + minute + sign * int(asked[1])) % 720
        assert figure.answer == f"{total // 60 or 12}:{total % 60:02d}"


def test_minutes_between_clocks() -> None:
    for figure in of_kind("clock", "between"):
        times = [value for name, value in figure.facts.items() if name.endswith("time")]
        first, second = (int(t.split(":")[0]) * 60 + int(t.split(":")[1]) for t in times)
        assert figure.answer == str(second - first) and second > first


def test_times_are_written_with_two_digits_of_minutes() -> None:
    assert [str(Time(t)) for t in (0, 5, 59, 60, 719)] == ["12:00", "12:05", "12:59", "1:00", "11:59"]


def test_differences_of_pictures() -> None:
    for figure in of_kind("compare", "removed", "added", "recolored", "differ"):
        first, second = ([t for row in things(figure, f"{p} row ") for t in row] for p in ("first", "second"))
        changed = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
        kind = figure.template.split("/")[0]
        if kind == "differ":
            assert figure.answer == str(len(changed))
            continue
        assert len(changed) == 1
        gone, came = changed[0]
        assert figure.answer == {"removed": gone, "added": came, "recolored": came.split()[0]}[kind]


def test_compare_more() -> None:
    for figure in of_kind("compare", "more"):
        shape = next(s for s in SHAPES if PLURALS[s] in figure.question)
        counts = [
            sum(t.endswith(shape) for row in things(figure, f"{p} row ") for t in row)
            for p in ("first", "second")
        ]
        assert figure.answer == str(abs(counts[0] - counts[1])) != "0"
