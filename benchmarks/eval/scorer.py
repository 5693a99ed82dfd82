"""False accepts and false rejects of the scorer on hand-labelled answer pairs, compared with math-verify
alone.

Prints the table of docs/measurements/evaluation.md (Markdown), every pair that was judged wrongly, and ends
with one line of JSON. math-verify alone is what takes the time, about five minutes for all pairs on a busy
machine; ``--quick`` judges every sixteenth pair of each set, in about half a minute.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.report import print_result, versions

from r1v.scoring import MathVerifier, Tolerance, compare
from r1v.scoring.compare import AnswerKind

PAIRS = Path(__file__).parents[1] / "data" / "answer_pairs.txt"
HELD_OUT = PAIRS.with_name("answer_pairs_heldout.txt")
FRESH = PAIRS.with_name("answer_pairs_fresh.txt")  # written by somebody who had not seen the rules
KINDS = PAIRS.with_name(
    "answer_pairs_kinds.txt"
)  # written by answer_pairs.py, before the rules for its kinds


@dataclass(frozen=True)
class Pair:
    """given, answer: texts. same: the label. topic: the comment above it."""

    given: str
    answer: str
    kind: AnswerKind
    tolerance: Tolerance
    same: bool
    topic: str


def load_pairs(path: Path = PAIRS) -> list[Pair]:
    """The labelled pairs of a file (its form is told at its top)."""
    pairs: list[Pair] = []
    kind: AnswerKind = "math"
    tolerance, topic, answer = Tolerance(), "", ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        mark, _, text = line.partition(" ")
        if mark.startswith("@"):
            kind = mark[1:]  # type: ignore[assignment]
            tolerance = Tolerance()
            if text.endswith("%"):
                tolerance = Tolerance(relative=float(text[:-1]) / 100)
            elif text:
                tolerance = Tolerance(absolute=float(text))
        elif mark == "#":
            topic = text
        elif mark == "=":
            answer = text
        elif mark in ("+", "-"):
            pairs.append(Pair(text, answer, kind, tolerance, mark == "+", topic))
        elif line:
            raise ValueError(f"{path}:{number}: a line starts with =, +, -, @ or #")
    return pairs


@dataclass
class Result:
    """What one way of judging did with the pairs."""

    name: str
    false_accepts: list[Pair]
    false_rejects: list[Pair]
    seconds: float


def measure(name: str, pairs: list[Pair], judge: Callable[[Pair], bool]) -> Result:
    """Judge every pair, and keep the wrong ones."""
    started = time.perf_counter()
    result = Result(name, [], [], 0.0)
    for pair in pairs:
        equal = judge(pair)
        if equal != pair.same:
            (result.false_accepts if equal else result.false_rejects).append(pair)
    result.seconds = time.perf_counter() - started
    return result


def report(name: str, pairs: list[Pair], verifier: MathVerifier) -> dict[str, dict[str, int]]:
    """Measure one set, print its table and what the scorer judged wrongly; the counts by way of judging."""
    results = [
        measure(
            "r1v.scoring with math-verify",
            pairs,
            lambda p: compare(p.given, p.answer, p.kind, p.tolerance, verifier).equal,
        ),
        measure("r1v.scoring alone", pairs, lambda p: compare(p.given, p.answer, p.kind, p.tolerance).equal),
        measure(
            "math-verify alone", pairs, lambda p: MathVerifier.__call__(verifier, p.given, p.answer).equal
        ),
        measure("exact strings", pairs, lambda p: p.given == p.answer),
    ]
    same = sum(pair.same for pair in pairs)
    print(f"\n{name}: {len(pairs)} pairs, {same} the same, {len(pairs) - same} not\n")
    print("| judged by | false accepts | false rejects | ms per pair |")
    print("|---|---|---|---|")
    for one in results:
        print(
            f"| {one.name} | {len(one.false_accepts)} ({len(one.false_accepts) / (len(pairs) - same):.1%}) "
            f"| {len(one.false_rejects)} ({len(one.false_rejects) / same:.1%}) "
            f"| {1000 * one.seconds / len(pairs):.2f} |"
        )
    for pair in results[0].false_accepts + results[0].false_rejects:
        print(
            f"\nwrong: {pair.given!r} for {pair.answer!r} ({pair.kind}) "
            f"is {'' if pair.same else 'not '}the same"
        )
    return {
        one.name: {"false_accepts": len(one.false_accepts), "false_rejects": len(one.false_rejects)}
        for one in results
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every sixteenth pair")
    args = parser.parse_args()
    verifier = MathVerifier()
    verifier("1", "1")  # start the process outside of the times
    scores = {}
    for path in (PAIRS, HELD_OUT, FRESH, KINDS):
        scores[path.stem] = report(path.stem, load_pairs(path)[:: 16 if args.quick else 1], verifier)
    verifier.close()
    print_result("scorer", {"versions": versions("math-verify"), "results": scores})


if __name__ == "__main__":
    main()
