"""Preference pairs: VL-RewardBench and RewardBench, answered by a model as the judge.

Rows: VL-RewardBench (id, query, response of two, human_ranking, image), RewardBench (id, prompt, chosen,
rejected, subset). Each pair is shown in one order, drawn from its id. Reward models that give a number
for an answer are measured by ``r1v.eval.pairs.pair_accuracy`` instead.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from r1v.core import ImageRef, Message
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.item import Grade, Item, Output
from r1v.eval.pairs import Pair, rewardbench_pair, vl_rewardbench_pair
from r1v.eval.questions.data import Source
from r1v.eval.questions.marks import Marks
from r1v.scoring import extract_answer


def _item(pair: Pair, request: Load) -> Item:
    swapped = random.Random(f"pair {pair.id}").random() < 0.5
    first, second = (pair.rejected, pair.chosen) if swapped else (pair.chosen, pair.rejected)
    text = request.prompt("pair").fill(question=pair.question, first=first, second=second)
    images = [ImageRef(image) for image in pair.images]
    return Item(pair.id, (Message.user(text, images),), "2" if swapped else "1", (), pair.group)


def load_vl(request: Load) -> Sequence[Item]:
    return [_item(vl_rewardbench_pair(row, request.rows.folder), request) for row in request.rows.rows]


def load_text(request: Load) -> Sequence[Item]:
    return [_item(rewardbench_pair(row), request) for row in request.rows.rows]


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    found = extract_answer(output.answer)
    given = (found.text or "").strip().lower().removeprefix("answer ")
    if given not in ("1", "2"):
        return Grade(None, None, found.how)
    return Grade(float(given == item.answer), given, found.how)


BENCHMARKS = by_name(
    Benchmark(
        "vl_rewardbench", "VL-RewardBench", column="VL_RewardBench_overall", load=load_vl, grade=grade,
        prompts=("pair",), about="pairs of answers about pictures: which one is better", images=True,
        source=Source(
            "MMInstruction/VL-RewardBench", ("data/test-*.parquet", "*.parquet", "*.jsonl"),
            fields=("id", "query", "response", "human_ranking"),
            marks=Marks(split="test", num_questions=1250),
        ),
    ),
    Benchmark(
        "rewardbench", "RewardBench", column="RewardBench", load=load_text, grade=grade, prompts=("pair",),
        about="pairs of answers to text questions: which one is better", aggregate="groups",
        source=Source(
            "allenai/reward-bench", ("data/filtered-*.parquet", "*filtered*", "*.parquet", "*.jsonl"),
            fields=("id", "prompt", "chosen", "rejected"), marks=Marks(num_questions=2985),
        ),
    ),
)  # fmt: skip
