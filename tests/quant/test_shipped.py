"""The shipped questions are those that are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from r1v import figures
from r1v.quant.calibration import drawn_questions, figure_questions
from r1v.quant.shipped import FOLDER, NUM_SHIPPED, shipped_questions, write_questions


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_shipped_questions_are_those_of_the_split(split: figures.Split) -> None:
    items = shipped_questions(split)
    assert len(items) == NUM_SHIPPED
    assert {item.family for item in items} == set(figures.FAMILIES)
    assert {item.split for item in items} == {split}
    assert (FOLDER / f"{split}.zip").stat().st_size < 400_000
    assert figure_questions(split, 5) == items[:5]


def test_a_drawn_question_is_the_shipped_one() -> None:
    """Texts exactly; of pictures the size, since another version of matplotlib shades differently."""
    pytest.importorskip("matplotlib")
    for drawn, shipped in zip(drawn_questions("train", 3), shipped_questions("train"), strict=False):
        assert drawn.question == shipped.question and drawn.solution == shipped.solution
        assert drawn.answer == shipped.answer and dict(drawn.facts) == dict(shipped.facts)
        assert [image.size for image in drawn.images] == [image.size for image in shipped.images]


def test_pictures_are_kept_without_loss(tmp_path: Path) -> None:
    items = shipped_questions("train")[:2]
    write_questions(items, tmp_path / "some.zip")
    write_questions(items, tmp_path / "again.zip")
    assert (tmp_path / "some.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()
    (tmp_path / "some.zip").rename(tmp_path / "train.zip")
    again = shipped_questions("train", tmp_path)
    pixels = [[picture.tobytes() for picture in item.images] for item in items]
    assert any(pixels) and [[picture.tobytes() for picture in item.images] for item in again] == pixels
