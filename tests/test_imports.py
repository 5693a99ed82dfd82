"""Who may import whom: the syntax trees of every room are walked, TYPE_CHECKING blocks included.

A room is a folder or a file directly in ``r1v/``, such as ``engine`` or ``core``.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "r1v"

# room -> rooms it may import; `cli` may import all, but only where a command runs: inside functions (or for
# type checkers alone, which never happens at run time) unless it is `core` or `cli`
ALLOWED: dict[str, set[str]] = {
    "core": set(),
    "write_lock": {"core"},
    "prompt": {"core", "write_lock"},
    "ops": {"core", "write_lock"},
    "scoring": {"core", "write_lock"},
    "figures": {"core", "write_lock"},
    "models": {"ops", "core", "write_lock"},
    "engine": {"models", "ops", "core", "write_lock"},
    "plan": {"models", "core", "write_lock"},
    "llm": {"engine", "models", "prompt", "plan", "core", "write_lock"},
    "verify": {"llm", "engine", "models", "prompt", "core", "write_lock"},
    "quant": {"llm", "engine", "models", "ops", "prompt", "scoring", "figures", "core", "write_lock"},
    "eval": {"llm", "scoring", "prompt", "figures", "core", "write_lock"},
    "train": {"llm", "engine", "models", "prompt", "scoring", "figures", "ops", "plan", "core", "write_lock"},
    "server": {"llm", "core", "write_lock"},
    "batch": {"server", "llm", "core", "write_lock"},
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


SOURCES = sorted(p for p in ROOT.rglob("*.py") if room_of(p) not in ("__init__", "__main__"))


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


# ------------------------------------------------------------------------------------------ what rooms export


def exports(room: str) -> tuple[set[str], set[str]]:
    """(names, modules) that a room's __init__ gives to other rooms: ``__all__`` and ``MODULES``."""
    found: dict[str, set[str]] = {"__all__": set(), "MODULES": set()}
    init = ROOT / room / "__init__.py"
    for node in ast.parse(init.read_text()).body if init.is_file() else ():
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = set(ast.literal_eval(node.value))
    return found["__all__"], found["MODULES"]


def imported_names(tree: ast.AST) -> list[tuple[str, str, int]]:
    """(module, name, line) of everything imported from our own package."""
    return [
        (node.module, alias.name, node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("r1v.")
        for alias in node.names
        if node.module is not None
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_another_rooms_names_are_exported(path: Path) -> None:
    """``cli`` alone may take any public name: it imports single modules, so that a command starts fast."""
    room = room_of(path)
    for module, name, line in imported_names(ast.parse(path.read_text())):
        parts = module.split(".")
        if parts[1] == room or (ROOT / f"{parts[1]}.py").is_file():  # a room of one file
            continue
        assert not name.startswith("_"), f"{path}:{line}: {module}.{name} is private"
        if room == "cli":
            continue
        names, modules = exports(parts[1])
        inner = ".".join(parts[2:])
        assert name in names or inner in modules or f"{inner}.{name}".lstrip(".") in modules, (
            f"{path}:{line}: {parts[1]} does not export {module}.{name}; name it in its __init__"
        )


def test_what_is_exported_is_there() -> None:
    for room in ALLOWED:
        for module in exports(room)[1]:
            place = ROOT / room / Path(*module.split("."))
            assert place.with_suffix(".py").is_file() or (place / "__init__.py").is_file(), (room, module)


# ----------------------------------------------------------------------------------------------------- cycles


def module_graph() -> dict[str, set[str]]:
    """Each module with those that it imports, inside functions and for type checkers too."""
    modules = {
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in ROOT.rglob("*.py")
    }
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        found = {
            f"{source}.{name}" if f"{source}.{name}" in modules else source
            for source, name, _ in imported_names(ast.parse(path.read_text()))
        }
        graph[module] = found & modules.keys() - {module}
    return graph


def test_no_import_cycles() -> None:
    graph = module_graph()
    state: dict[str, int] = {}  # 1: on the way down, 2: done

    def visit(module: str, way: tuple[str, ...]) -> None:
        if state.get(module) == 1:
            raise AssertionError("import cycle: " + " -> ".join((*way[way.index(module) :], module)))
        if module not in state:
            state[module] = 1
            for other in sorted(graph[module]):
                visit(other, (*way, module))
            state[module] = 2

    for module in sorted(graph):
        visit(module, ())


# ------------------------------------------------------------------------------------- one name, one thing

# public classes that still share a name; this list may only shrink
SHARED_NAMES: dict[str, set[str]] = {}


def test_public_classes_have_names_of_their_own() -> None:
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        module = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, set()).add(module)
    shared = {name: modules for name, modules in found.items() if len(modules) > 1}
    new = {name: modules for name, modules in shared.items() if not modules <= SHARED_NAMES.get(name, set())}
    assert not new, f"one name, one thing: rename {new}"
    gone = {name for name in SHARED_NAMES if name not in shared}
    assert not gone, f"no longer shared, so take them off the list: {sorted(gone)}"
