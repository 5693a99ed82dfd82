"""What `r1v ask`, `chat` and `serve` add to the engine: a token of `LLM.stream`, with text and events,
beside a bare decode step on the same weights, in turn.

Without drafts, so that both compute every token. Figures are medians of processor milliseconds a token.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.models import exactly, make_engine, prompt
from shared.report import emit, median, processor

from r1v import LLM, Message, SamplingParams
from r1v.engine import Engine, EngineConfig
from r1v.models import load
from r1v.models.hub import resolve_model


def streamed(llm: LLM, number: int, detect_loops: bool) -> float:
    """Processor seconds a token after the first, as a command reads them."""
    params = SamplingParams(temperature=0.0, max_tokens=number, min_tokens=number, detect_loops=detect_loops)
    stream = llm.stream([Message.user("Write a long story about a fox.")], params)
    next(stream)
    start = time.process_time()
    for _ in stream:
        pass
    return (time.process_time() - start) / (len(stream.wait()[0].token_ids) - 1)


def stepped(engine: Engine, number: int, seed: int) -> float:
    """Processor seconds a token of the engine alone."""
    engine.add(replace(prompt(40, seed), params=exactly(number)))
    while not engine.step():
        pass
    start, steps = time.process_time(), 0
    while engine.has_work:
        engine.step()
        steps += 1
    return (time.process_time() - start) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two rounds of 32 tokens")
    parser.add_argument("--model", default="r1v-nano")
    parser.add_argument("--number", type=int, default=200, help="tokens a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    number, rounds = (32, 2) if args.quick else (args.number, args.rounds)
    torch.set_num_threads(args.threads)
    source = resolve_model(args.model)
    config = EngineConfig(num_draft_tokens=0, cache_bytes=1 << 28)
    llm = LLM(str(source), dtype="bfloat16", max_model_len=2048, engine=config)
    engine = make_engine(load(source, dtype=torch.bfloat16), cache_bytes=1 << 28, max_model_len=2048)
    times: dict[str, list[float]] = {"stream": [], "stream without loop detection": [], "engine": []}
    for turn in range(1 + rounds):
        found = streamed(llm, number, True), streamed(llm, number, False), stepped(engine, number, turn)
        if turn > 0:  # the first one warms up
            for name, value in zip(times, found, strict=True):
                times[name].append(value)
    medians = {name: round(1e3 * median(values), 3) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:>30} {value:8.3f} processor ms a token")
    ratios = {f"{name} / engine": round(value / medians["engine"], 3) for name, value in medians.items()}
    settings = {"model": args.model, "number": number, "rounds": rounds, "threads": args.threads}
    emit("text", processor(), settings, medians, ratios)


if __name__ == "__main__":
    main()
