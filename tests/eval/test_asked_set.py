"""A folder must be the set that is asked for: every kind of mix-up is told in one line, with its remedy."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from r1v.eval.benchmark import TASKS, benchmark, load_items, remark
from r1v.eval.questions import marks
from r1v.eval.questions.data import DataError
from r1v.eval.questions.marks import Marks, content_digest, other_split
from tests.eval.rows import ROWS, png, write_rows

DATA = os.environ.get("R1V_TEST_DATA")


def rows_of(name: str) -> list[dict[str, object]]:
    return [dict(row) for row in ROWS[name][1]]


def put(folder: Path, file: str, rows: list[dict[str, object]]) -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def four_options(folder: Path) -> Path:
    return put(folder, "mmmu_pro/rows.jsonl", [row | {"options": "['1', '2', '3', '4']", "answer": "D"}
                                               for row in rows_of("mmmu_pro")])  # fmt: skip


def other_split_of_mmmu(folder: Path) -> Path:
    return put(
        folder, "mmmu/rows.jsonl", [row | {"id": f"dev_Art_{n}"} for n, row in enumerate(rows_of("mmmu"))]
    )


def whole_test_of_mathvista(folder: Path) -> Path:
    rows = [row | {"metadata": {"split": "test"}} for row in rows_of("mathvista")]
    return put(folder, "mathvista/rows.jsonl", rows)


def too_many(folder: Path) -> Path:
    rows = [rows_of("aime24")[0] | {"ID": f"2024-{n}"} for n in range(31)]
    return put(folder, "aime24/aime.jsonl", rows)


# what lies in the folder, what is asked for, what the error must say
MIX_UPS: dict[str, tuple[Callable[[Path], Path], str, list[str]]] = {
    "another benchmark of nearly the same fields": (
        lambda folder: put(folder, "rows.jsonl", rows_of("mmmu")),
        "mmmu_pro",
        ["no 'subject'", "MMMU/MMMU_Pro", "--data (its rows have the form of mmmu)"],
    ),
    "the same, with the missing field put in": (
        lambda folder: put(folder, "rows.jsonl", [row | {"subject": "Art"} for row in rows_of("mmmu")]),
        "mmmu_pro",
        ["a field 'question_type'", "MMMU/MMMU_Pro", "10 options", "--data"],
    ),
    "the set with fewer options": (
        four_options, "mmmu_pro", ["at most 4 options", "up to 10 options", "MMMU/MMMU_Pro", "--data"]
    ),
    "the standard set as the vision set": (
        lambda folder: put(folder, "rows.jsonl", rows_of("mmmu_pro")), "mmmu_pro_vision",
        ["no 'image'", "MMMU/MMMU_Pro (the test split, 1,730 questions)", "--data"],
    ),
    "the vision set as the standard set": (
        lambda folder: put(folder, "rows.jsonl", rows_of("mmmu_pro_vision")), "mmmu_pro", ["no 'question'"]
    ),
    "another split, by the rows' names": (
        other_split_of_mmmu, "mmmu", ["id 'dev_Art_0'", "the validation split", "900 questions", "--data"]
    ),
    "another split, by a field": (
        whole_test_of_mathvista, "mathvista", ["metadata.split 'test'", "the testmini split", "--data"]
    ),
    "another split, by the file's name": (
        lambda folder: put(folder, "mmk12/train-00000.jsonl", rows_of("mmk12")),
        "mmk12",
        ["has the train split", "the test split", "2,000 questions", "--data"],
    ),
    "more questions than the set has": (
        too_many, "aime24", ["31 questions were found", "Maxwell-Jia/AIME_2024 has 30", "--data"]
    ),
    "another benchmark's folder beside it, which a loose pattern matched": (
        lambda folder: put(folder, "mathvision/testmini.jsonl", rows_of("mathvision")),
        "mmmu_pro_vision",
        ["holds none of", "MMMU/MMMU_Pro"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", MIX_UPS)
def test_a_mix_up_is_refused(kind: str, tmp_path: Path) -> None:
    make, asked, says = MIX_UPS[kind]
    with pytest.raises(DataError) as caught:
        load_items(benchmark(asked), data=make(tmp_path))
    text = str(caught.value)
    assert "\n" not in text and len(text) < 600
    for part in says:
        assert part in text


@pytest.mark.parametrize("asked", sorted(set(TASKS) - {"figures", "bfcl", "mathvision_full"}))
def test_no_benchmark_reads_the_folder_of_another(asked: str, tmp_path: Path) -> None:
    """Beside all others, without a folder of its own, each finds nothing, or says what it found."""
    write_rows(tmp_path, *(set(ROWS) - {asked}))
    with pytest.raises(DataError):
        load_items(benchmark(asked), data=tmp_path)


def test_a_part_is_called_a_part(tmp_path: Path) -> None:
    loaded = load_items(benchmark("mmmu"), data=write_rows(tmp_path))
    assert loaded.origin["of"] == 900
    said = remark(loaded)
    assert said is not None and "3 of the 900 questions of MMMU/MMMU" in said
    figures = load_items(benchmark("figures"), limit=2)
    assert "of" not in figures.origin and remark(figures) is None


@pytest.mark.skipif(DATA is None, reason="R1V_TEST_DATA names no folder of official data")
@pytest.mark.parametrize(("name", "folder", "file"), [
    ("ifeval", "ifeval", "input_data.jsonl"), ("mathvision", "mathvision", "testmini.jsonl"),
])  # fmt: skip
def test_official_texts_are_known_by_their_hash(name: str, folder: str, file: str, tmp_path: Path) -> None:
    official = Path(DATA or "") / folder
    assert load_items(benchmark(name), data=official).origin["official"] is True
    rows = [json.loads(line) for line in (official / file).read_text().splitlines()]
    text = "prompt" if name == "ifeval" else "question"
    rows[7][text] += " Or not?"
    put(tmp_path, file, rows)
    if name == "mathvision":
        (tmp_path / "images").mkdir()
        for row in rows:  # one small picture stands for all
            (tmp_path / str(row["image"])).write_bytes(png())
    changed = load_items(benchmark(name), data=tmp_path)
    assert changed.origin["official"] is False
    said = remark(changed)
    assert said is not None and "not the same texts" in said


def test_a_published_table_is_known_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "MMStar.tsv"
    table.write_bytes(b"index\tquestion\n1\ta\n")
    assert marks.published_table([table]) is False
    monkeypatch.setitem(marks._TABLES, "MMStar.tsv", hashlib.md5(table.read_bytes()).hexdigest())
    assert marks.published_table([table]) is True
    assert marks.published_table([table, table]) is None
    assert marks.published_table([table.rename(tmp_path / "mine.tsv")]) is None


def test_the_content_hash_is_of_texts_alone() -> None:
    rows = [{"id": 1, "question": "a", "kwargs": [{"n": 3, "m": None}]}, {"id": 2, "question": "b"}]
    fields = ("id", "question", "kwargs")
    again = [{"question": "b", "id": "2", "more": 1}, {"id": "1", "question": "a", "kwargs": [{"n": 3}]}]
    assert content_digest(rows, fields) == content_digest(again, fields)
    again[0]["question"] = "c"
    assert content_digest(rows, fields) != content_digest(again, fields)


@pytest.mark.parametrize(("file", "asked", "found"), [
    ("train-00000-of-00002.parquet", "validation", "train"), ("validation-0.parquet", "validation", None),
    ("MMMU_DEV_VAL.tsv", "validation", None), ("test-0.parquet", "testmini", "test"),
    ("test_mini.parquet", "testmini", None), ("testmini.json", "test", "testmini"), 
    ("latest.jsonl", "dev", None),
    ("train.jsonl", "", None),
])  # fmt: skip
def test_splits_in_file_names(file: str, asked: str, found: str | None) -> None:
    assert other_split(Marks(split=asked), Path(file)) == found
