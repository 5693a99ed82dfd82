"""An LLM as the judge of free answers.

Enters: a question, the reference answer, the answer that a model gave (without its thinking). Leaves:
same, different, or no verdict. Always holds: a judge's reply is stored with the judge's name and the hash of
its prompt, so it is asked only once; a judge that fails, or says neither, has given no verdict.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from r1v.eval.item import Json
from r1v.eval.prompts import Wording, prompt
from r1v.eval.store import RunFolder

# a line that is a verdict and nothing else; models write some of it in bold
_VERDICT = re.compile(r"[\s*_`]*VERDICT[\s*_`]*:[\s*_`]*(SAME|DIFFERENT)[\s*_`.]*", re.IGNORECASE)
_SAID = re.compile(r"ANSWER:\s*(.*)")
T = TypeVar("T")
CONCURRENCY = 16  # questions that are asked at the same time
MAX_ANSWER = 4000  # The judge sees so many characters of an answer: its end, where the result is.


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """What a judge is asked about one sample."""

    question: str
    reference: str
    answer: str

    def key(self, judge: str, wording: Wording) -> str:
        """The key under which the reply is stored: the same for the same question to the same judge in the
        same words."""
        whole = json.dumps([judge, wording.sha256, self.question, self.reference, self.answer])
        return hashlib.sha256(whole.encode()).hexdigest()


class Judge:
    """Asks a model of Inspect, and stores its replies in a run's folder."""

    def __init__(self, model: Any, name: str, folder: RunFolder, wording: Wording | None = None) -> None:
        self.model = model
        self.name = name
        self.folder = folder
        self.wording = wording or prompt("judge")
        self.failures = 0  # replies that never came, of those who read
        self.failure = ""  # why the first reply without a verdict has none
        self.cost: float | None = None  # dollars of what was asked now, None where no price is known
        self._known: dict[str, Json] = {
            line["key"]: line for line in map(_read_again, folder.judgements()) if line["same"] is not None
        }

    def describe(self) -> Json:
        """For manifests."""
        return {"model": self.name, "prompt": dict(self.wording.describe())}

    def ask_all(
        self, questions: Sequence[JudgedAnswer], progress: Callable[[int], None] | None = None
    ) -> dict[JudgedAnswer, bool | None]:
        """Verdicts: True for the same, False for different, None where no verdict was given."""
        return self._every(self._ask, questions, progress)

    def say_all(
        self, questions: Sequence[JudgedAnswer], progress: Callable[[int], None] | None = None
    ) -> dict[JudgedAnswer, str | None]:
        """The answers that the model reads, with the wording "extract"; None where it finds none. A failure
        is not stored, so the next scoring asks again."""
        return self._every(self._say, questions, progress)

    @staticmethod
    def _every(
        ask: Callable[[JudgedAnswer], Awaitable[T]],
        questions: Sequence[JudgedAnswer],
        progress: Callable[[int], None] | None,
    ) -> dict[JudgedAnswer, T]:
        """What each question gives, asked once, several at a time. progress: gets 1 after each."""
        asked = list(dict.fromkeys(questions))

        async def all_of_them() -> list[T]:
            gate = asyncio.Semaphore(CONCURRENCY)

            async def one(question: JudgedAnswer) -> T:
                async with gate:
                    said = await ask(question)
                if progress:
                    progress(1)
                return said

            return await asyncio.gather(*map(one, asked))

        return dict(zip(asked, asyncio.run(all_of_them()), strict=True))

    async def _reply(self, text: str) -> str:
        """The model's reply; what it cost is added up."""
        output = await self.model.generate(text)
        paid = getattr(getattr(output, "usage", None), "total_cost", None)
        if paid is not None:
            self.cost = (self.cost or 0.0) + paid
        return str(output.completion)

    async def _say(self, question: JudgedAnswer) -> str | None:
        key = question.key(self.name, self.wording)
        if key not in self._known:
            text = self.wording.fill(question=question.question, answer=question.answer[-MAX_ANSWER:])
            try:
                reply = await self._reply(text)
            except Exception:  # noqa: BLE001 - whatever failed, nothing was read
                self.failures += 1
                return None
            line = {"key": key, "judge": self.name, "prompt": self.wording.sha256, "same": False,
                    "said": parse_said(reply), "reply": reply[-2000:]}  # fmt: skip
            self.folder.append_judgement(line)
            self._known[key] = line
        said = self._known[key].get("said")
        return None if said is None else str(said)

    async def _ask(self, question: JudgedAnswer) -> bool | None:
        key = question.key(self.name, self.wording)
        if key in self._known:
            return bool(self._known[key]["same"])
        text = self.wording.fill(
            question=question.question, reference=question.reference, answer=question.answer[-MAX_ANSWER:]
        )
        same: bool | None = None
        try:
            reply = await self._reply(text)
        except Exception as error:  # noqa: BLE001 - whatever failed, the judge has given no verdict
            reply = f"{type(error).__name__}: {error}"
        else:
            same = parse_verdict(reply)
        line = {
            "key": key,
            "judge": self.name,
            "prompt": self.wording.sha256,
            "same": same,
            "reply": reply[-2000:],
        }
        self.folder.append_judgement(line)
        if same is not None:
            self._known[key] = line
        elif not self.failure:
            self.failure = " ".join(reply.split())[:200] or "an empty reply"
        return same


def _read_again(line: Json) -> Json:
    """A stored reply with the verdict that is read in it now; what a model read in an answer stays."""
    return line if "said" in line else {**line, "same": parse_verdict(str(line["reply"]))}


def counting(progress: Callable[[int, int], None] | None, total: int) -> Callable[[int], None]:
    """What is called after each answer, with how many there were: tells (done, total)."""
    done = 0

    def count(number: int) -> None:
        nonlocal done
        done += number
        if progress:
            progress(done, total)

    return count


def parse_said(reply: str) -> str | None:
    """The text after the last "ANSWER:" of a reply; None if there is none, or if it says NONE."""
    found = _SAID.findall(reply)
    said = found[-1].strip().strip("*").strip() if found else ""
    return said if said and said.upper() != "NONE" else None


def parse_verdict(reply: str) -> bool | None:
    """The verdict in a reply's last line; None if that line is anything else, or if another line is the other
    verdict."""
    lines = [line for line in reply.splitlines() if line.strip(" \t*_`")]
    found = [match[1].upper() for line in lines if (match := _VERDICT.fullmatch(line))]
    if not found or _VERDICT.fullmatch(lines[-1]) is None or len(set(found)) > 1:
        return None
    return found[-1] == "SAME"
