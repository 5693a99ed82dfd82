"""Handwriting and drawings: the pictures show what the facts say, and the answers follow from them."""

import re
from random import Random

import numpy as np
import pytest

from r1v.figures import Figure, Split, make
from r1v.figures.drawing.style import load_font
from r1v.figures.families.handwriting import HELDOUT_SCANS, SCANS, scan
from r1v.figures.families.icon import FACE, ICONS
from r1v.figures.families.spatial import STEPS


def of_kind(name: str, *kinds: str) -> list[Figure]:
    figures = [make(name, seed) for seed in range(120)]
    return [figure for figure in figures if figure.template.split("/")[0] in kinds]


def scans(digit: int, split: Split) -> list[np.ndarray]:
    """Every scan of a digit in a split."""
    drawn = {scan(digit, split, rng).tobytes() for rng in map(Random, range(1500))}
    return [np.frombuffer(each, np.uint8).astype(float) for each in drawn]


@pytest.fixture(scope="module")
def both() -> dict[Split, list[tuple[int, np.ndarray]]]:
    return {
        split: [(d, each) for d in range(10) for each in scans(d, split)] for split in ("train", "heldout")
    }


def test_held_out_scans_are_not_trained_on(both: dict[Split, list[tuple[int, np.ndarray]]]) -> None:
    train, heldout = ({each.tobytes() for _, each in both[split]} for split in ("train", "heldout"))
    assert not train & heldout
    assert len(train) + len(heldout) >= 0.98 * sum(SCANS)
    assert len(heldout) == pytest.approx(sum(SCANS) / HELDOUT_SCANS, rel=0.05)


def test_scans_stand_in_the_row_of_their_digit(both: dict[Split, list[tuple[int, np.ndarray]]]) -> None:
    """A held-out scan is most like a trained one of the same digit: what the data set is known for."""
    known = np.stack([each for _, each in both["train"]])
    digits = np.array([digit for digit, _ in both["train"]])
    found = [digits[((known - each) ** 2).sum(1).argmin()] == digit for digit, each in both["heldout"]]
    assert np.mean(found) > 0.96


def test_numbers_written_by_hand() -> None:
    for figure in of_kind("handwriting", "sum", "largest"):
        numbers = [int(value) for name, value in figure.facts.items() if name.startswith("row")]
        expected = sum(numbers) if figure.template.startswith("sum") else max(numbers)
        assert figure.answer == str(expected), figure.solution
    for figure in of_kind("handwriting", "read", "read_zh"):
        assert [value.replace(" ", "") for value in figure.facts.values()] == [figure.answer]
    for figure in of_kind("handwriting", "count"):
        digit = re.findall(r"\d", figure.question)[0]
        written = "".join(re.sub(r" \(\d+\)", "", value) for value in figure.facts.values())
        assert figure.answer == str(written.count(digit)), figure.solution


def test_every_drawing_exists_and_is_another_one() -> None:
    missing = (
        load_font(FACE, 64).getmask("\U0010fffd").getbbox(),
        bytes(load_font(FACE, 64).getmask("\U0010fffd")),
    )
    masks = {
        name: (load_font(FACE, 64).getmask(c).getbbox(), bytes(load_font(FACE, 64).getmask(c)))
        for name, c in ICONS.items()
    }
    assert missing not in masks.values()
    assert len(set(masks.values())) == len(ICONS)


def test_drawings_in_a_grid() -> None:
    for figure in of_kind("icon", "cell", "where", "beside"):
        grid = {name: value for name, value in figure.facts.items() if re.fullmatch(r"\d\.\d", name)}
        assert len(set(grid.values())) == len(grid)
        kind = figure.template.split("/")[0]
        if kind == "cell":
            row, column = (re.search(rf"{word} (\d)", figure.question)[1] for word in ("row", "column"))  # type: ignore[index]
            assert figure.answer == grid[f"{row}.{column}"]
            continue
        asked = next(name for name in grid.values() if re.search(rf"the {name}\b", figure.question))
        row, column = next(map(int, place.split(".")) for place, name in grid.items() if name == asked)
        if kind == "where":
            assert figure.answer == f"row {row}, column {column}"
        else:
            direction = next(d for d in STEPS if f"directly {d}" in figure.question)
            assert figure.answer == grid[f"{row + STEPS[direction][0]}.{column + STEPS[direction][1]}"]


def test_counted_drawings() -> None:
    for figure in of_kind("icon", "count"):
        shown = [re.sub(r" \d+$", "", name) for row in figure.facts.values() for name in row.split(", ")]
        asked = next(
            name
            for name in ICONS
            if re.search(rf"this: {name}\b", figure.question) or f" {name}?" in figure.question
        )
        assert figure.answer == str(shown.count(asked)), figure.solution
