"""Speculation on and off: R1V-Nano's own chains, chains that repeat themselves, and chains that never do.

The same questions go to three engines in turn: without drafts, with drafts from each sequence's own ids, and
with drafts that all outputs teach. The ids must be the same where they are greedy. Prints what a step with
drafts costs (``--costs`` no more than that), steps and processor time; then, for each family of figures, how
often a context of n ids has said which id came next, which is what drafting could reach, and what it reached.

``--replay FILE`` counts the steps of many own chains without running them again: the drafter alone sees the
ids of the file (a list a line; ``--chains`` of them are written first where it is missing), without prompts.

``--texts FOLDER`` asks a language model instead: prose, code, lists and arithmetic, ``--ids`` of each answer,
without drafts and with those that an engine makes unless it is told otherwise.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from shared.models import GEOMETRIES, IMAGE, exactly, make_engine, prompt, random_model
from shared.report import emit, median, processor

from r1v import LLM, ImageRef, Message, SamplingParams, figures
from r1v.engine import EngineConfig
from r1v.engine.speculate import Drafter, SharedDrafts

ENGINES = {"plain": (0, 0), "own": (8, 0), "shared": (8, 8 << 20)}  # drafts, bytes of the shared table
SIZES = (8, 4, 2, 1)
Question = tuple[str, list[Message], SamplingParams]


def own_chains(number: int) -> Iterable[Question]:
    """Held-out questions of all families with their pictures, answered until the model ends."""
    families = itertools.cycle(figures.FAMILIES)
    for family, seed in zip(families, itertools.islice(figures.seeds("heldout", 100), number), strict=False):
        item = figures.make(family, seed)
        images = [ImageRef(image) for image in item.images]
        yield family, [Message.user(item.question, images)], SamplingParams.greedy(max_tokens=400)


def circles(number: int) -> Iterable[Question]:
    """Greedy and kept from ending: a small model then repeats itself."""
    params = SamplingParams.greedy(max_tokens=400, min_tokens=400, detect_loops=False)
    for turn in range(number):
        yield "circles", [Message.user(f"Count from {turn} on.")], params


def noise(number: int) -> Iterable[Question]:
    """Sampled at a very high temperature, so that nothing recurs."""
    for turn in range(number):
        params = SamplingParams(temperature=3.0, top_p=1.0, top_k=0, min_p=0.0, seed=turn, max_tokens=200,
                                min_tokens=200, detect_loops=False, repetition_penalty=1.0)  # fmt: skip
        yield "noise", [Message.user("Say something.")], params


TEXTS = {
    "prose": (
        "Write a short story about a lighthouse keeper who finds a letter in a bottle.",
        "Explain in three paragraphs why the sky is blue and sunsets are red.",
        "Describe a morning market in a small town, with its people and its smells.",
        "What would happen if the Moon disappeared? Answer in prose.",
    ),
    "code": (
        "Write a Python class for a stack with push, pop, peek and size, and tests for each method.",
        "Write a SQL schema for a library with books, members and loans, and five queries.",
        "Write an HTML form with ten labelled input fields and the CSS that lays them out.",
        "Write a C function that merges two sorted arrays, and a main function that tries it on four cases.",
    ),
    "lists": (
        "List the twelve months with their number of days and their season, as a Markdown table.",
        "Give a JSON array of ten books, each with title, author, year and publisher.",
        "List eight household objects that float on water, and say for each why it does.",
        "List the planets of the solar system, with two facts about each.",
    ),
    "arithmetic": (
        "Compute 348 * 27 step by step.",
        "Solve x^2 - 5x + 6 = 0 and check both solutions.",
        "Write the multiplication table of 7 from 7 x 1 to 7 x 15.",
        "A train leaves at 14:35 and arrives at 17:10. How long does it travel? Show every step.",
    ),
}


def texts(kind: str, max_tokens: int) -> Callable[[int], Iterable[Question]]:
    """Greedy answers to texts of one kind."""
    params = SamplingParams.greedy(max_tokens=max_tokens, detect_loops=False)

    def ask(number: int) -> Iterable[Question]:
        for text in TEXTS[kind][:number]:
            yield kind, [Message.user(text)], params

    return ask


CASES = {"own chains": own_chains, "circles": circles, "noise": noise}


class Chatter(Drafter):
    """Always drafts the same number of ids."""

    def __init__(self, number: int) -> None:
        super().__init__(SharedDrafts(0), IMAGE, number, 1)
        self.num_taken = 1 << 30

    def draft(self, once: float, per_row: float) -> list[int]:
        """So many, all wrong."""
        return [7] * self.max_drafts


def step_costs(geometry: str, weight_format: str, number: int = 20) -> list[float]:
    """Processor milliseconds of a step of one sequence, 300 ids long, with no and 1 to 8 drafts."""
    model = random_model(geometry, torch.bfloat16, "cpu")
    engine = make_engine(model, weight_format, cache_bytes=1 << 28, num_draft_tokens=8)
    found = []
    for drafts in (0, 1, 2, 3, 4, 6, 8):
        engine.add(replace(prompt(300, drafts), params=exactly(number)))
        while not engine.step():
            pass
        engine._scheduler.running[0].drafter = Chatter(drafts)
        spent = []
        while engine.has_work:
            start = time.process_time()
            engine.step()
            spent.append(time.process_time() - start)
        found.append(1e3 * median(spent))
    return found


class Oracle:
    """Which ids ever followed each context of n ids, without any limit of memory."""

    def __init__(self) -> None:
        self._latest: dict[tuple[int, ...], int] = {}

    def share(self, chain: Sequence[int]) -> dict[str, float]:
        """Part of a chain's ids that were what last followed some context (``any``), or the longest known
        one of at most n ids (by n). The chain is then remembered."""
        hits: dict[str, int] = dict.fromkeys(("any", *map(str, SIZES)), 0)
        for place in range(1, len(chain)):
            found = [
                self._latest.get(tuple(chain[place - size : place])) if place >= size else None
                for size in SIZES
            ]
            hits["any"] += chain[place] in found
            for number, size in enumerate(SIZES):
                longest = next((guess for guess in found[number:] if guess is not None), None)
                hits[str(size)] += longest == chain[place]
            for size in SIZES:
                if place >= size:
                    self._latest[tuple(chain[place - size : place])] = chain[place]
        return {name: number / max(1, len(chain) - 1) for name, number in hits.items()}


class Tally:
    """Steps, ids, drafts and processor seconds of one engine."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.counts: dict[str, int] = defaultdict(int)

    def ask(self, llm: LLM, question: Question) -> tuple[int, ...]:
        """The answer's ids."""
        before, start = llm.load.counters, time.process_time()
        ids = llm.chat(*question[1:]).token_ids
        self.seconds.append(time.process_time() - start)
        for name in ("num_steps", "num_drafted", "num_accepted"):
            self.counts[name] += llm.load.counters[name] - before[name]
        return tuple(ids)


def replay(path: Path, number: int) -> dict[str, dict[str, float]]:
    """Fewer steps over all chains and over their last half; a chain's first id comes with its prompt."""
    if not path.exists():
        llm = LLM("r1v-nano", dtype="bfloat16", max_model_len=2048, engine=EngineConfig(num_draft_tokens=0))
        questions = list(own_chains(number))
        done = llm.chat_many([messages for _, messages, _ in questions], questions[0][2])
        path.write_text("".join(json.dumps(list(each.token_ids)) + "\n" for each in done))
    chains = [json.loads(line) for line in path.read_text().splitlines()]
    found = {}
    for name, num_bytes in (("own", 0), ("shared", 8 << 20)):
        shared = SharedDrafts(num_bytes)
        steps = [count_steps(chain, Drafter(shared, IMAGE, 8, len(chain) + 1)) for chain in chains]
        half = len(chains) // 2
        found[name] = {
            "fewer steps": round(sum(map(len, chains)) / sum(steps), 2),
            "last half": round(sum(map(len, chains[half:])) / sum(steps[half:]), 2),
        }
        fewer, later = found[name].values()
        print(f"{len(chains)} own chains of {sum(map(len, chains))} ids, {name} drafts: {fewer} times fewer "
              f"steps; the last half {later}")  # fmt: skip
    return found


def count_steps(chain: Sequence[int], drafter: Drafter) -> int:
    """Steps in which one sequence alone gets these ids."""
    drafter.push(chain[0])
    place = steps = 1
    while place < len(chain):
        drafts = drafter.draft(0.0, 0.25)[: len(chain) - place - 1]
        right = 0
        while right < len(drafts) and drafts[right] == chain[place + right]:
            right += 1
        for token_id in chain[place : place + right + 1]:
            drafter.push(token_id)
        place, steps = place + right + 1, steps + 1
    return steps


def all_costs(geometry: str) -> dict[str, list[float]]:
    """Processor ms of a step by its number of drafts, for both formats of weights."""
    costs = {}
    print("Processor ms of a step with 0, 1, 2, 3, 4, 6 and 8 drafts")
    for weight_format in ("packed", "int4"):
        costs[weight_format] = [round(cost, 2) for cost in step_costs(geometry, weight_format)]
        print(f"{weight_format:>12} " + " ".join(f"{cost:7.2f}" for cost in costs[weight_format]))
    return costs


Table = dict[str, dict[str, float]]
Cases = dict[str, Callable[[int], Iterable[Question]]]
Profile = dict[str, dict[str, list[float]]]


def compare(
    llms: dict[str, LLM], num_chains: int, quick: bool, cases: Cases = CASES
) -> tuple[Table, Table, Profile]:
    """Every case asked of every engine in turn: median seconds, ratios to plain decoding, and own chains by
    family."""
    medians: Table = {}
    ratios: Table = {}
    profile: Profile = defaultdict(lambda: defaultdict(list))
    oracle = Oracle()
    print(f"{'chains':>12} {'drafts':>7} {'fewer steps':>12} {'faster':>7} {'accepted':>9} {'tokens':>7}")
    for case, ask in cases.items():
        number = 2 if quick else 4
        if ask is own_chains:
            number = len(figures.FAMILIES) if quick else num_chains
        tallies = {name: Tally() for name in llms}
        tokens = 0
        for question in ask(number):
            before = {name: tally.counts["num_steps"] for name, tally in tallies.items()}
            answers = {name: tally.ask(llms[name], question) for name, tally in tallies.items()}
            assert len(set(answers.values())) == 1 or question[2].temperature, "drafts changed greedy ids"
            tokens += len(answers["plain"])
            if ask is own_chains:
                row = profile[question[0]]
                for name, share in oracle.share(answers["plain"]).items():
                    row[name].append(share)
                steps = {name: tally.counts["num_steps"] - before[name] for name, tally in tallies.items()}
                row["fewer steps"].append(steps["plain"] / steps["shared"])
        medians[case] = {name: median(tally.seconds) for name, tally in tallies.items()}
        plain = tallies["plain"]
        for name, tally in tallies.items():
            if name == "plain":
                continue
            fewer = plain.counts["num_steps"] / tally.counts["num_steps"]
            faster = sum(plain.seconds) / sum(tally.seconds)
            right = tally.counts["num_accepted"] / max(1, tally.counts["num_drafted"])
            ratios[f"{case}, {name}"] = {
                "fewer steps": round(fewer, 2), "faster": round(faster, 2), "accepted": round(right, 2)
            }  # fmt: skip
            print(f"{case:>12} {name:>7} {fewer:12.2f} {faster:7.2f} {right:9.0%} {tokens:7}", flush=True)
    return medians, ratios, profile


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="a chain of each family, and two of each other kind"
    )
    parser.add_argument("--chains", type=int, default=130, help="own chains; 4 of each other kind")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--geometry", choices=GEOMETRIES, default="nano", help="of the costs of a step")
    parser.add_argument("--costs", action="store_true", help="only what a step with drafts costs")
    parser.add_argument("--texts", type=Path, metavar="FOLDER", help="a language model to ask instead")
    parser.add_argument("--ids", type=int, default=128, help="of each of its answers")
    parser.add_argument("--replay", type=Path, help="only count the steps of the chains of this file")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.replay:
        emit("speculate replay", processor(), {"model": "r1v-nano"}, {}, replay(args.replay, args.chains))
        return
    if args.texts:
        cases = {kind: texts(kind, 16 if args.quick else args.ids) for kind in TEXTS}
        llms = {name: LLM(args.texts, dtype="bfloat16", engine=EngineConfig(num_draft_tokens=drafts))
                for name, drafts in {"plain": 0, "shared": 8}.items()}  # fmt: skip
        medians, ratios, _ = compare(llms, 0, args.quick, cases)
        emit("speculate texts", processor(), {"model": args.texts.name, "ids": args.ids}, medians, ratios)
        return
    costs = all_costs(args.geometry)
    if args.costs:
        emit("speculate costs", processor(), {"geometry": args.geometry}, costs, {})
        return
    llms = {
        name: LLM(
            "r1v-nano", dtype="bfloat16", max_model_len=2048,
            engine=EngineConfig(num_draft_tokens=drafts, shared_draft_bytes=num_bytes),
        )
        for name, (drafts, num_bytes) in ENGINES.items()
    }  # fmt: skip
    medians, ratios, profile = compare(llms, args.chains, args.quick)
    shares = show(profile)
    config = {"model": "r1v-nano", "chains": args.chains, "threads": args.threads}
    emit("speculate", processor(), config, medians, ratios, profile=shares, costs=costs)


def show(profile: Profile) -> Table:
    """The table of families; means over their chains."""
    print("\nOwn chains: part of the ids that the longest known context of at most n ids foretold")
    print(f"{'family':>14} " + " ".join(f"{'n=' + str(n):>6}" for n in SIZES) + "    any  fewer steps")
    means = {
        family: {name: round(sum(each) / len(each), 2) for name, each in row.items()}
        for family, row in profile.items()
    }
    for family, row in means.items():
        shares = " ".join(f"{row[str(n)]:6.0%}" for n in SIZES)
        print(f"{family:>14} {shares} {row['any']:6.0%} {row['fewer steps']:12.2f}")
    return means


if __name__ == "__main__":
    main()
