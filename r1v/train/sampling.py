"""Groups of responses of the policy with their rewards. GRPO trains on them, and the pool chooses from them.

Enters: plans of questions. Leaves: groups in the order of the plan. Always holds: each of several processes
asks and judges its share, and afterwards all have all groups.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from rich.console import Console

from r1v.core import FinishReason
from r1v.train.core.config import DataConfig
from r1v.train.core.workbench import Workbench
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.questions import EncodedQuestion, QuestionPool, Questions, plan_questions
from r1v.train.data.sources import fingerprint, open_source
from r1v.train.data.spoilt import spoilt
from r1v.train.reward.functions import load_function
from r1v.train.reward.hybrid import HybridReward, Reward, advantages
from r1v.train.rollout.ahead import UnderWay, in_thread
from r1v.train.rollout.environment import EnvironmentRollouts, open_environment
from r1v.train.rollout.evaluate import heldout_questions
from r1v.train.rollout.opening import open_engine
from r1v.train.rollout.sampler import EngineRollouts, Response, Rollouts
from r1v.train.rollout.vllm import VLLMRollouts
from r1v.train.watch.samples import ShownQuestion, ShownReply, keep_samples


@dataclass(frozen=True)
class Group:
    """A question with its responses, their rewards and advantages. effective: they differ by rule. version:
    of the weights that answered."""

    question: EncodedQuestion
    responses: Sequence[Response]
    rewards: Sequence[Reward]
    advantages: Sequence[float]
    effective: bool
    version: int = 0


class Asker:
    """Asks planned questions. config: of a stage with the groups model, run, data, rollout, reward, loss."""

    def __init__(
        self, config: Any, console: Console, *, pool: str | None = None, heldout: bool = True,
        allow: Collection[str] = (), stage: str | None = None,
    ) -> None:  # fmt: skip
        self.config = c = config
        data: DataConfig = c.data
        # what cannot be loaded is said before anything large is
        functions = [load_function(text) for text in c.reward.functions]
        environment = None if c.rollout.environment is None else open_environment(c.rollout.environment)

        def handed_over(column: str) -> bool:
            return environment is not None or any(one.takes(column) for one in functions)

        self.pool = QuestionPool.read(pool) if pool else None
        self.source = open_source(data, c.run.seed, console, chains=False, used=handed_over)
        if self.pool is not None:
            self.pool.check(self.source)
        # then questions keep their pictures: another engine cuts them, an environment looks at them
        keep = c.rollout.engine != "r1v" or c.rollout.environment is not None
        # worker processes are forked before a device is opened
        asked = spoilt(self.source, data.spoil)
        self.questions = Questions(asked, c.model.path, data.workers, keep)
        self.heldout = (
            heldout_questions(self.source, c.model.path, data, c.run.seed, console, keep) if heldout else []
        )
        self.bench = Workbench.open(c, console, data=fingerprint(data), allow=allow, stage=stage)
        self.world = self.questions.world = self.bench.world
        self.engine = open_engine(self.bench, c.model.path, c.rollout, console)  # answers in one turn
        self.rollouts: Rollouts = self.engine  # in several, if there is an environment
        if environment is not None:
            assert isinstance(self.engine, EngineRollouts), "an environment needs our own engine"
            self.rollouts = EnvironmentRollouts(
                self.engine, self.bench.processor, environment, c.rollout.turns
            )
        self.reward = HybridReward(c.reward, self.bench.compute, functions)
        self.bad: list[str] = []

    def plan(self, step: int, size: int) -> list[PlannedSample]:
        """The questions of a step."""
        c = self.config
        if self.pool is not None:
            return self.pool.plan(c.run.seed, step, size)
        return plan_questions(
            self.source, c.run.seed, step, size, first=c.data.first_sample, variation=c.data.variation
        )

    def put(self, plan: Sequence[PlannedSample]) -> None:
        """Have questions made ahead."""
        self.questions.put(plan)

    def ask(
        self, step: int, plan: Sequence[PlannedSample] | None = None
    ) -> tuple[list[EncodedQuestion], list[list[Response]]]:
        """This process's share of the oldest plan, or of one that is asked at once, and its responses. step:
        what the seeds follow from."""
        questions, bad = self.questions.get() if plan is None else self.questions.ask_now(plan)
        self._count(questions, bad)
        responses = self.rollouts.ask(questions, self._seeds(step, questions), **self._wanted)
        return questions, responses

    def begin(self, step: int, version: int) -> UnderWay:
        """Have the oldest plan answered by the weights that the engine has. version: of these weights. Until
        the responses are there nothing else may be asked. See `ask`."""
        questions, bad = self.questions.get()
        seeds = self._seeds(step, questions)
        if isinstance(self.engine, VLLMRollouts):
            wait = self.engine.begin(questions, seeds, **self._wanted)
        else:
            work = partial(self.rollouts.ask, questions, seeds, **self._wanted)
            wait = in_thread(work, self.engine.device)
        return UnderWay(step, version, questions, bad, wait)

    def take(self, one: UnderWay) -> tuple[list[EncodedQuestion], list[list[Response]]]:
        """As `ask`, of questions that were begun."""
        self._count(one.questions, one.bad)
        return one.questions, one.responses()

    def begun(self, state: Mapping[str, Any]) -> UnderWay:
        """What was under way when a checkpoint was saved: the questions are made again."""
        self.put(self.plan(state["step"], self.config.prompts))
        questions, bad = self.questions.get()
        return UnderWay.restore(state, questions, bad, self.world)

    @property
    def _wanted(self) -> dict[str, Any]:
        rollout = self.config.rollout
        return {"n": rollout.group, "max_tokens": rollout.max_tokens, "temperature": rollout.temperature}

    def _seeds(self, step: int, questions: Sequence[EncodedQuestion]) -> list[int]:
        places = self.questions.places(len(questions))
        return [Random(f"{self.config.run.seed}/{step}/{place}").getrandbits(62) for place in places]

    def _count(self, questions: Sequence[EncodedQuestion], bad: Sequence[str]) -> None:
        self.bad += bad
        self.bench.left_out.add(sum(self.bench.world.gather(len(questions))) + len(bad), list(bad))

    def judge(
        self, questions: Sequence[EncodedQuestion], responses: Sequence[Sequence[Response]], version: int = 0
    ) -> list[Group]:
        """The groups of all processes, in the order of the plan. version: of the weights that answered."""
        groups = []
        judged = self.reward.judge(questions, responses)
        for question, group, rewards in zip(questions, responses, judged, strict=True):
            found = advantages(rewards, self.config.reward, self.config.loss.scaling)
            groups.append(Group(question, group, rewards, found.values, found.effective, version))
        self.bad += [name for part in self.world.gather(self.reward.take_bad()) for name in part]
        return self.world.collect(groups)

    def keep_samples(self, step: int, groups: Sequence[Group]) -> None:
        """Keep the replies of a step's first questions for `r1v train watch`."""
        keep_samples(self.bench.run, step, [_shown(one) for one in groups[: self.config.run.samples]])

    def take_bad(self) -> list[str]:
        """Names of questions that could not be asked and of samples without a finite reward, since the last
        call."""
        found, self.bad = self.bad, []
        return found

    def close(self) -> None:
        """End what was started."""
        self.bench.close()
        self.questions.close()
        self.reward.close()
        self.rollouts.close()


def _note(response: Response) -> str:
    turns = "" if response.observed is None else f"{response.observed.turns} turns"
    ended = "" if response.finish_reason is FinishReason.STOP else f"ended by {response.finish_reason.value}"
    return ", ".join(part for part in (turns, ended) if part)


def _shown(group: Group) -> ShownQuestion:
    """A group as the page shows it."""
    replies = [
        ShownReply(
            response.thinking, response.answer, reward.total, advantage,
            {"right": reward.rule, "form": reward.format, "model": reward.model}
            | {name: value for name, value in reward.functions.items() if value is not None},
            _note(response),
        )
        for response, reward, advantage in zip(
            group.responses, group.rewards, group.advantages, strict=True
        )
    ]  # fmt: skip
    example = group.question.example
    return ShownQuestion(
        group.question.planned.family, example.question, example.key.answer, group.question.prompt, replies
    )
