"""Rollouts through vLLM, in processes of their own: on this machine's other devices, or on other machines.

Enters: questions with their pictures, and the model that is being trained. Leaves: responses. Always holds:
before an engine answers, it has the weights of the last update; prompts are made on our side, and it is an
error if an engine expands one differently.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from r1v.core import ConfigError, FinishReason, UnavailableError
from r1v.llm.backends.vllm.prompts import check_prompt, for_vllm
from r1v.llm.prompt_encoder import engine_ids
from r1v.prompt import Processor
from r1v.train.core.compute import Compute
from r1v.train.core.config import RolloutConfig
from r1v.train.core.policy import PolicyModule
from r1v.train.data.questions import EncodedQuestion
from r1v.train.rollout.link import Link
from r1v.train.rollout.sampler import Response, response
from r1v.train.rollout.wire import Answered, Ask, RolloutSampling, read_answers, send_asks, send_weights

SHARD_BYTES = 1 << 29  # of the files that weights travel in
REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


def open_links(model: str, config: RolloutConfig, compute: Compute, log_folder: Path) -> list[Link]:
    """The engines of this process of the trainer: its part of those that the configuration names, or one on
    the trainer's own device. Those that are not there yet are started, and not waited for.

    Fewer engines than processes are shared. ConfigError: there are several processes and no engine.
    """
    c, world = config, compute.world
    number = len(c.vllm_at or c.vllm_devices)
    if not number and world.size > 1:
        raise ConfigError(
            f"{world.size} processes of the trainer need engines: name them in rollout.vllm_devices or "
            "rollout.vllm_at"
        )
    if c.vllm_at:
        return [Link(address, c.vllm_key or "") for address in world.share(c.vllm_at)]
    settings = [f"model={model}", f"dtype={_dtype(compute)}", f"max_num_seqs={c.max_num_seqs}",
                f"memory_fraction={c.memory_fraction}"]  # fmt: skip
    places = world.share(range(number or 1))
    return [
        Link.start(
            c.vllm_python or sys.executable, settings, c.vllm_devices[place] if number else None,
            log_folder / f"vllm-{place}.log",
        )
        for place in places
    ]  # fmt: skip


def _dtype(compute: Compute) -> str:
    return "bfloat16" if compute.bf16 else "float32"


class VLLMRollouts:
    """Questions answered by the engines behind some links, each a share of them. See `rollout.Rollouts`."""

    def __init__(
        self, policy: PolicyModule, processor: Processor, compute: Compute, links: Sequence[Link],
        console: Console, folder: Path,
    ) -> None:  # fmt: skip
        """Waits until the engines are ready. folder: holds the weights on their way to the engines; all
        processes can read it. UnavailableError, ConfigError: an engine cannot be used."""
        self.policy, self.processor, self.compute = policy, processor, compute
        self.links, self.folder = links, folder
        ids = engine_ids(processor)
        self._stop = sorted(ids.eos)
        self._banned = sorted({i for i in (ids.image_context, *ids.banned) if i >= 0} - set(ids.eos))
        self._stale = True
        # who has engines, in the order in which all questions are dealt out
        self._owners = [
            rank for rank, held in enumerate(compute.world.gather(len(links))) for _ in range(held)
        ]
        for link in links:
            console.print(f"rollouts by {link.connect()} at {link.address}", highlight=False)

    def sync(self) -> None:
        """See Rollouts. The weights travel when the next question is asked."""
        self._stale = True

    def ask(
        self, questions: Sequence[EncodedQuestion], seeds: Sequence[int], *, n: int, max_tokens: int,
        temperature: float = 1.0,
    ) -> list[list[Response]]:  # fmt: skip
        """See Rollouts. PromptError: vLLM cut an image otherwise than we did."""
        return self.begin(questions, seeds, n=n, max_tokens=max_tokens, temperature=temperature)()

    def begin(
        self, questions: Sequence[EncodedQuestion], seeds: Sequence[int], *, n: int, max_tokens: int,
        temperature: float = 1.0,
    ) -> Callable[[], list[list[Response]]]:  # fmt: skip
        """Have questions answered by the weights of now. The returned function waits for the responses;
        nothing else may be asked before. All processes call both together."""
        if self._stale:
            self._push()
            self._stale = False
        sampling = RolloutSampling(n, max_tokens, temperature, self._stop, self._banned)
        own = [self._given(*each) for each in zip(questions, seeds, strict=True)]
        world = self.compute.world
        every = [(rank, ask) for rank, asks in enumerate(world.gather(own)) for ask in asks]
        mine = [place for place, owner in enumerate(self._owners) if owner == world.rank]
        for link, place in zip(self.links, mine, strict=True):
            dealt = [ask for _, ask in every[place :: len(self._owners)]]
            link.tell(partial(send_asks, asks=dealt, sampling=sampling))
        return partial(self._take, questions, every)

    def _take(
        self, questions: Sequence[EncodedQuestion], every: Sequence[tuple[int, Ask]]
    ) -> list[list[Response]]:
        """The responses to this process's questions. every: who asked what, of all processes."""
        world = self.compute.world
        mine = [place for place, owner in enumerate(self._owners) if owner == world.rank]
        told = {place: read_answers(link.reply()) for link, place in zip(self.links, mine, strict=True)}
        answers: dict[int, Answered] = {}
        for part in world.gather(told):
            for place, found in part.items():
                answers |= dict(zip(range(place, len(every), len(self._owners)), found, strict=True))
        first = next((i for i, (rank, _) in enumerate(every) if rank == world.rank), 0)
        return [self._responses(question, answers[first + i]) for i, question in enumerate(questions)]

    def _responses(self, question: EncodedQuestion, answer: Answered) -> list[Response]:
        """Of one question. PromptError: vLLM expanded its prompt otherwise than we did."""
        check_prompt(question.prompt.token_ids, answer.token_ids)
        return [
            response(self.processor, question.prompt, one.token_ids, one.logprobs, _reason(one.reason))
            for one in answer.responses
        ]

    def _given(self, question: EncodedQuestion, seed: int) -> Ask:
        images = question.example.all_images
        assert len(images) == len(question.prompt.tiles_per_image), "a question for vLLM keeps its pictures"
        given = for_vllm(question.prompt, images, self.processor)
        files = []
        for image in given.get("multi_modal_data", {}).get("image", ()):
            file = io.BytesIO()
            image.save(file, "PNG", compress_level=1)
            files.append(file.getvalue())
        tiles = given.get("mm_processor_kwargs")
        return Ask(given["prompt_token_ids"], files, None if tiles is None else [*tiles.values()], seed)

    def _push(self) -> None:
        """Give every engine the weights of now, as the files of a checkpoint in the release's layout, which
        the first process writes tensor by tensor and each process sends to its own engines."""
        dtype = getattr(torch, _dtype(self.compute))
        self.policy.export(self.folder, None, SHARD_BYTES >> 20, "release", dtype)
        files = sorted(self.folder.glob("*.safetensors*"))
        for link in self.links:
            link.tell(partial(send_weights, files=files))
        for link in self.links:
            link.reply()
        self.compute.world.barrier()
        if self.compute.world.first:
            shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """See Rollouts."""
        for link in self.links:
            link.close()


def _reason(name: str) -> FinishReason:
    if name not in REASONS:
        raise UnavailableError(f"vLLM ended a response with {name!r}; expected {' or '.join(REASONS)}")
    return REASONS[name]
