"""What the loop detector stops and what it lets pass, on the texts of benchmarks/loops.py."""

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

from r1v.engine import LoopConfig, LoopDetector
from r1v.models import resolve_model
from r1v.prompt import Processor


@pytest.fixture(scope="module")
def loops() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "loops.py"
    spec = importlib.util.spec_from_file_location("loops", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # where it finds what benchmarks share, as when it is run
    spec.loader.exec_module(module)
    sys.path.remove(str(path.parent))
    return module


@pytest.fixture(scope="module")
def processor() -> Processor:
    return Processor.from_folder(resolve_model("r1v-nano"))


class Plain:
    """The definition of a loop, id by id: the reference."""

    def __init__(self, config: LoopConfig) -> None:
        self.config, self.ids, self.last_seen = config, list[int](), dict[tuple[int, ...], int]()
        self.period = self.matched = self.repetitive = 0

    def novelty(self, length: int) -> float | None:
        window = self.config.window
        if len(self.ids) < window + length:
            return None
        ids = self.ids[-window - length + 1 :]
        return len({tuple(ids[i : i + length]) for i in range(window)}) / window

    def push(self, token_id: int, near: bool) -> bool:
        self.ids.append(token_id)
        config, ids, here = self.config, self.ids, len(self.ids) - 1
        if self.period and ids[here] == ids[here - self.period]:
            self.matched += 1
        else:
            self.period = self.matched = 0
        anchor = tuple(ids[-8:])
        if len(anchor) == 8:
            period = here - self.last_seen.get(anchor, here)
            self.last_seen[anchor] = here
            if not self.period and 0 < period <= config.max_period:
                self.period, self.matched = period, 8
        span = self.matched + self.period
        least = config.min_single_span if self.period == 1 else config.min_span
        exact = self.period > 0 and span >= max(least, config.min_repeats * self.period)
        runs, items = (self.novelty(n) if near else None for n in (config.ngram, config.item))
        if runs is None or items is None or runs > config.min_novelty:
            self.repetitive = 0
            return exact
        self.repetitive += 1
        return exact or items <= config.min_item_novelty or self.repetitive > config.max_advancing


SMALL = LoopConfig(min_span=96, min_single_span=40, max_period=48, window=90, item=12, max_advancing=150)


@pytest.mark.parametrize("seed", range(40))
def test_the_verdict_is_that_of_the_definition(seed: int) -> None:
    """At the first multiple of sixteen ids; streams of a few ids that repeat, vary and count."""
    random_ = random.Random(seed)
    pieces = [[random_.randrange(9) for _ in range(random_.randrange(1, 30))] for _ in range(3)]
    ids: list[int] = []
    while len(ids) < 700:
        kind = random_.randrange(4)
        piece = random_.choice(pieces)
        ids += piece * random_.randrange(1, 6) if kind else [random_.randrange(200) for _ in range(20)]
        ids += [len(ids)] if kind == 1 else []
    plain, detector = Plain(SMALL), LoopDetector(SMALL)
    expected = next((i for i, each in enumerate(ids, 1) if plain.push(each, True)), None)
    found = next((i for i, each in enumerate(ids, 1) if detector.push(each)), None)
    assert found == (None if expected is None or expected > 688 else -(-expected // 16) * 16)


def test_what_has_a_reason_to_repeat_passes(loops: ModuleType, processor: Processor) -> None:
    found = {name: loops.stopped_at(processor.encode_text(text))
             for name, text in loops.texts_with_a_reason().items()}  # fmt: skip
    assert len(found) >= 18 and not any(found.values()), found


def test_loops_are_stopped(loops: ModuleType, processor: Processor) -> None:
    config = LoopConfig()
    latest = config.window + config.item + config.max_advancing + 100
    found = {name: loops.stopped_at(processor.encode_text(text))
             for name, text in loops.texts_that_loop().items()}  # fmt: skip
    missed = [name for name, place in found.items() if place is None or place > latest]
    assert missed == ["a handful of words"], found
