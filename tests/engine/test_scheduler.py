"""Who gets how much of a step: first come first served, nobody kept waiting for ever."""

import random
from dataclasses import replace

import pytest
import torch

from r1v.core import ConfigError, SamplingParams
from r1v.engine import EngineConfig, EngineRequest
from r1v.engine.pace import (
    ALONE,
    FIRST_TOKENS,
    LEAST_TOKENS,
    StepPace,
    Work,
    product_rate,
    resolve_sizes,
    sizes_for,
    work_of,
)
from tests.engine.tiny import drain, engine, request, tiny_model, token_ids


def asked(length: int, output: int = 4, priority: int = 0) -> EngineRequest:
    params = SamplingParams.greedy(max_tokens=output, min_tokens=output, detect_loops=False)
    return request(random.Random(length), length, 0, params, priority=priority)


def first_tokens(engine_, number: int) -> dict[int, int]:  # type: ignore[no-untyped-def]
    """The step in which each request's first id came."""
    found: dict[int, int] = {}
    for step in range(200):
        for output in engine_.step():
            if output.token_ids:
                found.setdefault(output.request_id, step)
        if len(found) == number:
            return found
    raise AssertionError("not every request got a token")


def test_prompts_are_read_in_their_order() -> None:
    """With room for two prompts a step, first tokens come two by two, not all with the last prompt."""
    busy = engine(tiny_model(), max_step_tokens=40, max_num_seqs=8, cache_bytes=1 << 22)
    ids = [busy.add(replace(asked(17), token_ids=tuple([i] * 17))) for i in range(8)]
    came = first_tokens(busy, 8)
    assert [came[i] for i in ids] == sorted(came.values())
    assert came[ids[0]] == 0 and came[ids[1]] == 0
    # an equal share each would let all first tokens come in the last step of prompts
    assert sorted(came.values())[3] < max(came.values())


def test_a_more_urgent_prompt_is_read_first() -> None:
    busy = engine(tiny_model(), max_step_tokens=20, max_num_seqs=8)
    late = busy.add(asked(30))
    soon = busy.add(asked(31, priority=-1))
    came = first_tokens(busy, 2)
    assert came[soon] < came[late]


def test_a_long_prompt_leaves_half_of_each_step_to_others() -> None:
    """A prompt of ten steps does not keep a short one waiting, and still ends."""
    busy = engine(tiny_model(), max_step_tokens=40, max_num_seqs=8, max_model_len=512, cache_bytes=1 << 22)
    long = busy.add(asked(400))
    short = [busy.add(asked(12 + i)) for i in range(3)]
    came = first_tokens(busy, 4)
    assert max(came[i] for i in short) <= 3 and came[long] > 5
    alone = engine(tiny_model(), max_step_tokens=40, max_num_seqs=8, max_model_len=512, cache_bytes=1 << 22)
    only = alone.add(asked(400))
    assert first_tokens(alone, 1)[only] == 9  # all of each step where nobody else wants it


def test_a_long_prompt_ends_under_a_stream_of_short_ones() -> None:
    busy = engine(tiny_model(), max_step_tokens=40, max_num_seqs=4, max_model_len=512, cache_bytes=1 << 22)
    random_ = random.Random(1)
    long = busy.add(asked(300))
    for step in range(60):
        if step % 2 == 0:
            busy.add(asked(random_.randrange(20, 39), output=2))
        if any(o.request_id == long and o.token_ids for o in busy.step()):
            break
    assert step <= 20
    drain(busy)


def test_running_sequences_get_an_id_in_every_step_beside_prompts() -> None:
    busy = engine(tiny_model(), max_step_tokens=20, max_num_seqs=4, max_model_len=300, cache_bytes=1 << 22)
    first = busy.add(asked(5, output=60))
    busy.step()
    busy.add(asked(200))
    for _ in range(8):
        assert [o for o in busy.step() if o.request_id == first and o.token_ids]


BIG = Work(token_flops=64e9, tile_flops=11.3e12, token_bytes=2 * 126_000)


def test_sizes_of_a_step_follow_the_device() -> None:
    """The 38B geometry on a card of 740 TFLOP/s: some 2,000 tokens; a tenth of the card, a tenth."""
    sizes = sizes_for(EngineConfig(), BIG, 740e12, 60 << 30)
    assert 1792 <= sizes.max_step_tokens <= 2304 and 8 <= sizes.max_step_tiles <= 16
    assert sizes.max_num_seqs == 256
    longer = sizes_for(EngineConfig(max_step_ms=1000), BIG, 740e12, 60 << 30)
    assert 3.5 < longer.max_step_tokens / sizes.max_step_tokens < 4.5
    slow = sizes_for(EngineConfig(), BIG, 40e12, 60 << 30)
    assert slow.max_step_tokens == 512 and slow.max_step_tiles == 1
    small = sizes_for(EngineConfig(), BIG, 740e12, 2 << 30)  # little memory is left
    assert small.max_step_tokens < 1024
    given = sizes_for(EngineConfig(max_step_tokens=4096, max_num_seqs=8), BIG, 740e12, 60 << 30)
    assert given.max_step_tokens == 4096 and given.max_num_seqs == 8


def test_sizes_of_a_step_without_a_tower() -> None:
    """A language model alone has no tiles; its prompts are cut as those of a model with a tower."""
    alone = sizes_for(EngineConfig(), replace(BIG, tile_flops=0.0), 740e12, 60 << 30)
    assert alone == replace(sizes_for(EngineConfig(), BIG, 740e12, 60 << 30), max_step_tiles=1)


def test_sizes_of_a_step_on_a_cpu() -> None:
    model = tiny_model()
    sizes = resolve_sizes(EngineConfig(), model, 1 << 30)
    assert (sizes.max_num_seqs, sizes.max_step_tokens, sizes.max_step_tiles) == (64, 1024, 4)
    assert resolve_sizes(EngineConfig(max_num_seqs=2000), model, 1 << 30).max_step_tokens == 2000
    with pytest.raises(ConfigError, match="max_step_ms"):
        EngineConfig(max_step_ms=-1)


def test_work_counts_the_products() -> None:
    """Two operations for each weight that a token, and a patch, goes through."""
    model = tiny_model()
    work = work_of(model)
    weights = sum(p.numel() for p in model.language.layers.parameters() if p.dim() > 1)
    assert work.token_flops == 2.0 * weights
    patches = model.config.vision.patches_per_side**2 + 1
    tower = sum(p.numel() for p in model.vision.layers.parameters() if p.dim() > 1)
    assert work.tile_flops >= 2.0 * tower * patches


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_rate_of_a_device() -> None:
    assert product_rate(torch.device("cuda"), torch.bfloat16) > 1e12


def test_the_pace_of_a_cpu_follows_what_steps_took() -> None:
    config, pace = EngineConfig(max_num_seqs=8, max_step_tokens=1024, max_step_tiles=4), StepPace(0.25)
    assert pace.limits(config, alone=False) == (FIRST_TOKENS, 1)
    pace.took(0.128, 128, 0)  # a millisecond each
    assert pace.limits(config, alone=False) == (250 // LEAST_TOKENS * LEAST_TOKENS, 1)
    assert pace.limits(config, alone=True)[0] == int(250 * ALONE) // LEAST_TOKENS * LEAST_TOKENS
    pace.took(10.0, 256, 0)  # slower at once
    assert pace.limits(config, alone=False)[0] == LEAST_TOKENS
    for _ in range(20):  # faster by and by, to what the configuration allows
        pace.took(0.001, 256, 0)
    assert pace.limits(config, alone=False)[0] == 1024
    pace.took(5e-5, 1, 0)  # too few to tell
    pace.took(0.05, 0, 1)
    assert pace.limits(config, alone=False)[1] == 4
    pace.took(3.0, 0, 1)
    assert pace.limits(config, alone=False)[1] == pace.limits(config, alone=True)[1] == 1


def test_a_paced_engine_answers_the_same_and_lets_others_in() -> None:
    """Each step of prompts is said to be slow: the long prompt is cut small, and gives the same ids."""
    model = tiny_model()
    sizes = {"max_num_seqs": 8, "max_model_len": 512, "cache_bytes": 1 << 22}
    plain, paced = engine(model, **sizes), engine(model, max_step_ms=1e-3, **sizes)
    expected = drain_one(plain, asked(400))
    long = paced.add(asked(400))
    paced.step()
    short = [paced.add(asked(12 + i)) for i in range(3)]
    came = first_tokens(paced, 4)
    assert max(came[i] for i in short) <= 5 and came[long] > 3
    assert drain_one(paced, asked(400)) == expected


def drain_one(engine_, request_: EngineRequest) -> list[int]:  # type: ignore[no-untyped-def]
    drain(engine_)
    engine_.add(request_)
    (outputs,) = drain(engine_).values()
    return token_ids(outputs)
