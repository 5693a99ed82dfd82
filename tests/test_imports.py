"""Who may import whom: the syntax trees of every room are walked, TYPE_CHECKING blocks included."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "r1v"

# room -> rooms it may import; `cli` may import all, but only where a command runs: inside functions (or for
# type checkers alone, which never happens at run time) unless it is `core` or `cli`
ALLOWED: dict[str, set[str]] = {
    "core": set(),
    "prompt": {"core"},
    "ops": {"core"},
    "scoring": {"core"},
    "figures": {"core"},
    "models": {"ops", "core"},
    "engine": {"models", "ops", "core"},
    "plan": {"models", "core"},
    "llm": {"engine", "models", "prompt", "plan", "core"},
    "verify": {"llm", "engine", "models", "prompt", "core"},
    "quant": {"llm", "engine", "models", "ops", "prompt", "scoring", "figures", "core"},
    "eval": {"llm", "scoring", "prompt", "figures", "core"},
    "train": {"llm", "engine", "models", "prompt", "scoring", "figures", "ops", "plan", "core"},
    "server": {"llm", "core"},
    "batch": {"server", "llm", "core"},
}
LAZY_IN_CLI = set(ALLOWED) - {"core"}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> list[tuple[str, int, bool]]:
    """(room, line, at top level) of each import of our own package."""
    found = []
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
              or (isinstance(f, ast.If) and ast.unparse(f.test) == "TYPE_CHECKING")
              for n in ast.walk(f)}  # fmt: skip
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            names = [node.module or ""]
            if node.module == "r1v":
                names = [f"r1v.{alias.name}" for alias in node.names if (ROOT / alias.name).exists()]
        for name in names:
            parts = name.split(".")
            if parts[0] == "r1v" and len(parts) > 1:
                found.append((parts[1], node.lineno, id(node) not in inside))
    return found


SOURCES = sorted(p for p in ROOT.rglob("*.py") if room_of(p) not in ("__init__",))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = room_of(path)
    for imported, line, top_level in imports(ast.parse(path.read_text())):
        if imported == room:
            continue
        if room == "cli":
            assert not (top_level and imported in LAZY_IN_CLI), f"{path}:{line} imports {imported} at once"
        else:
            assert imported in ALLOWED[room], f"{path}:{line}: {room} must not import {imported}"


def test_every_room_is_known() -> None:
    assert {room_of(p) for p in SOURCES} <= set(ALLOWED) | {"cli"}
