"""Which typed sums R1V-Nano can do: by number of digits, with two signs in words, fractions of one
denominator.

    python benchmarks/nano_sums.py --each 50

Drawn from a seed, not from the generators of its training; greedy; the boxed answer compared as text.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from random import Random

from nano_accuracy import Score
from shared.report import print_result

from r1v import LLM, Message, SamplingParams
from r1v.scoring import extract_boxed


def digits(count: int, sign: str) -> Callable[[Random], tuple[str, str]]:
    """Sums or differences, none below zero, of two numbers of so many digits."""

    def draw(rng: Random) -> tuple[str, str]:
        small, large = sorted(rng.randrange(10 ** (count - 1), 10**count) for _ in range(2))
        return f"{large}{sign}{small}", str(large + small if sign == "+" else large - small)

    return draw


def in_words(rng: Random) -> tuple[str, str]:
    """A product and a sum."""
    a, b, c = rng.randrange(2, 10), rng.randrange(2, 10), rng.randrange(2, 30)
    return f"what is {a} times {b} plus {c}", str(a * b + c)


def fractions(rng: Random) -> tuple[str, str]:
    """Two fractions of one denominator; the answer in lowest terms."""
    below = rng.choice((3, 4, 5, 6, 8))
    a, b = rng.randrange(1, below), rng.randrange(1, below)
    return f"{a}/{below} + {b}/{below}", str(Fraction(a + b, below))


FORMS = {f"{n} digits, {sign}": digits(n, sign) for n in (2, 3, 4) for sign in "+-"} | {
    "product and sum in words": in_words,
    "fractions": fractions,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="r1v-nano")
    parser.add_argument("--each", type=int, default=50, metavar="N", help="of each form")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="two of each form")
    args = parser.parse_args()
    args.each = 2 if args.quick else args.each
    llm = LLM(args.model, device="cpu")
    rows = {}
    for name, draw in FORMS.items():
        rng = Random(f"{args.seed}/{name}")
        asked = [draw(rng) for _ in range(args.each)]
        talks = [[Message.user(question)] for question, _ in asked]
        replies = llm.chat_many(talks, SamplingParams.greedy(max_tokens=300))
        right = sum(extract_boxed(r.answer) == a for (_, a), r in zip(asked, replies, strict=True))
        score = Score(right, args.each)
        rows[name] = [right, args.each]
        print(f"{name}: {right} of {args.each}, {score}%", flush=True)
    print_result("nano_sums", {"right": rows})


if __name__ == "__main__":
    main()
