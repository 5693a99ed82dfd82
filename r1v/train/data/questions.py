"""Questions that will be answered by sampling: worker processes make their prompts and keys ahead.

Enters: plans. Leaves: questions in the order of the plans. Always holds: which questions a step asks follows
from the seed and the step; a bad one is named, never replaced.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from r1v.core import ConfigError, R1VError
from r1v.prompt import Processor, Prompt
from r1v.train.core.distributed import ONE_PROCESS
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import Example, ExampleSource
from r1v.train.data.order import shuffled
from r1v.train.data.rows import parse_line, read_lines
from r1v.train.data.workers import Workers

CHECKED = 64  # questions of a pool that are compared with the data


@dataclass(frozen=True)
class EncodedQuestion:
    """planned: which one. example: without its images, which are in the prompt as tiles, unless an engine is
    to cut them itself."""

    planned: PlannedSample
    prompt: Prompt
    example: Example


def make_question(
    source: ExampleSource, processor: Processor, planned: PlannedSample, *, keep_images: bool = False
) -> EncodedQuestion | str:
    """A question, or why it cannot be asked."""
    name = f"{planned.family} {planned.index}"
    try:
        example = source.example(planned.family, planned.index, planned.variation)
        name = example.origin or name
        prompt = processor.encode(example.messages(), thinking=planned.thinking)
    except R1VError as error:
        return f"{name}: {error}"
    if len(prompt.token_ids) >= processor.context_length:
        return f"{name}: {len(prompt.token_ids)} tokens leave no room for an answer"
    return EncodedQuestion(planned, prompt, example if keep_images else example.without_images())


class Questions:
    """Makes questions in worker processes, or in this one with workers=0.

    keep_images: with the pictures themselves beside their tiles. world: set to have only this process's share
    of each plan made here.
    """

    def __init__(self, source: ExampleSource, model: str, workers: int, keep_images: bool = False) -> None:
        make = partial(make_question, source, Processor.from_folder(model), keep_images=keep_images)
        self._workers = Workers[PlannedSample, EncodedQuestion | str](make, workers)
        self.world = ONE_PROCESS

    def put(self, plan: Sequence[PlannedSample]) -> None:
        """Have some questions made."""
        self._workers.put(self.world.share(plan))

    def get(self) -> tuple[list[EncodedQuestion], list[str]]:
        """This process's questions of the oldest plan, and the names of the bad ones of all. ConfigError:
        none is usable."""
        made = self._workers.get()
        good = [one for one in made if isinstance(one, EncodedQuestion)]
        bad = self.world.collect([one for one in made if isinstance(one, str)])
        if not any(self.world.gather(len(good))):
            raise ConfigError(f"not one question of a batch is usable; the first: {bad[0]}")
        return good, bad

    def ask_now(self, plan: Sequence[PlannedSample]) -> tuple[list[EncodedQuestion], list[str]]:
        """As `get`, of a plan that goes before those that wait."""
        self._workers.put(self.world.share(plan))
        self._workers.last_first()
        return self.get()

    def places(self, number: int) -> Sequence[int]:
        """Where the first ``number`` of this process's questions stand in the plan."""
        return self.world.share(range(number * self.world.size))

    def close(self) -> None:
        """End the workers."""
        self._workers.close()


def plan_questions(
    source: ExampleSource, seed: int, step: int, size: int, *, first: int = 0, variation: float = 1.0
) -> list[PlannedSample]:
    """The questions of a step: the next ones of the source. Every row comes once before any comes again."""
    return [
        PlannedSample(*source.pick(first + step * size + i, f"{seed}/{step}/{i}"), variation)
        for i in range(size)
    ]


class QuestionPool:
    """Questions that were chosen beforehand, asked in a new order in each round. origins: of each the file
    and line of its row, or ""."""

    def __init__(self, samples: Sequence[PlannedSample], origins: Sequence[str] | None = None) -> None:
        if not samples:
            raise ConfigError("the pool holds no question; make it from more, or easier, ones")
        self.samples = list(samples)
        self.origins = list(origins) if origins is not None else [""] * len(self.samples)

    def check(self, source: ExampleSource) -> None:
        """ConfigError: the source has other questions at the pool's places."""
        for one, origin in itertools.islice(zip(self.samples, self.origins, strict=True), CHECKED):
            there = one.family in source.families
            if not origin or (there and source.example(one.family, one.index, 1.0).origin == origin):
                continue
            raise ConfigError(
                f"pool: its question {origin} is not where the data have it now; give grpo the "
                "data, run.seed and data.heldout that the pool was made with, or make it again"
            )

    @classmethod
    def read(cls, path: str | Path) -> QuestionPool:
        """Read the file that ``write`` makes. ConfigError: it cannot be read."""
        lines = read_lines(Path(path), "pool")
        try:
            rows = [parse_line(line) for line in lines if line.strip()]
            samples = [PlannedSample(row["family"], row["index"], row["variation"]) for row in rows]
            return cls(samples, [row.get("origin", "") for row in rows])
        except (ValueError, KeyError) as error:
            raise ConfigError(f"pool: {path} is no pool ({error}); make it with r1v train pool") from None

    def write(self, path: str | Path) -> None:
        """Write one line for each question."""
        lines = [
            json.dumps(
                {"family": one.family, "index": one.index, "variation": one.variation}
                | ({"origin": origin} if origin else {})
            )
            for one, origin in zip(self.samples, self.origins, strict=True)
        ]
        Path(path).write_text("".join(line + "\n" for line in lines), encoding="utf-8")

    def plan(self, seed: int, step: int, size: int) -> list[PlannedSample]:
        """The questions of a step."""
        chosen = []
        for place in range(step * size, (step + 1) * size):
            round_, at = divmod(place, len(self.samples))
            chosen.append(self.samples[shuffled(at, len(self.samples), f"{seed}/{round_}")])
        return chosen
