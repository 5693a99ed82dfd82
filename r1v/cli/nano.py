"""What R1V-Nano is, said once where it answers: it is small, and knows drawn figures and sums only.

Environment: R1V_QUIET, set to anything, keeps it from being said.
"""

from __future__ import annotations

import os
import sys

from r1v.cli.state import state_file

NAME = "r1v-nano"
ABOUT = (
    "R1V-Nano, which answers unless you name another model, is a small model of 13.9 million parameters. It "
    "knows twenty-eight kinds of drawn figures (circuits, charts, clocks, ...) and sums, in English and "
    "Chinese. Of photographs and everything else it mostly says that it cannot tell."
)
_ONCE = "(said once; R1V_QUIET=1 keeps it quiet; --model names another)"


def introduce(model: str) -> None:
    """Say on standard error what R1V-Nano is, the first time that this user asks it.

    model: as --model has it.
    """
    if model != NAME or os.environ.get("R1V_QUIET"):
        return
    mark = state_file("nano-introduced")
    if mark.exists():
        return
    print(f"{ABOUT.replace(', which answers unless you name another model,', '')} {_ONCE}", file=sys.stderr)
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:
        return  # said again the next time
