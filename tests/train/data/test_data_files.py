"""Files that cannot be used as data: one line with the key, the path once, what is wrong, and the remedy."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from r1v.core import ConfigError
from r1v.train.core.config import DataConfig
from r1v.train.core.config_read import make
from r1v.train.data.pairs import PairFile
from r1v.train.data.questions import QuestionPool
from r1v.train.data.sources import open_source
from r1v.train.stages.sft import SFTConfig, Trainer

ROW = {"question": "How many?", "thinking": "One.", "answer": "1"}
PAIR = {"question": "How many?", "chosen": {"answer": "1"}, "rejected": {"answer": "2"}}


def rows(path: Path, *lines: object) -> Path:
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def source(name: object) -> object:
    return open_source(DataConfig(source=(str(name),)), 0, Console(quiet=True))


def measured(name: object) -> object:
    data = DataConfig(source=(str(name),), measure="x")
    return open_source(data, 0, Console(quiet=True), key="data.measure")


READERS: list[tuple[str, Callable[[Any], object]]] = [
    ("data.source", source), ("data.measure", measured), ("pairs", PairFile.read),
    ("pool", QuestionPool.read),
]  # fmt: skip


@pytest.mark.parametrize(("key", "read"), READERS, ids=[key for key, _ in READERS])
def test_a_file_that_cannot_be_read(key: str, read: Callable[[Any], object], tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"

    def said() -> str:
        with pytest.raises(ConfigError) as error:
            read(file)
        text = str(error.value)
        assert text.startswith(f"{key}: ") and text.count(str(file)) == 1, text
        assert "\n" not in text and "Errno" not in text and "codec" not in text, text
        return text.removeprefix(f"{key}: {file} ")

    assert said() == "cannot be read: it does not exist; name another file"
    file.mkdir()
    assert said() == "cannot be read: it is a folder; name another file"
    file.rmdir()
    for content in (b"", b"\n \n", "\ufeff\n".encode()):
        file.write_bytes(content)
        assert "is empty" in said()
    file.write_bytes(b'{"question": "x"}\n\n{"question": "\xe9t\xe9"}\n')
    assert said() == "is not UTF-8 text (line 3); save it as UTF-8"
    file.write_bytes("{}".encode("utf-16"))
    assert said() == "is UTF-16; save it as UTF-8"
    file.write_bytes(gzip.compress(b"{}"))
    assert said() == "is compressed by gzip; unpack it (gunzip)"
    file.write_bytes(b"PAR1\x15\xff\xfe")
    assert said() == "is a Parquet file; its name must end in .parquet"
    if os.geteuid():  # the superuser may read anything
        file.chmod(0)
        assert said() == "cannot be read: its permissions do not allow it; name another file"


@pytest.mark.parametrize(("key", "read"), READERS[:3], ids=[key for key, _ in READERS[:3]])
def test_a_file_of_bad_rows_names_three_and_counts_the_others(
    key: str, read: Callable[[Any], object], tmp_path: Path
) -> None:
    file = rows(tmp_path / "rows.jsonl", "{", "3", {"question": 4}, "[]", "{}")
    with pytest.raises(ConfigError) as error:
        read(file)
    text = str(error.value)
    assert text.startswith(f"{key}: {file} has no usable row: rows.jsonl:1: the line is not valid JSON")
    assert "rows.jsonl:2: the line is the number 3, not an object; rows.jsonl:3: " in text
    assert text.endswith("(and 2 more); correct the rows")
    file.write_text(json.dumps([ROW, ROW], indent=1))
    with pytest.raises(ConfigError, match="is one JSON list, not JSON lines; write each of its objects on"):
        read(file)


def test_a_column_or_family_that_no_row_has(tmp_path: Path) -> None:
    file = rows(tmp_path / "rows.jsonl", {**ROW, "family": "a"}, {**ROW, "family": "b"})
    names: dict[str, Any] = {"columns": {"question": "prompt"}}
    with pytest.raises(ConfigError) as error:
        open_source(DataConfig(source=(str(file),), **names), 0, Console(quiet=True))
    said = (
        f"data.columns.question: no row of {file} has the key 'prompt'; they have answer, family, question, "
    )
    assert str(error.value) == said + "thinking"
    with pytest.raises(ConfigError, match=r"^data\.families: .* has no rows of family 'c'; it has 'a', 'b'$"):
        open_source(DataConfig(source=(str(file),), families=("c",)), 0, Console(quiet=True))
    held = DataConfig(source=(str(file),), columns={"thinking": "chain"})
    open_source(held, 0, Console(quiet=True), chains=False)  # where no chain is needed, none is missed


def test_bad_rows_are_named_once(start: Path, tmp_path: Path) -> None:
    file = rows(tmp_path / "rows.jsonl", *[ROW] * 3, {"question": 4})
    console = Console(record=True, width=400)
    config = make(SFTConfig, model=str(start), out=str(tmp_path / "out"), data=str(file), device="cpu")
    with pytest.raises(ConfigError, match=r"rows\.jsonl:4: question is the number 4") as error:
        Trainer(config, console)
    assert "1 of 4 rows are bad" in str(error.value) and "rows.jsonl:4" not in console.export_text()
    open_source(DataConfig(source=(str(file),), bad_share=0.5), 0, console)
    assert console.export_text().count("rows.jsonl:4") == 1


def test_pairs_say_what_is_wrong_with_a_figure_and_a_gap(tmp_path: Path) -> None:
    two = {"chosen": {"answer": "1"}, "rejected": {"answer": "2"}}
    lines = [PAIR, {**two, "figure": {"family": "clock"}}, {**PAIR, "gap": "big"}, {**two, "figure": 3}]
    bad = PairFile.read(rows(tmp_path / "p.jsonl", *lines)).bad
    assert [one.partition(": ")[2] for one in bad] == [
        "figure is {'family': 'clock'}; it needs family (text), index and variation (numbers)",
        "gap is 'big'; it must be a number",
        "figure is 3; it needs family (text), index and variation (numbers)",
    ]


def test_parquet_files_and_data_sets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")

    def said(name: object) -> str:
        with pytest.raises(ConfigError) as error:
            source(name)
        assert "\n" not in str(error.value) and "Errno" not in str(error.value)
        return str(error.value).removeprefix(f"data.source: {name} ")

    file = tmp_path / "rows.parquet"
    assert said(file) == "cannot be read: it does not exist; name another file"
    file.mkdir()
    assert said(file) == f"cannot be read: it is a folder; name a file in it ({file}/…)"
    file.rmdir()
    file.write_bytes(b"")
    assert said(file) == "is empty; write it again"
    file.write_text("question,answer\n")
    assert said(file) == "is no Parquet file; write it again"
    file.write_bytes(b"PAR1 but no more")
    assert said(file) == "is damaged: its end is missing; write or download it again"
    file.write_bytes(b"PAR1 and nothing of its own PAR1")
    assert said(file).startswith("is damaged (")
    datasets.Dataset.from_dict({"question": [], "answer": []}).to_parquet(file)
    assert said(file) == "is empty; it needs a row for each question"
    empty = tmp_path / "saved"
    datasets.Dataset.from_dict({"question": [], "answer": []}).save_to_disk(empty)
    assert said(f"hf:{empty}") == "is empty; it needs a row for each question"
    assert said(f"hf:{tmp_path}").startswith("cannot be read: Directory ")
    assert "there is no folder ./none; name one that save_to_disk wrote" in said("hf:./none")
