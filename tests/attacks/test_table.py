"""The table of threats in docs/reference/server.md names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_threat_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "reference" / "server.md").read_text(encoding="utf-8")
    table = text.partition("| threat | what stands against it | test |\n")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[1:]]
    assert len(rows) >= 10
    for threat, *_, named in rows:
        files = re.findall(r"`([^`]+)`", named)
        assert files, f"{threat}: names no test"
        for name in files:
            path = ROOT / "tests" / name
            assert path.is_file() and "\ndef test_" in path.read_text(encoding="utf-8"), f"{threat}: {name}"
