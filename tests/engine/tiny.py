"""A tiny random model, prompts for it, and the plainest way to continue them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import torch

from r1v.core import SamplingParams
from r1v.engine import Engine, EngineConfig, EngineIds, EngineOutput, EngineRequest
from r1v.models import R1V, LanguageConfig, R1VConfig, VisionConfig
from r1v.models.config import Family

IMAGE, EOS, OPEN, CLOSE = 60, 61, 62, 63
IDS = EngineIds(image_context=IMAGE, eos=(EOS,), think_open=(OPEN,), think_close=(CLOSE,))
TOKENS_PER_TILE = 4
CLOSE_CALL = 1e-3  # where the best two logits are nearer, either id is right


def tiny_model(
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    layers: int = 2,
    hidden_size: int = 32,
    family: Family = "qwen2",
) -> R1V:
    """Random weights, large enough that the best logit stands out."""
    config = R1VConfig(
        vision=VisionConfig(
            hidden_size=16, num_layers=1, num_heads=2, intermediate_size=32, image_size=16, patch_size=4
        ),
        language=LanguageConfig(
            vocab_size=64, hidden_size=hidden_size, num_layers=layers, num_heads=hidden_size // 8,
            num_kv_heads=2, head_dim=8, intermediate_size=64, max_position_embeddings=512, tied=True,
            family=family,
        ),
        image_token_id=IMAGE,
    )  # fmt: skip
    model = R1V(config).eval()
    model.initialise(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.mul_(20.0 if "language" in name else 5.0)
    return model.to(dtype)


def engine(model: R1V, **settings: object) -> Engine:
    """With a small cache, float32 as it is and no speculation unless asked for."""
    values: dict[str, Any] = {"cache_bytes": 1 << 20, "block_size": 4, "num_draft_tokens": 0, **settings}
    return Engine(model, EngineConfig(**values), IDS)


def request(
    random_: random.Random, length: int, images: int = 0, params: SamplingParams | None = None, **more: object
) -> EngineRequest:
    """A random prompt; each image has one or two tiles."""
    ids = [random_.randrange(60) for _ in range(length)]
    tiles = tuple(random_.randrange(1, 3) for _ in range(images))
    for count in tiles:
        place = random_.randrange(max(1, len(ids) // 2))
        while place and place < len(ids) and ids[place] == IMAGE:
            place -= 1
        ids[place:place] = [IMAGE] * (count * TOKENS_PER_TILE)
    pixels = None
    if images:
        generator = torch.Generator().manual_seed(random_.randrange(1 << 30))
        pixels = torch.randn(sum(tiles), 3, 16, 16, generator=generator)
    return EngineRequest(
        tuple(ids),
        params or SamplingParams.greedy(max_tokens=8),
        pixels,
        tiles,
        **more,  # type: ignore[arg-type]
    )


def collect(outputs: Iterable[EngineOutput]) -> dict[tuple[int, int], list[EngineOutput]]:
    """Outputs by request and index."""
    found: dict[tuple[int, int], list[EngineOutput]] = {}
    for output in outputs:
        found.setdefault((output.request_id, output.index), []).append(output)
    return found


def drain(engine_: Engine, limit: int = 5000) -> dict[tuple[int, int], list[EngineOutput]]:
    """Step until nothing is left."""
    outputs = []
    for _ in range(limit):
        if not engine_.has_work:
            return collect(outputs)
        outputs += engine_.step()
    raise AssertionError("the engine does not come to an end")


def token_ids(outputs: list[EngineOutput]) -> list[int]:
    """All ids of one sequence."""
    return [i for output in outputs for i in output.token_ids]


@torch.no_grad()
def is_greedy(model: R1V, request_: EngineRequest, generated: list[int]) -> bool:
    """Whether each id has the best logit given all before it (within CLOSE_CALL), by one plain pass."""
    ids = torch.tensor([list(request_.token_ids) + generated])
    logits = model(ids, request_.pixel_values)[0, len(request_.token_ids) - 1 : -1].float()
    logits[:, IMAGE] = float("-inf")
    chosen = logits.gather(1, torch.tensor(generated)[:, None])[:, 0]
    return bool((logits.amax(1) - chosen < CLOSE_CALL).all())
