"""How large things may grow: functions, files, and folders of files side by side.

A larger one says why in its own docstring (a folder in that of its ``__init__.py``), with the words of WHY.
"""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = {".py", ".c", ".h", ".cu", ".cuh", ".ts", ".tsx"}
MAX_FUNCTION, MAX_FILE, MAX_FOLDER = 60, 500, 20
WHY = {"function": "in one piece", "file": "in one file", "folder": "side by side"}
PLACES = ("r1v", "benchmarks", "experiments", "examples", "inference", "tests", "web/src")
# folders of many files by design: a family of figures or a way of asking each, and the tests of a room
WIDE = (
    ROOT / "r1v" / "figures" / "families",
    ROOT / "r1v" / "figures" / "abroad",
    ROOT / "r1v" / "figures" / "people",
    ROOT / "tests",
)

FILES = sorted(
    path
    for place in PLACES
    for path in (ROOT / place).rglob("*")
    if path.suffix in CODE and not {"node_modules", "assets"} & set(path.parts)
)
PYTHON = [path for path in FILES if path.suffix == ".py"]


def excused(docstring: str | None, kind: str) -> bool:
    return WHY[kind] in " ".join((docstring or "").lower().split())


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions(path: Path) -> None:
    large = {
        node.name: length
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION
        and not excused(ast.get_docstring(node), "function")
    }
    assert not large, f"functions of more than {MAX_FUNCTION} lines: {large}"


def test_files() -> None:
    large = {}
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(text)) if path.suffix == ".py" else text[:2000]
        if text.count("\n") > MAX_FILE and not excused(docstring, "file"):
            large[str(path.relative_to(ROOT))] = text.count("\n")
    assert not large, f"files of more than {MAX_FILE} lines: {large}"


def test_folders() -> None:
    large = {}
    for folder, number in Counter(path.parent for path in FILES).items():
        if number <= MAX_FOLDER or any(folder.is_relative_to(wide) for wide in WIDE):
            continue
        init = folder / "__init__.py"
        docstring = ast.get_docstring(ast.parse(init.read_text())) if init.is_file() else None
        if not excused(docstring, "folder"):
            large[str(folder.relative_to(ROOT))] = number
    assert not large, f"folders of more than {MAX_FOLDER} files side by side: {large}"
