"""The same answers of real models, read in every way, in one table.

The answers are those that the authors of MMMU, MMMU-Pro and MathVista published with their benchmarks: of
Qwen-VL on MMMU's 900 validation questions, of GPT-4o on MMMU-Pro, of nine models on MathVista's 1,000
testmini questions, the last with what GPT-4 said each answer was and the verdict of MathVista's own marking
on that. --repositories names a folder with clones (git clone --depth 1 of MMMU-Benchmark/MMMU and
lupantech/MathVista). --judge MODEL lets a model read as well, which is labelled by its name; --judged N is
how many answers of each set it reads. Prints a table (Markdown) and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.report import print_result

from r1v.core import Message
from r1v.eval.benchmark import Benchmark, GradingTools, benchmark
from r1v.eval.grading.extraction import READINGS, Extractor, grade_said, read_as
from r1v.eval.grading.judge import Judge
from r1v.eval.item import Item, Output
from r1v.eval.model import AnswerSampling, ModelSettings, open_target
from r1v.eval.prompts import prompt
from r1v.eval.statistics import wilson
from r1v.eval.store import RunFolder

RULES = tuple(way for way in READINGS if way != "judge")


@dataclass(frozen=True)
class Answer:
    """One published answer. official: its authors' verdict, None where they published none. said: what GPT-4
    said the answer was, None where nobody asked it."""

    item: Item
    output: Output
    official: bool | None = None
    said: str | None = None


@dataclass(frozen=True)
class Answers:
    """name: of the model and the questions. by: how the official verdicts were made."""

    name: str
    which: Benchmark
    answers: list[Answer]
    by: str


def show(clone: Path, path: str) -> Any:
    """A file of a clone's newest commit; JSON, or a list where it has a line for each answer."""
    text = subprocess.run(
        ["git", "-C", str(clone), "show", f"HEAD:{path}"], capture_output=True, text=True, check=True
    ).stdout
    return [json.loads(line) for line in text.splitlines()] if path.endswith(".jsonl") else json.loads(text)


def letter(index: int) -> str:
    return chr(ord("A") + index)


def mmmu(clone: Path) -> Answers:
    """Qwen-VL on MMMU's validation questions; open ones have their right answers, not their question."""
    listed = subprocess.run(
        ["git", "-C", str(clone), "ls-tree", "-r", "--name-only", "HEAD", "mmmu/example_outputs/qwen_vl/"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    answers = []
    for path in sorted(listed):
        if path.endswith("/output.json"):
            for row in show(clone, path):
                options = tuple(str(row["index2ans"][one]) for one in row.get("all_choices") or ())
                right = row["answer"] if isinstance(row["answer"], list) else [row["answer"]]
                group = "_".join(row["id"].split("_")[1:-1])
                item = Item(
                    row["id"], (Message("user", ("",)),), str(right[0]), options, group, {"also": right[1:]}
                )
                answers.append(Answer(item, Output(answer=str(row["response"]))))
    return Answers("Qwen-VL, MMMU (val)", benchmark("mmmu"), answers, "")


def mmmu_pro(clone: Path) -> Answers:
    """GPT-4o with its working on MMMU-Pro with ten options."""
    answers = []
    for row in show(clone, "mmmu-pro/output/gpt-4o_standard(10 options)_cot.jsonl"):
        options = tuple(map(str, ast.literal_eval(row["options"])))
        item = Item(
            row["id"],
            (Message("user", (row["question"],)),),
            row["answer"],
            options,
            row["subject"],
            {"also": []},
        )
        answers.append(Answer(item, Output(answer=str(row["response"])), bool(row["if_right"])))
    return Answers("GPT-4o, MMMU-Pro (10 options, CoT)", benchmark("mmmu_pro"), answers, "MMMU-Pro's rules")


MATHVISTA = {
    "GPT-4": "gpt4/output_gpt4.json",
    "GPT-4, two examples": "gpt4/output_gpt4_2shot_solution.json",
    "Claude": "claude/output_claude.json",
    "ChatGPT": "chatgpt/output_chatgpt.json",
    "Bard": "bard/output_bard.json",
    "LLaVA-LLaMA-2-13B": "llava/output_llava_llama_2_13b.json",
    "IDEFICS-9B": "idefics/output_idefics_9b_instruct.json",
    "MiniGPT-4": "minigpt4/output_minigpt4_llama2.json",
    "mPLUG-Owl": "mplugowl/output_mplugowl_7b_ft.json",
}


def mathvista(clone: Path) -> Iterator[Answers]:
    """The models on MathVista's testmini questions."""
    for name, path in MATHVISTA.items():
        answers = []
        for pid, row in show(clone, f"results/{path}").items():
            options = tuple(map(str, row["choices"] or ()))
            right = letter(options.index(row["answer"])) if options else str(row["answer"])
            grading = {"answer_type": row["answer_type"], "precision": int(row["precision"] or 0)}
            text = row["question"] + (f" (Unit: {row['unit']})" if row["unit"] else "")
            item = Item(pid, (Message("user", (text,)),), right, options, "", grading)
            said = str(row.get("extraction", "")).strip() or None
            if options and said in options:
                said = letter(options.index(said))
            answers.append(
                Answer(item, Output(answer=str(row["response"] or "")), bool(row.get("true_false")), said)
            )
        by = "GPT-4's reading, MathVista's marking"
        yield Answers(f"{name}, MathVista (testmini)", benchmark("mathvista"), answers, by)


def score(verdicts: list[bool]) -> dict[str, float]:
    """A share in percent with its 95% interval."""
    low, high = wilson(sum(verdicts) / len(verdicts), len(verdicts))
    return {"score": 100 * sum(verdicts) / len(verdicts), "low": 100 * low, "high": 100 * high}


def read_all(one: Answers) -> dict[str, dict[str, float]]:
    """The score of the same answers in every way that needs no model now."""
    tools = GradingTools(None)
    found = {}
    for way in RULES:
        grade = read_as(way, one.which)
        found[way] = score([bool(grade(each.item, each.output, tools).right) for each in one.answers])
    if any(each.said is not None for each in one.answers):
        found["GPT-4"] = score(
            [bool(grade_said(one.which, each.item, each.said, tools).right) for each in one.answers]
        )
    if all(each.official is not None for each in one.answers):
        found["official"] = score([bool(each.official) for each in one.answers])
    return found


def judged(one: Answers, open_judge: Callable[[RunFolder], Judge], count: int) -> dict[str, Any]:
    """Some of the answers, evenly taken, read by rules and by a model."""
    step = max(1, len(one.answers) // count)
    some = replace(one, answers=one.answers[::step][:count])
    with tempfile.TemporaryDirectory() as path, RunFolder(Path(path)) as folder:
        extractor = Extractor(open_judge(folder))
        extractor.read_all([(each.item, each.output) for each in some.answers])
        grade, tools = extractor.grader(one.which), GradingTools(None)
        grades = [grade(each.item, each.output, tools) for each in some.answers]
    own = [bool(one.which.grade(each.item, each.output, tools).right) for each in some.answers]
    return {
        "answers": len(some.answers),
        "rules": score(own),
        "judge": score([bool(grade.right) for grade in grades]),
        "agree": sum(bool(grade.right) == rule for grade, rule in zip(grades, own, strict=True)),
        "read_nothing": sum(grade.extracted is None for grade in grades),
    }


def cell(one: dict[str, float] | None) -> str:
    return "" if one is None else f"{one['score']:.1f} ({one['low']:.1f} to {one['high']:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repositories", type=Path, metavar="DIR", help="folder of the clones")
    parser.add_argument("--judge", metavar="MODEL", help="a model that reads some of the answers as well")
    parser.add_argument("--judged", type=int, default=60, metavar="N")
    parser.add_argument("--quick", action="store_true", help="every twentieth answer of two sets")
    args = parser.parse_args()
    needed = ("MMMU",) if args.quick else ("MMMU", "MathVista")
    missing = [name for name in needed if not (args.repositories and (args.repositories / name).is_dir())]
    if missing:
        print(f"Nothing is measured: name a folder with clones of {' and '.join(missing)} by --repositories")
        print_result("eval_readings", {"left_out": f"no clone of {' and '.join(missing)}"})
        return
    sets = [mmmu(args.repositories / "MMMU"), mmmu_pro(args.repositories / "MMMU")]
    if not args.quick:
        sets += mathvista(args.repositories / "MathVista")
    if args.quick:
        sets = [replace(one, answers=one.answers[::20]) for one in sets]
    ways = (*RULES, "GPT-4", "official")
    print(f"| answers of | number | {' | '.join(ways)} |\n|{'---|' * (2 + len(ways))}")
    results: dict[str, Any] = {}
    for one in sets:
        results[one.name] = {"answers": len(one.answers), **read_all(one)}
        cells = " | ".join(cell(results[one.name].get(way)) for way in ways)
        print(f"| {one.name} | {len(one.answers):,} | {cells} |")
    if args.judge:
        target = open_target(ModelSettings(args.judge), AnswerSampling(temperature=0.0, max_tokens=24))
        for one in sets[:2]:
            opened = partial(Judge, target.model, args.judge, wording=prompt("extract"))
            found = judged(one, opened, args.judged)
            results[one.name]["by_model"] = {"model": args.judge, **found}
            print(
                f"\n{one.name}, {found['answers']} answers: rules {cell(found['rules'])}, read by "
                f"{args.judge} {cell(found['judge'])}; the same verdict on {found['agree']}, nothing read in "
                f"{found['read_nothing']}"
            )
    print_result("eval_readings", {"results": results})


if __name__ == "__main__":
    main()
