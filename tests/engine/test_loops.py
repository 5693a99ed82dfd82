"""What the loop detector stops and what it lets pass, on the texts of benchmarks/loops.py."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from r1v.engine import LoopConfig
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
