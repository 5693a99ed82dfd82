"""Rollouts through vLLM, in processes of their own: on this machine's other devices, or on other machines.

Enters: questions with their pictures, and the model that is being trained. Leaves: responses. Always holds:
before an engine answers, it has the weights of the last update; prompts are made on our side, and it is an
error if an engine expands one differently.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from r1v.core import ConfigError, FinishReason, UnavailableError
from r1v.llm.backends.vllm.prompts import check_prompt, for_vllm
from r1v.llm.prompt_encoder import engine_ids
from r1v.models.checkpoint import check_layout
from r1v.models.names import pieces
from r1v.prompt import Processor
from r1v.train.core.compute import Compute
from r1v.train.core.config import RolloutConfig
from r1v.train.core.policy import PolicyModule
from r1v.train.data.questions import EncodedQuestion
from r1v.train.rollout.blocks import (
    BLOCK_BYTES,
    DeviceBlock,
    Filled,
    SentBlock,
    SharedBlock,
    WeightBlock,
    device_uuid,
    fill,
)
from r1v.train.rollout.link import Link
from r1v.train.rollout.sampler import Response, response
from r1v.train.rollout.wire import (
    Answered,
    Ask,
    RolloutSampling,
    read_answers,
    send,
    send_asks,
    send_block,
)

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
                f"memory_fraction={c.memory_fraction}", f"sleep={str(c.sleep).lower()}"]  # fmt: skip
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
        console: Console, *, sleep: bool = False,
    ) -> None:  # fmt: skip
        """Waits until the engines are ready. sleep: engines give their memory back in `rest`.
        UnavailableError, ConfigError: an engine cannot be used."""
        self.policy, self.processor, self.compute = policy, processor, compute
        self.links, self.console, self._sleep = links, console, sleep
        ids = engine_ids(processor)
        self._stop = sorted(ids.eos)
        self._banned = sorted({i for i in (ids.image_context, *ids.banned) if i >= 0} - set(ids.eos))
        self._stale = True
        # who has engines, in the order in which all questions are dealt out
        self._owners = [
            rank for rank, held in enumerate(compute.world.gather(len(links))) for _ in range(held)
        ]
        self._ways = list[str]()
        for link in links:
            about = link.connect()
            self._ways.append(self._way(link, about))
            shown = {name: value for name, value in about.items() if name != "sees"}
            console.print(f"rollouts by {shown} at {link.address}", highlight=False)

    def _way(self, link: Link, about: Mapping[str, Any]) -> str:
        """How weights get to an engine."""
        if not link.local:
            return "sent"
        device = self.compute.device
        seen = device.type == "cuda" and device_uuid(device) in about.get("sees", ())
        return "device" if seen else "shared"

    def rest(self) -> None:
        """See Rollouts. A sleeping engine gets its weights again when it is woken up."""
        if self._sleep:
            self._tell_all({"do": "sleep"})
            self._stale = True

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
        """Give every engine the weights of now, block by block. All processes gather the tensors together."""
        dtype = getattr(torch, _dtype(self.compute))
        self._tell_all({"do": "begin weights"})
        ways = dict.fromkeys(self._ways)
        blocks = {way: self._block(way, dtype) for way in ways}
        first = next(iter(ways), None)
        tensors = weights_of(self.policy, dtype)
        if first is None:  # this process has no engine, but its part of the tensors
            for _ in tensors:
                pass
        else:
            for filled in fill(blocks[first], tensors):
                for way in list(blocks):
                    if way != first:
                        blocks[way].buffer[: filled.num_bytes].copy_(blocks[first].buffer[: filled.num_bytes])
                self._hand_over(blocks, filled)
        for block in blocks.values():
            block.close()
        self._tell_all({"do": "end weights"})
        self.compute.world.barrier()

    def _hand_over(self, blocks: dict[str, WeightBlock], filled: Filled) -> None:
        """Have this process's engines take a block. One that cannot open it on the GPU gets it through memory
        of the host from now on."""
        for link, way in zip(self.links, self._ways, strict=True):
            link.tell(partial(send_block, block=blocks[way], filled=filled))
        for place, link in enumerate(self.links):
            why = link.reply()["refused"]
            if not why:
                continue
            if self._ways[place] == "sent":
                raise UnavailableError(f"vLLM at {link.address} does not take the weights: {why}")
            self.console.print(f"weights for {link.address} go another way: {why}", highlight=False)
            old, self._ways[place] = self._ways[place], "sent"
            blocks.setdefault("sent", SentBlock(len(blocks[old].buffer)))
            blocks["sent"].buffer[: filled.num_bytes].copy_(blocks[old].buffer[: filled.num_bytes])
            link.tell(partial(send_block, block=blocks["sent"], filled=filled))
            if why := link.reply()["refused"]:
                raise UnavailableError(f"vLLM at {link.address} does not take the weights: {why}")

    def _block(self, way: str, dtype: torch.dtype) -> WeightBlock:
        largest = max(torch.Size(shape).numel() for shape in self.policy.shapes.values())
        size = max(BLOCK_BYTES, largest * dtype.itemsize)
        if way == "device":
            return DeviceBlock(size, self.compute.device)
        return SharedBlock(size) if way == "shared" else SentBlock(size)

    def _tell_all(self, head: dict[str, str]) -> None:
        for link in self.links:
            link.tell(partial(send, head=head))
        for link in self.links:
            link.reply()

    def close(self) -> None:
        """See Rollouts."""
        for link in self.links:
            link.close()


def _reason(name: str) -> FinishReason:
    if name not in REASONS:
        raise UnavailableError(f"vLLM ended a response with {name!r}; expected {' or '.join(REASONS)}")
    return REASONS[name]


def weights_of(policy: PolicyModule, dtype: torch.dtype) -> Iterator[tuple[str, torch.Tensor]]:
    """All tensors under the names that vLLM reads, adapters added in, gathered one parameter at a time by all
    processes together."""
    config = policy.base.config
    layout = check_layout(None if config.vision is None else "release", config)
    held, value = "", torch.empty(0)
    for piece in pieces(policy.shapes, layout, config.language):
        if piece.parameter != held:
            held, value = piece.parameter, policy.whole_weight(piece.parameter).to(dtype)
        yield piece.name, value[piece.start : piece.start + piece.shape[0]]
