"""Models of known shapes with random weights, engines around them, and transformers' class beside them."""

from __future__ import annotations

import random
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from r1v.core import SamplingParams
from r1v.engine import Engine, EngineConfig, EngineIds, EngineRequest
from r1v.models import R1V, LanguageConfig, R1VConfig, VisionConfig
from r1v.ops import RopeConfig, isa
from r1v.ops.select import has_native_bf16

IMAGE, END = 1533, 1  # the image token is that of R1V-Nano's tokenizer, which goes along in exports
IDS = EngineIds(image_context=IMAGE, eos=(END,))

GEOMETRIES = {
    "nano": R1VConfig(
        VisionConfig(256, 6, 4, 1024, patch_size=16),
        LanguageConfig(1536, 384, 6, 6, 2, 64, 768, max_position_embeddings=8192, tied=True),
        image_token_id=IMAGE,
    ),
    "thin": R1VConfig(  # two layers of two heads, for very long contexts
        VisionConfig(256, 6, 4, 1024, patch_size=16),
        LanguageConfig(1536, 128, 2, 2, 1, 64, 256, max_position_embeddings=8192, tied=True),
        image_token_id=IMAGE,
    ),
    "1b": R1VConfig(
        VisionConfig(1024, 24, 16, 4096),
        LanguageConfig(151674, 896, 24, 14, 2, 64, 4864, tied=True, rope=RopeConfig(theta=1e6)),
        image_token_id=IMAGE,
    ),
    "38b": R1VConfig(
        VisionConfig(3200, 45, 25, 12800, qkv_bias=False, qk_norm=True, norm_type="rms_norm"),
        LanguageConfig(152064, 5120, 64, 40, 8, 128, 27648, rope=RopeConfig(theta=1e6)),
        image_token_id=IMAGE,
    ),
}


def random_model(name: str, dtype: torch.dtype, device: str, context: int | None = None) -> R1V:
    """Random weights in the shape of ``name``. context: of positions, if not the shape's own."""
    config = GEOMETRIES[name]
    if context is not None:
        config = replace(config, language=replace(config.language, max_position_embeddings=context))
    with torch.device("meta"):
        model = R1V(config).eval()
    model = model.to(dtype).to_empty(device=device).requires_grad_(False)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.normal_(0.0, 0.02)
        else:
            parameter.fill_(1.0)
    return model


def make_engine(model: R1V, weight_format: str = "auto", **settings: Any) -> Engine:
    """An engine without speculation, for at most 8K tokens each."""
    longest = min(8192, model.config.language.context_length)
    values = {"max_model_len": longest, "num_draft_tokens": 0, "weight_format": weight_format, **settings}
    return Engine(model, EngineConfig(**values), IDS)


def prompt(length: int, seed: int, num_tiles: int = 0, config: R1VConfig | None = None) -> EngineRequest:
    """Random ids after the tiles of one image."""
    random_ = random.Random(seed)
    ids = [random_.randrange(10, 1500) for _ in range(length)]
    if not num_tiles or config is None:
        return EngineRequest(tuple(ids))
    size = config.vision.image_size
    pixels = torch.randn(num_tiles, 3, size, size, generator=torch.Generator().manual_seed(seed))
    image = [IMAGE] * (num_tiles * config.tokens_per_tile)
    return EngineRequest((*image, *ids), pixel_values=pixels, tiles_per_image=(num_tiles,))


def exactly(number: int) -> SamplingParams:
    """Greedy, so many tokens, whatever comes."""
    return SamplingParams.greedy(max_tokens=number, min_tokens=number, detect_loops=False)


def transformers_model(name: str, dtype: torch.dtype, device: str) -> Any:
    """transformers' Qwen2ForCausalLM in the same shape, or None where it is not installed."""
    try:
        from transformers import Qwen2Config, Qwen2ForCausalLM
    except ImportError:
        return None
    shape = GEOMETRIES[name].language
    config = Qwen2Config(
        vocab_size=shape.vocab_size, hidden_size=shape.hidden_size, num_hidden_layers=shape.num_layers,
        num_attention_heads=shape.num_heads, num_key_value_heads=shape.num_kv_heads,
        intermediate_size=shape.intermediate_size, tie_word_embeddings=shape.tied,
        max_position_embeddings=shape.max_position_embeddings, eos_token_id=None, dtype=dtype,
    )  # fmt: skip
    with torch.device(device):
        return Qwen2ForCausalLM(config).to(dtype).eval()


def read_bandwidth(device: str) -> float:
    """Bytes per second that this device reads, the best of a few sums over 256 MB; on a CPU per second of
    processor time times the threads, so that what else runs there does not count."""
    data = torch.ones(64 << 20, device=device)
    return data.nbytes / min(spent(data.sum, device) for _ in range(5))


def spent(function: Callable[[], Any], device: str) -> float:
    """Seconds of a call by the clock; on a CPU of its processor time, shared among the threads."""
    start = time.process_time()
    wall = seconds(function, device)
    return wall if device == "cuda" else (time.process_time() - start) / torch.get_num_threads()


def tower_products(model: R1V) -> float:
    """Multiplications of one image tile: weights times patches, and attention among patches."""
    vision = model.config.vision
    patches = vision.patches_per_side**2 + 1
    weights = sum(p.numel() for p in model.vision.layers.parameters() if p.dim() > 1)
    return weights * patches + 2.0 * vision.num_layers * patches**2 * vision.hidden_size


def product_rate(device: str) -> float:
    """FLOP/s of a float32 product (bfloat16 where the device multiplies that) of 1,024 by 4,096 by 1,024; on
    a CPU per second of processor time times the threads."""
    wide = device != "cuda" and not has_native_bf16(isa.features())
    dtype = torch.float32 if wide else torch.bfloat16
    left, right = (
        torch.randn(1024, 4096, device=device).to(dtype),
        torch.randn(4096, 1024, device=device).to(dtype),
    )
    return 2.0 * 1024 * 4096 * 1024 / min(spent(lambda: left @ right, device) for _ in range(5))


def seconds(function: Callable[[], Any], device: str = "cpu") -> float:
    """Wall time of one call, until the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def median_ms(times: list[float]) -> float:
    """Median in milliseconds."""
    return statistics.median(times) * 1e3


def report_header(**settings: Any) -> None:
    """Print where and with what this ran."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    versions = []
    for package in ("torch", "transformers"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} missing")
    cpu = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    device = torch.cuda.get_device_name() if settings.get("device") == "cuda" else cpu
    print(f"# {device}, {torch.get_num_threads()} threads; {', '.join(versions)}; "
          f"commit {found.stdout.strip() or 'unknown'}; {settings}")  # fmt: skip


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
