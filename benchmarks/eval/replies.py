"""False accepts and false rejects on whole replies: the answer is found in the reply, then compared.

Five sets written by people's rules of marking, each without sight of the scorer's: ``replies_first`` (400,
nearly all without a box), ``replies_second`` (318; half boxed, the others announced, bold or plain),
``replies_third`` (320, a quarter in each form), ``replies_fourth`` and ``replies_fifth`` (160 each by one
more writer, a quarter in each form). The first four have been used for the rules since, so they say nothing
about new replies; docs/measurements/evaluation.md has what was seen at first sight of each. The fifth has
only been counted: its replies are printed with ``--open`` alone, and whoever reads them has used it up. Each
line of their files has the question, the key, the reply, the options of a multiple choice, and whether a
teacher would mark it right. Then the files of ``tests/scoring/replies``, which were written together with the
rules: numbers that are only mentioned, statements in like forms, boxes with something beside the value, ends
of replies in many forms. Graded as ``r1v eval run FILE.jsonl`` does. Prints a table, every reply that was
judged wrongly, and ends with one line of JSON; ``--quick`` judges every eighth reply, ``--others`` takes
every other value that a right reply shows for the key.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.report import print_result

from r1v.eval.benchmark import GradingTools
from r1v.eval.grading.graders import grade_mixed
from r1v.eval.item import Item, Output
from r1v.scoring import MathVerifier, compare, extract_answer, match_found

DATA = Path(__file__).parents[1] / "data"
LINES = Path(__file__).parents[2] / "tests" / "scoring" / "replies"
WRITTEN = {
    "mentions": False, "statements": True, "boxes_wrong": False, "boxes_right": True,
    "ends_wrong": False, "ends_right": True,
}  # fmt: skip
SETS = ("replies_first", "replies_second", "replies_third", "replies_fourth", "replies_fifth")
UNOPENED = ("replies_fifth",)
_VALUE = re.compile(
    r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?(?:/\d+)?(?:\s?%|°)?(?!\w)|\$[^$\n]{1,60}\$|\*\*[^*\n]{1,60}\*\*"
)
KINDS = ("right", "wrong", "false accepts", "false rejects")


def rows_of(name: str) -> list[dict[str, Any]]:
    """The replies of a set: lines of JSON, or of "reply | answer" in a file where all are right, or wrong."""
    if name not in WRITTEN:
        lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]
    lines = (LINES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    parts = [line.rpartition(" | ") for line in lines if line and not line.startswith("# ")]
    return [
        {"id": at, "reply": reply.replace("⏎", "\n"), "gold": gold, "right": WRITTEN[name]}
        for at, (reply, _, gold) in enumerate(parts, 1)
    ]


def judge(name: str, every: int, tools: GradingTools, shown: bool) -> Counter[tuple[str, str]]:
    """Grade one set; counts by form and by right, wrong, false accept and false reject. shown: whether the
    replies that are judged wrongly are printed."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in rows_of(name)[::every]:
        item = Item(str(one["id"]), (), one["gold"], tuple(map(str, one.get("options", ()))))
        grade = grade_mixed(item, Output(answer=one["reply"]), tools)
        form, accepted = one.get("form", "any"), grade.score == 1.0
        counts[form, "right" if one["right"] else "wrong"] += 1
        if accepted != one["right"]:
            kind = "false accepts" if accepted else "false rejects"
            counts[form, kind] += 1
            if shown:
                print(f"{name} {one['id']}, {kind[:-1]}: {one['reply']!r} for {one['gold']!r}")
                print(f"    read: {grade.extracted!r}")
    return counts


def others(name: str) -> tuple[int, int]:
    """Every other value that the right replies of a set show, taken as the key: how many there are, and how
    many are accepted. Those are printed, for a person to say whether the reply states them too."""
    number = accepted = 0
    for one in rows_of(name):
        if not one["right"] or one.get("options"):
            continue
        found, shown = extract_answer(one["reply"]), dict[str, None]()
        for match in _VALUE.finditer(one["reply"]):
            text = match[0].strip("*$ ")
            shown |= dict.fromkeys(part.strip(" .,") for part in (text, *text.split("=")))
        for key in filter(None, shown):
            if compare(key, one["gold"]).equal or compare(one["gold"], key).equal:
                continue
            number += 1
            if match_found(found, key).equal:
                accepted += 1
                print(f"{name} {one['id']}, another value: {one['reply']!r} for {key!r}")
                print(f"    right: {one['gold']!r}, read: {found.text!r}")
    return number, accepted


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="every eighth reply")
    parser.add_argument(
        "--others", action="store_true", help="only the other values of right replies, as keys"
    )
    parser.add_argument("--open", action="store_true", help="print replies of sets not yet read, too")
    args = parser.parse_args()
    if args.others:
        counted = {name: others(name) for name in SETS if name not in UNOPENED}
        print_result(
            "replies",
            {name: dict(zip(("keys", "accepted"), two, strict=True)) for name, two in counted.items()},
        )
        return
    tools = GradingTools(MathVerifier())
    every = 8 if args.quick else 1
    found = {name: judge(name, every, tools, args.open or name not in UNOPENED) for name in (*SETS, *WRITTEN)}
    print("\n| set | form | false accepts, of wrong ones | false rejects, of right ones |\n|---|---|---|---|")
    for name, counts in found.items():
        for form in dict.fromkeys(form for form, _ in counts):
            right, wrong, accepts, rejects = (counts[form, kind] for kind in KINDS)
            print(f"| {name} | {form} | {accepts} of {wrong} | {rejects} of {right} |")
    sums = {
        name: {kind: sum(number for (_, each), number in counts.items() if each == kind) for kind in KINDS}
        for name, counts in found.items()
    }
    print_result("replies", sums)


if __name__ == "__main__":
    main()
