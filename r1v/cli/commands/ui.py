"""``r1v ui``: the server, with its chat page opened in the browser."""

from __future__ import annotations

import argparse

from r1v.cli.commands import serve
from r1v.cli.parser import CommandParser


def configure(parser: CommandParser) -> None:
    """The arguments of ``r1v serve``."""
    serve.configure(parser)


def run(args: argparse.Namespace) -> int:
    """Serve, and open the page."""
    return serve.start(args, open_browser=True)
