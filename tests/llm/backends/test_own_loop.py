"""The engine's thread, with an engine that does as it is told."""

import threading
import time

import pytest

from r1v.core import FinishReason, PromptError, SamplingParams, UnavailableError
from r1v.engine import EngineOutput, EngineRequest
from r1v.llm.backends.own.loop import EngineLoop


class FakeEngine:
    """Gives each request the ids 0, 1, 2 ... up to its max_tokens, one a step."""

    def __init__(self) -> None:
        self.requests: dict[int, EngineRequest] = {}
        self.made: dict[int, int] = {}
        self.ended: list[EngineOutput] = []
        self.fail_with: Exception | None = None
        self.threads: set[int] = set()
        self.num_steps = self.num_given_back = 0

    def give_back(self) -> None:
        self.num_given_back += 1

    @property
    def has_work(self) -> bool:
        return bool(self.requests or self.ended)

    def add(self, request: EngineRequest) -> int:
        self.threads.add(threading.get_ident())
        if not request.token_ids:
            raise PromptError("the prompt is empty")
        request_id = len(self.made)
        self.requests[request_id] = request
        self.made[request_id] = 0
        return request_id

    def cancel(self, request_id: int) -> None:
        request = self.requests.pop(request_id, None)
        for index in range(request.params.n if request else 0):
            self.ended.append(EngineOutput(request_id, index, (), finish_reason=FinishReason.CANCELLED))

    def step(self) -> list[EngineOutput]:
        self.threads.add(threading.get_ident())
        self.num_steps += 1
        if self.fail_with is not None:
            raise self.fail_with
        outputs, self.ended = self.ended, []
        for request_id, request in list(self.requests.items()):
            number = self.made[request_id]
            self.made[request_id] += 1
            last = number + 1 == request.params.max_tokens
            reason = FinishReason.LENGTH if last else None
            outputs += [
                EngineOutput(request_id, index, (number,), finish_reason=reason)
                for index in range(request.params.n)
            ]
            if last:
                del self.requests[request_id]
        time.sleep(0.001)
        return outputs


class Collector:
    """Keeps what it receives; ends index i at the id stop_at[i]."""

    def __init__(self, stop_at: dict[int, int] | None = None) -> None:
        self.outputs: list[EngineOutput] = []
        self.error: Exception | None = None
        self.done = threading.Event()
        self.open: set[int] = set()
        self.stop_at = stop_at or {}

    def receive(self, output: EngineOutput) -> bool:
        self.outputs.append(output)
        if output.finish_reason is not None:
            self.done.set()
        return output.token_ids[:1] != (self.stop_at.get(output.index, -1),)

    def fail(self, error: Exception) -> None:
        self.error = error
        self.done.set()


def request(max_tokens: int = 5, n: int = 1, ids: tuple[int, ...] = (1,)) -> EngineRequest:
    return EngineRequest(ids, SamplingParams(max_tokens=max_tokens, n=n))


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def loop(engine: FakeEngine):
    loop = EngineLoop(engine)  # type: ignore[arg-type]
    yield loop
    loop.close()


def test_outputs_reach_their_receivers(loop: EngineLoop, engine: FakeEngine) -> None:
    collectors = [Collector() for _ in range(5)]
    for number, collector in enumerate(collectors):
        loop.submit(request(number + 1), collector)
    for number, collector in enumerate(collectors):
        assert collector.done.wait(5)
        assert [output.token_ids for output in collector.outputs] == [(i,) for i in range(number + 1)]
    assert len(engine.threads) == 1


def test_submitting_from_many_threads(loop: EngineLoop, engine: FakeEngine) -> None:
    collectors = [Collector() for _ in range(40)]
    threads = [threading.Thread(target=loop.submit, args=(request(3), c)) for c in collectors]
    for thread in threads:
        thread.start()
    assert all(c.done.wait(5) for c in collectors)
    assert all(len(c.outputs) == 3 for c in collectors)
    assert len(engine.threads) == 1


def test_cancel(loop: EngineLoop, engine: FakeEngine) -> None:
    collector = Collector()
    ticket = loop.submit(request(10**6), collector)
    while not collector.outputs:
        time.sleep(0.001)
    loop.cancel(ticket)
    assert collector.done.wait(5)
    assert collector.outputs[-1].finish_reason is FinishReason.CANCELLED
    loop.cancel(ticket)  # twice does no harm
    assert loop.call(lambda e: e.has_work) is False


def test_a_receiver_ends_its_completion(loop: EngineLoop, engine: FakeEngine) -> None:
    collector = Collector({0: 2, 1: 4})
    loop.submit(request(10**6, n=2), collector)
    while engine.requests or not engine.made:
        time.sleep(0.001)
    assert [o.token_ids[0] for o in collector.outputs if o.index == 0] == [0, 1, 2]
    assert [o.token_ids[0] for o in collector.outputs if o.index == 1] == [0, 1, 2, 3, 4]


def test_a_bad_request_fails_alone(loop: EngineLoop) -> None:
    bad, good = Collector(), Collector()
    loop.submit(request(ids=()), bad)
    loop.submit(request(), good)
    assert bad.done.wait(5) and isinstance(bad.error, PromptError)
    assert good.done.wait(5) and good.error is None


def test_an_engine_that_fails_tells_everyone(loop: EngineLoop, engine: FakeEngine) -> None:
    collector = Collector()
    loop.submit(request(10**6), collector)
    engine.fail_with = RuntimeError("out of order")
    assert collector.done.wait(5)
    assert collector.error is engine.fail_with
    late = Collector()
    with pytest.raises(RuntimeError, match="out of order"):
        while not late.done.wait(0.01):  # the loop may still be ending
            loop.submit(request(), late)
            if late.error is not None:
                raise late.error
    with pytest.raises(RuntimeError, match="out of order"):
        loop.call(lambda e: None)


def test_call_runs_between_steps(loop: EngineLoop, engine: FakeEngine) -> None:
    assert loop.call(lambda e: threading.get_ident()) != threading.get_ident()
    with pytest.raises(ValueError, match="no"):
        loop.call(lambda e: int("no"))


def test_close(engine: FakeEngine) -> None:
    loop = EngineLoop(engine)  # type: ignore[arg-type]
    collector = Collector()
    loop.submit(request(10**6), collector)
    loop.close()
    loop.close()
    assert isinstance(collector.error, UnavailableError)
    with pytest.raises(UnavailableError, match="closed"):
        loop.submit(request(), Collector())


def test_memory_is_given_back_once_after_each_load(
    loop: EngineLoop, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r1v.llm.backends.own.loop.IDLE_S", 0.02)
    for number in (1, 2):
        collector = Collector()
        loop.submit(request(2), collector)
        assert collector.done.wait(5)
        until = time.monotonic() + 60
        while engine.num_given_back < number:
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(0.1)
        assert engine.num_given_back == number


def test_no_steps_without_work(loop: EngineLoop, engine: FakeEngine) -> None:
    collector = Collector()
    loop.submit(request(2), collector)
    assert collector.done.wait(5)
    steps = engine.num_steps
    time.sleep(0.05)
    assert engine.num_steps == steps


def test_an_error_of_one_request_leaves_the_thread_to_the_others(
    loop: EngineLoop, engine: FakeEngine
) -> None:
    """The engine reports it, or the receiver itself raises."""

    class Broken(Collector):
        def receive(self, output: EngineOutput) -> bool:
            raise ValueError("these ids cannot be read")

    broken, bad, good = Broken(), Collector(), Collector()
    loop.submit(request(10**6, n=2), broken)
    ticket = loop.submit(request(10**6, n=2), bad)
    assert broken.done.wait(5) and isinstance(broken.error, ValueError)
    while not bad.outputs:
        time.sleep(0.001)
    failure = RuntimeError("of one sequence")
    assert ticket.request_id is not None
    reported = EngineOutput(ticket.request_id, 1, (), finish_reason=FinishReason.ERROR, error=failure)
    loop.call(lambda _: engine.ended.append(reported))
    assert bad.done.wait(5) and bad.error is failure
    loop.submit(request(3), good)
    assert good.done.wait(5) and good.error is None and loop.ended is None
    assert loop.call(lambda _: list(engine.requests)) == []
