"""What CONTRIBUTING.md says: the files that it names are there, and its recipe makes a benchmark."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

# a benchmark in a file of its own, as the recipe's first two steps have it
TASK = '''"""Sums: two numbers to add."""

from r1v.core import Message
from r1v.eval.benchmark import Benchmark, by_name
from r1v.eval.grading.graders import grade_free
from r1v.eval.item import Item
from r1v.eval.questions.data import Source


def load(request):
    for row in request.rows.rows:
        text = request.prompt("question").fill(question=row["question"])
        yield Item(str(row["id"]), (Message.user(text),), row["answer"])


BENCHMARKS = by_name(
    Benchmark(
        "sums", "Sums", load=load, grade=grade_free, prompts=("question",), about="two numbers to add",
        source=Source("somebody/sums", ("sums.jsonl",), fields=("id", "question", "answer")),
    )
)
'''
ROWS = '{"id": 1, "question": "Calculate 47 + 38.", "answer": "85"}\n' * 2


def test_named_files_are_there() -> None:
    named = set(re.findall(r"`((?:r1v|tests|docs|benchmarks|experiments)/[\w./-]+)`", PAGE))
    assert len(named) > 20
    missing = sorted(name for name in named if "NAME" not in name and not (ROOT / name).exists())
    assert not missing


@pytest.mark.timeout(300)
def test_a_benchmark_made_by_its_recipe(tmp_path: Path) -> None:
    """A copy of the package gets the recipe's file and its line, nothing else, and runs the new benchmark."""
    package = tmp_path / "r1v"
    shutil.copytree(
        ROOT / "r1v", package, ignore=shutil.ignore_patterns("__pycache__", "r1v-nano", "page", "csrc")
    )
    (package / "models" / "r1v-nano").symlink_to(ROOT / "r1v" / "models" / "r1v-nano")
    (package / "eval" / "tasks" / "sums.py").write_text(TASK)
    tasks = package / "eval" / "benchmark.py"
    first = "TASKS: dict[str, str] = {\n"
    assert first in tasks.read_text()
    tasks.write_text(tasks.read_text().replace(first, first + '    "sums": "r1v.eval.tasks.sums",\n'))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sums.jsonl").write_text(ROWS.replace('"id": 1', '"id": 2', 1))
    command = re.search(r"`r1v (eval run NAME [^`]*)`", PAGE)
    assert command is not None
    words = command[1].replace("NAME", "sums").replace("FOLDER", "data").split()
    done = subprocess.run(
        [sys.executable, "-m", "r1v.cli.main", *words, "--out", "run", "--max-tokens", "160"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "100.0" in done.stdout or "100%" in done.stdout, done.stdout
