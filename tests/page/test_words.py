"""The page's words: both languages whole, and a text with a remedy for every refusal of the API."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "web" / "src"
WORD = re.compile(r'^  (\w+): "((?:[^"\\]|\\.)*)",$', re.MULTILINE)


def words(language: str) -> dict[str, str]:
    return dict(WORD.findall((SOURCES / "words" / f"{language}.ts").read_text(encoding="utf-8")))


def test_both_languages_have_the_same_words() -> None:
    english, chinese = words("en"), words("zh")
    assert len(english) > 150 and english.keys() == chinese.keys()
    for name, text in english.items():
        places = set(re.findall(r"\{\w+\}", text))
        assert set(re.findall(r"\{\w+\}", chinese[name])) == places, name
        assert text.count("|") == chinese[name].count("|"), name


def test_every_word_is_used() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.ts*") if path.parent.name != "words"
    )
    made = ("family_", "uploading", "reading")  # names that are put together
    for name in words("en"):
        assert f'"{name}"' in code or name.startswith(made), f"{name} is used nowhere"


def codes_of(source: str) -> set[str]:
    """The error codes that a file of the server names, wherever it names one."""
    found = set(re.findall(r'"code":"(\w+)"', source))  # an answer that is written as bytes
    for node in ast.walk(ast.parse(source)):
        named: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            named += [each.value for each in node.keywords if each.arg == "code"]
            named += {"refuse": node.args[2:3], "error_body": node.args[2:3]}.get(name, [])
        elif isinstance(node, ast.Tuple) and len(node.elts) == 3:  # (kind of error, status, code)
            status = getattr(node.elts[1], "value", None)
            named += node.elts[2:] if isinstance(status, int) and 400 <= status < 600 else []
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "codes":
            named += node.value.values if isinstance(node.value, ast.Dict) else []
        elif isinstance(node, ast.arguments):
            defaults = zip(reversed(node.args), reversed(node.defaults), strict=False)
            named += [value for argument, value in defaults if argument.arg == "code"]
        found |= {
            each.value for each in named if isinstance(each, ast.Constant) and isinstance(each.value, str)
        }
    return found


def test_every_refusal_has_words() -> None:
    """Codes that the server's source names and those that malformed requests were seen to get, each with a
    title and what to do."""
    files = (ROOT / "r1v" / "server").rglob("*.py")
    codes = set().union(*(codes_of(path.read_text(encoding="utf-8")) for path in files))
    table = (ROOT / "docs" / "reference" / "server.md").read_text(encoding="utf-8")
    seen = set(re.findall(r"\b[45]\d\d `(\w+)`", table))
    assert len(seen) > 10 and seen <= codes
    assert {
        "unsupported",
        "queue_full",
        "unavailable",
        "no_capacity",
        "model_not_found",
        "internal_error",
    } <= codes
    known = (SOURCES / "failures.ts").read_text(encoding="utf-8")
    for code in codes:
        assert re.search(rf'^  {code}: \["fail_\w+", "\w+"\],$', known, re.MULTILINE), code
    for name, text in {**words("en"), **words("zh")}.items():
        if name.startswith("fail_") and name != "fail_wait":
            assert text.count("|") == 1 and all(part.strip() for part in text.split("|")), name
