"""The Dockerfiles, as far as they can be tried without Docker."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = ("Dockerfile.cpu", "Dockerfile.cuda")


def instructions(name: str) -> list[tuple[str, str]]:
    """(instruction, the rest of its line), continued lines joined."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


@pytest.mark.parametrize("name", FILES)
def test_what_is_copied_is_there_and_nobody_is_root(name: str) -> None:
    found = instructions(name)
    words = [instruction for instruction, _ in found]
    assert words.index("USER") < words.index("ENTRYPOINT") and ("USER", "r1v") in found
    ignored = (ROOT / ".dockerignore").read_text().split()
    for instruction, rest in found:
        if instruction == "COPY":
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists() and source.removeprefix("./") not in ignored


@pytest.mark.parametrize("name", FILES)
def test_health_check(name: str, served) -> None:
    """Its command, at our own port: 0 while the server is ready, else not."""
    check = next(rest for instruction, rest in instructions(name) if instruction == "HEALTHCHECK")
    python, *words = json.loads(check[check.index("[") :])
    assert python == "python"
    there = [word.replace("http://127.0.0.1:8000", served.url) for word in words]
    assert subprocess.run([sys.executable, *there], check=False).returncode == 0
    nobody = [word.replace(":8000", ":9") for word in words]
    assert subprocess.run([sys.executable, *nobody], capture_output=True, check=False).returncode != 0
