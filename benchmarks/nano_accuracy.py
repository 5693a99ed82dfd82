"""Accuracy of a model on held-out figures, per family and difficulty, with intervals.

Asks each question with its picture, without it, and, with ``--robust``, with the picture spoilt or drawn
otherwise. Counts hallucinations: statements of the thinking that contradict the figure's known facts.
Prints the tables of the model card (Markdown) and ends with one line of JSON, which ``--out`` also writes
to a file. ``--quick`` takes few items. Intervals are Wilson's, at 95%. ``--processes`` shares the work out,
items made and asked in the same process; several of them can share one GPU.
"""

from __future__ import annotations

import argparse
import functools
import io
import itertools
import json
import math
import multiprocessing
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image
from shared.processes import in_chunks
from shared.report import print_result
from shared.sure import sure

import r1v
from r1v import LLM, ImageRef, Message, SamplingParams, figures
from r1v.core import UnavailableError
from r1v.engine import EngineConfig
from r1v.figures import Figure, claims
from r1v.figures.drawing import agg
from r1v.figures.drawing.style import FONTS, UNSEEN_FONTS
from r1v.scoring import equivalent, extract_boxed

CHUNK = 128  # items that a process makes and asks together
CHARTS = ("bar_chart", "line_chart", "pie_chart", "function_plot")  # families that matplotlib can draw, too
CLAIM = (0.70, 0.20)  # a family is claimed from this accuracy on, and with this much over the blind one


@dataclass(frozen=True)
class Score:
    """Right answers out of all, with the bounds of the interval; shares in [0, 1]. Where none was asked,
    its text is empty."""

    right: int
    total: int

    @property
    def share(self) -> float:
        return self.right / max(self.total, 1)

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Wilson's score interval."""
        n, p = max(self.total, 1), self.share
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, centre - half), min(1.0, centre + half)

    def __str__(self) -> str:
        if not self.total:
            return ""
        low, high = self.interval()
        return f"{100 * self.share:.1f} ({100 * low:.1f}-{100 * high:.1f})"


@dataclass(frozen=True)
class Answer:
    """What became of one item. tokens: of the thinking. stated, wrong: its statements about facts. sure: see
    `shared.sure`."""

    family: str
    condition: str
    seed: int
    difficulty: str
    right: bool
    finished: bool
    tokens: int
    stated: int
    wrong: int
    question: str
    expected: str
    thinking: str
    answer: str
    reference: str
    refused: bool
    sure: float


# ------------------------------------------------------------------------------------------ spoilt pictures


def _jpeg(image: Image.Image, rng: Random) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=25)
    return Image.open(io.BytesIO(data.getvalue())).convert("RGB")


def _rotated(image: Image.Image, rng: Random) -> Image.Image:
    angle = rng.choice((-1, 1)) * rng.uniform(2, 5)
    return image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=image.getpixel((1, 1)))


def _noisy(image: Image.Image, rng: Random) -> Image.Image:
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, 15, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def _hand_drawn(image: Image.Image, rng: Random) -> Image.Image:
    """As if by an unsteady hand: the picture on a grid whose knots are moved by up to three pixels."""
    cells, (width, height) = 9, image.size
    xs, ys = ([round(side * i / cells) for i in range(cells + 1)] for side in (width, height))
    moved = {
        (i, j): (
            xs[i] + (rng.uniform(-3, 3) if 0 < i < cells else 0),
            ys[j] + (rng.uniform(-3, 3) if 0 < j < cells else 0),
        )
        for i in range(cells + 1)
        for j in range(cells + 1)
    }
    mesh = [
        ((xs[i], ys[j], xs[i + 1], ys[j + 1]),
         (*moved[i, j], *moved[i, j + 1], *moved[i + 1, j + 1], *moved[i + 1, j]))
        for i in range(cells) for j in range(cells)
    ]  # fmt: skip
    return image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)


SPOILERS: dict[str, Callable[[Image.Image, Random], Image.Image]] = {
    "JPEG quality 25": _jpeg,
    "rotated 2 to 5 degrees": _rotated,
    "noise of deviation 15": _noisy,
    "unsteady hand": _hand_drawn,
}
CONDITIONS = ("picture", "no picture", *SPOILERS, "unseen fonts", "matplotlib")


def items(family: str, condition: str, seeds: Sequence[int]) -> Iterator[tuple[Figure, list[Image.Image]]]:
    """Held-out figures with the pictures that a condition shows."""
    share, agg.SHARE = agg.SHARE, 1.0 if condition == "matplotlib" else agg.SHARE
    try:
        for seed in seeds:
            item = figures.make(family, seed, fonts=UNSEEN_FONTS if condition == "unseen fonts" else FONTS)
            images = [] if condition == "no picture" else list(item.images)
            if condition in SPOILERS:
                images = [SPOILERS[condition](image, Random(seed)) for image in images]
            yield item, images
    finally:
        agg.SHARE = share


# ------------------------------------------------------------------------------------------------ asking


@functools.cache
def load(model: str, device: str, dtype: str, together: int) -> LLM:
    """One LLM for each process."""
    torch.set_num_threads(1 if multiprocessing.parent_process() else torch.get_num_threads())
    engine = EngineConfig(
        max_num_seqs=together, max_step_tokens=max(1024, 32 * together), max_step_tiles=max(4, together // 2),
        cache_bytes=together * 768 * 3072, keep_weights=False,
    )  # fmt: skip
    return LLM(model, device=device, dtype=dtype, engine=engine)


def ask(args: argparse.Namespace, family: str, condition: str, seeds: Sequence[int]) -> list[Answer]:
    """Make some items and ask them greedily."""
    llm = load(args.model, args.device, args.dtype, args.batch)
    made = list(items(family, condition, seeds))
    params = SamplingParams.greedy(max_tokens=args.max_tokens, logprobs=0)
    conversations = [[Message.user(item.question, [ImageRef(i) for i in images])] for item, images in made]
    answers = []
    for (item, _), reply in zip(made, llm.chat_many(conversations, params), strict=True):
        given = extract_boxed(reply.answer)
        right = given is not None and equivalent(given, item.answer, item.answer_type, item.tolerance)
        found = claims.check(reply.thinking, item.facts)
        answers.append(Answer(
            family, condition, item.seed, item.difficulty, right, reply.finish_reason.value == "stop",
            reply.usage.reasoning_tokens, found.stated, found.wrong, item.question, item.answer,
            reply.thinking,
            reply.answer, item.solution, reply.refused, sure(reply),
        ))  # fmt: skip
    return answers


def chosen_seeds(args: argparse.Namespace, family: str) -> list[int]:
    """The first held-out seeds, ``--n`` of them or, in order, the first ``--each`` of each difficulty."""
    found = figures.seeds("heldout", args.seed)
    if not args.each:
        return list(itertools.islice(found, args.n))
    left, chosen = dict.fromkeys(figures.DIFFICULTIES, args.each), []
    while any(left.values()):
        seed = next(found)
        level = figures.difficulty_of_seed(family, seed)
        if left[level]:
            left[level] -= 1
            chosen.append(seed)
    return sorted(chosen)


def plan(args: argparse.Namespace, names: Sequence[str]) -> list[tuple[str, str, list[int]]]:
    """All chunks of work: family, condition, seeds."""
    chunks = []
    for family in names:
        pictures = figures.family(family).num_images > 0
        whole = chosen_seeds(args, family)
        conditions = {"picture": len(whole)}
        if pictures and not args.no_blind:
            conditions["no picture"] = len(whole)
        if pictures and args.robust:
            conditions |= dict.fromkeys((*SPOILERS, "unseen fonts"), args.robust)
            if family in CHARTS:
                conditions["matplotlib"] = args.robust
        for condition, count in conditions.items():
            chunks += [(family, condition, whole[i : min(i + CHUNK, count)]) for i in range(0, count, CHUNK)]
    return chunks


def ask_all(args: argparse.Namespace, names: Sequence[str]) -> list[Answer]:
    """Every answer, by as many processes as asked for."""
    return list(in_chunks(functools.partial(ask, args), plan(args, names), args.processes))


# ----------------------------------------------------------------------------------------------- reports


def score(answers: Sequence[Answer]) -> Score:
    """Right ones out of some."""
    return Score(sum(a.right for a in answers), len(answers))


def family_rows(answers: Sequence[Answer], names: Sequence[str]) -> dict[str, dict[str, object]]:
    """What is known of each family, as plain data."""
    rows: dict[str, dict[str, object]] = {}
    for family in names:
        own = [a for a in answers if a.family == family]
        seen = [a for a in own if a.condition == "picture"]
        blind = [a for a in own if a.condition == "no picture"]
        total, without = score(seen), score(blind) if blind else None
        stated, wrong = sum(a.stated for a in seen), sum(a.wrong for a in seen)
        claimed = total.share >= CLAIM[0] and (without is None or total.share - without.share >= CLAIM[1])
        others = {a.condition for a in own} - {"picture", "no picture"}
        rows[family] = {
            **asdict(total),
            "interval": total.interval(),
            "claimed": claimed,
            "without_image": asdict(without) if without else None,
            "by_difficulty": {
                level: {**asdict(one), "interval": one.interval()}
                for level in figures.DIFFICULTIES
                for one in [score([a for a in seen if a.difficulty == level])]
            },
            "hallucination": {"stated": stated, "wrong": wrong, "share": wrong / max(stated, 1)},
            "thinking_tokens": sum(a.tokens for a in seen) / max(len(seen), 1),
            "unfinished": sum(not a.finished for a in seen),
            "robustness": {c: asdict(score([a for a in own if a.condition == c])) for c in sorted(others)},
        }
    return rows


def tables(rows: dict[str, dict[str, object]]) -> Iterator[str]:
    """The model card's tables: claimed families first, the best on top; then robustness."""

    def of(row: dict[str, object], *keys: str) -> Score:
        value: object = row
        for key in keys:
            assert isinstance(value, dict)
            value = value[key]
        assert isinstance(value, dict)
        return Score(value["right"], value["total"])

    ordered = sorted(rows, key=lambda name: -of(rows[name]).share)
    head = (
        "| family | with its picture | without it | easy | medium | hard | contradictions | thinking tokens |"
    )
    for title, wanted in (("**Claimed**", True), ("**Not claimed**", False)):
        chosen = [name for name in ordered if rows[name]["claimed"] is wanted]
        if not chosen:
            continue
        yield f"\n{title}:\n\n{head}\n|---|---|---|---|---|---|---|---|"
        for name in chosen:
            row = rows[name]
            without = of(row, "without_image") if row["without_image"] else "not asked"
            levels = " | ".join(str(of(row, "by_difficulty", v)) for v in figures.DIFFICULTIES)
            wrong = row["hallucination"]
            assert isinstance(wrong, dict)
            ending = f"{100 * wrong['share']:.1f}% | {row['thinking_tokens']:.0f}"
            yield f"| {name} | {of(row)} | {without} | {levels} | {ending} |"
    conditions = sorted({c for row in rows.values() for c in row["robustness"]})  # type: ignore[attr-defined]
    if conditions:
        yield "\n| family | " + " | ".join(conditions) + " |\n|" + "---|" * (len(conditions) + 1)
        for name in ordered:
            robust = rows[name]["robustness"]
            assert isinstance(robust, dict)
            if robust:
                cells = [f"{100 * of(robust, c).share:.0f}" if c in robust else "" for c in conditions]
                yield f"| {name} | " + " | ".join(cells) + " |"


def summary(rows: dict[str, dict[str, object]], answers: Sequence[Answer]) -> dict[str, object]:
    """Means over all families, and over the claimed ones' easy and medium items."""
    seen = [a for a in answers if a.condition == "picture"]
    claimed = [name for name, row in rows.items() if row["claimed"]]
    base = [score([a for a in seen if a.family == name and a.difficulty != "hard"]).share for name in claimed]
    stated, wrong = sum(a.stated for a in seen), sum(a.wrong for a in seen)
    return {
        "mean": sum(score([a for a in seen if a.family == name]).share for name in rows) / len(rows),
        "claimed_families": len(claimed),
        "claimed_easy_medium_mean": sum(base) / max(len(base), 1),
        "hallucination": wrong / max(stated, 1),
        "thinking_tokens": sum(a.tokens for a in seen) / max(len(seen), 1),
    }


def card(result: dict[str, object], rows: dict[str, dict[str, object]]) -> dict[str, object]:
    """What a checkpoint's folder keeps as scores.json: in percent, the claimed families first."""

    def percent(value: object) -> float | None:
        if not isinstance(value, dict) or not value["total"]:
            return None  # not asked
        return round(100 * value["right"] / value["total"], 1)

    families = {}
    for name, row in sorted(rows.items(), key=lambda pair: -(percent(pair[1]) or 0)):
        levels, wrong = row["by_difficulty"], row["hallucination"]
        assert (
            isinstance(levels, dict) and isinstance(wrong, dict) and isinstance(row["interval"], tuple | list)
        )
        families[name] = {
            "accuracy": percent(row),
            "interval": [round(100 * bound, 1) for bound in row["interval"]],
            "without_image": percent(row["without_image"]),
            **{level: percent(one) for level, one in levels.items()},
            "contradictions": round(100 * wrong["share"], 1),
            "thinking_tokens": round(float(str(row["thinking_tokens"]))),
            "items": row["total"],
        }
    claimed = [name for name in families if rows[name]["claimed"]]
    each = result.get("items_per_difficulty")
    count = f"--each {each}" if each else f"--n {result['items_per_family']}"
    options = result.get("options", [])
    assert isinstance(options, list)
    command = " ".join([f"python benchmarks/nano_accuracy.py {count}", *options])
    kept = ("device", "commit", "mean", "claimed_easy_medium_mean", "hallucination")
    return {
        "measured_with": command,
        **{k: result[k] for k in kept},
        "claimed": claimed,
        "families": families,
    }


def makeable(names: Sequence[str]) -> list[str]:
    """The families whose packages are there; the others are named."""
    found = []
    for name in names:
        try:
            figures.make(name, 7)
            found.append(name)
        except (UnavailableError, ImportError, OSError) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return found


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="r1v-nano")
    parser.add_argument("--family", action="append", help="default: all")
    parser.add_argument("--n", type=int, default=500, help="held-out items per family")
    parser.add_argument(
        "--each", type=int, default=0, metavar="N", help="N of each difficulty, not --n in all"
    )
    parser.add_argument(
        "--robust", type=int, default=0, metavar="N", help="items per family and spoilt condition"
    )
    parser.add_argument("--no-blind", action="store_true", help="do not ask without the picture")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--batch", type=int, default=CHUNK, help="sequences decoded together in a process")
    parser.add_argument("--max-tokens", type=int, default=400)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--out", metavar="FILE", help="write the result as JSON")
    parser.add_argument("--show", metavar="FILE", help="print the tables of an earlier --out, ask nothing")
    parser.add_argument("--scores", metavar="FILE", help="write the checkpoint's scores.json")
    parser.add_argument("--samples", metavar="FILE", help="write every answer as JSON lines")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    if args.quick:
        args.n, args.each, args.robust = 2, min(args.each, 1), min(args.robust, 1)
    return args


def main() -> None:
    args = options()
    if args.show:
        kept = json.loads(Path(args.show).read_text())
        print("\n".join(tables(kept["families"])))
        if args.scores:
            Path(args.scores).write_text(json.dumps(card(kept, kept["families"]), indent=1) + "\n")
        return
    started = time.perf_counter()
    names = makeable(args.family or tuple(figures.FAMILIES))
    answers = ask_all(args, names)
    rows = family_rows(answers, names)
    print("\n".join(tables(rows)))
    if args.samples:
        ordered = sorted(
            answers, key=lambda a: (names.index(a.family), CONDITIONS.index(a.condition), a.seed)
        )
        Path(args.samples).write_text("".join(json.dumps(asdict(a)) + "\n" for a in ordered))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True
    ).stdout.strip()
    cuda = torch.cuda.is_available() and args.device != "cpu"
    result = {
        "name": "nano_accuracy",
        "model": args.model,
        "device": torch.cuda.get_device_name() if cuda else platform.processor() or platform.machine(),
        "versions": {"r1v": r1v.__version__, "torch": torch.__version__},
        "commit": commit,
        "items_per_family": 3 * args.each or args.n,
        "items_per_difficulty": args.each or None,
        "options": [f"--seed {args.seed}", *["--no-blind"] * args.no_blind],
        "seconds": time.perf_counter() - started,
        **summary(rows, answers),
        "families": rows,
    }
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    if args.scores:
        Path(args.scores).write_text(json.dumps(card(result, rows), indent=1) + "\n")
    print_result(str(result["name"]), result)


if __name__ == "__main__":
    main()
