"""Speculation on and off: R1V-Nano's own chains, chains that go in circles, and chains that never do.

The same questions go to two engines in turn, one of them without drafts; the ids must be the same where they
are greedy. Prints steps and processor time.
"""

from __future__ import annotations

import argparse
import itertools
import time

import torch
from shared.report import emit, median, processor

from r1v import LLM, ImageRef, Message, SamplingParams, figures
from r1v.engine import EngineConfig

FAMILIES = ("counting", "circuit", "word_problem", "spatial", "geometry", "expression", "compare")


def own_chains(turn: int) -> tuple[list[Message], SamplingParams]:
    """A held-out question with its picture, answered until the model ends."""
    family = FAMILIES[turn % len(FAMILIES)]
    seed = next(itertools.islice(figures.seeds("heldout", 100), turn, None))
    item = figures.make(family, seed)
    images = [ImageRef(image) for image in item.images]
    return [Message.user(item.question, images)], SamplingParams.greedy(max_tokens=400, seed=turn)


def circles(turn: int) -> tuple[list[Message], SamplingParams]:
    """Greedy and kept from ending: a small model then repeats itself."""
    params = SamplingParams.greedy(max_tokens=400, min_tokens=400, detect_loops=False)
    return [Message.user(f"Count from {turn} on.")], params


def noise(turn: int) -> tuple[list[Message], SamplingParams]:
    """Sampled far too hot, so that nothing recurs."""
    params = SamplingParams(temperature=3.0, top_p=1.0, top_k=0, min_p=0.0, seed=turn, max_tokens=200,
                            min_tokens=200, detect_loops=False, repetition_penalty=1.0)  # fmt: skip
    return [Message.user("Say something.")], params


CASES = {"own chains": own_chains, "circles": circles, "noise": noise}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rounds = 2 if args.quick else args.rounds
    llms = {
        name: LLM(
            "r1v-nano", dtype="bfloat16", max_model_len=2048, engine=EngineConfig(num_draft_tokens=drafts)
        )
        for name, drafts in (("plain", 0), ("drafts", 8))
    }
    medians: dict[str, dict[str, float]] = {}
    ratios: dict[str, dict[str, float]] = {}
    print(f"{'chains':>12} {'fewer steps':>12} {'faster':>7} {'tokens':>7}")
    for case, ask in CASES.items():
        steps: dict[str, int] = dict.fromkeys(llms, 0)
        spent: dict[str, list[float]] = {name: [] for name in llms}
        tokens = 0
        for turn in range(rounds):
            messages, params = ask(turn)
            answers = {}
            for name, llm in llms.items():
                before, start = llm.load.counters["num_steps"], time.process_time()
                answers[name] = llm.chat(messages, params).token_ids
                spent[name].append(time.process_time() - start)
                steps[name] += llm.load.counters["num_steps"] - before
            assert answers["plain"] == answers["drafts"] or params.temperature, "drafts changed greedy ids"
            tokens += len(answers["plain"])
        fewer = steps["plain"] / steps["drafts"]
        faster = median([a / b for a, b in zip(*spent.values(), strict=True)])
        medians[case] = {name: median(each) for name, each in spent.items()}
        ratios[case] = {"fewer steps": round(fewer, 2), "faster": round(faster, 2)}
        print(f"{case:>12} {fewer:12.2f} {faster:7.2f} {tokens:7}", flush=True)
    config = {"model": "r1v-nano", "rounds": rounds, "threads": args.threads}
    emit("speculate", processor(), config, medians, ratios)


if __name__ == "__main__":
    main()
