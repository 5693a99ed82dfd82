"""``r1v figures quiz``: draw figure questions that were in no data set, ask a model, show what it says.

The seeds come from the clock unless one is named, far above those of training and of the measurements;
wordings are held-out ones. With ``--page`` the questions, pictures and replies become a Markdown page.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from r1v.cli.parser import MODEL_HELP
from r1v.core import ConfigError

if TYPE_CHECKING:
    from r1v import LLM
    from r1v.core import Completion
    from r1v.figures import Figure

FIRST_SEED = 1 << 33  # more than any run can use up
TRIES = 12  # times as many questions are asked at most to find the wrong answers that --wrong wants
BATCH = 10


@dataclass(frozen=True)
class QuizAnswer:
    """A figure, the reply, and whether its boxed answer is the exact one."""

    figure: Figure
    reply: Completion
    right: bool


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--model", default="r1v-nano", metavar="MODEL", help=f"who is asked: {MODEL_HELP}")
    parser.add_argument("--n", type=int, default=10, metavar="N", help="questions")
    parser.add_argument(
        "--family",
        action="append",
        metavar="F",
        help="may be given several times (default: those that the model's scores.json claims, else all)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of the draw (default: from the clock)")
    parser.add_argument("--difficulty", metavar="D", help="easy, medium or hard (default: all)")
    parser.add_argument("--wrong", type=int, default=0, metavar="K", help="show K wrong answers among the N")
    parser.add_argument("--pictures", metavar="DIR", help="save the pictures there")
    parser.add_argument("--page", metavar="FILE", help="write a Markdown page, its pictures beside it")


def run(args: argparse.Namespace) -> int:
    """Draw, ask, show."""
    from r1v import LLM

    if args.n < 1 or not 0 <= args.wrong <= args.n:
        raise ConfigError(
            f"--n is {args.n} and --wrong {args.wrong}; N must be at least 1, K between 0 and N"
        )
    seed = int(time.time()) if args.seed is None else args.seed
    llm = LLM(args.model)
    families = tuple(args.family) if args.family else claimed(args.model)
    drawn = draw(families, seed, args.difficulty)
    wanted = {True: args.n - args.wrong, False: args.wrong} if args.wrong else {True: args.n, False: args.n}
    shown: list[QuizAnswer] = []
    asked = right = 0
    while len(shown) < args.n and asked < TRIES * args.n:
        count = BATCH if args.wrong else min(BATCH, args.n - asked)
        for one in ask(llm, [next(drawn) for _ in range(count)]):
            asked, right = asked + 1, right + one.right
            if len(shown) < args.n and sum(s.right is one.right for s in shown) < wanted[one.right]:
                shown.append(one)
                report(one, len(shown), Path(args.pictures) if args.pictures else None)
    print(f"{right} of {asked} right (seed {seed}; `--seed {seed}` asks the same again)")
    if args.page:
        write_page(shown, Path(args.page), f"{right} of {asked} answers were right when this page was drawn")
    return 0


def claimed(model: str) -> tuple[str, ...]:
    """The families that a checkpoint's own scores name as learned; all where it has none."""
    from r1v import figures
    from r1v.llm.card import read_card
    from r1v.models import resolve_model

    found = [name for name, _ in read_card(resolve_model(model)).kinds]
    return tuple(name for name in found if name in figures.FAMILIES) or tuple(figures.FAMILIES)


def draw(families: Sequence[str], seed: int, difficulty: str | None) -> Iterator[Figure]:
    """An endless stream of held-out figures, the families taking turns in a shuffled order."""
    from r1v import figures

    rng = Random(seed)
    while True:
        for name in rng.sample(list(families), len(families)):
            number = 8 * (FIRST_SEED + rng.randrange(1 << 32)) + 7  # every eighth seed is held out
            yield figures.make(name, number, difficulty=difficulty)  # type: ignore[arg-type]


def ask(llm: LLM, drawn: Sequence[Figure]) -> list[QuizAnswer]:
    """Greedy replies to some figures."""
    from r1v import ImageRef, Message, SamplingParams
    from r1v.scoring import equivalent, extract_boxed

    conversations = [[Message.user(f.question, [ImageRef(image) for image in f.images])] for f in drawn]
    replies = llm.chat_many(conversations, SamplingParams.greedy(max_tokens=400))
    asked = []
    for figure, reply in zip(drawn, replies, strict=True):
        given = extract_boxed(reply.answer)
        right = given is not None and equivalent(given, figure.answer, figure.answer_type, figure.tolerance)
        asked.append(QuizAnswer(figure, reply, right))
    return asked


def report(one: QuizAnswer, number: int, folder: Path | None) -> None:
    """One question on the screen; its pictures in the folder."""
    figure = one.figure
    print(f"{number}. {figure.family}, {figure.difficulty}: {figure.question}")
    if folder is not None:
        print("   " + " ".join(save(figure, folder, number)))
    print("\n".join(f"   | {line}" for line in one.reply.thinking.strip().splitlines()))
    verdict = "right" if one.right else f"wrong, it is {figure.answer}"
    print(f"   {one.reply.answer.strip()}   [{verdict}]\n", flush=True)


def save(figure: Figure, folder: Path, number: int) -> list[str]:
    """Write a figure's pictures; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:02d}-{figure.family}-{i}.png" for i in range(1, len(figure.images) + 1)]
    for path, image in zip(paths, figure.images, strict=True):
        # few colours suffice for a drawing, and make it small
        image.quantize(48).save(path, optimize=True)
    return list(map(str, paths))


def write_page(shown: Sequence[QuizAnswer], page: Path, summary: str) -> None:
    """The Markdown page and the pictures, in a folder of its name beside it."""
    folder = page.with_suffix("")
    lines = [
        "# Gallery",
        "",
        f"{len(shown)} questions that were in no data set, and what the model said. {summary};",
        "wrong ones may be shown more often here than they occur.",
        "",
        "`r1v figures quiz --n 30 --wrong 8 --page docs/measurements/gallery.md` draws such a page.",
        "",
    ]
    for number, one in enumerate(shown, 1):
        figure = one.figure
        pictures = [Path(path).relative_to(page.parent) for path in save(figure, folder, number)]
        verdict = "right" if one.right else f"**wrong**, it is {figure.answer}"
        lines += [f"## {number}. {figure.family}, {figure.difficulty}: {verdict}", ""]
        lines += [f'<img src="{path.as_posix()}" width="280" alt="{figure.family}">' for path in pictures]
        lines += ["", figure.question, "", "```text", one.reply.thinking.strip(), ""]
        lines += [one.reply.answer.strip(), "```", ""]
    page.write_text("\n".join(lines))
    print(f"{len(shown)} questions on {page}")
