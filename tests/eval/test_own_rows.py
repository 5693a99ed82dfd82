"""Rows as data sets write them: options, right answers, pictures; and what is refused before it is asked."""

import io
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from r1v.core import ConfigError, ImageError, ImageRef, R1VError
from r1v.eval.benchmark import GradingTools, load_items
from r1v.eval.grading.judge import JudgedAnswer
from r1v.eval.item import Item, Output, Sample
from r1v.eval.questions.own import find_benchmark, find_benchmarks
from r1v.eval.questions.pictures import PictureCheck
from r1v.eval.score import question_for_judge
from tests.eval.rows import png
from tests.eval.test_own import write_lines


def item_of(folder: Path, row: dict[str, Any]) -> Item:
    return load_items(find_benchmark(str(write_lines(folder / "mine.jsonl", row)))).items[0]


TWO = ("six", "seven")


@pytest.mark.parametrize(
    ("options", "answer", "texts", "letter"),
    [
        ({"A": "six", "B": "seven"}, "B", TWO, "B"),
        ({"b": "seven", "a": "six"}, "B", TWO, "B"),
        ({"one": "six", "two": "seven"}, "two", TWO, "B"),
        ({"one": "six", "two": "seven"}, "six", TWO, "A"),
        ({"A": "six", "B": "seven", "C": None}, "seven", TWO, "B"),
        ({"text": ["six", "seven"], "label": ["A", "B"]}, "B", TWO, "B"),
        ({"text": ["six", "seven"], "label": ["1", "2"]}, "2", TWO, "B"),
        ({"text": ["six", "seven"], "label": ["B", "A"]}, "A", TWO, "B"),
        ([{"label": "A", "text": "six"}, {"label": "B", "text": "seven"}], "A", TWO, "A"),
        ('{"A": "six", "B": "seven"}', "B", TWO, "B"),
        ("['six', 'seven']", "B", TWO, "B"),
        (["A. six", "B. seven"], "B. seven", TWO, "B"),
        (["(A) six", "(B) seven"], "(B)", TWO, "B"),
        (["A. Smith", "J. Doe"], "A. Smith", ("A. Smith", "J. Doe"), "A"),
        (["six", "seven"], "B)", TWO, "B"),
        ([6, 7], 7, ("6", "7"), "B"),
    ],
)
def test_options_are_read_as_data_sets_write_them(
    options: Any, answer: Any, texts: tuple[str, ...], letter: str, tmp_path: Path
) -> None:
    item = item_of(tmp_path, {"question": "Q", "choices": options, "answer": answer})
    assert item.options == texts and item.answer == letter
    assert item == item_of(tmp_path, {"question": "Q", "options": options, "answer": answer})
    assert f"A. {texts[0]}" in item.text and f"B. {texts[1]}" in item.text


def test_any_of_several_right_letters_is_right(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "mine.jsonl", {"question": "Q", "options": ["six", "seven", "8"], "answer": ["A", "seven"]}
    )
    which = find_benchmark(str(path))
    item = load_items(which).items[0]
    given = [which.grade(item, Output(answer=rf"\boxed{{{one}}}"), GradingTools()).score for one in "ABC"]
    assert given == [1.0, 1.0, 0.0]
    asked = question_for_judge(item, Sample("mine", "1", 1, 0, Output(answer="It is B.")))
    assert asked == JudgedAnswer(item.text, "A. six, or B. seven", "It is B.")


@pytest.mark.parametrize(
    ("row", "answers"),
    [
        ({"solution": r"We get 3 + 4 = 7. So \boxed{7}."}, ["7"]),
        ({"solution": "three and four\n#### 1,234"}, ["1,234"]),
        ({"answer": "three and four are seven\n#### 7"}, ["7"]),
        ({"solution": "3 and 4 give 7.", "answer": "7"}, ["7"]),
        ({"solution": "7", "label": "8"}, ["8"]),
        ({"answer": "['7', 'seven']"}, ["7", "seven"]),
        ({"answer": "[7, 8]"}, ["[7, 8]"]),  # an interval, or a list that is the answer
        ({"answer": "10 cm", "type": "number", "tolerance": "5%"}, ["10 cm"]),
        ({"answer": "half past three", "type": "time"}, ["half past three"]),
    ],
)
def test_the_answer_of_a_worked_solution(row: dict[str, Any], answers: list[str], tmp_path: Path) -> None:
    item = item_of(tmp_path, {"question": "Q", **row})
    assert [item.answer, *item.grading["also"]] == answers


def noise(form: str) -> bytes:
    """A picture of 24 by 24 random colours."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", (24, 24), random.Random(3).randbytes(24 * 24 * 3)).save(buffer, form)
    return buffer.getvalue()


def test_pictures_are_decoded_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Behind the limit a damaged picture is left to the run, which records its question as failed."""
    cut = ImageRef(noise("PNG")[:-300])
    check = PictureCheck()
    with pytest.raises(ImageError, match="cannot be decoded"):
        check.check([ImageRef(noise("JPEG")), cut])
    assert check.seconds > 0
    monkeypatch.setattr("r1v.eval.questions.pictures.MAX_DECODING_S", 0.0)
    check.check([cut])


LONG = "We add three to four, which gives a number that we do not mark in any way at all, namely seven."


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"answer": "soon", "type": "number"}, "type 'number', but its answer 'soon' is not a number"),
        ({"answer": ["7", "soon"], "type": "number"}, "'soon' is not a number"),
        ({"answer": "soon", "type": "time"}, "is not a time of day"),
        ({"answer": "A", "type": "choice"}, "type 'choice', but no options"),
        ({"answer": "red", "tolerance": 0.1}, "tolerance, but its answer 'red' is no number"),
        ({"answer": "A", "options": ["x", "y"], "tolerance": 0.1}, "a tolerance and options"),
        ({"answer": "7", "tolerance": "500%"}, "tolerance '500%'"),
        ({"answer": ["", "7"]}, "a right answer is empty"),
        ({"answer": ["7", None]}, "a right answer is empty"),
        ({"answer": []}, "at least one"),
        ({"answer": {"a": 1}}, "a right answer is"),
        ({"answer": [[1, 2]]}, "a right answer is"),
        ({"solution": LONG}, "its solution marks no answer"),
        ({"answer": "1", "question": ["x", "y"]}, "its question is"),
        ({"answer": "1", "question": "half \ud800 a pair"}, "half of a surrogate pair"),
        ({"answer": "A", "options": ["only"]}, "one option"),
        ({"answer": "A", "options": ["x", None]}, "an option is empty"),
        ({"answer": "A", "options": [{"x": 1}, "y"]}, "an option is"),
        ({"answer": "A", "options": {"text": ["x", "y"], "label": ["A"]}}, "2 texts and 1 labels"),
        ({"answer": 1, "options": ["x", "y"]}, "the number of an option is not read"),
        ({"answer": "1", "images": "broken.png"}, "broken.png is no picture"),
        ({"answer": "1", "images": "empty.png"}, "empty.png is empty"),
        ({"answer": "1", "images": "cut.png"}, "cannot be decoded"),
        ({"answer": "1", "images": ["a.png", "cut.jpg"]}, "cannot be decoded"),
        ({"answer": "1", "images": "bm90IGEgcGljdHVy" * 8}, "is no picture"),
        ({"answer": "1", "images": "a.png", "image": "b.png"}, "in 'images' and in 'image'"),
        ({"answer": "1", "question": "<image> and <image>", "images": "a.png"}, "<image> for picture 2"),
        ({"answer": "1", "question": "<image 3>"}, "has 0 pictures"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_place(
    row: dict[str, Any], said: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(noise("PNG")[:-300])
    (tmp_path / "cut.jpg").write_bytes(noise("JPEG")[:-300])
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png())
    path = write_lines(tmp_path / "mine.jsonl", {"question": "Q", "answer": "1"}, {"question": "Q", **row})
    with pytest.raises(R1VError, match=re.escape(said)) as caught:
        load_items(find_benchmark(str(path)))
    assert "question 2 (mine.jsonl, row 2)" in str(caught.value) and "\n" not in str(caught.value)


def test_fields_that_are_there_twice_are_named(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "mine.jsonl", {"question": "Q", "answer": "7", "solution": "3 and 4: 7"})
    assert load_items(find_benchmark(str(path))).origin["ignored"] == ["solution"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"question;answer\nx;7\n", "separate columns by commas"),
        ("a.csv", b"question\tanswer\nx\t7\n", "separate columns by commas"),
        ("a.tsv", b"question,answer\nx,7\n", "separate columns by tabs"),
        ("a.csv", b"question,answer\nx, y,7\n", "more cells than its 2 columns"),
        ("a.jsonl", b'{"question"\n', "mend the file"),
        ("a.jsonl", '{"question": "für", "answer": 1}\n'.encode("latin-1"), "mend the file"),
        ("a.jsonl", b'{"question": "Q", "answer": 1, "id": 5}\n' * 2, "such as '5'"),
    ],
)
def test_files_in_another_form(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(R1VError, match=re.escape(said)):
        load_items(find_benchmark(str(tmp_path / name)))


def test_names_that_are_no_file_of_questions(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ConfigError, match=r"must end in \.jsonl"):
        find_benchmark(str(tmp_path / "notes.txt"))


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, two = (
        write_lines(folder / "mine.jsonl", {"question": "Q", "answer": "1"})
        for folder in (tmp_path, tmp_path / "other")
    )
    assert [which.name for which in find_benchmarks([str(one), str(one), "figures"])] == ["mine", "figures"]
    with pytest.raises(ConfigError, match="are both called 'mine'"):
        find_benchmarks([str(one), str(two)])
    (tmp_path / "mine.json").write_text(json.dumps([{"question": "Q", "answer": "1"}]))
    with pytest.raises(ConfigError, match="are both called 'mine'"):
        find_benchmarks([str(one), str(tmp_path / "mine.json")])
