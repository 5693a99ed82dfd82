"""Batches of questions that are answered while the model is being updated.

Enters: questions that are being answered. Leaves: their responses, which a checkpoint can keep before they
are used. Always holds: which weights answer a batch is decided by the number of the step, never by time; an
error of the work is raised where its result is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

from r1v.core import FinishDetail, FinishReason
from r1v.train.core.distributed import World
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.questions import EncodedQuestion
from r1v.train.rollout.sampler import Observed, Response

T = TypeVar("T")


def in_thread(work: Callable[[], T], device: torch.device) -> Callable[[], T]:
    """Do some work in a thread, on a GPU in a stream of its own. The returned function waits for it."""

    def run() -> T:
        if device.type != "cuda":
            return work()
        with torch.cuda.device(device), torch.cuda.stream(torch.cuda.Stream(device)):
            found = work()
            torch.cuda.current_stream(device).synchronize()
        return found

    if device.type == "cuda":
        torch.cuda.synchronize(device)  # the weights have arrived before they are read
    threads = ThreadPoolExecutor(1, "rollout")
    future = threads.submit(run)
    threads.shutdown(wait=False)
    return future.result


class UnderWay:
    """A step's questions that are being answered. version: of the weights that answer. bad: names of
    questions that could not be asked."""

    def __init__(
        self, step: int, version: int, questions: Sequence[EncodedQuestion], bad: Sequence[str],
        wait: Callable[[], list[list[Response]]],
    ) -> None:  # fmt: skip
        self.step, self.version, self.questions, self.bad = step, version, list(questions), list(bad)
        self._wait, self._found = wait, list[list[list[Response]]]()

    def responses(self) -> list[list[Response]]:
        """Those of each question, when they are there."""
        if not self._found:
            self._found.append(self._wait())
        return self._found[0]

    def state(self, world: World) -> dict[str, Any]:
        """What a checkpoint keeps, of all processes: tensors and plain values only. Waits for the end."""
        own = zip(self.questions, self.responses(), strict=True)
        every = world.collect([(one.planned, [_kept(r) for r in group]) for one, group in own])
        return {
            "step": self.step, "version": self.version,
            "answered": [(_named(planned), group) for planned, group in every],
        }  # fmt: skip

    @classmethod
    def restore(
        cls, state: Mapping[str, Any], questions: Sequence[EncodedQuestion], bad: Sequence[str], world: World
    ) -> UnderWay:
        """From what a checkpoint kept. questions: this process's of that step, made again."""
        kept: dict[tuple[Any, ...], list[Any]] = {}
        for name, group in state["answered"]:
            kept.setdefault(tuple(name), []).append(group)
        # dealt out in the order of all processes, as a question may be asked twice in a step
        every = world.collect([(world.rank, one.planned) for one in questions])
        groups = [(rank, kept[_named(planned)].pop(0)) for rank, planned in every]
        own = [[_response(one) for one in group] for rank, group in groups if rank == world.rank]
        return cls(state["step"], state["version"], questions, bad, lambda: own)


def _named(planned: PlannedSample) -> tuple[Any, ...]:
    return planned.family, planned.index, planned.variation, planned.thinking


def _kept(response: Response) -> dict[str, Any]:
    """A response as a checkpoint keeps it."""
    seen = response.observed
    return {
        "token_ids": torch.tensor(response.token_ids, dtype=torch.int32),
        "logprobs": torch.from_numpy(response.logprobs.copy()),
        "reason": response.finish_reason.value,
        "detail": None if response.finish_detail is None else response.finish_detail.value,
        "thinking": response.thinking,
        "answer": response.answer,
        "observed": None if seen is None else {
            "sampled": torch.from_numpy(seen.sampled.copy()),
            "tiles": [torch.from_numpy(tiles.copy()) for tiles in seen.tiles],
            "image_hashes": [key.hex() for key in seen.image_hashes],
            "turns": seen.turns,
        },
    }  # fmt: skip


def _response(kept: Mapping[str, Any]) -> Response:
    seen = kept["observed"]
    return Response(
        tuple(kept["token_ids"].tolist()), kept["logprobs"].cpu().numpy(), FinishReason(kept["reason"]),
        None if kept["detail"] is None else FinishDetail(kept["detail"]), kept["thinking"], kept["answer"],
        None if seen is None else Observed(
            seen["sampled"].cpu().numpy(), tuple(tiles.cpu().numpy() for tiles in seen["tiles"]),
            tuple(bytes.fromhex(key) for key in seen["image_hashes"]), seen["turns"],
        ),
    )  # fmt: skip
