"""Orders, epochs and mixtures of sources, and the one form of a completion."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from r1v.core import ConfigError
from r1v.train.core.config import DataConfig
from r1v.train.data.examples import ExampleSource, FigureSource, JsonlSource
from r1v.train.data.order import shuffled
from r1v.train.data.sources import MixedSource, open_source, shares

QUIET = Console(quiet=True)


@pytest.mark.parametrize("number", [1, 2, 3, 17, 64, 1000])
def test_every_thing_stands_at_one_place(number: int) -> None:
    order = [shuffled(place, number, "seed") for place in range(number)]
    assert sorted(order) == list(range(number))
    if number > 10:
        assert order != sorted(order) and order != [shuffled(p, number, "other") for p in range(number)]


def test_a_place_of_millions_is_cheap() -> None:
    calls = [shuffled(place, 2_000_003, "s") for place in range(0, 2_000_003, 20_001)]
    assert len(set(calls)) == len(calls) and max(calls) > 1_000_000


def write(path: Path, number: int, **extra: object) -> str:
    rows = [{"question": f"q{i}", "thinking": "t", "answer": str(i), **extra} for i in range(number)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def drawn(source: ExampleSource, number: int, first: int = 0) -> list[str]:
    picks = [source.pick(place, f"s/{place}") for place in range(first, first + number)]
    return [source.example(family, index, 1.0).question for family, index in picks]


def test_epochs_are_true(tmp_path: Path) -> None:
    """Rows of two families, 190 and 10: each once in every 200 draws, in another order each time."""
    many, few = write(tmp_path / "a.jsonl", 190, family="a"), write(tmp_path / "b.jsonl", 10, family="b")
    whole = tmp_path / "both.jsonl"
    whole.write_text(Path(many).read_text() + Path(few).read_text().replace('": "q', '": "r'))
    source = JsonlSource(whole)
    first, second = drawn(source, 200), drawn(source, 200, 200)
    assert len(set(first)) == 200 and set(first) == set(second) and first != second
    assert sum(one.startswith("r") for one in first) == 10


def test_several_sources_have_their_shares(tmp_path: Path) -> None:
    many, few = write(tmp_path / "many.jsonl", 190), write(tmp_path / "few.jsonl", 10)
    source = open_source(DataConfig(source=(many, few)), 0, QUIET)
    assert isinstance(source, MixedSource) and source.families == ("many.jsonl/all", "few.jsonl/all")
    picks = Counter(source.pick(i, "s")[0] for i in range(65536))
    assert picks["few.jsonl/all"] == 3277  # a twentieth, exactly
    weighted = open_source(DataConfig(source=(f"{many}::1", f"{few}::1", "figures::2")), 0, QUIET)
    picks = Counter(weighted.pick(i, f"{i}")[0].split("/")[0] for i in range(65536))
    assert picks == {"many.jsonl": 16384, "few.jsonl": 16384, "figures": 32768}
    rows = [i for i in range(40) if weighted.pick(i, "s")[0] == "few.jsonl/all"][:10]
    found = {weighted.pick(i, "s")[1] for i in rows}
    assert len(found) == len(rows)  # no row again before its epoch ends
    assert weighted.max_images("few.jsonl/all") == 0


def test_shares_add_up() -> None:
    assert shares([1, 1, 1], 100) in ([34, 33, 33], [33, 34, 33], [33, 33, 34])
    assert shares([1e-9, 1.0], 100) == [1, 99]


@pytest.mark.parametrize("name", ["a.jsonl::no", "a.jsonl::-1"])
def test_a_bad_weight_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match="weight of"):
        open_source(DataConfig(source=(name,)), 0, QUIET)


def test_columns_have_our_names(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "1+1?", "chain": "two", "label": "2", "question": "unused", "box": [1]}\n')
    columns = {"question": "prompt", "thinking": "chain", "answer": "label"}
    source = open_source(DataConfig(source=(str(file),), columns=columns), 0, QUIET)
    example = source.example("all", 0, 1.0)
    assert (example.question, example.thinking, example.key.answer) == ("1+1?", "two", "2")
    assert example.columns == {"box": [1]}


@pytest.mark.parametrize(
    ("row", "learned"),
    [
        ({"thinking": "t", "answer": "4"}, "Answer: \\boxed{4}"),
        ({"solution": "t", "answer": "4"}, "Answer: \\boxed{4}"),
        ({"solution": "so \\boxed{6}"}, "Answer: \\boxed{6}"),
        ({"solution": "t", "answer": "\\boxed{6}"}, "Answer: \\boxed{6}"),
        ({"thinking": "t", "answer": "Answer: \\boxed{6}"}, "Answer: \\boxed{6}"),
        ({"thinking": "t", "answer": "It is \\boxed{6}."}, "It is \\boxed{6}."),
    ],
)
def test_an_answer_is_boxed_once(row: dict[str, str], learned: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"question": "q", **row}) + "\n")
    found = JsonlSource(file).example("all", 0, 1.0)
    assert found.answer == learned and found.key.answer in ("4", "6")
    assert FigureSource(("counting",)).example("counting", 0, 0.0).answer.startswith("Answer: \\boxed{")


def test_what_an_assistant_said_is_kept_and_gets_the_known_answer(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "<think>t</think>It is four."},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"messages": turns}) + "\n" + json.dumps({"messages": turns, "answer": "4"}))
    answers = {JsonlSource(file).example("all", i, 1.0).answer for i in range(2)}
    assert answers == {"It is four.", "It is four.\n\nAnswer: \\boxed{4}"}


def test_image_marks_leave_the_question(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    row = {"question": "<image>\nHow many?", "thinking": "t", "answer": "4"}
    (tmp_path / "a.png").touch()
    file.write_text(json.dumps(row | {"images": ["a.png"]}) + "\n" + json.dumps(row))
    source = JsonlSource(file)
    assert source.example("all", 0, 1.0).question == "How many?"
    assert len(source.bad) == 1 and "1 <image> marks for 0 images" in source.bad[0]
