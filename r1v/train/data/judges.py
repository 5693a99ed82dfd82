"""Judges score questions and correct chains: from what is known of generated figures, or by asking a model.

Enters: examples. Leaves: scores and replies. Always holds: a judge that gives no usable verdict is an error,
never a silent default.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Protocol, TypeAlias

from r1v.core import ConfigError, Message, R1VError
from r1v.figures import DIFFICULTIES
from r1v.prompt import open_image
from r1v.train.data.examples import Example
from r1v.train.data.pairs import Reply
from r1v.train.data.quality import JudgeScores

Ask: TypeAlias = Callable[[Message], str]

_SCORING = """\
Judge the question below, which goes with the image(s) above. Give each mark from 0 to 10, one a line:
quality: (is it clear and answerable?)
difficulty: (how hard is it?)
reasoning: (how many steps does it take?)
integration: (how far do text and image have to be read together?)

Question: """
_CORRECTING = """\
A student answered the question below, which goes with the image(s) above, wrongly. Rewrite the reasoning so
that it is right and reaches the answer {answer}. Write the reasoning alone.

Question: {question}

Reasoning: {thinking}"""


class ReplyJudge(Protocol):
    """Scores questions, and corrects wrong chains."""

    def score(self, example: Example) -> JudgeScores:
        """How good, hard and visual a question is."""
        ...

    def correct(self, example: Example, reply: Reply) -> Reply | None:
        """A right reply in place of a wrong one, or None."""
        ...


class FigureJudge:
    """Uses the known facts of generated figures, and of any example with a reference chain."""

    def score(self, example: Example) -> JudgeScores:
        """Difficulty as the figure was drawn (medium if unknown); reasoning by the number of lines of the
        reference chain; integration by the number of facts in the picture."""
        level = 1 if example.difficulty is None else DIFFICULTIES.index(example.difficulty)
        lines = len([line for line in example.thinking.splitlines() if line.strip()])
        return JudgeScores(1.0, float(level), float(lines), float(len(example.facts)))

    def correct(self, example: Example, reply: Reply) -> Reply | None:
        """The reference itself, if there is one."""
        return Reply(example.thinking, example.answer) if example.thinking else None


class ModelJudge:
    """A model that answers messages, such as `ask_openai` gives."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def score(self, example: Example) -> JudgeScores:
        """R1VError: the model named no mark."""
        said = self._ask(Message.user(_SCORING + example.question, example.images))
        marks = []
        for name in ("quality", "difficulty", "reasoning", "integration"):
            found = re.search(rf"{name}\W{{0,4}}(\d+(?:\.\d+)?)", said, re.IGNORECASE)
            if found is None:
                raise R1VError(f"the judge gave no mark for {name}: {said[:120]!r}")
            marks.append(float(found[1]))
        return JudgeScores(*marks)

    def correct(self, example: Example, reply: Reply) -> Reply | None:
        """The rewritten chain, with the known answer; None if the model wrote nothing."""
        said = self._ask(
            Message.user(
                _CORRECTING.format(
                    answer=example.key.answer, question=example.question, thinking=reply.thinking
                ),
                example.images,
            )
        ).strip()
        return Reply(said, example.answer) if said else None


def ask_openai(base_url: str, model: str, key: str) -> Ask:
    """Asks an OpenAI-compatible server, with images as PNG data URLs."""
    from openai import OpenAI, OpenAIError

    client = OpenAI(base_url=base_url, api_key=key)

    def ask(message: Message) -> str:
        content: list[dict[str, object]] = []
        for part in message.content:
            if isinstance(part, str):
                content.append({"type": "text", "text": part})
            else:
                stream = io.BytesIO()
                open_image(part).save(stream, "PNG")
                url = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
                content.append({"type": "image_url", "image_url": {"url": url}})
        try:
            done = client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": content}],  # type: ignore[list-item,misc]
                temperature=0.0,
            )
        except OpenAIError as error:
            raise ConfigError(f"the judge at {base_url} does not answer: {error}") from None
        return done.choices[0].message.content or ""

    return ask
