"""What the loop detector stops, on texts that loop and texts that repeat themselves for a reason.

Each text is cut into the tokens of a checkpoint and given to the detector id by id. Printed for each: how
many ids it has, and at which id it is stopped. The first kind must be stopped, the second must not.

    python benchmarks/loops.py [--model r1v-nano] [--json FILE]

``--runs RUN [RUN ...]`` gives it the answers of `r1v eval run` instead, with the tokens of ``--model``: which
are stopped, what stands there, and how those end that were cut off at their longest and not stopped; those
that end by repeating themselves exactly are also continued to 8,192 ids. Whether a stop is right is for a
reader to say.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
from collections.abc import Sequence
from pathlib import Path

from shared.report import print_result

from r1v.engine import LoopDetector
from r1v.eval.store import RunFolder
from r1v.models import resolve_model
from r1v.prompt import Processor


def texts_with_a_reason() -> dict[str, str]:
    """Texts that repeat and end."""
    sentence = "The quick brown fox jumps over the lazy dog.\n"
    rows = list(itertools.product("01", repeat=6))
    identity = [[int(i == j) for j in range(20)] for i in range(20)]
    bottles = "".join(
        f"{n} bottles of beer on the wall, {n} bottles of beer.\n"
        f"Take one down and pass it around, {n - 1} bottles of beer on the wall.\n\n"
        for n in range(99, 0, -1)
    )
    return {
        "a sentence fifty times": sentence * 50,
        "216 outcomes of three dice": "\n".join(map(str, itertools.product(range(1, 7), repeat=3))),
        "a truth table of six variables": "| A | B | C | D | E | F | out |\n" + "".join(
            f"| {' | '.join(row)} | {row.count('1') % 2} |\n" for row in rows),
        "a 20 x 20 identity matrix": json.dumps(identity).replace("],", "],\n"),
        "a 20 x 20 array of zeros": json.dumps([[0] * 20] * 20).replace("],", "],\n"),
        "1/7 to 240 digits": "0." + "142857" * 40,
        "ninety-nine bottles": bottles,
        "thirty equal lines of code": "    values.append(next(source))\n" * 30,
        "numbers from 1 to 500": ", ".join(map(str, range(1, 501))),
        "the times table to 20": "\n".join(
            f"{a} x {b} = {a * b}" for a in range(1, 21) for b in range(1, 21)),
        "days of a year": "\n".join(
            f"2025-{month:02d}-{day:02d}: nothing planned" for month in range(1, 13) for day in range(1, 29)),
        "a CSV of equal rows with an index": "".join(f"{i},0.0,0.0,0.0,ok\n" for i in range(300)),
        "a trial division": "".join(
            f"Is 9973 divisible by {n}? {n} x {9973 // n} = {n * (9973 // n)}, remainder {9973 % n}. No.\n"
            for n in range(3, 100, 2)),
        "a chessboard": ("+---" * 8 + "+\n" + "|   | # " * 4 + "|\n") * 8,
        "lorem of 64 lines": "".join(f"Line {i}: {sentence}" for i in range(64)),
        "an unrolled loop of assembly": "".join(
            f"    vmovups ymm0, [rsi + {32 * i}]\n    vaddps ymm0, ymm0, [rdx + {32 * i}]\n"
            for i in range(60)),
        "a nested list of None": "[" + ", ".join(["None"] * 256) + "]",
        "binary numbers to 128": "\n".join(f"{i:3d} = {i:08b}" for i in range(128)),
    }  # fmt: skip


def texts_that_loop() -> dict[str, str]:
    """Texts that would never end, 20,000 characters or more of each."""
    draw = random.Random(1)
    words = "so the answer must be near this value and we check once more whether it holds".split()
    paragraph = (
        "Wait, let me check this again. The triangle has a right angle at B, so the side AC is the longest "
        "one. By the theorem of Pythagoras its square is the sum of the two squares, and that gives the same "
        "value. Hmm, but the figure shows something else, so I should look at the figure again.\n\n"
    )
    variants = ["Hmm, that is not right. ", "Wait, no. ", "Let me see. ", "But the sum is 12. ", "So x = 3. "]
    return {
        "one word": "the " * 6000,
        "one sentence": "Wait, let me check this again.\n" * 800,
        "a paragraph": paragraph * 80,
        "two sentences in turn": "So x is 4. But then y is 7.\nNo, y is 8, so x is 5.\n\n" * 500,
        "a list of the same items": "1. red\n2. green\n3. blue\n4. red\n" * 700,
        "a few sentences in any order": "".join(draw.choice(variants) for _ in range(1600)),
        "a paragraph with a number of two": "".join(
            paragraph.replace("same", draw.choice(["same", "other"])) for _ in range(80)),
        "a paragraph with random numbers": "".join(
            paragraph.replace("same", f"{draw.random():.4f}") for _ in range(150)),
        "counting attempts": "".join(f"Attempt {i}: {paragraph}" for i in range(1, 150)),
        "a handful of words": " ".join(draw.choice(words[:6]) for _ in range(6000)),
        "digits that repeat": "0." + "142857" * 3400,
        "brackets": "(" * 20000,
    }  # fmt: skip


def stopped_at(token_ids: Sequence[int]) -> int | None:
    """The number of ids after which the detector says that they are a loop."""
    detector = LoopDetector()
    return next((i for i, token_id in enumerate(token_ids, 1) if detector.push(token_id)), None)


def period_of(token_ids: Sequence[int]) -> int:
    """How many ids the end repeats exactly, three times in a row; 0 where it repeats none of up to 300."""
    for period in range(1, min(300, len(token_ids) // 4)):
        if token_ids[-3 * period :] == token_ids[-4 * period : -period]:
            return period
    return 0


def continued(token_ids: Sequence[int], length: int = 8192) -> tuple[int | None, int]:
    """An answer that was cut off in an exact loop, as if it had gone on: at which id it is stopped, and with
    which id the loop began."""
    period = period_of(token_ids)
    began = len(token_ids)
    while began > period and token_ids[began - 1] == token_ids[began - 1 - period]:
        began -= 1
    whole = [*token_ids]
    while len(whole) < length:
        whole.append(whole[-period])
    return stopped_at(whole), began


def replay(processor: Processor, runs: Sequence[Path], show: int) -> dict[str, dict[str, int]]:
    """Every answer of these runs: how many are stopped, and how many were cut off. show: characters of both
    kinds to print."""
    counts: dict[str, dict[str, int]] = {}
    for run in runs:
        found = {"answers": 0, "ids": 0, "longest": 0, "stopped": 0, "cut off": 0, "cut off, not stopped": 0,
                 "cut off in an exact loop": 0, "of these stopped if they went on": 0}  # fmt: skip
        late: list[int] = []
        for (_, key, _), sample in sorted(RunFolder(run).samples().items()):
            token_ids = processor.encode_text(sample.output.answer)
            place = stopped_at(token_ids)
            cut = sample.output.finish_reason == "length"
            found["answers"] += 1
            found["ids"] += len(token_ids)
            found["longest"] = max(found["longest"], len(token_ids))
            found["stopped"] += place is not None
            found["cut off"] += cut
            found["cut off, not stopped"] += cut and place is None
            if cut and period_of(token_ids):
                stop, began = continued(token_ids)
                found["cut off in an exact loop"] += 1
                found["of these stopped if they went on"] += stop is not None
                late += [] if stop is None else [stop - began]
            if place is not None or cut:
                text = processor.decode(token_ids[:place])
                print(
                    f"--- {run.name} {key}: {len(token_ids)} ids, stopped at {place or '-'}\n{text[-show:]}"
                )
        if late:
            found["ids from its begin to the stop, median"] = int(statistics.median(late))
        counts[run.name] = found
        print(f"{run.name}: {json.dumps(found)}", flush=True)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="r1v-nano", help="whose tokens")
    parser.add_argument("--json", type=Path, help="write the table there")
    parser.add_argument("--runs", type=Path, nargs="+", metavar="RUN", help="answers of these runs instead")
    parser.add_argument("--show", type=int, default=300, metavar="N", help="characters before a stop")
    parser.add_argument("--quick", action="store_true", help="no difference; it takes seconds")
    args = parser.parse_args()
    processor = Processor.from_folder(resolve_model(args.model))
    if args.runs:
        counts = replay(processor, args.runs, args.show)
        print_result("loops", {"model": args.model, "runs": counts})
        return
    rows = []
    for kind, texts in (("reason", texts_with_a_reason()), ("loop", texts_that_loop())):
        for name, text in texts.items():
            token_ids = processor.encode_text(text)
            place = stopped_at(token_ids)
            right = (place is None) == (kind == "reason")
            rows.append({"kind": kind, "text": name, "ids": len(token_ids), "stopped": place, "right": right})
            print(f"{'ok ' if right else 'BAD'} {kind:6} {len(token_ids):6} ids  {place or '-':>6}  {name}")
    for kind in ("reason", "loop"):
        of_kind = [row for row in rows if row["kind"] == kind]
        print(f"{kind}: right on {sum(row['right'] for row in of_kind)} of {len(of_kind)}")
    if args.json:
        args.json.write_text(json.dumps({"model": args.model, "rows": rows}, indent=1))
    right = {kind: sum(row["right"] for row in rows if row["kind"] == kind) for kind in ("reason", "loop")}
    print_result("loops", {"model": args.model, "texts": len(rows), "right": right})


if __name__ == "__main__":
    main()
