"""What R1V-Small does beyond the figures' own questions: describe, converse, compute, follow instructions.

    python experiments/r1v_small/measure.py --model FOLDER --out FILE.json [--data IFEVAL.jsonl]

- describe: held-out figures, held-out wordings, English and Chinese. Statements of the chain that are true by
  `r1v.figures.claims`, and replies without a number or colour that the picture does not have.
- talk: three questions about a picture, each answered by the model itself; the last answer is counted.
- sums: typed sums and word problems, without a picture.
- ifeval: answers to IFEval's prompts, for `--grade FILE`, which needs its checkers, on any machine.

``--no-pictures`` takes the pictures away. Intervals are Wilson's, at 95%. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from nano_accuracy import Score, load
from shared.processes import in_chunks
from shared.report import print_result

from r1v import ImageRef, Message, SamplingParams, figures
from r1v.core import Completion, UnavailableError
from r1v.figures import claims, people
from r1v.figures.people import Said
from r1v.scoring import equivalent, extract_boxed, parse_number
from r1v_small import wordings
from r1v_small.targets import is_chinese, wrong_words

PARTS = ("describe", "talk", "sums", "ifeval")
CHUNK = 64
BOXED = "\nPut the final number in \\boxed{}."


def describe(args: argparse.Namespace, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Descriptions of held-out figures."""
    rows = []
    names = list(wordings.ABOUT)
    items = [figures.make(names[n % len(names)], (n // len(names)) * 8 + 7) for n in numbers]
    asked = []
    for number in numbers:
        choices = wordings.DESCRIBE_ZH if number % 3 == 0 else wordings.DESCRIBE
        asked.append(Random(number).choice(wordings.heldout(choices)))
    conversations = [
        [Message.user(question, [] if args.no_pictures else [ImageRef(i) for i in item.images])]
        for question, item in zip(asked, items, strict=True)
    ]
    for question, item, reply in zip(asked, items, _replies(args, conversations), strict=True):
        known = " ".join([*(f"{k} {v}" for k, v in item.facts.items()), item.question, item.solution])
        found = claims.check(reply.thinking, item.facts)
        rows.append({
            "part": "describe", "group": item.family, "question": question, "thinking": reply.thinking,
            "answer": reply.answer, "stated": found.stated, "wrong": found.wrong,
            "grounded": bool(reply.answer.strip()) and not wrong_words(reply.answer, known, len(item.facts)),
            "language": is_chinese(reply.answer) == is_chinese(question),
        })  # fmt: skip
    return rows


def talk(args: argparse.Namespace, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Conversations of three turns; the model hears its own answers."""
    items = [item for number in numbers if (item := _of_three_turns(number)) is not None]
    said: list[list[Message]] = [[] for _ in items]
    for turn in range(2):
        for conversation, item in zip(said, items, strict=True):
            earlier = item.earlier[turn]
            conversation.append(_user(args, earlier.question, earlier.images))
        for conversation, reply in zip(said, _replies(args, said), strict=True):
            conversation.append(Message("assistant", (reply.answer or "…",)))
    for conversation, item in zip(said, items, strict=True):
        conversation.append(_user(args, item.question, item.images))
    return [
        _marked("talk", item.family, item, reply, extract_boxed(reply.answer))
        for item, reply in zip(items, _replies(args, said), strict=True)
    ]


def _of_three_turns(number: int) -> Said | None:
    """The number-th conversation of three turns that can be drawn here."""
    kind = ("more", "again")[number % 2]
    for seed in range(number * 20, number * 20 + 20):
        try:
            item = people.said("talk", kind, seed * 8 + 7, "heldout")
        except UnavailableError:  # molecules without RDKit
            continue
        if len(item.earlier) == 2:
            return item
    return None


def sums(args: argparse.Namespace, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Typed sums and word problems, as text."""
    items = [people.said("typed", ("sum", "story")[n % 2], n * 8 + 7, "heldout") for n in numbers]
    replies = _replies(args, [[Message.user(item.question + BOXED)] for item in items])
    rows = []
    for item, reply in zip(items, replies, strict=True):
        given = extract_boxed(reply.answer)
        if given is None:  # the last number, of a model that boxes nothing
            given = next(
                (w for w in reversed(reply.answer.split()) if parse_number(w.strip(".,*$")) is not None), None
            )
            given = given and given.strip(".,*$")
        rows.append(_marked("sums", item.family, item, reply, given))
    return rows


def ifeval(args: argparse.Namespace, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Answers to IFEval's prompts."""
    lines = args.data.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(lines[n]) for n in numbers if n < len(lines)]
    replies = _replies(args, [[Message.user(row["prompt"])] for row in rows], 1024)
    return [{"part": "ifeval", "group": "ifeval", "row": row, "answer": reply.answer}
            for row, reply in zip(rows, replies, strict=True)]  # fmt: skip


def _user(args: argparse.Namespace, question: str, images: Sequence[Any]) -> Message:
    return Message.user(question, [] if args.no_pictures else [ImageRef(image) for image in images])


def _replies(args: argparse.Namespace, talks: list[list[Message]], most: int = 0) -> list[Completion]:
    llm = load(args.model, args.device, args.dtype, args.batch)
    return llm.chat_many(
        talks, SamplingParams.greedy(max_tokens=most or args.max_tokens, detect_answer_loops=True)
    )


def _marked(part: str, group: str, item: Said, reply: Completion, given: str | None) -> dict[str, Any]:
    right = given is not None and equivalent(given, item.answer, item.answer_type, item.tolerance)
    return {"part": part, "group": group, "question": item.question, "expected": item.answer, "right": right,
            "thinking": reply.thinking, "answer": reply.answer}  # fmt: skip


def ask(args: argparse.Namespace, part: str, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """One part's answers to some numbers."""
    return {"describe": describe, "talk": talk, "sums": sums, "ifeval": ifeval}[part](args, numbers)


def summed(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What is reported of each part."""
    found: dict[str, Any] = {}

    def put(name: str, score: Score) -> None:
        found[name] = {
            "right": score.right,
            "total": score.total,
            "share": score.share,
            "interval": score.interval(),
        }
        print(f"| {name} | {score.total} | {score} |")

    parts = defaultdict(list)
    for row in rows:
        parts[row["part"]].append(row)
    if own := parts["describe"]:
        stated = sum(row["stated"] for row in own)
        put(
            "describe: statements of the chain that are true",
            Score(stated - sum(r["wrong"] for r in own), stated),
        )
        put(
            "describe: replies with nothing that is not there",
            Score(sum(r["grounded"] for r in own), len(own)),
        )
        put("describe: in the language of the question", Score(sum(r["language"] for r in own), len(own)))
    for part, name in (("talk", "talk: third answer right"), ("sums", "sums without a picture")):
        if own := parts[part]:
            put(name, Score(sum(r["right"] for r in own), len(own)))
    if graded := [row for row in parts["ifeval"] if "strict" in row]:
        put("IFEval, prompts strict", Score(sum(row["strict"] for row in graded), len(graded)))
        put("IFEval, prompts loose", Score(sum(row["loose"] for row in graded), len(graded)))
    return found


def grade(file: Path) -> None:
    """Grade the IFEval answers of an earlier run."""
    from r1v.eval.item import Item, Output
    from r1v.eval.tasks import ifeval as task

    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    own = [row for row in rows if row["part"] == "ifeval"]
    for row in own:
        told = row["row"]
        kept = [{k: v for k, v in kwargs.items() if v is not None} for kwargs in told["kwargs"]]
        grading = {
            "prompt": told["prompt"],
            "instruction_id_list": told["instruction_id_list"],
            "kwargs": kept,
        }
        item = Item(str(told["key"]), (Message.user(told["prompt"]),), "", (), "", grading)
        given = task.grade(item, Output(answer=row["answer"]), None)  # type: ignore[arg-type]
        row["strict"], row["loose"] = bool(given.score), bool(given.details.get("prompt_loose", 0))
    print(json.dumps({"name": "ifeval", **summed(own)}))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="a folder; with a merged adapter it is used for texts as well")
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--number", type=int, default=200, help="items of each part; of IFEval all")
    parser.add_argument("--data", type=Path, help="IFEval's input_data.jsonl")
    parser.add_argument("--no-pictures", action="store_true")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--batch", type=int, default=CHUNK)
    parser.add_argument("--max-tokens", type=int, default=500)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--out", type=Path, help="file for the JSON; its rows go beside it, as .jsonl")
    parser.add_argument(
        "--grade", type=Path, metavar="FILE", help="grade the IFEval rows of such a .jsonl, and stop"
    )
    return parser.parse_args()


def main() -> None:
    args = options()
    if args.grade:
        grade(args.grade)
        return
    begun = time.monotonic()
    chunks = []
    for part in args.only or PARTS:
        if part == "ifeval" and args.data is None:
            continue
        number = (
            min(args.number, 600)
            if part != "ifeval"
            else len(args.data.read_text(encoding="utf-8").splitlines())
        )
        number = min(number, args.number) if args.number < 60 else number
        chunks += [(part, list(range(i, min(i + CHUNK, number)))) for i in range(0, number, CHUNK)]
    rows = list(in_chunks(partial(ask, args), chunks, args.processes))
    result = {"model": args.model, "pictures": not args.no_pictures, **summed(rows),
              "seconds": round(time.monotonic() - begun, 1)}  # fmt: skip
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        args.out.with_suffix(".jsonl").write_text("".join(lines), encoding="utf-8")
    print_result("r1v_small", result)


if __name__ == "__main__":
    main()
