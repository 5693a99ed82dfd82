"""R1V-Nano's answers to people's own questions: new wordings, typed sums, second questions, and what cannot
be told.

Asks items of `r1v.figures.people` from held-out seeds, wordings and kinds of pictures, and, where
``R1V_TEST_DATA`` holds MathVision's testmini, its pictures, of which it claims none. Counts right answers,
and how often the model says that it cannot tell: where it should, and where it should not. Prints a table
(Markdown) and ends with one line of JSON, which ``--out`` also writes to a file. Intervals are Wilson's, at
95%. ``--each`` is the number of items of every family or kind; ``--quick`` takes two. ``--processes`` shares
the work out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from nano_accuracy import Score, load
from shared.processes import in_chunks
from shared.report import print_result
from shared.sure import sure

import r1v
from r1v import ImageRef, Message, SamplingParams
from r1v.figures import people
from r1v.scoring import equivalent, extract_boxed

CHUNK = 64
MATHVISION = "mathvision"
MEASURES = {
    "words": "held-out wordings, mean over families",
    "sum": "typed forms",
    "story": "everyday word problems",
    "steps": "word problems of two or three steps",
    "everyday": "prices in cents, times of day, areas, shares",
    "talk": "second to fourth question",
    "follow": "questions that go on from a sum, doubts and corrections",
    "unknown": "unknown: says so",
    "unclear": "figures that nobody can read: says so",
    "zero": "divisions by zero: says so",
    "chat": "small talk: a line without a box",
    "known": "known: refused all the same",
}


@dataclass(frozen=True)
class Told:
    """What became of one item. measure: of MEASURES; group: family or kind within it. good: right, or
    refused where that is asked. sure: see `shared.sure`."""

    measure: str
    group: str
    number: int
    good: bool
    refused: bool
    question: str
    expected: str
    thinking: str
    answer: str
    sure: float


def messages_of(item: people.Said) -> list[Message]:
    """The conversation, as training has it."""
    found = []
    for turn in item.earlier:
        found += [Message.user(turn.question, [ImageRef(i) for i in turn.images]),
                  Message("assistant", (turn.reply,))]  # fmt: skip
    return [*found, Message.user(item.question, [ImageRef(image) for image in item.images])]


def measure_of(source: str, family: str) -> str:
    """Under which measure a family of a source counts."""
    if source == "typed":
        return family
    if source == "refuse":
        return family if family in ("chat", "unclear", "zero") else "unknown"
    return {"people": "words"}.get(source, source)


def pictures_of_mathvision() -> list[dict[str, str]]:
    """Rows of MathVision's testmini with their pictures' paths; none where it is not there."""
    folder = Path(os.environ.get("R1V_TEST_DATA", "")) / MATHVISION
    if not os.environ.get("R1V_TEST_DATA") or not (folder / "testmini.jsonl").is_file():
        return []
    rows = [json.loads(line) for line in (folder / "testmini.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        {"question": row["question"].replace("<image1>", "").strip(), "image": str(folder / row["image"])}
        for row in rows
    ]


def ask(args: argparse.Namespace, source: str, family: str, numbers: Sequence[int]) -> list[Told]:
    """Make some items and ask them greedily."""
    llm = load(args.model, args.device, args.dtype, args.batch)
    params = SamplingParams.greedy(max_tokens=args.max_tokens, logprobs=0)
    if source == MATHVISION:
        rows = pictures_of_mathvision()
        chosen = [rows[number] for number in numbers]
        asked = [[Message.user(row["question"], [ImageRef(row["image"])])] for row in chosen]
        replies = llm.chat_many(asked, params)
        return [
            Told(
                "unknown",
                MATHVISION,
                n,
                one.refused,
                one.refused,
                row["question"],
                "",
                one.thinking,
                one.answer,
                sure(one),
            )
            for n, row, one in zip(numbers, chosen, replies, strict=True)
        ]
    items = [people.said(source, family, number * 8 + 7, "heldout") for number in numbers]
    told = []
    for number, item, one in zip(
        numbers, items, llm.chat_many([messages_of(item) for item in items], params), strict=True
    ):
        given = extract_boxed(one.answer)
        if item.refused:
            good = one.refused
        elif not item.answer:
            good = given is None and bool(one.answer.strip())
        else:
            good = given is not None and equivalent(given, item.answer, item.answer_type, item.tolerance)
        question = " | ".join([*(turn.question for turn in item.earlier), item.question])
        told.append(Told(measure_of(source, family), family, number, good, one.refused, question,
                         item.answer or item.reply, one.thinking, one.answer, sure(one)))  # fmt: skip
    return told


def plan(args: argparse.Namespace) -> list[tuple[str, str, list[int]]]:
    """All chunks of work: source, family, numbers."""
    work = []
    for source, families in people.SOURCES.items():
        for family in dict.fromkeys(families):
            if not args.measure or measure_of(source, family) in args.measure:
                many = args.each * (6 if source == "typed" else 1)
                work.append((source, family, list(range(args.first, args.first + many))))
    if (rows := len(pictures_of_mathvision())) and (not args.measure or "unknown" in args.measure):
        work.append((MATHVISION, MATHVISION, list(range(min(rows, args.each)))))
    return [(s, f, numbers[i : i + CHUNK]) for s, f, numbers in work for i in range(0, len(numbers), CHUNK)]


def ask_all(args: argparse.Namespace) -> list[Told]:
    """Every answer, by as many processes as asked for."""
    told = in_chunks(partial(ask, args), plan(args), args.processes)
    return sorted(told, key=lambda one: (one.measure, one.group, one.number))


def measured(told: Sequence[Told]) -> dict[str, dict[str, object]]:
    """Each measure: all of its items, their interval, and its groups. "known" are refusals among all items
    that have an answer."""
    rows: dict[str, dict[str, object]] = {}
    answerable = [one for one in told if one.measure in ("words", "sum", "story", "steps", "talk")]
    for name in MEASURES:
        own = answerable if name == "known" else [one for one in told if one.measure == name]
        if not own:
            continue
        groups: dict[str, list[bool]] = defaultdict(list)
        for one in own:
            groups[one.group].append(one.refused if name == "known" else one.good)
        scores = {group: Score(sum(found), len(found)) for group, found in sorted(groups.items())}
        whole = Score(sum(s.right for s in scores.values()), sum(s.total for s in scores.values()))
        rows[name] = {
            **asdict(whole), "interval": whole.interval(),
            "mean": sum(s.share for s in scores.values()) / len(scores),
            "groups": {group: asdict(score) for group, score in scores.items()},
        }  # fmt: skip
    return rows


def table(rows: dict[str, dict[str, object]]) -> str:
    """Of the measures, and of their groups."""
    lines = ["| measure | items | share | mean over groups |", "|---|---|---|---|"]
    for name, row in rows.items():
        score = Score(int(str(row["right"])), int(str(row["total"])))
        lines.append(f"| {MEASURES[name]} | {score.total} | {score} | {100 * float(str(row['mean'])):.1f} |")
    for name, row in rows.items():
        groups = row["groups"]
        assert isinstance(groups, dict)
        listed = ", ".join(f"{group} {one['right']}/{one['total']}" for group, one in groups.items())
        lines.append(f"\n{MEASURES[name]}: {listed}")
    return "\n".join(lines)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="r1v-nano")
    named = [one for one in MEASURES if one != "known"]
    parser.add_argument("--measure", action="append", choices=named, default=[],
                        help="only this one; may be given several times")  # fmt: skip
    parser.add_argument("--each", type=int, default=100, help="items of each family or kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first item")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--batch", type=int, default=CHUNK, help="sequences decoded together in a process")
    parser.add_argument("--max-tokens", type=int, default=400)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--out", metavar="FILE", help="write the result as JSON")
    parser.add_argument("--samples", metavar="FILE", help="write every answer as JSON lines")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    if args.quick:
        args.each = 2
    return args


def main() -> None:
    args, started = options(), time.perf_counter()
    told = ask_all(args)
    rows = measured(told)
    print(table(rows))
    if args.samples:
        Path(args.samples).write_text(
            "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in told)
        )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True
    ).stdout.strip()
    cuda = torch.cuda.is_available() and args.device != "cpu"
    result = {
        "name": "nano_people",
        "model": args.model,
        "device": torch.cuda.get_device_name() if cuda else platform.processor() or platform.machine(),
        "versions": {"r1v": r1v.__version__, "torch": torch.__version__},
        "commit": commit,
        "each": args.each,
        "seconds": time.perf_counter() - started,
        "measures": rows,
    }
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    print_result(result["name"], result)


if __name__ == "__main__":
    main()
