"""Ctrl-C while the command line is imported: it ends the process at once, with status 130 and no traceback.

It imports nothing but what Python itself has loaded, so that the time in which Python answers Ctrl-C with a
traceback is that of starting the interpreter and no more.
"""

from __future__ import annotations

import _signal  # signal without its enumerations, which take time to build
import os

TYPE_CHECKING = False  # that of typing, which takes time to import too
if TYPE_CHECKING:
    from collections.abc import Callable


def end_at_ctrl_c() -> bool:
    """From here on Ctrl-C ends the process, since an interrupted import cannot be taken up again. False where
    Ctrl-C is ignored, as under nohup, or somebody else's: then nothing is changed."""
    ours = _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler
    if ours:
        _signal.signal(_signal.SIGINT, lambda *_: os._exit(130))
    return ours


def run_with_ctrl_c(run: Callable[[], int], ours: bool) -> int:
    """Call run, in which Ctrl-C is KeyboardInterrupt again; its exit status, 130 for Ctrl-C. ours: what
    end_at_ctrl_c returned."""
    try:
        if ours:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        return run()
    except KeyboardInterrupt:
        return 130
