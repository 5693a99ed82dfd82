"""R1V-Nano's own held-out questions: generated pictures with exact answers, no download."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from r1v import figures
from r1v.core import ImageRef, Message
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.item import Grade, Item, Output, image_bytes
from r1v.scoring import equivalent, extract_boxed


def load(request: Load) -> Iterator[Item]:
    """per_family held-out questions of each family, the families taking turns, so that --limit is fair."""
    count, first = int(request.options["per_family"]), int(request.options["first_seed"])
    families = (
        str(request.options["families"]).split(",") if request.options["families"] else list(figures.FAMILIES)
    )
    seeds = list(itertools.islice(figures.seeds("heldout", first), count))
    for seed, family in itertools.product(seeds, families):
        figure = figures.make(family, seed)
        images = [ImageRef(image_bytes(ImageRef(image))) for image in figure.images]
        text = request.prompt("question").fill(question=figure.question)
        grading = {"kind": figure.answer_type, "absolute": figure.tolerance, "difficulty": figure.difficulty}
        yield Item(f"{family}-{seed}", (Message.user(text, images),), figure.answer, (), family, grading)


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    """Only the content of the box counts, exactly as in training and in benchmarks/nano_accuracy.py."""
    given = extract_boxed(output.answer)
    if given is None:
        return Grade(None, None, "none")
    right = equivalent(given, item.answer, item.grading["kind"], float(item.grading["absolute"]))
    return Grade(float(right), given, f"boxed, {item.grading['kind']}")


BENCHMARKS = by_name(
    Benchmark(
        "figures", "Figures (held out)", load=load, grade=grade, prompts=("question",),
        about="generated charts, clocks, geometry, circuits, molecules and sums with exact answers",
        images=True, options={"per_family": 25, "first_seed": 0, "families": ""}, source=None,
    ),
)  # fmt: skip
