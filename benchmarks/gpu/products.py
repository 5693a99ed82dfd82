"""What one GPU can do: copy, read and matrix product, and a decode step's products, each way there is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from gpu.parts import Findings, Settings
from torch.nn import functional as F

from r1v.ops.linear import AwqLinear


def synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def best_seconds(function: Callable[[], Any], device: str, rounds: int = 20) -> float:
    """Seconds of one call: the median of `rounds`, each timed by events where there is a device."""
    for _ in range(3):
        function()
    times = []
    for _ in range(rounds):
        if device == "cuda":
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()
            start.record()
            function()
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end) / 1e3)
        else:
            begun = time.perf_counter()
            function()
            times.append(time.perf_counter() - begun)
    return statistics.median(times)


def read_limit(settings: Settings) -> float:
    """Bytes a second that a sum over 4 GB reads."""
    data = torch.ones((1 << 20) if settings.tiny else (1 << 30), device=settings.device)
    return data.nbytes / best_seconds(data.sum, settings.device)


def limits(settings: Settings, findings: Findings) -> None:
    """Copy, read and matrix product; the decode products of the 38B geometry, each way there is."""
    size = (1 << 20) if settings.tiny else (4 << 30)
    source = torch.randint(127, (size,), dtype=torch.int8, device=settings.device)
    target = torch.empty_like(source)
    took = best_seconds(lambda: target.copy_(source), settings.device)
    findings.add(what="copy, read plus written", gb_per_s=2 * size / took / 1e9)
    findings.add(what="read (sum)", gb_per_s=read_limit(settings) / 1e9)
    side = 256 if settings.tiny else 8192
    a, b = torch.randn(2, side, side, device=settings.device).bfloat16()
    findings.add(
        what=f"bf16 product of {side}",
        tflops=2 * side**3 / best_seconds(lambda: a @ b, settings.device) / 1e12,
    )
    if settings.device != "cuda":
        return
    shapes = {"qkv": (7168, 5120), "out": (5120, 5120), "gate_up": (55296, 5120), "down": (5120, 27648),
              "head": (152064, 5120)}  # fmt: skip
    for name, shape in shapes.items():
        findings.attempt(f"products {name}", lambda name=name, shape=shape: products(findings, name, *shape))


def products(findings: Findings, name: str, num_out: int, width: int) -> None:
    """One shape at 1 to 64 rows, in bfloat16 and in 4 bits."""
    plain_products(findings, name, num_out, width)
    torch.cuda.empty_cache()
    if name != "head":
        int4_products(findings, name, num_out, width)


def replayed(
    findings: Findings,
    copies: int,
    call: Callable[[int], Any],
    name: str,
    path: str,
    rows: int,
    num_bytes: int,
) -> None:
    """Time a call on several copies of a weight in turn, so that none stays in the cache, as a graph."""

    def all_of_them() -> None:
        for index in range(copies):
            call(index)

    def attempt() -> None:
        all_of_them()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            all_of_them()
        took = best_seconds(graph.replay, "cuda", 10) / copies
        findings.add(product=name, rows=rows, path=path, us=took * 1e6, gb_per_s=num_bytes / took / 1e9)

    findings.attempt(f"{name} {path}", attempt)


def plain_products(findings: Findings, name: str, num_out: int, width: int) -> None:
    """cuBLAS and the fused kernel."""
    from r1v.ops.cuda.decode import gemv

    copies, num_bytes = max(2, (1 << 30) // (num_out * width)), 2 * num_out * width
    weights = [torch.randn(num_out, width, device="cuda", dtype=torch.bfloat16) for _ in range(copies)]
    norm = torch.ones(width, device="cuda", dtype=torch.bfloat16)
    for rows in (1, 8, 64):
        x = torch.randn(rows, width, device="cuda", dtype=torch.bfloat16)
        replayed(findings, copies, lambda i, x=x: F.linear(x, weights[i]), name, "cuBLAS", rows, num_bytes)
    x = torch.randn(1, width, device="cuda", dtype=torch.bfloat16)
    for each, warps in ((1, 4), (2, 4), (4, 4), (1, 2), (2, 2), (1, 8), (2, 8)):
        replayed(
            findings, copies, lambda i, e=each, w=warps: gemv(x, weights[i], rows=e, num_warps=w), name,
            f"Triton {each}x{warps}", 1, num_bytes,
        )  # fmt: skip
    for each, warps in ((1, 4), (2, 4), (1, 8)):
        fused = {"norm": (norm, 1e-6), "gated": True, "rows": each, "num_warps": warps}
        replayed(
            findings, copies, lambda i, f=fused: gemv(x, weights[i], **f), name,
            f"Triton norm, gate {each}x{warps}", 1, num_bytes,
        )  # fmt: skip


def int4_products(findings: Findings, name: str, num_out: int, width: int) -> None:
    """The kernels for codes."""
    from r1v.ops.cuda.int4 import TritonInt4Linear
    from r1v.ops.cuda.int4_mma import BLOCKWISE, LARGE, STREAMED, MmaInt4Linear

    copies = max(2, (2 << 30) // (num_out * width))
    num_bytes = num_out * width // 2 + 3 * num_out * width // 128
    layers = [TritonInt4Linear(random_awq(num_out, width, None, "cuda")) for _ in range(copies)]
    for rows in (1, 8, 64):
        x = torch.randn(rows, width, device="cuda", dtype=torch.bfloat16)
        replayed(findings, copies, lambda i, x=x: layers[i].product(x), name, "int4 Triton", rows, num_bytes)
    mma = [MmaInt4Linear(random_awq(num_out, width, None, "cuda"), name == "gate_up") for _ in range(copies)]
    gated = name == "gate_up"
    for rows in (1, 8, 16, 32, 64):
        x = torch.randn(rows, width, device="cuda", dtype=torch.bfloat16)
        for launch in (BLOCKWISE, STREAMED, LARGE) if rows <= 8 else (BLOCKWISE,):
            options: dict[str, Any] = {"gated": gated, "launch": launch}
            kind = "streamed" if launch.streamed else "blockwise"
            label = f"int4 mma {launch.num_warps}x{launch.depth} {kind}" if rows <= 8 else "int4 wgmma"
            replayed(
                findings, copies, lambda i, x=x, o=options: mma[i].product(x, **o), name, label, rows,
                num_bytes,
            )  # fmt: skip
            if rows == 1 and name in ("qkv", "gate_up"):
                options = {**options, "norm": (torch.ones_like(x[0]), 1e-6)}
                replayed(
                    findings, copies, lambda i, x=x, o=options: mma[i].product(x, **o), name,
                    f"{label}, norm", rows, num_bytes,
                )  # fmt: skip
    took = best_seconds(lambda: mma[0].widened(), "cuda", 5)
    findings.add(product=name, path="int4 mma widened", us=took * 1e6)


def random_awq(num_out: int, width: int, bias: torch.Tensor | None, device: str) -> AwqLinear:
    """Random codes whose values have a deviation near 0.02."""
    groups = max(1, width // 128)
    return AwqLinear(
        torch.randint(256, (num_out, width // 2), dtype=torch.uint8, device=device),
        torch.rand(num_out, groups, device=device).mul(2e-3).add(3e-3).half(),
        torch.randint(6, 10, (num_out, groups), dtype=torch.uint8, device=device),
        bias,
    )


# ------------------------------------------------------------------------------------ sampling, and 8 bits


def sampling(settings: Settings, findings: Findings) -> None:
    """Microseconds of the two sampling kernels for 152,064 ids, beside one argmax; then 8-bit products."""
    from r1v.ops.cuda.sampling import NEUTRAL, SampleState, sample_rows

    vocab, device = (3000 if settings.tiny else 152064), settings.device
    kinds = {
        "greedy": NEUTRAL[:5],
        "temperature": (0.6, 0.0, 1.0, 0.0, 0.7),
        "top-p": (0.6, 0.0, 0.95, 0.0, 0.7),
        "top-k 50": (0.6, 50.0, 1.0, 0.0, 0.7),
        "release": (0.6, 0.0, 0.95, 0.0, 0.7),
    }
    for rows in (2,) if settings.tiny else (1, 64, 256):
        none = torch.zeros(rows, 1, dtype=torch.int32, device=device)
        bits = torch.full((1, -(-vocab // 32)), -1, dtype=torch.int32, device=device)
        seen = torch.randint(0, 3, (rows, vocab), dtype=torch.int16, device=device)
        state = SampleState(bits, seen, none, none.float(), none)
        for shape, spread, half in (
            ("flat", 1.43, False),
            ("flat, 16 bits", 1.43, True),
            ("peaked", 11.0, False),
        ):
            logits = torch.randn(rows, vocab, device=device) * spread
            logits = logits.bfloat16().float() if half else logits
            found = {"argmax": 1e6 * best_seconds(lambda x=logits: x.argmax(-1), device)}
            for name, first in kinds.items():
                table = torch.tensor([(*first, *NEUTRAL[5:])] * rows, dtype=torch.float64)
                table[:, 4] = torch.rand(rows)
                if name == "release":
                    table[:, 5], table[:, 8] = 1.05, torch.arange(rows)
                table = table.to(device)
                found[name] = 1e6 * best_seconds(
                    lambda x=logits, t=table, s=state: sample_rows(x, t, s), device
                )
            findings.add(step="sampling kernels", distribution=shape, rows=rows, us=found)
    if device == "cuda":
        findings.attempt("8-bit products", lambda: eight_bit_products(findings))


def eight_bit_products(findings: Findings) -> None:
    """TFLOP/s and microseconds of products with FP8 weights and inputs, scales per row and per output."""
    for name, (num_out, width) in {
        "gate_up": (55296, 5120),
        "down": (5120, 27648),
        "qkv": (7168, 5120),
    }.items():
        weight = torch.randn(num_out, width, device="cuda").to(torch.float8_e4m3fn)
        wide = torch.randn(num_out, width, device="cuda").bfloat16()
        for rows in (16, 64, 256, 2048, 8192):
            x = torch.randn(rows, width, device="cuda").bfloat16()
            scales = torch.ones(rows, 1, device="cuda"), torch.ones(1, num_out, device="cuda")
            codes = x.to(torch.float8_e4m3fn)
            us = 1e6 * best_seconds(
                lambda c=codes, s=scales, w=weight: torch._scaled_mm(
                    c, w.t(), *s, out_dtype=torch.bfloat16, use_fast_accum=True
                ), "cuda",
            )  # fmt: skip
            one = torch.ones((), device="cuda")
            whole = 1e6 * best_seconds(
                lambda c=codes, w=weight, o=one: torch._scaled_mm(
                    c, w.t(), o, o, out_dtype=torch.bfloat16, use_fast_accum=True
                ), "cuda",
            )  # fmt: skip
            plain = 1e6 * best_seconds(lambda x=x, w=wide: F.linear(x, w), "cuda")
            findings.add(
                product=name, path="fp8", rows=rows, us=us, one_scale_us=whole, bf16_us=plain,
                gb_per_s=num_out * width / us / 1e3, tflops=2e-6 * rows * num_out * width / us,
            )  # fmt: skip
