"""The ``r1v`` command: parse, call, and turn an R1VError into one line.

A command is a module of this folder with ``configure(parser)`` and ``run(args) -> int``; it is imported only
when it is the one asked for, so that ``r1v --help`` stays fast.
"""

from __future__ import annotations

if __name__ == "__main__":  # python -m r1v.cli.main, as `command` does it for r1v
    from r1v.cli.interrupt import end_at_ctrl_c, run_with_ctrl_c

    _OURS = end_at_ctrl_c()

import argparse
import errno
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType

from r1v import __version__
from r1v.cli.help import HelpFormatter, add_examples
from r1v.cli.instructions import limit_instructions
from r1v.cli.nano import ABOUT
from r1v.cli.parser import CommandParser
from r1v.core import R1VError

# what the system says of a path that cannot be used
_OF_PATHS = frozenset(
    (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR,
     errno.EEXIST, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.ENOTEMPTY, errno.EXDEV, errno.EBUSY)
)  # fmt: skip

# command -> one line of help; its module in `commands` has the same name
COMMANDS = {
    "ask": "ask one question about images",
    "chat": "talk in several turns",
    "serve": "serve a model: OpenAI's API and a chat page",
    "ui": "serve a model and open the chat page",
    "inspect": "show what a checkpoint holds",
    "plan": "say what fits in memory, from config.json alone",
    "verify": "prove that another library computes the same",
    "run": "answer a file of requests, resumable",
    "quantize": "write a checkpoint in 4 bits (AWQ)",
    "compare": "measure a checkpoint against another",
    "export": "write a model for llama.cpp (GGUF)",
    "convert": "rewrite a checkpoint in another layout",
    "assemble": "put a vision tower, a projector and a language model together",
    "figures": "make figure questions, or show them",
    "eval": "measure a model on benchmarks, and report",
    "train": "train a model",
    "reward": "score replies with a reward model, clean pairs of them",
}


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """The parser: every command by name, but only the one asked for with its arguments."""
    parser = argparse.ArgumentParser(
        prog="r1v",
        description="Multimodal reasoning, step by step and visible.",
        epilog='example:\n  r1v ask examples/demo.png "Find the current in amperes."\n\n'
        f"r1v COMMAND --help says more. {ABOUT}",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"r1v {__version__}", help="print the version")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    subparsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=CommandParser
    )
    for name, summary in COMMANDS.items():
        sub = subparsers.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == command:
            loaded = importlib.import_module(f"r1v.cli.commands.{name}")
            loaded.configure(sub)
            add_examples(sub)
            sub.set_defaults(run=loaded.run)
    return parser


@contextmanager
def _ctrl_c_ends_imports() -> Iterator[None]:
    """Let Ctrl-C end the process at once while a module is imported: what an interrupted import leaves behind
    fails later, in another place. Elsewhere it raises KeyboardInterrupt as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                os.write(2, b"\n")
                os._exit(130)
            frame = frame.f_back
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # ignored, as under nohup, or the program that calls this one has its own
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is handle:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    argv = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in argv if word in COMMANDS), None)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be no text
    try:
        # eval's event loop cancels its tasks properly only under Python's own handler
        with nullcontext() if command == "eval" else _ctrl_c_ends_imports():
            args = build_parser(command).parse_args(argv)
            args.argv = argv
            limit_instructions(os.environ)
            status: int = args.run(args)
            sys.stdout.flush()  # a full disk shows up here, where an error can still be reported
            return status
    except R1VError as error:
        if "--debug" in argv:
            raise
        print(f"r1v: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except OSError as error:
        return _end_by(error, debug="--debug" in argv)


def _end_by(error: OSError, *, debug: bool) -> int:
    """Say in a line what the system says of a file: there is no room for it, or its path cannot be used. Any
    other error is a fault of ours, and raised."""
    if isinstance(error, BrokenPipeError):  # the reader of our output has gone, as with `r1v … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        print(f"r1v: what was to be written has no room: {error.strerror}; free some", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif isinstance(error.filename, str | bytes) and error.errno in _OF_PATHS and not debug:
        print(f"r1v: {os.fsdecode(error.filename)}: {error.strerror}; name another path, or look at its "
              "permissions (--debug shows where it was used)", file=sys.stderr)  # fmt: skip
    else:
        raise error
    return 1


if __name__ == "__main__":
    sys.exit(run_with_ctrl_c(main, _OURS))
