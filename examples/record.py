"""The picture of a terminal for the README: runs a command on a terminal of its own and draws what it prints.

python examples/record.py docs/images/demo.svg r1v ask examples/demo.png "$(cat examples/demo.txt)"
"""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 92


def printed(command: list[str]) -> str:
    """What a command prints where it believes to be on a terminal. Raises SystemExit where it fails."""
    os.environ |= {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    output = io.BytesIO()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 4096)
        output.write(data)
        return data

    status = pty.spawn(command, read)
    if status:
        raise SystemExit(f"{shlex.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    return output.getvalue().decode().replace("\r\n", "\n")


def settled(text: str) -> str:
    """What stays on the screen: lines that were erased or written over are gone, colours are kept."""
    lines = [""]
    for part in re.split(r"(\x1b\[2K|\x1b\[1A|\x1b\[\?25[lh]|\r|\n)", text):
        if part == "\n":
            lines.append("")
        elif part in ("\x1b[2K", "\r"):
            lines[-1] = ""
        elif part == "\x1b[1A":
            lines = lines[:-1] or [""]
        elif not part.startswith("\x1b[?"):
            lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def main() -> None:
    if len(sys.argv) < 3:
        raise SystemExit("usage: python examples/record.py PICTURE.svg COMMAND...")
    target, command = Path(sys.argv[1]), sys.argv[2:]
    text = Text.from_ansi(settled(printed(command)).strip("\n"))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(f"[bold]$ {shlex.join(command)}[/bold]", highlight=False)
    console.print(text)
    console.save_svg(str(target), title="r1v")
    print(target)


if __name__ == "__main__":
    main()
