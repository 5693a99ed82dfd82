"""The one thread that runs static batches through transformers' ``generate``.

Enters: jobs, from any thread. Leaves: each job's outputs to its receiver. Always holds: jobs that wait are
taken together where they can be batched; a job ends with a last output of each completion, or one error.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import torch

from r1v.core import CapacityError, UnavailableError
from r1v.engine import EngineIds
from r1v.llm.backends.transformers.steered import SteeredBatch, SteeredRow


@dataclass(slots=True)
class Job:
    """One request. inputs: further tensors for the model, such as pixel_values. alone: not to be batched."""

    rows: list[SteeredRow]
    inputs: Mapping[str, torch.Tensor] = field(default_factory=dict)
    alone: bool = False

    def cancel(self) -> None:
        """End it at the next step."""
        for row in self.rows:
            row.cancelled = True

    def fail(self, error: Exception) -> None:
        """Tell its receiver, once."""
        self.rows[0].receiver.fail(error)
        for row in self.rows:
            row.done = True


class StaticLoop:
    """Runs jobs on a daemon thread that the first one starts."""

    def __init__(self, model: Any, ids: EngineIds, vocab_size: int, pad: int, max_batch: int) -> None:
        """model: a transformers model in eval mode."""
        self._model, self._ids = model, ids
        self._vocab_size, self._pad, self._max_batch = vocab_size, pad, max_batch
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._held: Job | None = None
        self._running: list[Job] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.model_lock = threading.Lock()  # held by whoever else calls the model

    @property
    def num_running(self) -> int:
        """Completions in the batch."""
        return sum(len(job.rows) for job in self._running)

    @property
    def num_waiting(self) -> int:
        """Requests in the queue."""
        return self._queue.qsize() + (self._held is not None)

    def submit(self, job: Job) -> None:
        """Queue a job. Raises UnavailableError after ``close``."""
        with self._lock:
            if self._closed:
                raise UnavailableError("this LLM was closed; make a new one")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="r1v-static", daemon=True)
                self._thread.start()
            self._queue.put(job)

    def close(self) -> None:
        """End what runs and wait for it."""
        with self._lock:
            self._closed = True
            thread = self._thread
        for job in list(self._running):
            job.cancel()
        self._queue.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while (jobs := self._next()) is not None:
            self._running = jobs
            try:
                with self.model_lock:
                    self._decode(jobs)
            except Exception as error:  # noqa: BLE001 - handed to the threads that wait
                if isinstance(error, torch.OutOfMemoryError):
                    error = CapacityError(f"the device's memory ran out in a batch of {self.num_running}; "
                                          "use fewer tiles, shorter output or more devices")  # fmt: skip
                for job in jobs:
                    if not all(row.done for row in job.rows):
                        job.fail(error)
            self._running = []
        rest = [self._held] if self._held is not None else []
        while not self._queue.empty():
            if (waiting := self._queue.get()) is not None:
                rest.append(waiting)
        for job in rest:
            job.fail(UnavailableError("this LLM was closed while it was generating"))

    def _next(self) -> list[Job] | None:
        """The jobs of the next batch, waiting for the first; None asks to stop."""
        first, self._held = self._held or self._queue.get(), None
        if first is None:
            return None
        jobs = [first]
        while not first.alone and sum(len(job.rows) for job in jobs) < self._max_batch:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None:
                self._queue.put(None)
                break
            if job.alone:
                self._held = job
                break
            jobs.append(job)
        return jobs

    def _decode(self, jobs: Sequence[Job]) -> None:
        from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
        from transformers.generation.stopping_criteria import StoppingCriteria, StoppingCriteriaList

        rows = [row for job in jobs for row in job.rows]
        prompts = [list(row.sequence.request.token_ids) for row in rows]
        batch = SteeredBatch(rows, self._vocab_size, self._ids, self._pad)
        if all(batch.done):
            return
        device = self._model.get_input_embeddings().weight.device
        width = max(map(len, prompts))
        padded = [[self._pad] * (width - len(ids)) + ids for ids in prompts]
        seen = [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts]

        class Steer(LogitsProcessor):
            def __call__(self, input_ids: Any, scores: torch.Tensor) -> torch.Tensor:
                chosen = torch.tensor(batch.choose(scores), device=scores.device)
                return torch.full_like(scores, -torch.inf).scatter_(1, chosen.unsqueeze(1), 0.0)

        class Ended(StoppingCriteria):
            def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
                return torch.tensor(batch.done, device=input_ids.device)

        inputs = _joined(jobs, device, self._model.dtype)
        longest = max(row.sequence.max_length - row.sequence.num_prompt for row in rows)
        settings = GenerationConfig(
            do_sample=False, num_beams=1, max_new_tokens=longest + 1, pad_token_id=self._pad,
            eos_token_id=None, use_cache=True,
        )  # fmt: skip
        with torch.inference_mode():
            self._model.generate(
                input_ids=torch.tensor(padded, device=device),
                attention_mask=torch.tensor(seen, device=device),
                generation_config=settings,
                logits_processor=LogitsProcessorList([Steer()]),
                stopping_criteria=StoppingCriteriaList([Ended()]),
                **inputs,
            )


def _joined(jobs: Sequence[Job], device: torch.device, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The jobs' further inputs, one after the other for each row, on the model's first device."""
    joined: dict[str, torch.Tensor] = {}
    for name in dict.fromkeys(name for job in jobs for name in job.inputs):
        parts = [job.inputs[name] for job in jobs if name in job.inputs for _ in job.rows]
        tensor = parts[0] if len(parts) == 1 else torch.cat(parts)
        joined[name] = tensor.to(device, dtype if tensor.is_floating_point() else tensor.dtype)
    return joined
