"""Speed and memory on one GPU: the engine beside transformers' generate, and what the device itself can do
(PYTHONPATH=.:benchmarks).

Parts: the device's limits; R1V-Nano's geometry and the 38B geometry (InternViT-6B and QwQ-32B shapes, random
weights made on the device) in bfloat16 and W4A16: decode at several batch sizes, prompts with images, 64K
tokens of context, memory against `r1v plan`; cards of 40 and 30 GB; transformers.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from gpu.parts import Findings, Part, Settings, main
from gpu.products import best_seconds, limits, random_awq, read_limit, synchronise
from shared.models import GEOMETRIES, IDS, exactly, prompt, transformers_model
from torch import nn

from r1v.cli.parser import use_expandable_segments
from r1v.engine import Engine, EngineConfig
from r1v.models import R1V
from r1v.ops.linear import Int8Linear
from r1v.plan.inference import PlanTarget, plan

GIB = 1 << 30
BATCHES = (1, 8, 32, 64)


# ---------------------------------------------------------------------------------------------------- models


def build(name: str, device: str, weights: str) -> R1V:
    """Random weights of a geometry, layer by layer on the device. weights: bf16, w4, w4-vision8."""
    with torch.device("meta"):
        model = R1V(GEOMETRIES[name]).eval()
    model = model.to(torch.bfloat16).requires_grad_(False)
    for part_name, part in model.named_children():
        for module in list(part.modules()):
            for child_name, child in list(module.named_children()):
                if not isinstance(child, nn.Linear):
                    continue
                num_out, width = child.weight.shape
                bias = None if child.bias is None else torch.zeros(num_out, device=device).bfloat16()
                if (
                    weights != "bf16"
                    and part_name == "language"
                    and child is not part.head
                    and width % 128 == 0
                ):
                    setattr(module, child_name, random_awq(num_out, width, bias, device))
                elif weights == "w4-vision8" and part_name == "vision":
                    codes = torch.randint(-127, 128, (num_out, width), dtype=torch.int8, device=device)
                    setattr(
                        module,
                        child_name,
                        Int8Linear(codes, torch.full((num_out,), 2e-4, device=device), bias),
                    )
    for module in model.modules():
        for key, parameter in list(module._parameters.items()):
            if parameter is not None and parameter.is_meta:
                value = torch.empty(parameter.shape, dtype=torch.bfloat16, device=device)
                value.normal_(0.0, 0.02) if parameter.dim() > 1 else value.fill_(1.0)
                module._parameters[key] = nn.Parameter(value, requires_grad=False)
    return model


def make_engine(model: R1V, **settings: Any) -> Engine:
    values = {"num_draft_tokens": 0, "keep_weights": model.device.type == "cpu", **settings}
    return Engine(model, EngineConfig(**values), IDS)


def decode_bytes(model: R1V) -> int:
    """Bytes of weights that one decode step has to read."""
    language = model.language
    total = sum(t.nbytes for t in (*language.parameters(), *language.buffers()))
    return total - (0 if language.head is None else language.embedding.weight.nbytes)


def decode(engine: Engine, batch: int, context: int, number: int, device: str, seed: int = 0) -> float:
    """Median seconds of a step in which all of a batch decode."""
    for row in range(batch):
        engine.add(replace(prompt(context, seed + row), params=exactly(number)))
    times = []
    while engine.has_work:
        begun = time.perf_counter()
        outputs = engine.step()
        took = time.perf_counter() - begun
        if len(outputs) == batch and engine.num_running == batch:
            times.append(took)
    return statistics.median(times[2:] or times)


def first_token(engine: Engine, tiles: int, text: int, seed: int) -> float:
    """Seconds from the request to its first token."""
    engine.add(replace(prompt(text, seed, tiles, engine.model.config), params=exactly(1)))
    begun = time.perf_counter()
    while engine.has_work:
        engine.step()
    return time.perf_counter() - begun


def profile(engine: Engine, findings: Findings, label: str) -> None:
    """Where a decode step's time goes on the device, at batch 1."""
    steps = 5
    engine.add(replace(prompt(1024, 77), params=exactly(40)))
    while not engine.step():
        pass
    engine.step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        begun = time.perf_counter()
        for _ in range(steps):
            engine.step()
        took = (time.perf_counter() - begun) / steps
    while engine.has_work:
        engine.step()
    kernels = sorted(profiler.key_averages(), key=lambda each: -each.self_device_time_total)
    busy = sum(each.self_device_time_total for each in kernels) / steps
    findings.add(model=label, step="profile", device_us=busy, step_us=took * 1e6)
    for each in kernels[:14]:
        findings.add(kernel=each.key[:70], calls=each.count / steps, us=each.self_device_time_total / steps)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured. limit: bytes a second that the device reads. token_bytes: of the cache."""

    engine: Engine
    label: str
    device: str
    weight_bytes: int
    limit: float
    token_bytes: int


def subject(
    settings: Settings, findings: Findings, geometry: str, weights: str, longest: int, num_tokens: int
) -> Subject:
    """A model and its engine, with room for num_tokens in the cache and for sequences of `longest`."""
    use_expandable_segments()
    begun = time.perf_counter()
    model = build(geometry, settings.device, weights)
    synchronise(settings.device)
    label = f"{geometry} {weights}"
    weight_bytes = decode_bytes(model)
    findings.add(model=label, step="build", seconds=time.perf_counter() - begun, weight_bytes=weight_bytes)
    limit = read_limit(settings)
    shape = model.config.language
    width = 2 if settings.device == "cuda" else 4  # bytes of an activation
    token_bytes = 2 * width * shape.num_layers * shape.num_kv_heads * shape.head_dim
    engine = make_engine(
        model, max_model_len=longest, max_step_tokens=2048, cache_bytes=token_bytes * num_tokens
    )
    return Subject(engine, label, settings.device, weight_bytes, limit, token_bytes)


def measure_decode(
    findings: Findings, of: Subject, batches: Sequence[int], context: int, number: int
) -> None:
    """Milliseconds of a step at several batch sizes."""

    def once(batch: int) -> None:
        took = decode(of.engine, batch, context, number, of.device, seed=1000 * batch)
        read = of.weight_bytes + batch * (context + number / 2) * of.token_bytes
        findings.add(model=of.label, step="decode", batch=batch, output=number, ms=took * 1e3,
                     tokens_per_s=batch / took, gb_per_s=read / took / 1e9,
                     of_read_limit=read / took / of.limit)  # fmt: skip

    for batch in batches:
        findings.attempt(f"decode {batch}", lambda batch=batch: once(batch))


def measure_first_tokens(findings: Findings, of: Subject, numbers: Sequence[int]) -> None:
    """Time to the first token after images of so many tiles, and of the tower alone."""
    model = of.engine.model

    def prefill(tiles: int) -> None:
        first_token(of.engine, tiles, 100, 7)  # kernels are compiled, allocators full
        took = statistics.median(
            first_token(of.engine, tiles, 100, 70 + 10 * tiles + turn) for turn in range(3)
        )
        tokens = tiles * model.config.tokens_per_tile + 100
        findings.add(model=of.label, step="first token", tiles=tiles, tokens=tokens, ms=took * 1e3,
                     tokens_per_s=tokens / took)  # fmt: skip

    for tiles in numbers:
        findings.attempt(f"prefill {tiles}", lambda tiles=tiles: prefill(tiles))

    def vision(tiles: int) -> None:
        size = model.config.vision.image_size
        pixels = torch.randn(tiles, 3, size, size, device=of.device).bfloat16()
        with torch.inference_mode():
            took = best_seconds(lambda: model.encode_images(pixels), of.device, 3)
        findings.add(model=of.label, step="vision", tiles=tiles, ms=took * 1e3, ms_a_tile=took * 1e3 / tiles)

    for tiles in (1,) if len(numbers) == 1 else (1, 4, 13):
        findings.attempt(f"vision {tiles}", lambda tiles=tiles: vision(tiles))


def measure_long_context(findings: Findings, of: Subject, length: int) -> None:
    """The first token after so many, and the steps after it."""
    begun = time.perf_counter()
    of.engine.add(replace(prompt(length, 5), params=exactly(24)))
    while not of.engine.step():
        pass
    first = time.perf_counter() - begun
    times = []
    while of.engine.has_work:
        begun = time.perf_counter()
        of.engine.step()
        times.append(time.perf_counter() - begun)
    findings.add(model=of.label, step="long context", tokens=length, first_token_s=first,
                 decode_ms=statistics.median(times) * 1e3)  # fmt: skip


def measure(settings: Settings, findings: Findings, geometry: str, weights: str) -> None:
    """Everything about one model."""
    tiny, known = settings.tiny, GEOMETRIES[geometry].language.context_length
    longest = min(known, 9216 if tiny or geometry == "nano" else 66560)
    batches, context, number = ((1, 2), 64, 6) if tiny else (BATCHES, 1024, 128)
    num_tokens = max(longest + 512, batches[-1] * (context + number + 32))
    of = subject(settings, findings, geometry, weights, longest, num_tokens)
    measure_decode(findings, of, batches, context, number)
    if settings.device == "cuda":
        findings.attempt("profile", lambda: profile(of.engine, findings, of.label))
    measure_first_tokens(findings, of, (1,) if tiny else (0, 1, 7, 13))
    if not tiny:
        findings.attempt("long context", lambda: measure_long_context(findings, of, longest - 64))


def measure_outputs(
    settings: Settings,
    findings: Findings,
    geometry: str,
    weights: str,
    batches: Sequence[int] = BATCHES,
    number: int = 128,
) -> None:
    """Decode alone, after 1,024 tokens."""
    sizes, context, number = ((1, 2), 64, 6) if settings.tiny else (batches, 1024, number)
    longest = context + number + 32
    of = subject(settings, findings, geometry, weights, longest, sizes[-1] * longest + 512)
    measure_decode(findings, of, sizes, context, number)
    if settings.device == "cuda":
        findings.attempt("profile", lambda: profile(of.engine, findings, of.label))


def nano(settings: Settings, findings: Findings) -> None:
    """R1V-Nano's geometry, then transformers on the same."""
    measure(settings, findings, "nano", "bf16")
    findings.attempt("transformers", lambda: peers(settings, findings, "nano"))


def peers(settings: Settings, findings: Findings, geometry: str) -> None:
    """transformers' generate of the language model: eager, and with a static cache."""
    torch.set_default_dtype(torch.bfloat16)  # or its float32 weights would fill the device first
    model = transformers_model(geometry, torch.bfloat16, settings.device)
    torch.set_default_dtype(torch.float32)
    if model is None:
        findings.add(step="transformers", error="not installed")
        return
    batches, context, number = ((1,), 64, 4) if settings.tiny else (BATCHES, 1024, 48)
    for cache in ("dynamic", "static"):
        options: dict[str, Any] = {"do_sample": False, "pad_token_id": 0}
        if cache == "static":
            options |= {"cache_implementation": "static", "disable_compile": True}
        for batch in batches:

            def attempt(batch: int = batch, cache: str = cache, options: dict[str, Any] = options) -> None:
                ids = torch.tensor(
                    [prompt(context, row).token_ids for row in range(batch)], device=settings.device
                )

                def run(tokens: int) -> float:
                    synchronise(settings.device)
                    begun = time.perf_counter()
                    model.generate(ids, max_new_tokens=tokens, min_new_tokens=tokens, **options)
                    synchronise(settings.device)
                    return time.perf_counter() - begun

                run(2)
                took = (run(number) - run(1)) / (number - 1)
                findings.add(model=f"transformers {geometry} bf16", step="decode", cache=cache, batch=batch,
                             ms=took * 1e3, tokens_per_s=batch / took)  # fmt: skip

            findings.attempt(f"transformers {cache} {batch}", attempt)


def big_peers(settings: Settings, findings: Findings) -> None:
    """transformers on the 38B geometry's language model."""
    peers(settings, findings, big(settings))


def big(settings: Settings) -> str:
    """The 38B geometry; as many of its layers as a card of 80 GB holds in bfloat16; nano in a dry run."""
    if settings.tiny:
        return "nano"
    shape = GEOMETRIES["38b"]
    GEOMETRIES["38b"] = replace(shape, language=replace(shape.language, max_position_embeddings=131072))
    if torch.cuda.get_device_properties(0).total_memory > 100e9:
        return "38b"
    shape = GEOMETRIES["38b"]
    GEOMETRIES["38b, 40 of 64 layers"] = replace(shape, language=replace(shape.language, num_layers=40))
    return "38b, 40 of 64 layers"


def big_bf16(settings: Settings, findings: Findings) -> None:
    """38B in bfloat16."""
    measure(settings, findings, big(settings), "bf16")


def big_w4(settings: Settings, findings: Findings) -> None:
    """38B in W4A16."""
    measure(settings, findings, big_quantised(settings), "w4")


def big_quantised(settings: Settings) -> str:
    """The 38B geometry whole, which every card holds in 4 bits; nano in a dry run."""
    big(settings)
    return "nano" if settings.tiny else "38b"


def long_outputs(settings: Settings, findings: Findings, weights: str) -> None:
    """Answers of 1,024 tokens, one at a time and 32 together."""
    geometry = big(settings) if weights == "bf16" else big_quantised(settings)
    measure_outputs(settings, findings, geometry, weights, (1, 32), 1024)


# ---------------------------------------------------------------------------------------------------- memory


def memory(settings: Settings, findings: Findings) -> None:
    """What a model takes against `r1v plan`, under a cap: 40 GB for AWQ, 30 GB with the tower in 8 bits."""
    use_expandable_segments()  # as the command line does
    name = "nano" if settings.tiny else "38b"
    cases = [("w4", "awq", 40), ("w4-vision8", "awq-vision8", 30)]
    if not settings.tiny and torch.cuda.get_device_properties(0).total_memory > 100e9:
        cases.append(("bf16", "bf16", 100))
    for weights, format_, gigabytes in cases:
        findings.attempt(
            f"{weights} in {gigabytes} GB",
            lambda w=weights, f=format_, g=gigabytes: capped(settings, findings, name, w, f, g),
        )


def capped(
    settings: Settings, findings: Findings, geometry: str, weights: str, format_: Any, gigabytes: int
) -> None:
    """One image of 13 tiles and 8K tokens on a card of so many GB."""
    config = GEOMETRIES[geometry]
    target = PlanTarget(memory_bytes=gigabytes * 10**9, context=8192)
    planned = plan(config, target, (format_,)).estimates[0]
    before = 0
    if settings.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, (gigabytes * 10**9 - target.overhead) / total))
        before = torch.cuda.memory_allocated()
    model = build(geometry, settings.device, weights)
    engine = make_engine(
        model,
        max_model_len=8192,
        max_num_seqs=1,
        cache_bytes=2 * planned.kv_bytes if settings.device == "cpu" else planned.kv_bytes,
    )
    tiles = 1 if settings.tiny else 13
    text = 8192 - 70 - tiles * config.tokens_per_tile if not settings.tiny else 50
    engine.add(replace(prompt(text, 3, tiles, config), params=exactly(64)))
    number = 0
    while engine.has_work:
        number += sum(len(output.token_ids) for output in engine.step())
    peak = reserved = 0
    if settings.device == "cuda":
        peak, reserved = torch.cuda.max_memory_allocated() - before, torch.cuda.max_memory_reserved()
        torch.cuda.set_per_process_memory_fraction(1.0)
    allotted = planned.weights.total + planned.kv_bytes + planned.activation_bytes
    parts = [planned.weights.total, planned.kv_bytes, planned.activation_bytes]
    findings.add(model=f"{geometry} {weights}", card_gb=gigabytes, tokens=number, peak_bytes=peak,
                 reserved_bytes=reserved, planned_bytes=allotted, peak_over_plan=peak / allotted,
                 planned_parts=parts)  # fmt: skip


PARTS = {
    "limits": Part(limits, 150),
    "nano": Part(nano, 150),
    "w4": Part(big_w4, 240),
    "bf16": Part(big_bf16, 240),
    "w4_long": Part(lambda settings, findings: long_outputs(settings, findings, "w4"), 120),
    "bf16_long": Part(lambda settings, findings: long_outputs(settings, findings, "bf16"), 150),
    "memory": Part(memory, 150),
    "transformers": Part(big_peers, 240),
}

if __name__ == "__main__":
    main((__doc__ or "").splitlines()[0], PARTS, __file__)
