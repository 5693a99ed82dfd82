"""What the installed command ``r1v`` calls first: Ctrl-C ends it quietly from here on.

It imports almost nothing, so that the time in which Python itself answers Ctrl-C with a traceback is that of
starting the interpreter and no more.
"""

from __future__ import annotations

import os
import signal


def main() -> int:
    """Run the command line; its exit status, 130 for Ctrl-C."""
    handled = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if handled:  # an interrupted import cannot be taken up again: end at once
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from r1v.cli.main import main as run

    try:
        if handled:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return run()
    except KeyboardInterrupt:
        return 130
