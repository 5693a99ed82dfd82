"""The engine under the load of a server, on one GPU: text, images, questions about the same images, sampling
as the release does it (PYTHONPATH=.:benchmarks).

Parts: R1V-Nano's geometry and the 38B geometry (random weights) in bfloat16, W4A16 and FP8. In a closed loop
so many requests are always under way; in an open loop they arrive at random (Poisson) at a rate. vllm_side.py
puts vLLM under the same load.

--quick: every request at once, the shorter answers, and what each way of sampling adds to a decode step.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import torch
from gpu.parts import Findings, Part, Settings, main
from gpu.products import read_limit, sampling, synchronise
from gpu.speed import big, build, decode_bytes
from shared.models import IDS, IMAGE

from r1v.cli.parser import use_expandable_segments
from r1v.core import SamplingParams
from r1v.engine import Engine, EngineConfig, EngineRequest
from r1v.models import R1V, R1VConfig

FIRST_LIMIT_S, BETWEEN_LIMIT_S = 5.0, 0.05  # an answer within both counts as good
RELEASE: dict[str, Any] = {"temperature": 0.6, "top_p": 0.95, "repetition_penalty": 1.05}
GREEDY: dict[str, Any] = {"temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0}
SAMPLING: dict[str, dict[str, Any]] = {
    "greedy": GREEDY,
    "temperature": {**GREEDY, "temperature": 0.6},
    "repetition penalty": {**GREEDY, "repetition_penalty": 1.05},
    "top-p": {**GREEDY, "temperature": 0.6, "top_p": 0.95},
    "top-k": {**GREEDY, "temperature": 0.6, "top_k": 50},
    "release": RELEASE,
    "release, log-probabilities": {**RELEASE, "logprobs": 0},
}


# ----------------------------------------------------------------------------------------------- requests


@dataclass(frozen=True, slots=True)
class Mix:
    """One kind of request. images: tiles of each. text, output: tokens. follow: a second question about the
    same images is asked when the first is answered."""

    name: str
    images: tuple[int, ...]
    text: int
    output: int
    follow: bool = False


MIXES = (
    Mix("text 1,024 / 1,024", (), 1024, 1024),
    Mix("7 tiles + 100 / 512", (7,), 100, 512),
    Mix("3 images, then again / 256", (7, 7, 7), 100, 256, follow=True),
)
QUICK_MIXES = (Mix("text 1,024 / 256", (), 1024, 256), Mix("7 tiles + 100 / 128", (7,), 100, 128))
TINY_MIXES = (Mix("text 20 / 6", (), 20, 6), Mix("1 tile, then again / 4", (1,), 5, 4, follow=True))


def make_request(mix: Mix, seed: int, config: R1VConfig, sampling: dict[str, Any]) -> EngineRequest:
    """Random ids after random tiles; so many tokens of output whatever comes."""
    random_ = random.Random(seed)
    tiles, size = sum(mix.images), config.vision.image_size
    ids = [IMAGE] * (tiles * config.tokens_per_tile) + [random_.randrange(10, 1500) for _ in range(mix.text)]
    params = SamplingParams(
        max_tokens=mix.output, min_tokens=mix.output, detect_loops=False, seed=seed, **sampling
    )
    if not tiles:
        return EngineRequest(tuple(ids), params)
    pixels = torch.randn(tiles, 3, size, size, generator=torch.Generator().manual_seed(seed))
    names = tuple(f"{seed}/{number}" for number in range(len(mix.images)))
    return EngineRequest(tuple(ids), params, pixels, mix.images, names)


def second_question(first: EngineRequest, output: Sequence[int], seed: int) -> EngineRequest:
    """About the same images, after the first answer."""
    random_ = random.Random(seed)
    more = tuple(random_.randrange(10, 1500) for _ in range(50))
    return replace(first, token_ids=first.token_ids + tuple(output) + more)


# -------------------------------------------------------------------------------------------------- sides


class Side(Protocol):
    """An engine as the load sees it. prepare: what a server does on the request's own thread, before the
    engine sees it (images cut, converted and named); not part of the time. add takes what prepare gave."""

    def prepare(self, request: EngineRequest) -> Any: ...

    def add(self, prepared: Any) -> int: ...

    def step(self) -> list[tuple[int, Sequence[int], bool]]:
        """(request, new ids, whether it has ended) of each request that moved on."""
        ...


class Own:
    """Our engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def prepare(self, request: EngineRequest) -> EngineRequest:
        return self.engine.stage(request)

    def add(self, prepared: EngineRequest) -> int:
        return self.engine.add(prepared)

    def step(self) -> list[tuple[int, Sequence[int], bool]]:
        return [(o.request_id, o.token_ids, o.finish_reason is not None) for o in self.engine.step()]


# --------------------------------------------------------------------------------------------------- load


@dataclass(slots=True)
class Answer:
    """When a request was made, and when each of its ids came."""

    request: EngineRequest
    asked_s: float
    ids: list[int] = field(default_factory=list)
    came_s: list[float] = field(default_factory=list)
    second: bool = False

    @property
    def first_s(self) -> float:
        return self.came_s[0] - self.asked_s

    @property
    def between_s(self) -> float:
        return (self.came_s[-1] - self.came_s[0]) / max(1, len(self.came_s) - 1)


def serve(
    side: Side, requests: Sequence[EngineRequest], together: int, rate: float, follow: bool
) -> tuple[list[Answer], float]:
    """All answers and the seconds they took. together: requests under way (closed loop); with a rate they
    arrive at random, so many a second (open loop)."""
    random_ = random.Random(1)
    left = [(each, side.prepare(each)) for each in reversed(requests)]
    begun = time.perf_counter()
    at = [begun]
    for _ in requests:
        at.append(at[-1] + (random_.expovariate(rate) if rate else 0.0))
    at = list(reversed(at[1:]))
    running: dict[int, Answer] = {}
    done: list[Answer] = []
    while left or running:
        now = time.perf_counter()
        while left and at[-1] <= now and (rate or len(running) < together):
            at.pop()
            asked, prepared = left.pop()
            running[side.add(prepared)] = Answer(asked, now)
        if not running:
            time.sleep(max(0.0, at[-1] - now))
            continue
        for number, ids, ended in side.step():
            answer = running[number]
            answer.ids += ids
            answer.came_s += [time.perf_counter()] * len(ids)
            if ended:
                done.append(running.pop(number))
                if follow and not answer.second:
                    again = second_question(answer.request, answer.ids, len(done))
                    running[side.add(side.prepare(again))] = Answer(again, time.perf_counter(), second=True)
    return done, time.perf_counter() - begun


def report(findings: Findings, done: Sequence[Answer], took: float, **what: Any) -> None:
    """One row: tokens a second, time to the first token, time between tokens, good answers a second."""

    def of(values: Sequence[float], part: float) -> float:
        return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else 0.0

    gaps = [b - a for each in done for a, b in zip(each.came_s, each.came_s[1:], strict=False)]
    first = [each.first_s for each in done if not each.second]
    second = [each.first_s for each in done if each.second]
    good = sum(each.first_s <= FIRST_LIMIT_S and each.between_s <= BETWEEN_LIMIT_S for each in done)
    findings.add(
        **what, requests=len(done), seconds=took, tokens_per_s=sum(len(each.ids) for each in done) / took,
        first_median_s=of(first, 0.5), first_p99_s=of(first, 0.99),
        first_last_s=max(first, default=0.0), second_median_s=of(second, 0.5),
        between_median_ms=1e3 * of(gaps, 0.5), between_p99_ms=1e3 * of(gaps, 0.99), good_per_s=good / took,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Load:
    """together: sizes of closed loops; rates: of open loops, requests a second; number: requests of each."""

    together: tuple[int, ...]
    rates: tuple[float, ...]
    number: Callable[[int], int]


FULL = Load((1, 8, 32, 64, 128, 256), (0.5, 1.0, 2.0, 4.0), lambda together: max(4, 2 * together))


def loads(findings: Findings, side: Side, label: str, config: R1VConfig, settings: Settings) -> None:
    """Every mix at every load."""
    mixes = TINY_MIXES if settings.tiny else QUICK_MIXES if settings.quick else MIXES
    closed = (2,) if settings.tiny else (64,) if settings.quick else FULL.together
    rates: tuple[float, ...] = (50.0,) if settings.tiny else () if settings.quick else FULL.rates
    seed = 0
    for mix in mixes:
        for load in (*closed, *rates):
            is_rate = isinstance(load, float)
            together = 0 if is_rate else 32 if settings.quick and mix.images else int(load)
            number = (
                3
                if settings.tiny
                else 60
                if is_rate
                else together
                if settings.quick
                else FULL.number(together)
            )
            requests = [make_request(mix, 1000 * seed + i, config, RELEASE) for i in range(number)]
            seed += 1

            def attempt(
                mix: Mix = mix, requests: list[EngineRequest] = requests, together: int = together,
                rate: float = load if is_rate else 0.0,
            ) -> None:  # fmt: skip
                done, took = serve(side, requests, together, rate, mix.follow)
                report(findings, done, took, model=label, mix=mix.name, together=together, rate=rate)

            findings.attempt(f"{label}, {mix.name}, {load}", attempt)


# ----------------------------------------------------------------------------------------------- sampling


def step_ms(engine: Engine, rows: int, sampling: dict[str, Any], seed: int, number: int) -> float:
    """Milliseconds of a decode step of so many rows after a few tokens each, the median."""
    mix = Mix("", (), max(8, 2048 // rows), number)
    for row in range(rows):
        engine.add(make_request(mix, seed + row, engine.model.config, sampling))
    times, last = [], 0.0
    while engine.has_work:
        outputs = engine.step()
        now = time.perf_counter()
        if len(outputs) == rows and engine.num_running == rows:
            if last:
                times.append(now - last)
            last = now
        else:
            last = 0.0
    return statistics.median(times[2:] or times or [0.0]) * 1e3


def sampling_steps(
    findings: Findings, engine: Engine, label: str, rows: Sequence[int], settings: Settings
) -> None:
    """What each way of sampling adds to a decode step, for a flat and a peaked distribution."""
    norm = engine.model.language.norm.weight
    number = 4 if settings.tiny else 24
    for shape, factor in (("flat", 1.0), ("peaked", 8.0)):
        with torch.no_grad():
            norm.mul_(factor)
        for count in rows:
            found = {
                name: step_ms(engine, count, sampling, 10_000 + count, number)
                for name, sampling in SAMPLING.items()
                if not settings.quick or "release" in name or name == "greedy"
            }
            findings.add(model=label, step="sampling", distribution=shape, rows=count, ms=found)
        with torch.no_grad():
            norm.mul_(1.0 / factor)


# -------------------------------------------------------------------------------------------------- parts


def start(
    settings: Settings, findings: Findings, geometry: str, weights: str, cache_bytes: int | None
) -> Engine:
    """Our engine on a model with random weights, and one row that says how it was set."""
    use_expandable_segments()
    begun = time.perf_counter()
    model: R1V = build(geometry, settings.device, "bf16" if weights == "fp8" else weights)
    synchronise(settings.device)
    # random weights repeat themselves as no model does: drafts would be measured on what is not text
    values: dict[str, Any] = {
        "num_draft_tokens": 0, "keep_weights": False, "max_model_len": 8192, "capture_ahead": True,
    }  # fmt: skip
    if weights == "fp8":
        values["weight_format"] = "fp8"
    if settings.tiny:
        values |= {"cache_bytes": 64 << 20, "max_num_seqs": 4, "max_model_len": 600}
    elif cache_bytes is not None:
        values |= {"cache_bytes": cache_bytes}
    engine = Engine(model, EngineConfig(**values), IDS)
    serve(Own(engine), [make_request(Mix("", (1,), 40, 4), 7, model.config, GREEDY)], 1, 0.0, False)
    c = engine.config
    findings.add(
        model=f"{geometry} {weights}", step="start", seconds=time.perf_counter() - begun,
        weight_bytes=decode_bytes(model), read_limit=read_limit(settings), step_tokens=c.max_step_tokens,
        step_tiles=c.max_step_tiles, num_seqs=c.max_num_seqs,
    )  # fmt: skip
    return engine


def own(
    settings: Settings, findings: Findings, geometry: str, weights: str, rows: Sequence[int] = (1, 64, 256)
) -> None:
    """Our engine: sampling, then every load."""
    cache = (20 if geometry == "nano" else 45) << 30 if settings.quick else None
    engine = start(settings, findings, geometry, weights, cache)
    label = f"{geometry} {weights}"
    rows = [count for count in rows if count <= engine.config.max_num_seqs]
    findings.attempt(
        f"{label} sampling",
        lambda: sampling_steps(findings, engine, label, (2,) if settings.tiny else rows, settings),
    )
    loads(findings, Own(engine), label, engine.model.config, settings)


def of_big(settings: Settings, findings: Findings, weights: str) -> None:
    """The 38B geometry; nano in a dry run."""
    own(settings, findings, big(settings), weights)


PARTS = {
    "sampling": Part(sampling, 60),
    "nano": Part(lambda settings, findings: own(settings, findings, "nano", "bf16"), 300),
    "bf16": Part(partial(of_big, weights="bf16"), 1800),
    "w4": Part(partial(of_big, weights="w4"), 1800),
    "fp8": Part(partial(of_big, weights="fp8"), 1800),
}

if __name__ == "__main__":
    main((__doc__ or "").splitlines()[0], PARTS, __file__)
