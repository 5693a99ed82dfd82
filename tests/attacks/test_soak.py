"""What good and hostile traffic together leave behind: soak.py, for R1V_SOAK_S seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_nothing_is_left_after_a_load() -> None:
    seconds = os.environ.get("R1V_SOAK_S", "3600")
    command = [sys.executable, "-m", "tests.attacks.soak", "--seconds", seconds]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert json.loads(done.stdout)["wrong"] == []
