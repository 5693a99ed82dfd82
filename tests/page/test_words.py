"""The page's words: both languages whole, and a text with a remedy for every refusal of the API."""

from __future__ import annotations

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


def test_every_refusal_has_words() -> None:
    """Codes that the server's source names, each with a title and what to do."""
    source = "".join(path.read_text() for path in (ROOT / "r1v" / "server").glob("*.py"))
    codes = set(re.findall(r'code="(\w+)"', source)) | set(re.findall(r', \d{3}, "(\w+)"\)', source))
    codes |= set(re.findall(r'error_body\(\d+, [^)]*"(\w+)"\)', source))
    assert len(codes) > 20
    known = (SOURCES / "failures.ts").read_text(encoding="utf-8")
    for code in codes:
        assert re.search(rf'^  {code}: \["fail_\w+", "\w+"\],$', known, re.MULTILINE), code
    for name, text in {**words("en"), **words("zh")}.items():
        if name.startswith("fail_") and name != "fail_wait":
            assert text.count("|") == 1 and all(part.strip() for part in text.split("|")), name
