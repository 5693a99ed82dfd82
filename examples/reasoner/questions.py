"""Sums of two operations with exact answers and worked solutions, made by a program.

    python examples/reasoner/questions.py runs/reasoner

writes ``worked.jsonl`` (a few with a worked solution, for the first supervised steps), ``train.jsonl``
(questions and answers alone, for GRPO) and ``heldout.jsonl``. No question is in two files.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random

SIZES = {"heldout": 300, "worked": 64, "train": 2000}
ASK = "Calculate {}. Answer in \\boxed{{}}."


def made(r: Random) -> tuple[str, list[str], int]:
    """A sum, its lines of working, and the answer."""
    a, b, c = r.randint(3, 9), r.randint(12, 99), r.randint(11, 99)
    kind = r.randrange(4)
    if kind == 3:
        return f"({b} + {c}) × {a}", [f"{b} + {c} = {b + c}", f"{b + c} × {a} = {(b + c) * a}"], (b + c) * a
    product, first = a * b, f"{a} × {b} = {a * b}"
    if kind == 2:
        c = r.randint(11, product)
        return f"{a} × {b} - {c}", [first, f"{product} - {c} = {product - c}"], product - c
    if kind == 1:
        return f"{c} + {a} × {b}", [first, f"{c} + {product} = {c + product}"], c + product
    return f"{a} × {b} + {c}", [first, f"{product} + {c} = {product + c}"], product + c


def write(folder: Path, sizes: dict[str, int] = SIZES, seed: int = 0) -> None:
    """The files of a folder, the same for the same sizes and seed."""
    folder.mkdir(parents=True, exist_ok=True)
    r, seen = Random(seed), set[str]()
    for name, size in sizes.items():
        lines: list[str] = []
        while len(lines) < size:
            text, work, answer = made(r)
            if text in seen:
                continue
            seen.add(text)
            row = {"question": ASK.format(text), "answer": f"\\boxed{{{answer}}}", "answer_type": "number"}
            if name == "worked":
                row["thinking"] = "\n".join(work)
            lines.append(json.dumps(row, ensure_ascii=False))
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    try:
        write(args.folder, seed=args.seed)
    except OSError as error:
        raise SystemExit(f"{args.folder} cannot be written: {error.strerror}; name a folder") from None
    print(f"wrote {', '.join(f'{name}.jsonl ({size})' for name, size in SIZES.items())} into {args.folder}")
