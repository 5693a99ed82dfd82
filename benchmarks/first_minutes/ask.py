"""A fixed set of some sixty questions of a new user, asked of a model: a table by part, and every answer.

    python benchmarks/first_minutes/ask.py --model r1v-nano

Greedy, on a CPU. Earlier turns of a conversation are asked first, and the model's own answers stand in it. A
picture whose tool is not installed is named and left out. Intervals are Wilson's, at 95%.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from first_minutes.pictures import PICTURES
from first_minutes.questions import LINE, QUESTIONS, REFUSE, Asked
from nano_accuracy import Score
from shared.report import print_result

from r1v import LLM, Completion, ImageRef, Message, SamplingParams
from r1v.scoring import equivalent, extract_boxed


def is_right(asked: Asked, reply: Completion) -> bool:
    """Whether the reply is what the set wants."""
    given = extract_boxed(reply.answer)
    if asked.right == REFUSE:
        return reply.refused and given is None
    if asked.right == LINE:
        return given is None and bool(reply.answer.strip())
    return given is not None and equivalent(given, asked.right, asked.how, 0.0)  # type: ignore[arg-type]


def converse(llm: LLM, asked: Asked, params: SamplingParams) -> Completion | None:
    """The reply to the last turn; None where the picture cannot be drawn here."""
    image = PICTURES[asked.picture]() if asked.picture else None
    if asked.picture and image is None:
        return None
    talk: list[Message] = []
    for place, text in enumerate(asked.turns):
        talk.append(Message.user(text, [ImageRef(image)] if image is not None and place == 0 else []))
        reply = llm.chat(talk, params)
        talk.append(Message("assistant", (reply.answer,)))
    return reply


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="r1v-nano")
    parser.add_argument("--quick", action="store_true", help="the first two of each part")
    args = parser.parse_args()
    llm, params = LLM(args.model, device="cpu"), SamplingParams.greedy(max_tokens=400)
    found: dict[str, list[bool]] = defaultdict(list)
    left_out: set[str] = set()
    for asked in QUESTIONS:
        if args.quick and len(found[asked.part]) >= 2:
            continue
        reply = converse(llm, asked, params)
        if reply is None:
            left_out.add(asked.picture)
            continue
        good = is_right(asked, reply)
        found[asked.part].append(good)
        said = " ".join(reply.answer.split())
        where = f" [{asked.picture}]" if asked.picture else ""
        print(f"{'right' if good else 'WRONG'}{where} {' | '.join(asked.turns)} -> {said} ({asked.right})")
    if left_out:
        print(f"left out, as their tool is not installed: {', '.join(sorted(left_out))}")
    print("\n| part | right | percent |\n|---|---|---|")
    every = {**found, "all": [one for part in found.values() for one in part]}
    for part, marks in every.items():
        print(f"| {part} | {sum(marks)} of {len(marks)} | {Score(sum(marks), len(marks))} |")
    print_result(
        "first_minutes", {"model": args.model, "right": {p: [sum(m), len(m)] for p, m in every.items()}}
    )


if __name__ == "__main__":
    main()
