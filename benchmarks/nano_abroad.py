"""Accuracy of a model on pictures that other people's tools draw, by family and tool, with intervals.

Held-out tools first, which never drew for training, asked in wordings that are held out as well; then the
tools of training, on pictures of their own, apart. ``--nlvr FOLDER`` (or R1V_NLVR) names a checkout of the
public NLVR corpus (lil-lab/nlvr, CC BY 4.0): shapes are counted by colour and form in its test pictures, by
what its structured representations say; without it, and if ``--family`` leaves out counting, that part is
skipped and said. ``--each 0 --nlvr FOLDER --nlvr-items 200`` asks nothing else. ``--draw FOLDER`` draws the
items and asks nothing; ``--items FOLDER`` asks what was drawn, on a machine without the tools. ``--speed``
says how many samples a core makes of each training tool, as the source ``abroad`` makes them. Prints a table
and ends with one line of JSON. Intervals are Wilson's, at 95%.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from nano_accuracy import Score, load
from PIL import Image
from shared.processes import in_chunks
from shared.report import print_result
from shared.sure import sure

import r1v
from r1v import ImageRef, Message, SamplingParams
from r1v.figures import abroad, claims
from r1v.scoring import equivalent, extract_boxed

CHUNK = 64  # items that a process asks together
COLORS = {"yellow": "yellow", "black": "black", "#0099ff": "blue"}  # of NLVR's representations
SHAPES = (  # of pictures: longer side by shorter side
    ("up to 1.25", 0.0, 1.25), ("to 1.6", 1.25, 1.6), ("to 2.5", 1.6, 2.5), ("more", 2.5, 1e9),
)  # fmt: skip
PLURALS = {"circle": "circles", "square": "squares", "triangle": "triangles"}


@dataclass(frozen=True)
class Item:
    """A question about a picture. image: a path, or a picture; part: heldout, train or nlvr."""

    family: str
    tool: str
    part: str
    seed: int
    image: Any
    question: str
    answer: str
    answer_type: str
    tolerance: float
    facts: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """What became of an item. stated, wrong: statements of the thinking about facts. sure: see
    `shared.sure`. shape: the picture's longer side against its shorter one."""

    family: str
    tool: str
    part: str
    seed: int
    right: bool
    stated: int
    wrong: int
    question: str
    expected: str
    thinking: str
    answer: str
    refused: bool
    sure: float
    shape: float


def drawn(family: str, tool: str, part: str, seed: int) -> Item:
    """One item, its wording held out; those of training tools have seeds that training does not use."""
    figure = abroad.make(family, tool, seed, "heldout")
    return Item(
        family, tool, part, seed, figure.images[0], figure.question, figure.answer, figure.answer_type,
        figure.tolerance, dict(figure.facts),
    )  # fmt: skip


def nlvr_items(test: Path, count: int) -> Iterator[Item]:
    """Counts by colour, by shape, by both and of all things in NLVR's public test pictures.

    test: the corpus's folder ``nlvr/test``."""
    rows = [json.loads(line) for line in (test / "test.json").read_text().splitlines()]
    rng = Random(0)
    for seed, row in enumerate(rng.sample(rows, min(count, len(rows)))):
        things = [(COLORS[one["color"].lower()], one["type"]) for box in row["structured_rep"] for one in box]
        color, shape = rng.choice(sorted(set(things)) or [("black", "circle")])
        kind = rng.choice(("color", "shape", "both", "all"))
        what = {"color": f"{color} shapes", "shape": PLURALS[shape], "both": f"{color} {PLURALS[shape]}",
                "all": "shapes"}[kind]  # fmt: skip
        found = sum(
            (kind in ("shape", "all") or c == color) and (kind in ("color", "all") or s == shape)
            for c, s in things
        )
        path = test / f"images/{row['directory']}/test-{row['identifier']}-0.png"
        ask = rng.choice(
            ("How many {} are there?", "Count the {}.", "How many {} do you see in the picture?")
        )
        yield Item(
            "counting", "nlvr", "nlvr", seed, str(path), ask.format(what), str(found), "number", 0.0, {}
        )


def nlvr_folder(source: str, taken: Path) -> Path:
    """NLVR's folder ``nlvr/test``: of files as they lie, of a bare repository taken out into a folder. Exits
    with a line where a source is neither."""
    for inside in ("nlvr/test", "test", "."):
        if (Path(source) / inside / "test.json").is_file():
            return Path(source) / inside
    archive = subprocess.run(["git", "-C", source, "archive", "HEAD", "nlvr/test"], capture_output=True)
    if archive.returncode:
        sys.exit(f"--nlvr {source} has no nlvr/test/test.json; name a checkout of lil-lab/nlvr")
    taken.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "x", "-C", str(taken)], input=archive.stdout, check=True)
    return taken / "nlvr/test"


def nlvr_part(args: argparse.Namespace) -> list[Item]:
    """NLVR's items; none, and a line on standard error, where they are not asked for."""
    if not args.nlvr:
        print("skipped: NLVR; name a checkout of lil-lab/nlvr as --nlvr or R1V_NLVR", file=sys.stderr)
    elif args.family and "counting" not in args.family:
        print("skipped: NLVR, whose questions are those of --family counting", file=sys.stderr)
    else:
        test = nlvr_folder(args.nlvr, Path(tempfile.gettempdir()) / "r1v-nlvr")
        return list(nlvr_items(test, args.nlvr_items))
    return []


def plan(args: argparse.Namespace) -> list[tuple[str, str, str, list[int]]]:
    """Family, tool, part and seeds of every chunk."""
    chunks = []
    for family in args.family or abroad.SUBJECTS:
        for part, each in (("heldout", args.each), ("train", args.trained)):
            if not each:
                continue
            names = abroad.usable(family, part)
            for name, lacks in abroad.missing(part).items():
                if name.startswith(f"{family}/"):
                    print(f"skipped: {name} needs {', '.join(lacks)}", file=sys.stderr)
            for k, tool in enumerate(names):
                number = len(range(k, each, len(names)))
                seeds = list(range(args.seed, args.seed + number))
                chunks += [(family, tool, part, seeds[i : i + CHUNK]) for i in range(0, number, CHUNK)]
    return chunks


def ask(args: argparse.Namespace, items: Sequence[Item]) -> list[Reply]:
    """Ask some items greedily."""
    llm = load(args.model, args.device, args.dtype, args.batch)
    params = SamplingParams.greedy(max_tokens=args.max_tokens, logprobs=0)
    images = [
        Image.open(one.image).convert("RGB") if isinstance(one.image, str) else one.image for one in items
    ]
    asked = [[Message.user(one.question, [ImageRef(i)])] for one, i in zip(items, images, strict=True)]
    replies = []
    for one, image, reply in zip(items, images, llm.chat_many(asked, params), strict=True):
        given = extract_boxed(reply.answer)
        right = given is not None and equivalent(given, one.answer, one.answer_type, one.tolerance)
        found = claims.check(reply.thinking, one.facts)
        replies.append(
            Reply(
                one.family,
                one.tool,
                one.part,
                one.seed,
                right,
                found.stated,
                found.wrong,
                one.question,
                one.answer,
                reply.thinking,
                reply.answer,
                reply.refused,
                sure(reply),
                max(image.size) / min(image.size),
            )
        )
    return replies


def work(args: argparse.Namespace, chunk: tuple[str, str, str, list[int]] | list[Item]) -> list[Reply]:
    """Draw a chunk where it is a plan, and ask it."""
    if isinstance(chunk, list):
        return ask(args, chunk)
    family, tool, part, seeds = chunk
    return ask(args, [drawn(family, tool, part, seed) for seed in seeds])


def ask_all(args: argparse.Namespace, chunks: Sequence[Any]) -> list[Reply]:
    """Every reply, by as many processes as asked for."""
    return list(in_chunks(functools.partial(work, args), [(chunk,) for chunk in chunks], args.processes))


def write_items(args: argparse.Namespace, chunks: Sequence[tuple[str, str, str, list[int]]]) -> int:
    """Draw every item into ``--draw``; returns how many."""
    folder = Path(args.draw)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    count = 0
    with (folder / "items.jsonl").open("w") as file:
        for family, tool, part, seeds in chunks:
            for seed in seeds:
                one = drawn(family, tool, part, seed)
                name = f"images/{part}-{family}-{tool}-{seed}.png"
                one.image.save(folder / name, optimize=True)
                file.write(
                    json.dumps({**{k: v for k, v in vars(one).items() if k != "image"}, "image": name}) + "\n"
                )
                count += 1
            print(f"\r{count} drawn", end="", file=sys.stderr, flush=True)
    return count


def read_items(folder: Path) -> list[Item]:
    """What ``--draw`` has left."""
    rows = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    return [Item(**{**row, "image": str(folder / row["image"])}) for row in rows]


def speeds(args: argparse.Namespace) -> dict[str, float]:
    """Samples a second of processor time, by family/tool: drawn once a group, or anew where that is cheap."""
    found = {}
    for family in args.family or abroad.SUBJECTS:
        for tool in abroad.usable(family, "train"):
            cheap, count = abroad.tools(family)[tool].cheap, abroad.TOGETHER
            abroad.make(family, tool, 10**6)  # imports and caches
            began = time.process_time()
            for seed in range(args.each):
                for k in range(count):
                    abroad.make(family, tool, seed * count + k if cheap else seed, question=0 if cheap else k)
            found[f"{family}/{tool}"] = args.each * count / (time.process_time() - began)
            print(f"{family} by {tool}: {found[f'{family}/{tool}']:.0f} samples/s")
    return found


def score(replies: Sequence[Reply]) -> Score:
    """Right ones out of some."""
    return Score(sum(one.right for one in replies), len(replies))


def report(replies: Sequence[Reply]) -> tuple[list[str], dict[str, Any]]:
    """The table, and the same as data: by part, family and tool."""
    lines = ["| family | held-out tools | tools of training |", "|---|---|---|"]
    families = list(dict.fromkeys(one.family for one in replies if one.part != "nlvr"))
    data: dict[str, Any] = {"families": {}, "means": {}}
    for family in families:
        cells, row = [], {}
        for part in ("heldout", "train"):
            own = [one for one in replies if (one.family, one.part) == (family, part)]
            by_tool = {t: score([o for o in own if o.tool == t]) for t in sorted({o.tool for o in own})}
            cells.append(
                f"{score(own)} · " + ", ".join(f"{t} {s.right}/{s.total}" for t, s in by_tool.items())
                if own
                else ""
            )
            row[part] = {**asdict(score(own)), "interval": score(own).interval(),
                         "tools": {t: asdict(s) for t, s in by_tool.items()}} if own else None  # fmt: skip
        lines.append(f"| {family} | {' | '.join(cells)} |")
        data["families"][family] = row
    for part in ("heldout", "train"):
        shares = [row[part]["right"] / row[part]["total"] for row in data["families"].values() if row[part]]
        data["means"][part] = sum(shares) / len(shares) if shares else None
    for part in ("heldout", "train", "nlvr"):
        own = [one for one in replies if one.part == part]
        if own:
            data[part] = {**asdict(score(own)), "interval": score(own).interval()}
            lines.append(f"\n{part}: {score(own)}" + (f", mean over families {100 * data['means'][part]:.1f}"
                         if data["means"].get(part) is not None else ""))  # fmt: skip
    own = [one for one in replies if one.part == "heldout"]
    data["shapes"] = {name: asdict(score([o for o in own if low <= o.shape < high]))
                      for name, low, high in SHAPES}  # fmt: skip
    if own:
        cells = [f"{name} {one['right']}/{one['total']}" for name, one in data["shapes"].items()]
        lines.append(f"\nheldout, longer side by shorter side: {', '.join(cells)}")
    stated, wrong = sum(one.stated for one in replies), sum(one.wrong for one in replies)
    data["contradictions"] = {"stated": stated, "wrong": wrong}
    return lines, data


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="r1v-nano")
    parser.add_argument("--family", action="append", choices=tuple(abroad.SUBJECTS))
    parser.add_argument("--each", type=int, default=200, help="items of each family by held-out tools")
    parser.add_argument("--trained", type=int, default=None, help="items by tools of training (as --each)")
    parser.add_argument(
        "--nlvr", default=os.environ.get("R1V_NLVR"), metavar="FOLDER", help="a checkout of lil-lab/nlvr"
    )
    parser.add_argument("--nlvr-items", type=int, default=None, help="NLVR pictures (twice --each)")
    parser.add_argument("--draw", metavar="FOLDER", help="draw the items and stop")
    parser.add_argument("--items", metavar="FOLDER", help="ask what --draw has drawn")
    parser.add_argument("--speed", action="store_true", help="measure the drawing (--each groups) and stop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--batch", type=int, default=CHUNK, help="sequences decoded together in a process")
    parser.add_argument("--max-tokens", type=int, default=400)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--out", metavar="FILE", help="write the result as JSON")
    parser.add_argument("--samples", metavar="FILE", help="write every reply as JSON lines")
    parser.add_argument("--quick", action="store_true", help="one item of each family and part")
    args = parser.parse_args()
    if args.quick:
        args.each = 1
    args.trained = args.each if args.trained is None else args.trained
    args.nlvr_items = 2 * args.each if args.nlvr_items is None else args.nlvr_items
    return args


def main() -> None:
    args = options()
    started = time.perf_counter()
    if args.speed:
        found = speeds(args)
        mean = len(found) / sum(1 / one for one in found.values())
        print_result("nano_abroad", {"samples_per_s": found, "all_tools_alike": mean})
        return
    chunks: list[Any] = plan(args) if not args.items else []
    if args.draw:
        print_result("nano_abroad", {"drawn": write_items(args, chunks), "folder": args.draw})
        return
    if args.items:
        found = read_items(Path(args.items))
        chunks = [found[i : i + CHUNK] for i in range(0, len(found), CHUNK)]
    found = nlvr_part(args)
    chunks += [found[i : i + CHUNK] for i in range(0, len(found), CHUNK)]
    replies = ask_all(args, chunks)
    lines, data = report(replies)
    print("\n".join(lines))
    if args.samples:
        Path(args.samples).write_text("".join(json.dumps(asdict(one)) + "\n" for one in replies))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True
    ).stdout.strip()
    cuda = torch.cuda.is_available() and args.device != "cpu"
    result = {
        "name": "nano_abroad", "model": args.model, "commit": commit,
        "device": torch.cuda.get_device_name() if cuda else platform.processor() or platform.machine(),
        "versions": {"r1v": r1v.__version__, "torch": torch.__version__},
        "each": args.each, "seconds": time.perf_counter() - started, **data,
    }  # fmt: skip
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    print_result(result["name"], result)


if __name__ == "__main__":
    main()
