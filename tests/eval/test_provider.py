"""A run asks the engine as many questions at a time as it decodes, and prepares few at a time.

Steps, tokens and threads are counted and nothing is timed, so a busy machine changes nothing.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from r1v import LLM
from r1v.engine import EngineConfig
from r1v.eval.benchmark import benchmark, load_items
from r1v.eval.item import Output, Sample
from r1v.eval.manifest import Plan
from r1v.eval.model import AnswerSampling, ModelSettings, open_target
from r1v.eval.runner import Recording, run
from r1v.eval.store import RunFolder

pytest.importorskip("inspect_ai", reason="needs the extra eval")
from r1v.eval.provider import PREPARE_THREADS

TOGETHER = 30  # sequences that the engine decodes; Inspect by itself would ask 20 questions at first
TOKENS = 6


class Counted:
    """Counts the threads that are in ``LLM.start``, and says when so many requests have come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, expected: int) -> None:
        self.lock, self.all_there = threading.Lock(), threading.Event()
        self.inside = self.most = self.begun = 0
        start = LLM.start

        def counted(llm: LLM, request: object) -> object:
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            stream = start(llm, request)
            with self.lock:
                self.inside -= 1
                self.begun += 1
                if self.begun == expected:
                    self.all_there.set()
            return stream

        monkeypatch.setattr(LLM, "start", counted)


def small_llm(checkpoint: Path) -> LLM:
    """Without what it learns from earlier answers, so that the number of steps is always the same."""
    engine = EngineConfig(max_num_seqs=TOGETHER, max_step_tiles=TOGETHER, num_draft_tokens=0)
    return LLM(checkpoint, device="cpu", dtype="float32", engine=engine)


@contextmanager
def held(llm: LLM, until: threading.Event) -> Iterator[None]:
    """The engine takes no step before the event is set; it gives up waiting, and the test fails, after a
    minute."""
    call = llm._backend.loop.call
    holder = threading.Thread(target=call, args=(lambda engine: until.wait(60),))
    holder.start()
    yield
    holder.join()


def test_a_run_keeps_the_engine_as_full_as_it_gets(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch, 2 * TOGETHER)
    loaded = load_items(benchmark("figures"), limit=2 * TOGETHER)
    with small_llm(tiny_checkpoint) as llm:
        sampling = AnswerSampling(temperature=0.0, max_tokens=TOKENS)
        target = open_target(ModelSettings(str(tiny_checkpoint)), sampling, llm)
        with held(llm, counted.all_there), RunFolder(tmp_path / "run") as folder:
            recording = run(folder, target, [loaded], Plan())
        through = llm.load.counters
    assert counted.all_there.is_set() and counted.begun == 2 * TOGETHER and not recording.failed
    assert 1 <= counted.most <= PREPARE_THREADS

    counted = Counted(monkeypatch, 2 * TOGETHER)
    with small_llm(tiny_checkpoint) as llm:
        params = replace(llm.default_params, temperature=0.0, top_p=1.0, max_tokens=TOKENS)
        with held(llm, counted.all_there):
            llm.chat_many([item.messages for item in loaded.items], params)
        alone = llm.load.counters
    for name in ("num_prompt_tokens", "num_tiles_encoded", "num_output_tokens", "num_preemptions"):
        assert through[name] == alone[name], name
    assert through["num_output_tokens"] == 2 * TOGETHER * TOKENS
    # questions come in another order, so prompts may be cut elsewhere
    assert through["num_steps"] <= alone["num_steps"] + 1 <= 3 * TOKENS


def test_progress_counts_each_question_once(tmp_path: Path) -> None:
    asked = {("figures", "a", 1), ("figures", "b", 1)}
    failed, answered = Output(finish_reason="error", error="x"), Output(answer="4", finish_reason="stop")
    with RunFolder(tmp_path) as folder:
        recording = Recording(folder, asked, None)
        for number, (id, output) in enumerate(
            [("a", failed), ("a", answered), ("elsewhere", answered), ("b", answered)]
        ):
            recording.record(Sample("figures", id, 1, number, output))
            assert recording.progress("figures").done == (0, 1, 1, 2)[number]
        assert Recording(folder, asked, None).progress("figures").done == 2
