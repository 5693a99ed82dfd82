"""Our benchmarks as tasks of Inspect.

Enters: loaded benchmarks. Leaves: Inspect Tasks, with dataset, solver and scorer, for our runner and for
``inspect eval r1v/mathvision``. Always holds: the scorer is the benchmark's own grader, and never sees the
thinking.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.to_thread
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentReasoning,
    ContentText,
    ModelOutput,
)
from inspect_ai.scorer import (
    Metric,
    SampleScore,
    Score,
    Scorer,
    Target,
    Value,
    accuracy,
    mean,
    metric,
    scorer,
    stderr,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver

from r1v.core import ConfigError, ImageRef, Message
from r1v.eval.benchmark import TASKS, Dialogue, GraderError, GradingTools, Loaded, benchmark, load_items
from r1v.eval.item import Grade, Item, Output, data_url, image_bytes
from r1v.eval.item import Sample as Recorded
from r1v.eval.protocols import protocol as find_protocol
from r1v.eval.questions.own import recorded_benchmark
from r1v.eval.score import Judged, summarise
from r1v.prompt import split_text
from r1v.scoring import MathVerifier, Verdict, verdict_of
from r1v.scoring.verifier import available


class Recorder(Protocol):
    """Keeps outputs: ``known`` gives one that is already there, ``record`` adds one."""

    def known(self, task: str, id: str, epoch: int) -> Output | None: ...

    def record(self, sample: Recorded) -> None: ...


def to_chat(message: Message) -> ChatMessage:
    """Our message as Inspect's; images as data URLs."""
    if message.role == "system":
        return ChatMessageSystem(content=message.text)
    if message.role != "user":
        raise ConfigError(
            f"a benchmark's question has a turn of {message.role}; only system and user are asked"
        )
    content: list[Content] = [
        ContentImage(image=data_url(image_bytes(part)))
        if isinstance(part, ImageRef)
        else ContentText(text=part)
        for part in message.content
    ]
    return ChatMessageUser(content=content)


def from_output(output: ModelOutput, seconds: float) -> Output:
    """Inspect's output as ours: thinking from its reasoning content, else from ``<think>`` in the text."""
    message = output.message
    content = message.content if isinstance(message.content, list) else [ContentText(text=message.content)]
    thinking = "".join(part.reasoning for part in content if isinstance(part, ContentReasoning))
    answer = "".join(part.text for part in content if isinstance(part, ContentText))
    if not thinking:
        thinking, answer = split_text(answer, opened=None)
    usage = output.usage
    reason = "length" if output.stop_reason in ("max_tokens", "model_length") else "stop"
    return Output(
        thinking=thinking,
        answer=answer,
        finish_reason=reason,
        finish_detail=(output.metadata or {}).get("finish_detail"),
        error=output.error,
        prompt_tokens=usage.input_tokens if usage else 0,
        completion_tokens=usage.output_tokens if usage else 0,
        reasoning_tokens=(usage.reasoning_tokens or 0) if usage else 0,
        cost=usage.total_cost if usage else None,
        seconds=seconds,
    )


def seed_of(seed: int, task: str, id: str, epoch: int) -> int:
    """A sample's own seed. It does not depend on when the sample is drawn, or on other samples."""
    import hashlib

    digest = hashlib.sha256(f"{seed}/{task}/{id}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


async def converse(
    state: TaskState, generate: Generate, dialogue: Dialogue | None, seed: int
) -> tuple[TaskState, Output]:
    """Generate a reply or, if there is another side, a whole conversation, until that side has nothing more
    to say. Replies stay in the conversation without their thinking."""
    outputs: list[Output] = []
    while True:
        started = time.perf_counter()
        state = await generate(state, seed=seed)
        outputs.append(from_output(state.output, time.perf_counter() - started))
        more = dialogue.reply(outputs[-1].answer) if dialogue else ()
        if not more or outputs[-1].error is not None:
            return state, joined(outputs)
        state.messages[-1] = ChatMessageAssistant(content=outputs[-1].answer)
        state.messages += [to_chat(message) for message in more]


def joined(outputs: Sequence[Output]) -> Output:
    """The outputs of one conversation as one. It ended as the last one did, or by its length if any of them
    did."""
    last = outputs[-1]
    if len(outputs) == 1:
        return last
    costs = [one.cost for one in outputs if one.cost is not None]
    return replace(
        last,
        thinking="\n\n".join(one.thinking for one in outputs if one.thinking),
        answer="\n\n".join(one.answer for one in outputs),
        finish_reason="length"
        if any(one.finish_reason == "length" for one in outputs)
        else last.finish_reason,
        finish_detail=next((one.finish_detail for one in outputs if one.finish_detail), None),
        prompt_tokens=sum(one.prompt_tokens for one in outputs),
        completion_tokens=sum(one.completion_tokens for one in outputs),
        reasoning_tokens=sum(one.reasoning_tokens for one in outputs),
        cost=sum(costs) if costs else None,
        seconds=sum(one.seconds for one in outputs),
        replies=tuple(one.answer for one in outputs),
    )


@solver
def recorded(
    task: str, seed: int, recorder: Recorder | None, dialogue: Callable[[str], Dialogue | None]
) -> Solver:
    """A solver that generates, unless the recorder already has the output. dialogue: gives the other side by
    the question's id."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        id, epoch = str(state.sample_id), state.epoch
        known = recorder.known(task, id, epoch) if recorder else None
        if known is not None:
            state.output = ModelOutput.from_content(str(state.model), known.answer)
            state.metadata = {**state.metadata, "output": known}
            return state
        own = seed_of(seed, task, id, epoch)
        try:
            state, output = await converse(state, generate, dialogue(id), own)
        except Exception as error:  # the only place where a question may fail without ending the run
            if recorder is None:
                raise
            output = Output(finish_reason="error", error=f"{type(error).__name__}: {error}"[:500])
        state.metadata = {**state.metadata, "output": output}
        if recorder:
            recorder.record(Recorded(task, id, epoch, own, output))
        return state

    return solve


# a log keeps a question's grading up to this many characters, so that it can be scored again
MAX_KEPT = 200_000
# questions of this process, for those whose grading a log cannot keep
_asked: dict[tuple[str, str], Item] = {}


@metric
def leaderboard(task: str, own: dict[str, Any] | None = None) -> Metric:
    """The benchmark's own score and its 95% interval, as ``scores.json`` has them."""

    def value(scores: list[SampleScore]) -> Value:
        judged, items = [], []
        for one in scores:
            kept = one.score.metadata or {}
            items.append(Item(str(one.sample_id), (), group=kept["group"], grading=kept["grading"]))
            right = one.score.as_float()
            judged.append(
                Judged(
                    task=task, id=str(one.sample_id), epoch=1, verdict=Verdict(kept["verdict"]), score=right,
                    extracted=None, answer="", rule="", group=kept["group"], thinking_tokens=0, tokens=0,
                )
            )  # fmt: skip
        found = summarise(recorded_benchmark(task, own), judged, 1, items)
        return {name: found[name] for name in ("score", "low", "high")}

    return value


@scorer(metrics=[accuracy(), mean(), stderr()])
def graded(task: str, own: dict[str, Any] | None = None) -> Scorer:
    """The benchmark's grader as a scorer of Inspect. own: what a manifest keeps of one's own questions. The
    question is read from the sample's metadata, so that ``inspect score`` can grade a log again."""
    which = recorded_benchmark(task, own)
    tools: list[GradingTools] = []
    one_at_a_time = anyio.CapacityLimiter(1)

    def grade(item: Item, output: Output) -> Grade:
        if not tools:
            tools.append(GradingTools(MathVerifier() if available() else None))
        try:
            return which.grade(item, output, tools[0])
        except GraderError as error:  # the answers are kept, and the run's own scoring says what to do
            return Grade(None, None, f"no grade: {error}")

    async def score(state: TaskState, target: Target) -> Score:
        output = _output_of(state)
        item = _item_of(task, state, target.text)
        graded = (
            Grade(None, None, "failed")
            if output.error is not None
            else await anyio.to_thread.run_sync(grade, item, output, limiter=one_at_a_time)
        )
        verdict = verdict_of(
            graded.right,
            found=graded.extracted is not None,
            finish_reason="error" if output.error is not None else output.finish_reason,
            finish_detail=output.finish_detail,
        )
        return Score(
            value=graded.score or 0.0,
            answer=graded.extracted,
            explanation=f"{verdict} ({graded.rule})",
            metadata={"verdict": str(verdict), "group": item.group, "grading": _small(item)},
        )

    return score


def _small(item: Item) -> dict[str, Any]:
    """The short texts of a question's grading, which combining scores may need."""
    return {key: value for key, value in item.grading.items() if isinstance(value, str) and len(value) < 100}


def _output_of(state: TaskState) -> Output:
    """The output that the solver kept, in this process or in a log."""
    known = (state.metadata or {}).get("output")
    if isinstance(known, Mapping):
        return Output(**{**known, "replies": tuple(known.get("replies", ()))})
    return known if isinstance(known, Output) else from_output(state.output, 0.0)


def _item_of(task: str, state: TaskState, answer: str) -> Item:
    known = _asked.get((task, str(state.sample_id)))
    if known is not None:
        return known
    kept = (state.metadata or {}).get("question")
    if not isinstance(kept, Mapping):
        raise ConfigError(
            f"the log has no grading of {task} {state.sample_id}; score the run: r1v eval score RUN"
        )
    return Item(
        str(state.sample_id), (), answer, tuple(kept["options"]), str(kept["group"]), dict(kept["grading"])
    )


def _kept(item: Item) -> dict[str, Any]:
    """What a log keeps of a question, so that it can be graded again."""
    kept = {"options": list(item.options), "group": item.group, "grading": dict(item.grading)}
    return {"question": kept} if len(json.dumps(kept, default=str)) <= MAX_KEPT else {}


def to_task(
    loaded: Loaded,
    *,
    epochs: int = 1,
    seed: int = 0,
    recorder: Recorder | None = None,
    score: bool = True,
) -> Task:
    """A benchmark's questions as a Task. recorder: keeps the outputs. score: False for a task without a
    scorer."""
    name, other_side = loaded.benchmark.name, loaded.benchmark.dialogue
    items = {item.id: item for item in loaded.items}
    own = dict(loaded.benchmark.own) if loaded.benchmark.own else None
    _asked.update({(name, item.id): item for item in loaded.items})
    samples = [
        InspectSample(
            id=item.id,
            input=[to_chat(message) for message in item.messages],
            target=item.answer,
            metadata=_kept(item),
        )
        for item in loaded.items
    ]
    return Task(
        dataset=MemoryDataset(samples, name=name),
        solver=recorded(name, seed, recorder, lambda id: other_side(items[id]) if other_side else None),
        scorer=graded(name, own) if score else None,
        metrics=[accuracy(), mean(), stderr(), leaderboard(name, own)] if score else None,
        epochs=epochs,
        name=name,
        version=loaded.benchmark.version,
    )


def _make(name: str) -> Callable[..., Task]:
    @task(name=name)
    def make(
        data: str | None = None,
        limit: int | None = None,
        shuffle_seed: int | None = None,
        protocol: str = "r1v",
        **options: str | float,
    ) -> Task:
        """data: a folder with the benchmark's files; without it they are downloaded. options: of the
        benchmark's own, each given as -T NAME=VALUE."""
        which, way = benchmark(name), find_protocol(protocol)
        loaded = load_items(
            which,
            data=Path(data) if data else None,
            limit=limit,
            shuffle_seed=shuffle_seed,
            prompts=way.prompts_for(which),
            options={**way.options_for(which), **options},
        )
        return to_task(loaded)

    return make


# `inspect eval r1v/NAME` finds these by the entry point in pyproject.toml
INSPECT_TASKS: dict[str, Callable[..., Task]] = {name: _make(name) for name in TASKS}
