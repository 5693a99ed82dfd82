"""``r1v chat``: several turns on the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from r1v.cli.commands.ask import open_images, show
from r1v.cli.conversation_file import read_conversation, write_conversation
from r1v.cli.nano import introduce
from r1v.cli.parser import (
    CommandParser,
    add_model_arguments,
    add_sampling_arguments,
    check_model_arguments,
    load_model,
    sampling,
)
from r1v.cli.typed import TypedLines
from r1v.core import ConfigError, ImageRef, Message, R1VError

if TYPE_CHECKING:
    from r1v.llm import LLM

HELP = """\
/image PATH ...    add images to the next question
/think on|off|N    think without a limit, not at all, or for N tokens at most
/save FILE         write the conversation with its images, in the form that the page imports
/load FILE         go on with a conversation that /save or the page's export wrote
/reset             forget the conversation
/help              this text
/quit              leave (so does Ctrl-D); Ctrl-C ends an answer

Pasted lines are one question. The arrow keys bring back earlier ones."""


def configure(parser: CommandParser) -> None:
    """Declare the arguments."""
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="images for the first question")
    parser.add_argument("--system", metavar="TEXT", help="a system message")
    parser.add_argument("--hide-thinking", action="store_true", help="show the answers only")
    add_model_arguments(parser)
    add_sampling_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Talk until the input ends."""
    check_model_arguments(args)
    images = open_images(args.images)
    introduce(args.model)
    llm = load_model(args)
    chat = ChatSession(llm, args)
    chat.images = images
    lines = TypedLines()
    if lines.interactive:
        print(f"{args.model}. Ask, or /help. Ctrl-D leaves.")
    try:
        while True:
            try:
                line = lines.read("\n> ")
            except EOFError:
                return 0
            except KeyboardInterrupt:
                print("\n(Ctrl-D or /quit leaves)")
                continue
            try:
                if not chat.take(line.strip()):
                    return 0
            except R1VError as error:  # an error in one turn does not end the conversation
                print(f"r1v: {error}", file=sys.stderr)
    finally:
        lines.close()


class ChatSession:
    """A conversation: its messages so far, the images for the next question, the sampling."""

    def __init__(self, llm: LLM, args: argparse.Namespace) -> None:
        self.llm = llm
        self.model: str = args.model
        self.params = sampling(args, llm.default_params)
        self.hide_thinking: bool = args.hide_thinking
        self.system = (Message("system", (args.system,)),) if args.system else ()
        self.messages: list[Message] = []
        self.images: list[ImageRef] = []

    def take(self, line: str) -> bool:
        """Obey a command or answer a question; False asks to leave. R1VError: nothing has changed."""
        if not line:
            return True
        if not line.startswith("/") or "\n" in line:
            self._answer(line)
            return True
        command, _, rest = line.partition(" ")
        rest = rest.strip()
        if command in ("/quit", "/exit"):
            return False
        if command == "/help":
            print(HELP)
        elif command == "/reset":
            self.messages, self.images = [], []
            print("(forgotten)")
        elif command in ("/save", "/load"):
            if not rest:
                raise ConfigError(f"{command} needs the name of a file")
            self._save(_path(rest)) if command == "/save" else self._load(_path(rest))
        elif command == "/think":
            self._think(rest)
        elif command == "/image":
            self._add_images(rest)
        else:
            raise ConfigError(f"{command} is not a command; /help lists them")
        return True

    def _save(self, path: Path) -> None:
        write_conversation(path, self.messages, self.model)
        print(f"({_turns(self.messages)} in {path})")

    def _load(self, path: Path) -> None:
        self.messages, self.images = read_conversation(path), []
        print(f"({_turns(self.messages)} from {path})")

    def _think(self, value: str) -> None:
        budgets = {"on": -1, "off": 0}
        if value not in budgets and not value.isdecimal():
            raise ConfigError(f"/think takes on, off or a number of tokens, not {value!r}")
        budget = budgets[value] if value in budgets else int(value)
        self.params = replace(self.params, thinking_budget=budget)
        print({-1: "(thinking on)", 0: "(thinking off)"}.get(budget, f"(thinking up to {budget} tokens)"))

    def _add_images(self, paths: str) -> None:
        import shlex

        if not paths:
            raise ConfigError("/image needs the path of an image")
        whole = Path(paths).expanduser()
        try:
            sources = (
                [str(whole)] if whole.is_file() else [str(Path(p).expanduser()) for p in shlex.split(paths)]
            )
        except ValueError as error:
            raise ConfigError(f"/image {paths}: {error}") from error
        self.images += open_images(sources)
        count = len(self.images)
        print(f"({count} image{'s' if count > 1 else ''} for the next question)")

    def _answer(self, question: str) -> None:
        turn = Message.user(question, self.images)
        stream = self.llm.stream([*self.system, *self.messages, turn], self.params)
        completion, _ = show(stream, hide_thinking=self.hide_thinking)
        answered = Message("assistant", (completion.answer,), reasoning=completion.thinking or None)
        self.messages += [turn, answered]
        self.images = []


def _path(text: str) -> Path:
    """A file's name as it was typed, with or without quotes."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return Path(text[1:-1] if quoted else text).expanduser()


def _turns(messages: Sequence[Message]) -> str:
    count = sum(message.role == "user" for message in messages)
    return f"{count} question{'s' * (count != 1)}"
