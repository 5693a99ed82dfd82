"""``r1v figures quiz``: draw figure questions that were in no data set, ask a model, show what it says.

The seeds come from the clock unless one is named, far above those of training and of the measurements;
wordings are held-out ones. With ``--abroad`` every third picture is drawn by a tool that others wrote, one
that never drew for training where it is installed; ``--tool`` names the tools, which then draw all pictures.
With ``--page`` the questions, pictures and replies become a Markdown page.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from r1v.cli.parser import MODEL_HELP
from r1v.core import ConfigError, UnavailableError

if TYPE_CHECKING:
    from r1v import LLM
    from r1v.core import Completion
    from r1v.figures import Figure

FIRST_SEED = 1 << 33  # more than any run can use up
TRIES = 12  # times as many questions are asked at most to find the wrong answers that --wrong wants
BATCH = 10
EVERY = 3  # with --abroad, each picture of this number is drawn by another tool


@dataclass(frozen=True)
class QuizFigure:
    """A figure, and the tool of others that drew it; empty where r1v drew it itself."""

    figure: Figure
    tool: str = ""

    @property
    def title(self) -> str:
        """What it is, in words."""
        by = f", drawn by {self.tool}" if self.tool else ""
        return f"{self.figure.family}, {self.figure.difficulty}{by}"


@dataclass(frozen=True)
class QuizAnswer:
    """What was asked, the reply, and whether its boxed answer is the exact one."""

    asked: QuizFigure
    reply: Completion
    right: bool


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--model", default="r1v-nano", metavar="MODEL", help=f"who is asked: {MODEL_HELP}")
    parser.add_argument("--n", type=int, default=10, metavar="N", help="number of questions")
    parser.add_argument(
        "--family", action="append", metavar="F",
        help="ask about this family; may be given several times (default: those that the model's "
             "scores.json claims, else all)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the drawing (default: from the clock)")
    parser.add_argument("--difficulty", metavar="D", help="easy, medium or hard (default: all)")
    parser.add_argument(
        "--abroad", action="store_true",
        help=f"one picture in {EVERY} is drawn by other people's tools, where they are installed",
    )  # fmt: skip
    parser.add_argument(
        "--tool",
        action="append",
        metavar="T",
        help="draw all pictures with this tool (with --abroad, one in "
        f"{EVERY}); may be given several times; `r1v figures list` names them",
    )
    parser.add_argument("--wrong", type=int, default=0, metavar="K", help="show K wrong answers among the N")
    parser.add_argument("--pictures", metavar="DIR", help="save the pictures in this folder")
    parser.add_argument(
        "--page", metavar="FILE", help="write a Markdown page to this file, with its pictures beside it"
    )


def run(args: argparse.Namespace) -> int:
    """Draw, ask, show."""
    from r1v import LLM

    if args.n < 1 or not 0 <= args.wrong <= args.n:
        raise ConfigError(
            f"--n is {args.n} and --wrong {args.wrong}; N must be at least 1, K between 0 and N"
        )
    seed = int(time.time()) if args.seed is None else args.seed
    families = tuple(args.family) if args.family else claimed(args.model)
    tools = foreign_tools(families, args.tool) if args.abroad or args.tool else {}
    if args.abroad and not args.tool:
        say_what_lacks(tools)
    drawn = draw(families, seed, args.difficulty, tools, EVERY if args.abroad else 1)
    llm = LLM(args.model)
    wanted = {True: args.n - args.wrong, False: args.wrong} if args.wrong else {True: args.n, False: args.n}
    shown: list[QuizAnswer] = []
    answers: list[QuizAnswer] = []
    while len(shown) < args.n and len(answers) < TRIES * args.n:
        count = BATCH if args.wrong else min(BATCH, args.n - len(answers))
        for one in ask(llm, [next(drawn) for _ in range(count)]):
            answers.append(one)
            if len(shown) < args.n and sum(s.right is one.right for s in shown) < wanted[one.right]:
                shown.append(one)
                report(one, len(shown), Path(args.pictures) if args.pictures else None)
    right = sum(one.right for one in answers)
    print(f"{right} of {len(answers)} right (seed {seed}; `--seed {seed}` asks the same again)")
    theirs = [one.right for one in answers if one.asked.tool]
    if 0 < len(theirs) < len(answers):
        print(f"{sum(theirs)} of the {len(theirs)} that other tools drew, "
              f"{right - sum(theirs)} of the {len(answers) - len(theirs)} of r1v's own")  # fmt: skip
    if args.page:
        summary = f"{right} of {len(answers)} answers were right when this page was drawn"
        write_page(shown, Path(args.page), summary)
    return 0


def claimed(model: str) -> tuple[str, ...]:
    """The families that a checkpoint's own scores name as learned; all where it has none."""
    from r1v import figures
    from r1v.llm.card import read_card
    from r1v.models import resolve_model

    found = [name for name, _ in read_card(resolve_model(model)).kinds]
    return tuple(name for name in found if name in figures.FAMILIES) or tuple(figures.FAMILIES)


def foreign_tools(families: Sequence[str], wanted: Sequence[str] | None) -> dict[str, list[str]]:
    """The tools of others that draw each family here; families that none of them draws are left out.

    wanted: by name; None takes those that never drew for training, and where there are none the rest. Raises
    ConfigError where one is not known or draws none of the families, UnavailableError where it is missing.
    """
    from r1v.figures import abroad

    drawn = [name for name in families if name in abroad.SUBJECTS]
    if wanted is None:
        every = {name: abroad.usable(name, "heldout") or abroad.usable(name, "train") for name in drawn}
        return {name: tools for name, tools in every.items() if tools}
    for tool in wanted:
        known = sorted({found for name in abroad.SUBJECTS for found in abroad.tools(name)})
        if tool not in known:
            raise ConfigError(f"--tool {tool} is not known; use one of {', '.join(known)}")
        places = [abroad.tools(name)[tool] for name in drawn if tool in abroad.tools(name)]
        if not places:
            raise ConfigError(f"--tool {tool} can draw none of the families that were chosen")
        if lacks := places[0].missing():
            raise UnavailableError(f"--tool {tool} needs {', '.join(lacks)}, which is not installed")
    every = {name: [tool for tool in wanted if tool in abroad.tools(name)] for name in drawn}
    return {name: tools for name, tools in every.items() if tools}


def say_what_lacks(tools: Mapping[str, Sequence[str]]) -> None:
    """On standard error: which tools that never drew for training are missing, and what they need."""
    from r1v.figures import abroad

    lacking = {name.split("/")[1]: lacks for name, lacks in abroad.missing("heldout").items()}
    if lacking:
        names = "; ".join(f"{name} (needs {', '.join(lacks)})" for name, lacks in lacking.items())
        print(f"not installed, so these do not draw: {names}", file=sys.stderr)
    if not tools:
        print("no other tool can draw here, so r1v draws all", file=sys.stderr)


def draw(
    families: Sequence[str],
    seed: int,
    difficulty: str | None,
    tools: Mapping[str, Sequence[str]],
    every: int = 1,
) -> Iterator[QuizFigure]:
    """An endless stream of held-out figures, the families taking turns in a shuffled order.

    tools: of others, for each family that they draw; each picture whose number is a multiple of ``every`` is
    theirs. Without any, all are r1v's own.
    """
    own = own_figures(families, seed, difficulty)
    theirs = foreign_figures(tools, seed, difficulty)
    for number in itertools.count(1):
        drawn = next(theirs, None) if number % every == 0 else None
        yield next(own) if drawn is None else drawn


def own_figures(families: Sequence[str], seed: int, difficulty: str | None) -> Iterator[QuizFigure]:
    """Those that r1v draws."""
    from r1v import figures

    rng = Random(seed)
    while True:
        for name in rng.sample(list(families), len(families)):
            number = 8 * (FIRST_SEED + rng.randrange(1 << 32)) + 7  # every eighth seed is held out
            yield QuizFigure(figures.make(name, number, difficulty=difficulty))  # type: ignore[arg-type]


def foreign_figures(
    tools: Mapping[str, Sequence[str]], seed: int, difficulty: str | None
) -> Iterator[QuizFigure]:
    """Those that other tools draw, in held-out words."""
    from r1v.figures import DIFFICULTIES

    if difficulty is not None and difficulty not in DIFFICULTIES:
        raise ConfigError(f"difficulty {difficulty!r} is not known; use one of {', '.join(DIFFICULTIES)}")
    rng = Random(f"{seed}/abroad")
    left = {name: list(found) for name, found in tools.items()}
    while left:
        for name in rng.sample(list(left), len(left)):
            tool = rng.choice(left[name])
            try:
                yield QuizFigure(_foreign_figure(name, tool, rng, difficulty), tool)
            except UnavailableError as error:  # it is there and does not work, as a browser in a cage
                print(f"{name} by {tool} is left out: {error}", file=sys.stderr)
                left[name].remove(tool)
                if not left[name]:
                    del left[name]


def _foreign_figure(name: str, tool: str, rng: Random, difficulty: str | None) -> Figure:
    """One by a tool; its seed decides how hard it is, and one in three fits."""
    from r1v.figures import abroad

    while True:
        figure = abroad.make(name, tool, FIRST_SEED + rng.randrange(1 << 32), "heldout")
        if difficulty in (None, figure.difficulty):
            return figure


def ask(llm: LLM, drawn: Sequence[QuizFigure]) -> list[QuizAnswer]:
    """Greedy replies to some figures."""
    from r1v import ImageRef, Message, SamplingParams
    from r1v.scoring import equivalent, extract_boxed

    figures = [one.figure for one in drawn]
    conversations = [[Message.user(f.question, [ImageRef(image) for image in f.images])] for f in figures]
    replies = llm.chat_many(conversations, SamplingParams.greedy(max_tokens=400))
    answers = []
    for one, figure, reply in zip(drawn, figures, replies, strict=True):
        given = extract_boxed(reply.answer)
        right = given is not None and equivalent(given, figure.answer, figure.answer_type, figure.tolerance)
        answers.append(QuizAnswer(one, reply, right))
    return answers


def report(one: QuizAnswer, number: int, folder: Path | None) -> None:
    """One question on the screen; its pictures in the folder."""
    print(f"{number}. {one.asked.title}: {one.asked.figure.question}")
    if folder is not None:
        print("   " + " ".join(save(one.asked, folder, number)))
    print("\n".join(f"   | {line}" for line in one.reply.thinking.strip().splitlines()))
    print(f"   {one.reply.answer.strip()}   [{verdict(one, '')}]\n", flush=True)


def verdict(one: QuizAnswer, mark: str) -> str:
    """Right, or what would have been. mark: around the word that says wrong."""
    if one.right:
        return "right"
    said = "cannot tell" if one.reply.refused else "wrong"
    return f"{mark}{said}{mark}, it is {one.asked.figure.answer}"


def save(drawn: QuizFigure, folder: Path, number: int) -> list[str]:
    """Write a figure's pictures; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = drawn.figure
    stem = f"{number:02d}-{figure.family}" + (f"-{drawn.tool}" if drawn.tool else "")
    paths = [folder / f"{stem}-{i}.png" for i in range(1, len(figure.images) + 1)]
    for path, image in zip(paths, figure.images, strict=True):
        # few colours suffice for a drawing, and make it small
        image.convert("RGB").quantize(48).save(path, optimize=True)
    return list(map(str, paths))


def write_page(shown: Sequence[QuizAnswer], page: Path, summary: str) -> None:
    """The Markdown page and the pictures, in a folder of its name beside it."""
    folder = page.with_suffix("")
    lines = [
        "# Gallery",
        "",
        f"{len(shown)} questions that were in no data set, and what the model said. {summary};",
        "wrong ones may be shown more often here than they occur. Right and wrong are said of the box alone:",
        "a chain can be wrong where the answer is right. Figures, and the months of calendars, are invented.",
        "",
        "`r1v figures quiz --n 30 --wrong 8 --page docs/measurements/gallery.md` draws such a page.",
        "",
    ]
    for number, one in enumerate(shown, 1):
        figure = one.asked.figure
        pictures = [Path(path).relative_to(page.parent) for path in save(one.asked, folder, number)]
        lines += [f"## {number}. {one.asked.title}: {verdict(one, '**')}", ""]
        lines += [f'<img src="{path.as_posix()}" width="280" alt="{figure.family}">' for path in pictures]
        lines += ["", figure.question, "", "```text", one.reply.thinking.strip(), ""]
        lines += [one.reply.answer.strip(), "```", ""]
    page.write_text("\n".join(lines))
    print(f"{len(shown)} questions on {page}")
