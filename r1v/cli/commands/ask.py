"""``r1v ask IMAGE... QUESTION``: one question, answered as it is thought out."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from r1v.cli.nano import introduce
from r1v.cli.parser import (
    CommandParser,
    add_model_arguments,
    add_sampling_arguments,
    check_model_arguments,
    load_model,
    sampling,
)
from r1v.cli.screen.terminal import make_screen, tokens_per_s
from r1v.core import Completion, ConfigError, ImageError, ImageRef, Message

if TYPE_CHECKING:
    from r1v.llm import LLM, Stream

IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".mpo"))


def configure(parser: CommandParser) -> None:
    """Declare the arguments."""
    parser.intermixed = True
    parser.usage = "r1v ask [IMAGE ...] QUESTION [options]"
    parser.add_argument("words", nargs="*", metavar="IMAGE ... QUESTION",
                        help="image files or data URLs, then the question in quotes (- reads it from "
                             "standard input)")  # fmt: skip
    parser.add_argument("--question", metavar="TEXT", help="the question; every word is then an image")
    parser.add_argument("--images", "--image_paths", "--image-paths", dest="image_paths", nargs="+",
                        default=[], metavar="IMAGE", help="images, after those given as words")  # fmt: skip
    parser.add_argument("--json", action="store_true",
                        help="one JSON object: thinking, answer, boxed, finish_reason, usage")  # fmt: skip
    parser.add_argument("--hide-thinking", action="store_true", help="show the answer only")
    add_model_arguments(parser)
    add_sampling_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ask; 130 after Ctrl-C."""
    check_model_arguments(args)
    images, question = split_words(args.words, args.question, args.image_paths)
    message = Message.user(question, open_images(images))  # unreadable files fail before the model is loaded
    introduce(args.model)
    llm = load_model(args)
    params = sampling(args, llm.default_params)
    stream = llm.stream([message], params)
    if args.json:
        return _print_json(stream, args, llm)
    _, status = show(stream, hide_thinking=args.hide_thinking)
    return status


def split_words(words: list[str], question: str | None, more_images: list[str]) -> tuple[list[str], str]:
    """Images and question: the last word is the question unless it was given by its own option.

    Raises ConfigError where there is no question.
    """
    if question is None:
        if not words:
            raise ConfigError('no question was given; use: r1v ask [IMAGE ...] "QUESTION"')
        *words, question = words
        if Path(question).suffix.lower() in IMAGE_SUFFIXES and Path(question).is_file():
            raise ConfigError(
                f"{question} is an image file where the question should be; put a question last"
            )
    if question == "-":
        question = sys.stdin.read()
    question = question.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()
    if not question:
        raise ConfigError("the question is empty; give at least one word")
    return [*words, *more_images], question


def open_images(sources: list[str]) -> list[ImageRef]:
    """Each image opened. Raises ImageError with its name and a hint."""
    from r1v.prompt import open_image

    opened = []
    for source in sources:
        if not source.startswith("data:") and not Path(source).is_file():
            raise ImageError(f"there is no image file {source!r}; a question of several words goes in quotes")
        opened.append(ImageRef(open_image(ImageRef(source))))
    return opened


def show(stream: Stream, *, hide_thinking: bool) -> tuple[Completion, int]:
    """Show a generation as it comes; Ctrl-C ends it. The status is 130 then, else 0."""
    from r1v.scoring import extract_boxed

    screen = make_screen(hide_thinking=hide_thinking)
    interrupted = False
    completion: Completion | None = None
    try:
        while completion is None:
            try:
                for event in stream:
                    if isinstance(event, Completion):
                        completion = event
                        break
                    screen.show(event)
                else:
                    completion = stream.wait()[0]
            except KeyboardInterrupt:
                if interrupted:
                    raise
                interrupted = True
                stream.cancel()
        screen.finish(completion, extract_boxed(completion.answer))
    finally:
        screen.close()
    return completion, 130 if interrupted else 0


def _print_json(stream: Stream, args: argparse.Namespace, llm: LLM) -> int:
    from r1v.scoring import extract_boxed

    status = 0
    try:
        completion = stream.wait()[0]
    except KeyboardInterrupt:
        status = 130
        stream.cancel()
        completion = stream.wait()[0]
    record = {
        "model": args.model,
        "thinking": completion.thinking,
        "answer": completion.answer,
        "boxed": extract_boxed(completion.answer),
        "refused": completion.refused,
        "finish_reason": completion.finish_reason.value,
        "finish_detail": completion.finish_detail and completion.finish_detail.value,
        "usage": asdict(completion.usage),
        "timing": {**asdict(completion.timing), "tokens_per_s": round(tokens_per_s(completion), 2)},
    }
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(record, ensure_ascii=not utf8, indent=2))
    return status
