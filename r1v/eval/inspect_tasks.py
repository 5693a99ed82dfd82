"""Our benchmarks as tasks of Inspect.

Enters: loaded benchmarks. Leaves: Inspect Tasks, with dataset, solver and scorer, for our runner and for
``inspect eval r1v/mathvision``. Always holds: the scorer is the benchmark's own grader; reasoning content
is kept apart and never reaches it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

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
from inspect_ai.scorer import Score, Scorer, Target, accuracy, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver

from r1v.core import ConfigError, ImageRef, Message
from r1v.eval.benchmark import TASKS, Benchmark, Dialogue, GradingTools, Loaded, benchmark, load_items
from r1v.eval.item import Item, Output, data_url, image_bytes
from r1v.eval.item import Sample as Recorded
from r1v.prompt import split_text
from r1v.scoring import MathVerifier, verdict_of
from r1v.scoring.verifier import available


class Recorder(Protocol):
    """Keeps outputs: ``known`` gives one that is there already, ``record`` adds one."""

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
    """A sample's own seed: the same whenever and beside whatever it is drawn."""
    import hashlib

    digest = hashlib.sha256(f"{seed}/{task}/{id}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


async def converse(
    state: TaskState, generate: Generate, dialogue: Dialogue | None, seed: int
) -> tuple[TaskState, Output]:
    """Generate; where there is another side, until it has nothing more to say. Replies stay in the
    conversation without their thinking."""
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
    """The outputs of one conversation as one; ended as the last one, but too long if any was."""
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
    """Generate, unless the recorder has the output already; then give that. dialogue: by the question's
    id."""

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
        except Exception as error:  # the one boundary where a question may fail without ending the run
            if recorder is None:
                raise
            output = Output(finish_reason="error", error=f"{type(error).__name__}: {error}"[:500])
        state.metadata = {**state.metadata, "output": output}
        if recorder:
            recorder.record(Recorded(task, id, epoch, own, output))
        return state

    return solve


@scorer(metrics=[accuracy(), mean(), stderr()])
def graded(
    task: str, which: Callable[[], Benchmark], item: Callable[[str], Item], tools: GradingTools | None
) -> Scorer:
    """The benchmark's grader. which, item: the benchmark, a question by its id; functions, since Inspect
    writes what a scorer is made of into its logs. tools None makes its own."""
    own = tools or GradingTools(MathVerifier() if available() else None)

    async def score(state: TaskState, target: Target) -> Score:
        known = (state.metadata or {}).get("output")
        output = known if isinstance(known, Output) else from_output(state.output, 0.0)
        grade = which().grade(item(str(state.sample_id)), output, own)
        verdict = verdict_of(
            grade.right,
            found=grade.extracted is not None,
            finish_reason=output.finish_reason,
            finish_detail=output.finish_detail,
        )
        return Score(
            value=grade.score or 0.0,
            answer=grade.extracted,
            explanation=f"{verdict} ({grade.rule})",
            metadata={"verdict": str(verdict)},
        )

    return score


def to_task(
    loaded: Loaded,
    *,
    epochs: int = 1,
    seed: int = 0,
    recorder: Recorder | None = None,
    score: bool = True,
) -> Task:
    """A benchmark's questions as a Task. recorder: keeps the outputs. score False leaves scoring to
    others."""
    name, other_side = loaded.benchmark.name, loaded.benchmark.dialogue
    items = {item.id: item for item in loaded.items}
    samples = [
        InspectSample(id=item.id, input=[to_chat(message) for message in item.messages], target=item.answer)
        for item in loaded.items
    ]
    return Task(
        dataset=MemoryDataset(samples, name=name),
        solver=recorded(name, seed, recorder, lambda id: other_side(items[id]) if other_side else None),
        scorer=graded(name, lambda: loaded.benchmark, lambda id: items[id], None) if score else None,
        epochs=epochs,
        name=name,
        version=loaded.benchmark.version,
    )


def _make(name: str) -> Callable[..., Task]:
    @task(name=name)
    def make(data: str | None = None, limit: int | None = None, shuffle_seed: int | None = None) -> Task:
        """data: a folder with the benchmark's files; without it they are downloaded."""
        folder = Path(data) if data else None
        return to_task(load_items(benchmark(name), data=folder, limit=limit, shuffle_seed=shuffle_seed))

    return make


# `inspect eval r1v/NAME` finds these by the entry point in pyproject.toml
INSPECT_TASKS: dict[str, Callable[..., Task]] = {name: _make(name) for name in TASKS}


def tasks_of(names: Sequence[str]) -> dict[str, Any]:
    """The tasks of some benchmarks."""
    return {name: INSPECT_TASKS[name] for name in names}
