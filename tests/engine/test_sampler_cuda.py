"""The sampler of a CUDA device beside the CPU's, whole engines around both; without a device its kernels run
in Triton's interpreter."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

import pytest
import torch

from r1v.core import SamplingParams
from r1v.engine import Engine
from r1v.engine.flight import Flights
from r1v.engine.kv_cache import BlockPool
from r1v.engine.sampler import Row
from r1v.engine.scheduler import Chunk, Step
from r1v.models import R1V
from tests.engine.tiny import CLOSE, IDS, collect, drain, engine, request, tiny_model, token_ids

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available() or find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") != "1",
    reason="needs Triton and TRITON_INTERPRET=1; on a CUDA device test_cuda.py runs the same by itself",
)


@dataclass
class Twin:
    """Draws a step ahead with the device's sampler, from the CPU's logits."""

    engine: Engine
    last: list[int]
    num_ahead: int = 0

    def draw(self, chunks: Sequence[Chunk], rows: Sequence[Row], sources: Sequence[int] | None):  # type: ignore[no-untyped-def]
        from r1v.engine.cuda.sampler import CudaSampler, DrawnRows, sample_rows

        sampler = self.engine._sampler
        assert isinstance(sampler, CudaSampler)
        lines = sampler.lines(rows, unread=sources is not None)
        if sources is not None:
            self.num_ahead += 1
            drawn = [max(self.last[source], 0) for source in sources]
            chunks = [replace(chunk, token_ids=[i]) for chunk, i in zip(chunks, drawn, strict=True)]
        logits = self.engine._runner(Step(list(chunks)))
        state = replace(
            sampler.state, bias_ids=torch.from_numpy(lines.bias_ids), biases=torch.from_numpy(lines.biases)
        )
        ids, chances = sample_rows(logits, torch.from_numpy(lines.table), state)
        self.last = ids.tolist()
        return DrawnRows.of(list(rows), ids, chances, lines.errors, logits)

    def join(self, logits: torch.Tensor, rows: Sequence[Row], place: int):  # type: ignore[no-untyped-def]
        drawn = self.engine._sampler.draw(logits, rows)  # type: ignore[union-attr]
        self.last[place:] = drawn.ids.tolist()
        return drawn


def with_cuda_sampler(model: R1V, ahead: bool, **settings: object) -> tuple[Engine, Twin]:
    """An engine on the CPU that samples as one on a CUDA device does."""
    from r1v.engine.cuda.sampler import CudaSampler

    engine_ = engine(model, **settings)
    engine_._sampler = CudaSampler(64, IDS, torch.device("cpu"), engine_.config.max_num_seqs)
    twin = Twin(engine_, [])
    if ahead:
        engine_._flights = Flights(engine_._scheduler, twin, joins=True)
    return engine_, twin


PARAMS = [
    SamplingParams.greedy(max_tokens=12),
    SamplingParams(temperature=1.3, seed=3, max_tokens=14, thinking_budget=5, repetition_penalty=1.4),
    SamplingParams(temperature=0.8, seed=4, max_tokens=12, frequency_penalty=0.6, presence_penalty=0.3),
    SamplingParams(temperature=1.2, seed=5, max_tokens=12, min_tokens=9, top_k=9, logit_bias={CLOSE: 2.0}),
    SamplingParams(temperature=0.9, seed=6, max_tokens=12, top_p=0.7, min_p=0.02, logprobs=3),
    SamplingParams(temperature=1.5, seed=7, max_tokens=8, top_p=1.0, repetition_penalty=1.0),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ahead", "drafts", "seqs"), [(False, 0, 8), (True, 0, 8), (False, 4, 8), (True, 0, 2)]
)
def test_engines_agree(ahead: bool, drafts: int, seqs: int) -> None:
    """The ids of the CPU's sampler, whatever is asked, a step ahead or not, with drafts, with few places."""
    model, random_ = tiny_model(), random.Random(1)
    asked = [
        request(random_, 6 + 3 * i, i % 2, params, opens_thinking=True) for i, params in enumerate(PARAMS)
    ]
    plain = engine(model)
    other, twin = with_cuda_sampler(model, ahead, num_draft_tokens=drafts, max_num_seqs=seqs)
    if drafts:
        other._scheduler.draft_cost = lambda rows, context: (0.0, 0.0)
    results = []
    for engine_ in (plain, other):
        numbers = [engine_.add(each) for each in asked]
        found = drain(engine_)
        results.append([found[number, 0] for number in numbers])
    for one, two in zip(*results, strict=True):
        assert token_ids(one) == token_ids(two)
        pairs = zip(*([e for o in r for e in o.logprobs] for r in (one, two)), strict=True)
        for a, b in pairs:
            assert a.token_id == b.token_id and abs(a.logprob - b.logprob) < 1e-4
            assert [i for i, _ in a.top] == [i for i, _ in b.top]
    assert twin.num_ahead > 5 or not ahead
    sampler = other._sampler
    assert not sampler._lines.of  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize("drafts", [0, 4])
def test_steps_of_the_device(drafts: int) -> None:
    """The whole path of a CUDA device, its graphs replaced by the calls that they would capture: requests
    come and go while others decode, in places that change, with prompts beside the steps."""
    from r1v.engine.cuda import graphs
    from r1v.engine.cuda.sampler import CudaSampler
    from r1v.engine.runner import Runner

    class Called(graphs.DecodeGraphs):
        def _capture(self, size: int) -> graphs._Graph:
            table = torch.tensor([graphs.NEUTRAL] * size, dtype=torch.float64)
            inputs, ids = torch.zeros(6, size, dtype=torch.int64), torch.zeros(size, dtype=torch.int64)
            width = graphs.MAX_BIASES
            biases = torch.zeros(size, width, dtype=torch.int32), torch.zeros(size, width)
            buffers = (inputs, table, *biases)
            results = torch.zeros(size, 64), ids, torch.zeros(size)

            def replay(self: object) -> None:
                for kept, new in zip(results, run(*buffers), strict=True):
                    kept.copy_(new)

            run = self._run
            return graphs._Graph(type("Graph", (), {"replay": replay})(), *buffers, *results)

    model, random_ = tiny_model(), random.Random(2)
    plain, other = engine(model), engine(model, max_num_seqs=5, num_draft_tokens=drafts, max_step_tokens=24)
    runner = other._runner
    assert isinstance(runner, Runner)
    sampler = CudaSampler(64, IDS, torch.device("cpu"), 5)
    other._sampler = runner._sampler = sampler
    other._pool = other._scheduler.pool = BlockPool(other._pool.num_blocks, other.config.block_size, False)
    sizes = (other.config.block_size, 5, 512 // other.config.block_size)
    runner._graphs = Called(runner.runnable, other._cache, *sizes, sampler, fused=False)
    other._flights = Flights(other._scheduler, runner, joins=True)
    params = [
        *PARAMS,
        *PARAMS,
        SamplingParams(temperature=0.8, seed=9, max_tokens=20, repetition_penalty=1.2),
    ]
    asked = [request(random_, 5 + 7 * (i % 5), i % 2, each) for i, each in enumerate(params)]
    expected = []
    for each in asked:
        number = plain.add(each)
        expected.append(drain(plain)[number, 0])
    outputs, left = [], list(enumerate(asked))
    while left or other.has_work:
        for _, each in left[:2]:
            other.add(each)
        left = left[2:]
        outputs += other.step() + other.step()
    found = collect(outputs)
    for number, one in enumerate(expected):
        assert token_ids(found[number, 0]) == token_ids(one), number
    assert other.stats.num_steps_ahead > 0.7 * other.stats.num_steps or drafts
    assert not sampler._lines.of and other._pool.num_free == other._pool.num_blocks
