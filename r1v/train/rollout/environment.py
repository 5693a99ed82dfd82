"""Questions that are answered in several turns: the model writes, an environment answers, and again.

Enters: questions, and an environment of two methods. Leaves: responses that hold all turns in one row of
tokens. Always holds: what the environment wrote is never learned and has no log-probability; the tokens that
the model sampled are those that it is trained on, none is tokenised again; the same weights, seeds and
environment give the same response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import numpy as np

from r1v.core import FinishReason, Message, R1VError
from r1v.prompt import Processor, Prompt
from r1v.train.core.plugins import failure, load_object
from r1v.train.data.questions import EncodedQuestion
from r1v.train.rollout.crop import CropAndZoom
from r1v.train.rollout.sampler import EngineRollouts, Observed, Response
from r1v.train.rollout.turns import Environment, EpisodeStart, Observation

BUILT_IN = {"crop": CropAndZoom}


def open_environment(name: str) -> Environment:
    """``crop``, or ``file.py:Name``. ConfigError: it is not there."""
    if name in BUILT_IN:
        return BUILT_IN[name]()
    place, _, leaf = name.rpartition(":")
    made: Environment = load_object(place or name, leaf, "rollout.environment")()
    return made


@dataclass
class _Episode:
    """One response on its way. prompt: all that is there so far, own: the question's alone. sampled: False
    for tokens that the environment wrote."""

    prompt: Prompt
    own: Prompt
    state: Any
    seed: int
    logprobs: list[np.ndarray] = field(default_factory=list)
    sampled: list[np.ndarray] = field(default_factory=list)
    turns: int = 0
    last: Response | None = None

    @property
    def num_sampled(self) -> int:
        return sum(len(one) for one in self.logprobs)


class EnvironmentRollouts:
    """Our engine with an environment between turns. inner: the engine alone, which answers in one turn.

    max_turns: of the model, after which its last turn is its answer. max_tokens counts what the model writes
    in all of them.
    """

    def __init__(
        self, inner: EngineRollouts, processor: Processor, environment: Environment, max_turns: int
    ) -> None:
        self.inner, self.processor, self.compute = inner, processor, inner.compute
        self.environment, self.max_turns = environment, max_turns

    def sync(self) -> None:
        """See Rollouts."""
        self.inner.sync()

    def rest(self) -> None:
        """See Rollouts."""
        self.inner.rest()

    def close(self) -> None:
        """See Rollouts."""
        self.inner.close()

    def ask(
        self, questions: Sequence[EncodedQuestion], seeds: Sequence[int], *, n: int, max_tokens: int,
        temperature: float = 1.0,
    ) -> list[list[Response]]:  # fmt: skip
        """See Rollouts. R1VError: the environment raised."""
        groups = []
        for question, seed in zip(questions, seeds, strict=True):
            example = question.example
            asked = EpisodeStart(example.question, example.images, example.key.answer, example.columns)
            prompt = question.prompt
            groups.append(
                [
                    _Episode(prompt, prompt, self._begin(asked, question),
                             Random(f"{seed}/{i}").getrandbits(62))
                    for i in range(n)
                ]
            )  # fmt: skip
        live = [
            (episode, question)
            for question, group in zip(questions, groups, strict=True)
            for episode in group
        ]
        while live:
            found = self.inner.sample(
                [episode.prompt for episode, _ in live],
                [Random(f"{episode.seed}/{episode.turns}").getrandbits(62) for episode, _ in live],
                n=1, max_tokens=[max_tokens - episode.num_sampled for episode, _ in live],
                temperature=temperature,
            )  # fmt: skip
            for (episode, _), (response,) in zip(live, found, strict=True):
                self._take(episode, response)
            live = [(e, q) for e, q in live if self._goes_on(e, q, max_tokens)]
        return [[_whole(episode) for episode in group] for group in groups]

    def _begin(self, asked: EpisodeStart, question: EncodedQuestion) -> Any:
        try:
            return self.environment.begin(asked)
        except Exception as error:
            raise _failed(question, error) from error

    @staticmethod
    def _take(episode: _Episode, response: Response) -> None:
        """A turn of the model."""
        episode.last, episode.turns = response, episode.turns + 1
        episode.logprobs.append(response.logprobs)
        episode.sampled.append(np.ones(len(response.token_ids), bool))
        ids = (*episode.prompt.token_ids, *response.token_ids)
        episode.prompt = replace(episode.prompt, token_ids=ids)

    def _goes_on(self, episode: _Episode, question: EncodedQuestion, max_tokens: int) -> bool:
        """Whether there is another turn; then the prompt holds what the environment said."""
        last = episode.last
        assert last is not None
        ended = last.finish_reason is not FinishReason.STOP or last.token_ids[-1] not in self._eos
        if ended or episode.turns == self.max_turns or episode.num_sampled >= max_tokens:
            return False
        try:
            turn = self.environment.reply(episode.state, last.answer)
        except Exception as error:
            raise _failed(question, error) from error
        if turn is None:
            return False
        more = continuation(self.processor, turn, question.planned.thinking)
        ids = (*episode.prompt.token_ids, *more.token_ids)
        if len(ids) >= self.processor.context_length:
            return False  # as where max_turns is reached: the last turn is the answer
        before = episode.prompt
        episode.prompt = Prompt(
            ids, np.concatenate([before.tiles, more.tiles]), before.tiles_per_image + more.tiles_per_image,
            before.image_hashes + more.image_hashes, before.image_token_count + more.image_token_count,
            more.opens_thinking,
        )  # fmt: skip
        episode.sampled.append(np.zeros(len(more.token_ids), bool))
        return True

    @property
    def _eos(self) -> Sequence[int]:
        return self.processor.special.eos


def continuation(processor: Processor, turn: Observation, thinking: bool) -> Prompt:
    """What the chat template writes between two turns of the model: the end of the first one's line, the
    user's turn, and the beginning of the second one."""
    asked, said = Message.user("?"), Message("assistant", ("!",))
    short = processor.encode([asked, said], thinking=thinking).token_ids
    whole = processor.encode([asked, said, Message.user(turn.text, turn.images)], thinking=thinking)
    same = next(
        (i for i, (a, b) in enumerate(zip(short, whole.token_ids, strict=False)) if a != b), len(short)
    )
    ends = [i for i in range(same) if whole.token_ids[i] in processor.special.eos]
    if not ends:
        raise R1VError(
            "this chat template marks no end of a turn, so a conversation cannot have several turns"
        )
    return replace(whole, token_ids=whole.token_ids[ends[-1] + 1 :])


def _whole(episode: _Episode) -> Response:
    """All turns as one response."""
    last, prompt = episode.last, episode.prompt
    assert last is not None
    sampled = np.concatenate(episode.sampled)
    token_ids, own = prompt.token_ids[len(episode.own.token_ids) :], len(episode.own.tiles_per_image)
    assert len(token_ids) == len(sampled), "each token is the model's or the environment's"
    ends = np.cumsum(prompt.tiles_per_image, dtype=np.int64).tolist()
    tiles = [prompt.tiles[end - n : end] for n, end in zip(prompt.tiles_per_image, ends, strict=True)]
    return replace(
        last, token_ids=token_ids, logprobs=np.concatenate(episode.logprobs),
        observed=Observed(sampled, tuple(tiles[own:]), prompt.image_hashes[own:], episode.turns),
    )  # fmt: skip


def _failed(question: EncodedQuestion, error: Exception) -> R1VError:
    planned = question.planned
    name = question.example.origin or f"{planned.family} {planned.index}"
    return R1VError(f"the environment failed for {name}: {failure(error)}")
