"""Every command and every piece of Python in README.md and docs/ runs.

A block that cannot run here says why in a comment before it. The transcript in README is what the model says.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(?:<!-- not run: ([^\n]+) -->\n)?```(bash|python)\n(.*?)```", re.DOTALL)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks() -> list[tuple[str, str, str, str]]:
    """(name, reason why not run or nothing, language, text) of every block of code."""
    found = []
    for page in PAGES:
        for number, (reason, language, text) in enumerate(BLOCK.findall(page.read_text()), 1):
            found.append((f"{page.relative_to(ROOT)}:{number}", reason, language, text))
    return found


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader has it: the project's files, and nothing that a command left behind."""
    folder = tmp_path_factory.mktemp("reader") / "r1v"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout
    names = [n for n in tracked.decode().split("\0") if n] or [
        str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file() and ".venv" not in p.parts
    ]
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "reason", "language", "text"), blocks(), ids=[b[0] for b in blocks()])
def test_code_runs(name: str, reason: str, language: str, text: str, copy: Path) -> None:
    if reason:
        pytest.skip(reason)
    bin_folder = Path(sys.executable).parent
    ours = {"ARGS", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL"}  # of the `make` that runs the tests
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ours},
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "VENV": str(bin_folder.parent),
        "HF_HUB_OFFLINE": "1",
    }
    # the environment that runs the tests stands in for the one that `make` would build
    for mark in (".installed", ".installed-dev"):
        (bin_folder.parent / mark).touch()
    command = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}[language]
    done = subprocess.run(
        [*command, text], cwd=copy, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{name}:\n{text}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


def test_links_lead_to_files_of_a_clone() -> None:
    card = ROOT / "r1v" / "models" / "r1v-nano" / "README.md"
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*PAGES, card, ROOT / "CHANGELOG.md"]
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", BLOCK.sub("", page.read_text()))
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists()
    ]
    assert not dead


def test_the_transcript_in_readme_is_what_the_model_says() -> None:
    transcript = re.search(r"```text\n\$ r1v ask (\S+) \"(.*?)\"\n(.*?)```", PAGES[0].read_text(), re.DOTALL)
    assert transcript is not None
    image, question, shown = transcript.groups()
    done = subprocess.run(
        [sys.executable, "-m", "r1v", "ask", image, question],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(shown.rstrip("\n")), done.stdout + done.stderr


README_ANSWERS = {
    "find the total resistance in ohm": "10",
    "Calculate 47 + 38": "85",
    "current that leaves the battery": "6",
    "Calculate 12 × 4": "48",
    "Find the current in amperes": "6",
}


@pytest.mark.parametrize("question", README_ANSWERS)
def test_the_questions_in_readme_are_answered_right(question: str, copy: Path) -> None:
    text = PAGES[0].read_text().replace("\\\n", " ")
    command = next(line for line in text.splitlines() if question in line and "r1v ask" in line)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=copy,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert f"boxed{{{README_ANSWERS[question]}}}" in done.stdout.replace("\\", ""), done.stdout + done.stderr


def test_readme_is_short() -> None:
    assert len(PAGES[0].read_text().splitlines()) < 120
