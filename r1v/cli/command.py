"""What the installed command ``r1v`` calls first: Ctrl-C ends it quietly from here on."""

from __future__ import annotations

from r1v.cli.interrupt import end_at_ctrl_c, run_with_ctrl_c


def main() -> int:
    """Run the command line; its exit status, 130 for Ctrl-C."""
    ours = end_at_ctrl_c()
    from r1v.cli.main import main as run

    return run_with_ctrl_c(run, ours)
