"""Thinking control: markers, budgets and loops, on ids alone."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from r1v.core import FinishDetail
from r1v.engine import EngineIds
from r1v.engine.thinking import LoopConfig, LoopDetector, ThinkingControl

ONE = EngineIds(image_context=1, eos=(2,), think_open=(3,), think_close=(4,))
MANY = EngineIds(
    image_context=1, eos=(2,), think_open=(3, 30), think_close=(4, 40, 41), close_thinking=(9, 4, 40, 41, 9)
)


def control(ids: EngineIds, opened: bool, budget: int = -1, detect_loops: bool = False) -> ThinkingControl:
    return ThinkingControl(ids, opened=opened, budget=budget, detect_loops=detect_loops)


def test_no_limit_forces_nothing_and_counts() -> None:
    state = control(ONE, opened=True)
    assert state.start() == () and all(state.push(i) == () for i in (10, 11, 12, 4, 10, 2))
    assert state.num_thinking == 3 and not state.inside and state.detail is None


def test_markers_of_several_ids() -> None:
    state = control(MANY, opened=False)
    for token_id in (3, 30, 10, 4, 40, 10, 4, 40, 41, 10):
        assert state.push(token_id) == ()
    assert state.num_thinking == 4 and not state.inside


def test_thinking_begins_at_the_start_only() -> None:
    blank = replace(ONE, blank=frozenset({7}))
    for before, inside in (((), True), ((7, 7), True), ((10,), False), ((7, 10), False), ((4,), False)):
        state = control(blank, opened=False, budget=0)
        for token_id in before:
            assert state.push(token_id) == ()
        assert state.push(3) == ((4,) if inside else ())
    closed = control(ONE, opened=True)
    assert [closed.push(i) for i in (10, 4, 3, 10)] == [()] * 4 and not closed.inside


def test_markers_that_are_spelled_by_any_ids() -> None:
    """Their ends may be joined with other text, which the ids of the markers do not show."""
    words = [b"<think", b">", b"</", b"think", b">\n\n", b".</", b" ", b"a"]
    ids = EngineIds(1, (), think_open=(0, 1), think_close=(2, 3, 1), spelling=tuple(words))
    state = control(ids, opened=False)
    for token_id in (6, 0, 4, 7, 5, 3, 4, 7):  # " <think>\n\na.</think>\n\na"
        assert state.push(token_id) == ()
    assert not state.inside and state.num_thinking == 2


@pytest.mark.parametrize("ids", [ONE, MANY])
def test_budget_closes_thinking(ids: EngineIds) -> None:
    state = control(ids, opened=True, budget=3)
    assert state.start() == ()
    assert [state.push(i) for i in (10, 11)] == [(), ()]
    assert state.push(12) == ids.forced_close
    assert state.num_thinking == 3 and state.detail is FinishDetail.BUDGET
    assert all(state.push(i) == () for i in (10, 11, 12, 13, 14))


def test_budget_of_zero_closes_at_once() -> None:
    state = control(ONE, opened=True, budget=0)
    assert state.start() == (4,) and state.detail is FinishDetail.BUDGET
    opened_later = control(ONE, opened=False, budget=0)
    assert opened_later.start() == () and opened_later.push(3) == (4,)
    assert control(ONE, opened=False, budget=0).push(10) == ()


def test_closing_in_time_is_not_cut() -> None:
    state = control(ONE, opened=True, budget=3)
    assert [state.push(i) for i in (10, 11, 4, 10, 10)] == [()] * 5
    assert state.detail is None


def test_a_model_without_thinking_is_left_alone() -> None:
    ids = EngineIds(image_context=1, eos=(2,))
    state = control(ids, opened=True, budget=0, detect_loops=True)
    assert state.start() == () and all(state.push(7) == () for _ in range(2000))


@pytest.mark.parametrize("period", [1, 2, 7, 40, 100])
def test_exact_loops_are_found(period: int) -> None:
    detector, random_ = LoopDetector(), random.Random(period)
    for _ in range(300):
        assert not detector.push(random_.randrange(50_000))
    cycle = [random_.randrange(50_000) for _ in range(period)]
    found = next(i for i in range(5000) if detector.push(cycle[i % period]))
    config = LoopConfig()
    assert found + 1 <= max(config.min_span, config.min_repeats * period) + period + 8


def test_near_loops_are_found() -> None:
    """A paragraph that comes again and again with another number in it: one of three, or a new one each time,
    which could be a list as well."""
    config = LoopConfig()
    random_ = random.Random(0)
    paragraph = [random_.randrange(50_000) for _ in range(60)]

    def found(number: Callable[[int], int]) -> int:
        detector = LoopDetector()
        stream = (
            number(place // 60) if place % 60 == 20 else paragraph[place % 60] for place in range(20_000)
        )
        return next(place for place, token_id in enumerate(stream) if detector.push(token_id))

    window = config.window + config.item
    assert window - 1 <= found(lambda turn: 60_000 + random_.randrange(3)) <= window + 60
    latest = window + config.max_advancing
    assert latest - 1 <= found(lambda turn: 60_000 + turn) <= latest + 60


def test_an_answer_that_loops_ends_where_it_was_asked_for() -> None:
    for asked in (False, True):
        state = ThinkingControl(ONE, opened=False, budget=-1, detect_loops=True, detect_answer_loops=asked)
        assert all(state.push(7) == () for _ in range(1000))
        assert state.answer_is_loop is asked
        assert state.detail is (FinishDetail.LOOP if asked else None)


def test_ordinary_text_is_no_loop() -> None:
    """Words drawn by Zipf's law, with many repeated phrases."""
    detector, random_ = LoopDetector(), random.Random(1)
    phrases = [[random_.randrange(3000) for _ in range(random_.randrange(2, 9))] for _ in range(400)]
    for _ in range(3000):
        for token_id in phrases[min(int(random_.paretovariate(0.7)), 399)]:
            assert not detector.push(token_id)


def test_loop_closes_thinking_and_is_labelled() -> None:
    state = control(ONE, opened=True, detect_loops=True)
    forced = next(f for f in (state.push(7) for _ in range(1000)) if f)
    assert forced == (4,) and state.detail is FinishDetail.LOOP and not state.inside
