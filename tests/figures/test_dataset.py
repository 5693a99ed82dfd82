"""Data sets on disk: whole, resumable, the same for any number of processes; contact sheets."""

import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image, ImageFont

from r1v.core import CapacityError, ConfigError, R1VError
from r1v.figures import dataset, make
from r1v.figures.dataset import DatasetConfig, make_dataset
from r1v.figures.drawing.sheet import contact_sheet, wrap
from r1v.figures.drawing.style import load_font

SMALL = DatasetConfig(families=("geometry", "arithmetic", "compare"), num_items=7, seed=20)


def contents(folder: Path) -> dict[str, str]:
    """Every file of a folder by its hash."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def rows(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]


def test_a_data_set_holds_what_was_asked_for(tmp_path: Path) -> None:
    report = make_dataset(SMALL, tmp_path / "set")
    found = rows(tmp_path / "set")
    assert report.num_items == len(found) == 21 and report.num_found == 0
    assert [row["family"] for row in found] == ["geometry"] * 7 + ["arithmetic"] * 7 + ["compare"] * 7
    assert [row["seed"] for row in found] == [*range(20, 27)] * 3
    assert len({row["id"] for row in found}) == 21
    for row in found:
        figure = make(str(row["family"]), int(str(row["seed"])))
        for key in (
            "template",
            "split",
            "difficulty",
            "question",
            "answer",
            "answer_type",
            "tolerance",
            "solution",
        ):
            assert row[key] == getattr(figure, key)
        assert row["facts"] == dict(figure.facts)
        images = [Image.open(tmp_path / "set" / name) for name in row["images"]]  # type: ignore[attr-defined]
        assert [i.tobytes() for i in images] == [i.tobytes() for i in figure.images]
    assert json.loads((tmp_path / "set" / "config.json").read_text())["num_items"] == 7
    assert set(report.times) == set(SMALL.families)
    assert all(spent.num_items == 7 and spent.make_s > 0 for spent in report.times.values())


def test_processes_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = DatasetConfig(families=("arithmetic", "geometry"), num_items=60, split="heldout")
    calls: list[tuple[int, int]] = []
    make_dataset(config, tmp_path / "one")
    make_dataset(
        config, tmp_path / "two", workers=2, progress=lambda done, total: calls.append((done, total))
    )
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert {row["split"] for row in rows(tmp_path / "one")} == {"heldout"}
    assert calls[0] == (0, 120) and calls[-1] == (120, 120)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_an_interrupted_run_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "PART_ITEMS", 2)
    make_dataset(SMALL, tmp_path / "whole")
    plain, left = dataset.make, [9]

    def interrupted(*args, **options):  # type: ignore[no-untyped-def]
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return plain(*args, **options)

    monkeypatch.setattr(dataset, "make", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_dataset(SMALL, tmp_path / "cut")
    assert not (tmp_path / "cut" / "data.jsonl").exists()
    monkeypatch.setattr(dataset, "make", plain)
    report = make_dataset(SMALL, tmp_path / "cut")
    assert 0 < report.num_found < 21
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    again = make_dataset(SMALL, tmp_path / "cut")
    assert again.num_found == again.num_items == 21
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert not (tmp_path / "cut" / "parts").exists()


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="not empty"):
        make_dataset(SMALL, tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    with pytest.raises(ConfigError, match="is a file"):
        make_dataset(SMALL, tmp_path / "mine" / "letter.txt")
    make_dataset(DatasetConfig(families=("arithmetic",), num_items=2), tmp_path / "set")
    with pytest.raises(ConfigError, match="num_items 2, not 3"):
        make_dataset(DatasetConfig(families=("arithmetic",), num_items=3), tmp_path / "set")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"families": ("poem",)}, "poem"),
        ({"families": ()}, "no figure family"),
        ({"families": ("clock", "clock")}, "twice"),
        ({"num_items": 0}, "is 0"),
        ({"num_items": -3}, "is -3"),
        ({"seed": -1}, "seed is -1"),
        ({"split": "test"}, "'test'"),
        ({"difficulty": "tough"}, "'tough'"),
        ({"variation": 2.0}, "variation is 2"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        DatasetConfig(**changes)  # type: ignore[arg-type]


def test_workers_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workers is 0"):
        make_dataset(SMALL, tmp_path, workers=0)


def test_a_full_disk_gives_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self, *args, **options):  # type: ignore[no-untyped-def]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(CapacityError, match="No space left"):
        make_dataset(SMALL, tmp_path / "set")


def test_a_missing_package_shows_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from r1v.figures import molecules

    molecules.rdkit_modules.cache_clear()
    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(R1VError, match=r"rdkit.*r1v\[figures\]"):
        make_dataset(DatasetConfig(families=("arithmetic", "molecule"), num_items=1), tmp_path / "set")
    assert not (tmp_path / "set").exists()


# ----------------------------------------------------------------------------------------- contact sheet


def test_contact_sheet() -> None:
    figures = [make(name, 7) for name in ("geometry", "compare", "arithmetic", "clock", "molecule")]
    sheet = contact_sheet(figures, columns=3, cell=200)
    assert sheet.width == 3 * 212 + 12 and sheet.height > 400
    assert len(sheet.getcolors(1 << 24)) > 100
    assert contact_sheet(figures[:1], columns=4).width < 400
    with pytest.raises(ConfigError, match="at least one"):
        contact_sheet([])


def test_wrap_keeps_every_word_and_the_width() -> None:
    font: ImageFont.FreeTypeFont = load_font("DejaVuSans.ttf", 15)
    text = "What is the size of the angle? " + "x" * 80 + " degrees"
    lines = wrap(text, font, 120)
    assert all(font.getlength(line) <= 120 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
