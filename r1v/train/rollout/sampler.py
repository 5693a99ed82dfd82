"""Responses of the model in training, sampled by our own engine or another one.

Enters: prompts. Leaves: groups of responses with the log-probability of each token under the sampling policy.
Always holds: our engine runs the trained module itself if that is whole, nothing is answered ahead, and its
frozen layers are in 4 bits or it is in float32 without adapters, otherwise a whole copy that `sync` updates;
image tokens are never sampled; a response depends on its prompt, its seed and the weights alone.
Log-probabilities are of temperature 1 over the whole vocabulary, as `PolicyModule.scores` gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch

from r1v.core import FinishDetail, FinishReason, SamplingParams
from r1v.engine import Engine, EngineConfig
from r1v.llm.prompt_encoder import engine_ids, engine_request
from r1v.models import R1V
from r1v.prompt import Processor, Prompt
from r1v.train.core.compute import Compute
from r1v.train.core.policy import PolicyModule
from r1v.train.data.batches import Encoded, collate
from r1v.train.data.questions import EncodedQuestion


@dataclass(frozen=True)
class Observed:
    """What an environment has put between the turns of a response. sampled: bool, of each of its tokens:
    False for those that the environment wrote. tiles: of each picture that it showed; image_hashes: theirs.
    turns: of the model."""

    sampled: np.ndarray
    tiles: tuple[np.ndarray, ...]
    image_hashes: tuple[bytes, ...]
    turns: int


@dataclass(frozen=True)
class Response:
    """One sampled completion. token_ids include the end token; logprobs float32, one for each that the model
    wrote. thinking, answer: of its last turn. observed: what came between, where it had several."""

    token_ids: tuple[int, ...]
    logprobs: np.ndarray
    finish_reason: FinishReason
    finish_detail: FinishDetail | None
    thinking: str
    answer: str
    observed: Observed | None = None

    @property
    def own_ids(self) -> tuple[int, ...]:
        """The tokens that the model wrote."""
        if self.observed is None:
            return self.token_ids
        return tuple(i for i, own in zip(self.token_ids, self.observed.sampled, strict=True) if own)


@dataclass
class _Growing:
    """A completion that is being generated."""

    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    finish_detail: FinishDetail | None = None


@dataclass(frozen=True)
class Agreement:
    """Engine against trainer on the same tokens and weights. kl: mean k3 from the engine's policy to the
    trainer's. worst: the largest difference of a token's log-probability, nats."""

    kl: float
    worst: float


def agreement(engine: np.ndarray, trainer: np.ndarray) -> Agreement:
    """Of the log-probabilities (N,) that both give the same tokens."""
    difference = trainer.astype(np.float64) - engine.astype(np.float64)
    if not len(difference):
        return Agreement(0.0, 0.0)
    return Agreement(float(np.mean(np.expm1(difference) - difference)), float(np.abs(difference).max()))


class Rollouts(Protocol):
    """Answers questions with the weights in training."""

    compute: Compute

    def sync(self) -> None:
        """Tell the engine that the weights have changed; from now on answers come from the new ones."""

    def ask(
        self, questions: Sequence[EncodedQuestion], seeds: Sequence[int], *, n: int, max_tokens: int,
        temperature: float = 1.0,
    ) -> list[list[Response]]:  # fmt: skip
        """n responses of each question; one seed for each. Nothing is forced into them.

        Raises ContextLengthError: a prompt leaves no room. UnavailableError: an engine is gone.
        """

    def rest(self) -> None:
        """Nothing will be asked before the weights have changed: give memory back, if the configuration says
        so."""

    def close(self) -> None:
        """Release what was started."""


class EngineRollouts:
    """Our engine over a policy that is being trained, or over a model as it is.

    max_num_seqs: responses decoded together. memory_fraction: of the free memory, for the cache. apart: with
    a copy of the weights even if the module itself could be run, so that it can work while that is updated.
    device: of this copy; None: the trainer's.
    """

    def __init__(
        self,
        model: R1V | PolicyModule,
        processor: Processor,
        compute: Compute,
        *,
        max_num_seqs: int = 64,
        memory_fraction: float = 0.3,
        apart: bool = False,
        device: torch.device | None = None,
    ) -> None:
        self.processor, self.compute = processor, compute
        self.device = device or compute.device
        apart = apart or self.device != compute.device
        self.policy = model if isinstance(model, PolicyModule) else None
        self.twin: R1V | None = None
        # where training computes in bf16, decoding in float32 would be slow, and further from the trainer
        held = self.policy is not None and self.policy.held_in_four_bits and not apart
        if self.policy is not None and not held and (apart or compute.bf16 or not self.policy.plain):
            self.twin = self.policy.twin(torch.bfloat16 if compute.bf16 else torch.float32, self.device)
            self.policy.copy_to(self.twin)
        on_gpu = self.device.type == "cuda"
        config = EngineConfig(
            max_num_seqs=max_num_seqs,
            # the time to the first token does not matter here, so a GPU gets prompts and pictures by the
            # dozen
            max_step_tokens=max(16384 if on_gpu else 1024, max_num_seqs),
            max_step_tiles=64 if on_gpu else 4,
            memory_fraction=memory_fraction,
            num_draft_tokens=0,  # at temperature 1, drafted tokens are seldom accepted
            # 4-bit layers with adapters beside them run as they are in training
            weight_format="plain" if held else "auto",
            cuda_graphs=not held,
            fused_kernels=not held,
        )
        runs = self.twin or (model.base if isinstance(model, PolicyModule) else model)
        self.engine = Engine(runs, config, engine_ids(processor))

    def sync(self) -> None:
        """The weights have changed: update the copy, and drop everything that was computed with the old
        ones."""
        if self.twin is not None and self.policy is not None:
            self.policy.copy_to(self.twin)
        self.engine.weights_changed()

    def sample(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        *,
        n: int,
        max_tokens: int | Sequence[int],
        temperature: float = 1.0,
        penalties: Sequence[float] | None = None,
    ) -> list[list[Response]]:
        """n responses of each prompt; one seed for each prompt. Nothing is forced into them.

        max_tokens: of all, or for each prompt. penalties: a repetition penalty for each prompt; None is none.

        Raises ContextLengthError for a prompt that leaves no room.
        """
        growing: dict[tuple[int, int], _Growing] = {}
        order = []
        chosen = [1.0] * len(prompts) if penalties is None else penalties
        most = [max_tokens] * len(prompts) if isinstance(max_tokens, int) else max_tokens
        for prompt, seed, penalty, limit in zip(prompts, seeds, chosen, most, strict=True):
            request_id = self.engine.add(
                engine_request(prompt, SamplingParams(
                    temperature=temperature, top_p=1.0, repetition_penalty=penalty, seed=seed,
                    max_tokens=limit, logprobs=0, detect_loops=False, n=n,
                ))
            )  # fmt: skip
            order.append(request_id)
            growing.update({(request_id, index): _Growing() for index in range(n)})
        while self.engine.has_work:
            for output in self.engine.step():
                one = growing[output.request_id, output.index]
                assert not output.num_forced, "what was not sampled has no log-probability"
                one.token_ids += output.token_ids
                one.logprobs += [entry.logprob for entry in output.logprobs]
                one.finish_reason, one.finish_detail = output.finish_reason, output.finish_detail
        return [
            [self._response(growing[request_id, index], prompt) for index in range(n)]
            for request_id, prompt in zip(order, prompts, strict=True)
        ]

    def ask(
        self, questions: Sequence[EncodedQuestion], seeds: Sequence[int], *, n: int, max_tokens: int,
        temperature: float = 1.0,
    ) -> list[list[Response]]:  # fmt: skip
        """See Rollouts."""
        prompts = [question.prompt for question in questions]
        return self.sample(prompts, seeds, n=n, max_tokens=max_tokens, temperature=temperature)

    def rest(self) -> None:
        """See Rollouts: our engine keeps its memory."""

    def close(self) -> None:
        """See Rollouts: nothing was started."""

    def _response(self, grown: _Growing, prompt: Prompt) -> Response:
        assert grown.finish_reason is not None
        return response(
            self.processor, prompt, grown.token_ids, grown.logprobs, grown.finish_reason, grown.finish_detail
        )


def response(
    processor: Processor, prompt: Prompt, token_ids: Sequence[int], logprobs: Sequence[float],
    reason: FinishReason, detail: FinishDetail | None = None,
) -> Response:  # fmt: skip
    """What an engine sampled after a prompt, split into thinking and answer."""
    assert len(logprobs) == len(token_ids), "a log-probability for each sampled token"
    text_ids = [i for i in token_ids if i not in processor.special.eos]
    thinking, answer = processor.split(text_ids, prompt.opens_thinking)
    return Response(
        tuple(token_ids), np.asarray(logprobs, np.float32), reason, detail, thinking, answer
    )  # fmt: skip


def probe(rollouts: Rollouts, policy: PolicyModule, question: EncodedQuestion, pad_id: int) -> Agreement:
    """Let the engine and the trained model compute the log-probabilities of the same few tokens with the
    present weights. A difference shows stale copies, caches or features in the engine. All processes ask the
    same question."""
    prompt = question.prompt
    found = rollouts.ask([question], [0], n=1, max_tokens=8, temperature=0.0)[0][0]
    part = collate([("probe", encoded(prompt, found.token_ids))], torch.from_numpy(prompt.tiles), pad_id)
    return agreement(found.logprobs, policy.evaluate([part])[0].numpy())


def row_of(prompt: Prompt, response: Response) -> Encoded:
    """A prompt and its response as one row, of which what the model wrote is learned."""
    row = encoded(prompt, response.token_ids)
    if response.observed is None:
        return row
    seen = response.observed
    learned = np.concatenate([np.zeros(len(prompt.token_ids), bool), seen.sampled])
    return replace(row, tiles=np.concatenate([prompt.tiles, *seen.tiles]), learned=learned)


def encoded(prompt: Prompt, completion: Sequence[int]) -> Encoded:
    """A prompt and its completion as one row."""
    ids = np.asarray([*prompt.token_ids, *completion], np.int32)
    return Encoded(ids, len(prompt.token_ids), prompt.tiles)
