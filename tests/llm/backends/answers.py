"""The same requests to any backend, their answers as plain data.

Run as a program it is another interpreter's half of a comparison: vLLM has an environment of its own.
    PYTHON -m tests.llm.backends.answers MODEL BACKEND PICTURE|FOLDER ANSWERS.json [TENSOR_PARALLEL_SIZE]
PICTURE: what is asked of a tiny checkpoint. FOLDER: figures, NAME.png with its question in NAME.txt.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from r1v import LLM, SamplingParams
from r1v.core import Completion, FinishReason, Message, PromptError
from r1v.llm import ChatRequest, OutputGrammar, ParallelConfig

Question = tuple[list[Message], SamplingParams]


def questions(source: Path) -> dict[str, Question]:
    """Greedy, so that every backend must answer the same."""
    return figures(source) if source.is_dir() else options(source)


def figures(folder: Path) -> dict[str, Question]:
    """Each figure's question; and a sum, and one about several figures."""
    pictures = sorted(folder.glob("*.png"))
    asked = {path.stem: Message.user(path.with_suffix(".txt").read_text(), [path]) for path in pictures}
    asked["text"] = Message.user("Calculate 47 + 38. Show the steps.")
    asked["several"] = Message.user("What do these show?", pictures[:3])
    return {name: ([message], SamplingParams.greedy(max_tokens=300)) for name, message in asked.items()}


def options(picture: Path) -> dict[str, Question]:
    """One picture, every option that all backends have."""

    def greedy(**changes: Any) -> SamplingParams:
        return SamplingParams.greedy(**{"max_tokens": 12, **changes})

    text = [Message.user("Look at 12")]
    image = [Message.user("Look at 12", [picture])]
    talk = [*image, Message("assistant", ("It has 3 sides.",)), Message.user("So?", [picture])]
    return {
        "text": (text, greedy()),
        "image": (image, greedy()),
        "conversation": (talk, greedy()),
        "budget": (image, greedy(thinking_budget=3)),
        "no thinking": (text, greedy(thinking_budget=0)),
        "penalties": (image, greedy(repetition_penalty=1.3, presence_penalty=0.5, frequency_penalty=0.2)),
        "stop token": (text, greedy(stop_token_ids=(45, 305))),
        "log-probabilities": (image, greedy(logprobs=3, max_tokens=6)),
        "several": (image, greedy(n=3, max_tokens=5)),
        "loops": (text, greedy(max_tokens=400, logit_bias={65: 60.0})),
    }


def few(asked: dict[str, Question]) -> dict[str, Question]:
    """The first three: several processes on few cores are slow."""
    return dict(list(asked.items())[:3])


def plain(completion: Completion) -> dict[str, Any]:
    """What must be equal, and log-probabilities."""
    rows = completion.logprobs or ()
    return {
        "token_ids": list(completion.token_ids),
        "thinking": completion.thinking,
        "answer": completion.answer,
        "finish": completion.finish_reason.value,
        "detail": completion.finish_detail and completion.finish_detail.value,
        "usage": [completion.usage.prompt_tokens, completion.usage.image_tokens,
                  completion.usage.completion_tokens, completion.usage.reasoning_tokens],
        "logprobs": [[row.token_id, row.logprob, [list(each) for each in row.top]] for row in rows],
    }  # fmt: skip


def ask_all(llm: LLM, asked: dict[str, Question]) -> dict[str, list[dict[str, Any]]]:
    """One after the other; then those of one completion again, together."""
    found = {
        name: [plain(c) for c in llm.chat_n(messages, params)] for name, (messages, params) in asked.items()
    }
    single = [name for name, (_, params) in asked.items() if params.n == 1]
    together = llm.chat_many([asked[name][0] for name in single], [asked[name][1] for name in single])
    return found | {f"{name}, together": [plain(each)] for name, each in zip(single, together, strict=True)}


def cancelled(llm: LLM) -> dict[str, Any]:
    """A long answer, given up after three events; then another request."""
    stream = llm.stream("Go on", SamplingParams.greedy(max_tokens=400, detect_loops=False))
    seen = []
    for event in stream:
        seen.append(event)
        if len(seen) == 3:
            stream.cancel()
    last = seen[-1]
    assert isinstance(last, Completion)
    after = llm.chat("Go on", SamplingParams.greedy(max_tokens=3))
    return {
        "cancelled": last.finish_reason is FinishReason.CANCELLED,
        "tokens": last.usage.completion_tokens,
        "after": len(after.token_ids),
    }


def by_grammar(llm: LLM) -> list[str]:
    """A form of JSON, after thinking cut short and without thinking; models of another kind refuse it. No
    white space is left open: llguidance bounds it from 1.8 on, and vLLM 0.32 asks for an earlier one."""
    grammar = OutputGrammar(r'start: "{\"sides\": " /[34]/ "}"')
    found = []
    for budget in (3, 0):
        params = SamplingParams.greedy(max_tokens=40, thinking_budget=budget)
        request = ChatRequest((Message.user("How many sides?"),), params, grammar=grammar)
        try:
            found.append(llm.start(request).wait()[0].answer)
        except PromptError as error:
            found.append(str(error))
    return found


async def at_once(llm: LLM, question: Question, count: int) -> list[list[int]]:
    """The same question count times through asyncio."""
    request = ChatRequest(tuple(question[0]), question[1])

    async def one() -> list[int]:
        stream = await llm.start_async(request)
        while True:
            for event in await stream.events():
                if isinstance(event, Completion):
                    return list(event.token_ids)

    return await asyncio.gather(*(one() for _ in range(count)))


def main(model: str, backend: str, source: str, output: str, tensor: str = "1") -> None:
    """Ask, and write what came."""
    asked = questions(Path(source))
    with LLM(model, backend=backend, dtype="float32", parallel=ParallelConfig(int(tensor))) as llm:
        if int(tensor) > 1:
            found: dict[str, Any] = {"answers": ask_all(llm, few(asked))}
        else:
            found = {"answers": ask_all(llm, asked)}
            found["cancelled"] = cancelled(llm)
            found["grammar"] = by_grammar(llm)
            found["async"] = asyncio.run(at_once(llm, asked["text"], 4))
    Path(output).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
