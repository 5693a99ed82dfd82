"""The engine on a tiny model: right ids, whatever the batch, the cache and the order."""

import random
from dataclasses import replace

import pytest
import torch

from r1v.core import (
    CapacityError,
    ContextLengthError,
    FinishDetail,
    FinishReason,
    PromptError,
    SamplingParams,
)
from r1v.engine import Engine, EngineConfig, EngineIds, EngineOutput, EngineRequest
from r1v.models import R1V
from tests.engine.tiny import (
    CLOSE,
    EOS,
    IDS,
    IMAGE,
    OPEN,
    TOKENS_PER_TILE,
    drain,
    engine,
    is_greedy,
    request,
    tiny_model,
    token_ids,
)  # fmt: skip


@pytest.fixture(scope="module")
def model() -> R1V:
    return tiny_model()


@pytest.mark.parametrize("max_step_tokens", [64, 1024])
@pytest.mark.parametrize("images", [0, 1, 2, 5])
def test_greedy_equals_plain_passes(model: R1V, images: int, max_step_tokens: int) -> None:
    random_ = random.Random(images)
    asked = [request(random_, random_.randrange(1, 90), images) for _ in range(6)]
    together = engine(model, max_step_tokens=max_step_tokens, max_step_tiles=3)
    ids = [together.add(r) for r in asked]
    outputs = drain(together)
    for request_id, r in zip(ids, asked, strict=True):
        generated = token_ids(outputs[request_id, 0])
        assert is_greedy(model, r, generated)
        last = outputs[request_id, 0][-1]
        assert last.finish_reason in (FinishReason.LENGTH, FinishReason.STOP)
        assert last.num_prompt == len(r.token_ids) and last.num_completion == len(generated)
    assert together._pool.num_free == together._pool.num_blocks


def test_a_tiny_cache_preempts_and_stays_right(model: R1V) -> None:
    random_ = random.Random(1)
    asked = [request(random_, 20, i % 2, SamplingParams.greedy(max_tokens=40)) for i in range(8)]
    small = engine(model, cache_bytes=24 * 4 * 2 * 2 * 2 * 8 * 4, max_model_len=80)
    assert small._pool.num_blocks == 24
    ids = [small.add(r) for r in asked]
    outputs = drain(small)
    assert small.stats.num_preemptions > 0
    for request_id, r in zip(ids, asked, strict=True):
        assert is_greedy(model, r, token_ids(outputs[request_id, 0]))
    assert small._pool.num_free == 24


@pytest.mark.parametrize("max_tokens", [1, 20])  # it may end in the step that reads its prompt
def test_a_second_question_about_an_image_skips_it(model: R1V, max_tokens: int) -> None:
    random_ = random.Random(2)
    first = request(random_, 30, 2, SamplingParams.greedy(max_tokens=max_tokens))
    second = replace(first, token_ids=(*first.token_ids[:-4], 7, 8, 9, 10))
    shared = engine(model)
    shared.add(first)
    drain(shared)
    encoded = shared.stats.num_tiles_encoded
    request_id = shared.add(second)
    outputs = drain(shared)[request_id, 0]
    assert shared.stats.num_tiles_encoded == encoded
    assert outputs[-1].num_cached >= len(first.token_ids) - 4 - 4
    assert is_greedy(model, second, token_ids(outputs))


def test_equal_ids_with_another_image_share_nothing(model: R1V) -> None:
    random_ = random.Random(3)
    first = request(random_, 30, 1)
    assert first.pixel_values is not None
    second = replace(first, pixel_values=first.pixel_values.flip(0) + 1.0)
    shared = engine(model)
    for r in (first, second):
        request_id = shared.add(r)
        assert is_greedy(model, r, token_ids(drain(shared)[request_id, 0]))


def test_tiles_are_kept_up_to_the_limit(model: R1V) -> None:
    tile_bytes = TOKENS_PER_TILE * 32 * 4
    small = engine(model, image_cache_bytes=2 * tile_bytes)
    random_ = random.Random(4)
    for _ in range(4):
        small.add(request(random_, 5, 3))
    drain(small)
    assert small._tiles.num_bytes <= 2 * tile_bytes and len(small._tiles) == 2


def test_what_is_given_back_changes_no_answer(model: R1V) -> None:
    """The oldest prompts go, some of the latest is still found, and answers are what they were."""
    random_, engine_ = random.Random(14), engine(model)
    engine_._idle_bytes = 4 * engine_._block_bytes
    asked = [request(random_, 40, n % 2) for n in range(4)]

    def answer(each: EngineRequest) -> list[EngineOutput]:
        request_id = engine_.add(each)
        return drain(engine_)[request_id, 0]

    before = [token_ids(answer(each)) for each in asked]
    assert engine_._pool.num_kept > 4
    engine_.give_back()
    assert engine_._pool.num_kept == 4 and engine_._tiles.num_bytes <= engine_._idle_bytes
    after = [answer(each) for each in asked]
    assert [token_ids(each) for each in after] == before
    assert all(is_greedy(model, each, ids) for each, ids in zip(asked, before, strict=True))


def test_samples_of_one_prompt_share_it(model: R1V) -> None:
    params = SamplingParams(n=4, seed=5, max_tokens=6, temperature=1.5)
    shared = engine(model)
    request_id = shared.add(request(random.Random(5), 41, 1, params))
    outputs = drain(shared)
    prompt = outputs[request_id, 0][-1].num_prompt
    assert shared.stats.num_prompt_tokens <= prompt + 3 * 4
    assert shared.stats.num_tiles_encoded <= 2
    assert len({tuple(token_ids(outputs[request_id, i])) for i in range(4)}) > 1


def test_seeds_do_not_depend_on_batch_mates(model: R1V) -> None:
    random_ = random.Random(6)
    params = SamplingParams(temperature=1.2, top_p=0.9, top_k=30, seed=11, max_tokens=20, n=2)
    asked = request(random_, 20, 1, params)
    alone = engine(model)
    alone.add(asked)
    solo = drain(alone)
    busy = engine(model, max_step_tokens=70)
    for _ in range(5):
        others = SamplingParams(temperature=0.9, seed=random_.randrange(99), max_tokens=30)
        busy.add(request(random_, random_.randrange(3, 60), 0, others))
    request_id = busy.add(asked)
    crowd = drain(busy)
    for index in range(2):
        assert token_ids(solo[0, index]) == token_ids(crowd[request_id, index])
    assert token_ids(solo[0, 0]) != token_ids(solo[0, 1])


def test_cancel_frees_and_reports_once(model: R1V) -> None:
    busy = engine(model)
    keep, drop = (busy.add(request(random.Random(i), 30)) for i in (7, 8))
    seen = busy.step()
    busy.cancel(drop)
    busy.cancel(drop)
    outputs = drain(busy)
    assert [o.finish_reason for o in outputs[drop, 0]].count(FinishReason.CANCELLED) == 1
    assert outputs[keep, 0][-1].finish_reason is not FinishReason.CANCELLED
    assert busy._pool.num_free == busy._pool.num_blocks and not busy._requests and len(seen) <= 2


def test_priority_goes_first(model: R1V) -> None:
    busy = engine(model, max_num_seqs=1)
    late = busy.add(request(random.Random(9), 10, priority=1))
    early = busy.add(request(random.Random(10), 10, priority=-1))
    first_done = next(o for _ in range(100) for o in busy.step() if o.finish_reason)
    assert first_done.request_id == early != late


def test_logprobs_are_the_models_own(model: R1V) -> None:
    params = SamplingParams(seed=1, max_tokens=5, logprobs=3)
    asked = request(random.Random(11), 12, 0, params)
    alone = engine(model)
    alone.add(asked)
    outputs = drain(alone)[0, 0]
    generated = token_ids(outputs)
    entries = [entry for o in outputs for entry in o.logprobs]
    with torch.no_grad():
        expected = model(torch.tensor([list(asked.token_ids) + generated]))[0].log_softmax(-1)
    assert [entry.token_id for entry in entries] == generated
    for place, entry in enumerate(entries, len(asked.token_ids) - 1):
        assert entry.logprob == pytest.approx(float(expected[place, entry.token_id]), abs=1e-4)
        assert entry.top[0][1] == pytest.approx(float(expected[place].max()), abs=1e-4)
        assert len(entry.top) == 3


def test_bans_bias_and_min_tokens(model: R1V) -> None:
    alone = engine(model)
    bias = {IMAGE: 100.0, 5: 100.0}
    alone.add(request(random.Random(12), 9, 0, SamplingParams.greedy(max_tokens=4, logit_bias=bias)))
    assert token_ids(drain(alone)[0, 0]) == [5, 5, 5, 5]
    end = SamplingParams.greedy(max_tokens=9, min_tokens=3, logit_bias={EOS: 100.0})
    alone.add(request(random.Random(12), 9, 0, end))
    outputs = drain(alone)[1, 0]
    assert len(token_ids(outputs)) == 4 and outputs[-1].finish_reason is FinishReason.STOP
    stop = SamplingParams.greedy(max_tokens=9, stop_token_ids=(5,), logit_bias={5: 100.0})
    alone.add(request(random.Random(12), 9, 0, stop))
    outputs = drain(alone)[2, 0]
    assert token_ids(outputs) == [5] and outputs[-1].finish_reason is FinishReason.STOP


def test_repetition_penalty_equals_plain(model: R1V) -> None:
    params = SamplingParams.greedy(
        max_tokens=12, repetition_penalty=1.7, presence_penalty=0.5, frequency_penalty=0.3
    )
    asked = request(random.Random(13), 9, 0, params)
    alone = engine(model)
    alone.add(asked)
    ids, prompt = list(asked.token_ids), len(asked.token_ids)
    for token_id in token_ids(drain(alone)[0, 0]):
        with torch.no_grad():
            logits = model(torch.tensor([ids]))[0, -1]
        for seen in set(ids):
            logits[seen] = logits[seen] / 1.7 if logits[seen] > 0 else logits[seen] * 1.7
        for seen in ids[prompt:]:
            logits[seen] -= 0.3
        for seen in set(ids[prompt:]):
            logits[seen] -= 0.5
        logits[IMAGE] = float("-inf")
        assert float(logits.max() - logits[token_id]) < 1e-3
        ids.append(token_id)


# ---------------------------------------------------------------------------------------------- thinking


def thinking(budget: int, **changes: object) -> EngineRequest:
    never = {CLOSE: -100.0, EOS: -100.0}
    params = SamplingParams.greedy(max_tokens=30, thinking_budget=budget, logit_bias=never, **changes)
    return request(random.Random(14), 11, 0, params, opens_thinking=True)


def test_budget_closes_thinking_and_an_answer_follows(model: R1V) -> None:
    alone = engine(model)
    request_id = alone.add(thinking(7))
    outputs = drain(alone)[request_id, 0]
    ids, last = token_ids(outputs), outputs[-1]
    assert ids[7] == CLOSE and len(ids) == 30
    assert last.finish_detail is FinishDetail.BUDGET and last.finish_reason is FinishReason.LENGTH
    assert last.num_thinking == 7 and alone.stats.num_closed_by_budget == 1
    assert sum(o.num_forced for o in outputs) == 1
    assert is_greedy_but(model, thinking(7), ids, {7})


def is_greedy_but(model: R1V, asked: EngineRequest, ids: list[int], forced: set[int]) -> bool:
    with torch.no_grad():
        logits = model(torch.tensor([list(asked.token_ids) + ids]))[0, len(asked.token_ids) - 1 : -1]
    logits[:, [CLOSE, EOS, IMAGE]] = float("-inf")
    return all(
        float(logits[i].max() - logits[i, token_id]) < 1e-3
        for i, token_id in enumerate(ids)
        if i not in forced
    )


def test_budget_of_zero_answers_at_once(model: R1V) -> None:
    alone = engine(model)
    request_id = alone.add(thinking(0))
    outputs = drain(alone)[request_id, 0]
    assert outputs[0].token_ids == (CLOSE,) and outputs[0].num_forced == 1
    assert outputs[-1].num_thinking == 0 and outputs[-1].num_completion == 30


def test_close_of_several_ids_and_logprobs(model: R1V) -> None:
    ids = EngineIds(
        image_context=IMAGE,
        eos=(EOS,),
        think_open=(OPEN,),
        think_close=(CLOSE,),
        close_thinking=(1, CLOSE, 2),
    )
    alone = Engine(model, EngineConfig(cache_bytes=1 << 20, num_draft_tokens=0), ids)
    request_id = alone.add(thinking(3, logprobs=1))
    outputs = drain(alone)[request_id, 0]
    generated = token_ids(outputs)
    assert generated[3:6] == [1, CLOSE, 2]
    assert [e.token_id for o in outputs for e in o.logprobs] == generated


def test_a_loop_is_closed(model: R1V) -> None:
    alone = engine(model)
    params = SamplingParams.greedy(max_tokens=400, logit_bias={5: 100.0})
    request_id = alone.add(request(random.Random(15), 9, 0, params, opens_thinking=True))
    outputs = drain(alone)[request_id, 0]
    assert outputs[-1].finish_detail is FinishDetail.LOOP and CLOSE in token_ids(outputs)
    assert alone.stats.num_closed_by_loop == 1


@pytest.mark.parametrize("asked", [False, True])
def test_an_answer_that_loops(model: R1V, asked: bool) -> None:
    params = SamplingParams.greedy(max_tokens=430, logit_bias={5: 100.0}, detect_answer_loops=asked)
    alone = engine(model, num_draft_tokens=6)
    request_id = alone.add(request(random.Random(15), 9, 0, params))
    last = drain(alone)[request_id, 0][-1]
    assert last.finish_reason is FinishReason.LENGTH
    assert last.finish_detail is (FinishDetail.LOOP if asked else None)
    assert (last.num_completion < 400) is asked


class OnlyIds:
    """A grammar that wants given ids in turn, then the end."""

    def __init__(self, wanted: list[int]) -> None:
        self.wanted = wanted

    def bits(self) -> torch.Tensor:
        allowed = self.wanted[0]
        bits = [0, 0]
        bits[allowed // 32] = 1 << (allowed % 32)
        return torch.tensor([b - (1 << 32) if b >= 1 << 31 else b for b in bits], dtype=torch.int32)

    def accept(self, token_id: int) -> None:
        assert token_id == self.wanted.pop(0)

    def fork(self) -> "OnlyIds":
        return OnlyIds(list(self.wanted))


@pytest.mark.parametrize("drafts", [0, 4])
def test_grammar_begins_after_thinking(model: R1V, drafts: int) -> None:
    alone = engine(model, num_draft_tokens=drafts)
    asked = replace(thinking(5, n=2), mask=OnlyIds([31, 32, 10, EOS]))
    request_id = alone.add(asked)
    outputs = drain(alone)
    for index in range(2):
        assert token_ids(outputs[request_id, index])[5:] == [CLOSE, 31, 32, 10, EOS]
        assert outputs[request_id, index][-1].finish_reason is FinishReason.STOP


# ----------------------------------------------------------------------------------- weights and formats


def test_changed_weights_take_effect() -> None:
    model = tiny_model(1)
    live = engine(model)
    asked = request(random.Random(16), 25, 1)
    live.add(asked)
    drain(live)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.8)
    assert live.weights_changed() < 5
    request_id = live.add(asked)
    outputs = drain(live)[request_id, 0]
    assert outputs[-1].num_cached == 0 and is_greedy(model, asked, token_ids(outputs))


def test_sequences_under_way_go_on_with_new_weights() -> None:
    model = tiny_model(2)
    live = engine(model)
    asked = request(random.Random(17), 25, 1)
    live.add(asked)
    before = [i for _ in range(4) for o in live.step() for i in o.token_ids]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.8)
    live.weights_changed()
    after = token_ids(drain(live)[0, 0])
    assert is_greedy(model, replace(asked, token_ids=(*asked.token_ids, *before)), after)


# ------------------------------------------------------------------------------------------------ errors


def test_errors_say_what_to_do(model: R1V) -> None:
    alone = engine(model, max_model_len=64)
    good = request(random.Random(18), 10, 1)
    for bad, error in [
        (replace(good, pixel_values=None), PromptError),
        (replace(good, token_ids=(*good.token_ids, IMAGE)), PromptError),
        (replace(good, token_ids=()), PromptError),
        (replace(good, token_ids=(1, 64), pixel_values=None), PromptError),
        (replace(good, image_hashes=("a", "b"), tiles_per_image=(1,)), PromptError),
        (replace(good, params=SamplingParams(logit_bias={64: 1.0})), PromptError),
        (request(random.Random(19), 64), ContextLengthError),
    ]:
        with pytest.raises(error):
            alone.add(bad)
    assert not alone.has_work
    with pytest.raises(CapacityError, match="lower max_model_len"):
        engine(model, cache_bytes=1 << 12)
    with pytest.raises(CapacityError, match="context is 512"):
        engine(model, max_model_len=1024)
    assert IDS.forced_close == (CLOSE,)
