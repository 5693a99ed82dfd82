"""The committed bundle is what its sources make."""

from __future__ import annotations

import filecmp
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "r1v" / "server" / "page"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_bundle_is_built_from_its_sources(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("Node.js is not installed")
    web = tmp_path / "web"
    shutil.copytree(ROOT / "web", web, ignore=shutil.ignore_patterns("node_modules"))
    # not `npm ci`: that one ends where the registry lacks an optional package of another system
    got = subprocess.run([npm, "install", "--no-audit", "--no-fund"], cwd=web, capture_output=True, text=True)
    if got.returncode != 0 and any(name in got.stderr for name in ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED")):
        pytest.skip("the npm registry cannot be reached")
    assert got.returncode == 0, got.stderr[-2000:]
    locked = (web / "package-lock.json", ROOT / "web" / "package-lock.json")
    assert filecmp.cmp(*locked, shallow=False), "package.json asks for what package-lock.json does not have"
    made = subprocess.run([npm, "run", "build"], cwd=web, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    built = tmp_path / "r1v" / "server" / "page"
    names = sorted(str(path.relative_to(built)) for path in built.rglob("*") if path.is_file())
    shipped = (path.relative_to(SHIPPED) for path in SHIPPED.rglob("*") if path.is_file())
    assert names == sorted(str(path) for path in shipped if path.parts[0] != "examples")
    different = [name for name in names if not filecmp.cmp(built / name, SHIPPED / name, shallow=False)]
    assert not different, f"run `npm run build` in web/ and commit: {different}"
