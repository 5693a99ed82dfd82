"""Proof that another library computes what we compute: a certificate for one checkpoint.

Enters: a checkpoint and a Peer. Leaves: a Certificate: tile pixels, token ids, logits, greedy tokens and the
split of thinking, on text, one, two and five images (of a language model alone: on several texts). Always
holds: each line says what was compared with what and how far apart it was; what a peer does not show is named
as not compared, and never counts as equal.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import PIL
import torch
from PIL import Image, ImageDraw

from r1v import __version__
from r1v.core import Completion, Message, SamplingParams
from r1v.engine import EngineConfig
from r1v.llm.config import DTYPES
from r1v.llm.facade import LLM
from r1v.llm.prompt_encoder import engine_ids
from r1v.models import R1V, load, resolve_model
from r1v.prompt import Processor, Prompt
from r1v.write_lock import writing

# Largest difference of a logit that rounding explains (1e-5 in float32 on R1V-Nano).
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.5, "float16": 0.1}
MAX_LEVELS = 2.0  # of 255; transformers resizes in two steps, so its tiles differ from PIL's


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation that is compared."""

    name: str
    messages: tuple[Message, ...]


def picture(width: int, height: int, seed: int) -> Image.Image:
    """A picture of shapes on a gradient with fine lines, whose pixels change with any other way of
    resizing."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[0:height, 0:width]
    base = np.stack([cols * 255 / width, rows * 255 / height, (rows + cols) % 256], -1)
    image = Image.fromarray(np.clip(base + rng.normal(0, 8, base.shape), 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        size = int(rng.integers(10, 60))
        color = tuple(int(v) for v in rng.integers(0, 256, 3))
        draw.ellipse((x, y, x + size, y + size), fill=color, outline="black")
        draw.line((0, y, width, x % height), fill=color, width=2)
    return image


TEXTS = {
    "text": "Calculate 47 + 38. Show the steps.",
    "code": "Write a Python function that says whether a number is prime, with a docstring.",
    "Chinese": "请用三句话介绍长城的历史。",
    "list": "List the planets of the solar system, each with its diameter in km, as a Markdown table.",
    "signs": "Explain 「∀ε>0 ∃δ>0」 – naïve or not? 🙂\n\n\t```\nx  =  1\n```",
}


def text_cases() -> tuple[Case, ...]:
    """What a language model alone is compared on."""
    return tuple(Case(name, (Message.user(text),)) for name, text in TEXTS.items())


def cases() -> tuple[Case, ...]:
    """Text, one, two and five images, of several shapes and sizes."""
    sizes = ((640, 480), (300, 900), (1000, 250), (448, 448), (97, 61))
    images = [picture(*size, seed) for seed, size in enumerate(sizes)]
    asked = {
        "text": ("Calculate 47 + 38. Show the steps.", []),
        "one image": ("How many circles are there?", images[:1]),
        "two images": ("What is different between the two pictures?", images[:2]),
        "five images": ("圈有几个? Count the circles in all five pictures.", images),
    }
    return tuple(Case(name, (Message.user(text, shown),)) for name, (text, shown) in asked.items())


@dataclass(frozen=True, slots=True)
class Scores:
    """Logits or log-probabilities that a peer gives.

    start: position of the first row, counted from the first id of the prompt; row i is about the id after it.
    values: float32 (rows, V) of logits, +inf where not given, or None. top: by row, id -> log-probability,
    where only the best are given.
    """

    start: int
    values: torch.Tensor | None = None
    top: tuple[dict[int, float], ...] = ()


class Peer(Protocol):
    """Another way to run the checkpoint. Each method gives None for what the peer does not show."""

    name: str
    versions: dict[str, str]

    def tiles(self, case: Case) -> np.ndarray | None:
        """By its own preprocessing: float (num_tiles, S, S, 3), 0 to 255."""
        ...

    def token_ids(self, case: Case) -> list[int] | None:
        """The prompt's ids by its own tokenizer and template."""
        ...

    def num_prompt_tokens(self, case: Case) -> int | None:
        """The number of the prompt's tokens, for a peer that does not show the ids themselves."""
        ...

    def greedy(self, case: Case, prompt: Prompt, max_tokens: int) -> tuple[list[int] | None, Completion]:
        """Ids (None where not shown) and the split text of greedy decoding."""
        ...

    def scores(self, case: Case, prompt: Prompt, output: Sequence[int]) -> Scores | None:
        """About the prompt followed by output."""
        ...


@dataclass(slots=True)
class CaseResult:
    """The result of one case. Fields that are None were not compared.

    tiles: how many; tile_levels: largest difference, of 255. ids_equal, num_ids: of the prompt. logits: what
    was compared ("full", "top"), over how many rows, and the largest difference. equal_prefix of num_output
    greedy tokens are equal; tie: our two best logits' distance where they part. split_equal: thinking and
    answer.
    """

    name: str
    tiles: int = 0
    tile_levels: float | None = None
    ids_equal: bool | None = None
    num_ids: int = 0
    logits: str | None = None
    num_rows: int = 0
    max_logit_difference: float | None = None
    num_output: int = 0
    equal_prefix: int | None = None
    tie: float | None = None
    split_equal: bool | None = None
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Certificate:
    """All cases of one checkpoint against one peer."""

    model: str
    weights_sha256: str
    against: str
    versions: dict[str, str]
    dtype: str
    tolerance: float
    cases: tuple[CaseResult, ...]

    @property
    def agrees(self) -> bool:
        """Whether nothing that was compared differs."""
        return not any(case.problems for case in self.cases)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        values = asdict(self)
        return {"format": 1, "agrees": self.agrees, **values, "cases": [asdict(case) for case in self.cases]}

    def write(self, path: Path) -> None:
        """As JSON."""
        with writing(path):
            path.write_text(json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def table(self) -> str:
        """For a terminal."""
        head = ("case", "tiles", "pixels", "ids", "logits", "greedy", "split")
        lines = [head, *(_cells(case) for case in self.cases)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                for line in lines]  # fmt: skip
        text += [f"  {case.name}: {problem}" for case in self.cases for problem in case.problems]
        return "\n".join(text)


def _cells(case: CaseResult) -> tuple[str, ...]:
    none = "–"
    levels, prefix = case.tile_levels, case.equal_prefix
    difference = case.max_logit_difference
    return (
        case.name,
        str(case.tiles),
        none if levels is None else "equal" if levels == 0 else f"within {levels:.2g}",
        none if case.ids_equal is None else f"{case.num_ids} {'equal' if case.ids_equal else 'DIFFER'}",
        none if difference is None else f"{difference:.1e} ({case.logits}, {case.num_rows} rows)",
        none if prefix is None else f"{prefix} of {case.num_output} equal",
        none if case.split_equal is None else "equal" if case.split_equal else "DIFFERS",
    )


def weights_hash(folder: Path) -> str:
    """SHA-256 over names and contents of the weight files and config.json."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), folder / "config.json"]):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


class CheckpointVerifier:
    """Our side of the comparison."""

    def __init__(self, name: str, dtype: str = "float32", device: str = "cpu") -> None:
        """name: of a checkpoint, as LLM takes it."""
        self.name, self.dtype = name, dtype
        self.folder = resolve_model(name)
        self.processor = Processor.from_folder(self.folder)
        self.model: R1V = load(self.folder, DTYPES[dtype], device)
        self.llm = LLM.from_model(self.model, self.processor, engine=EngineConfig(max_num_seqs=4))

    def run(
        self,
        peer: Peer,
        *,
        max_tokens: int = 48,
        tolerance: float | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Certificate:
        """Compare every case. progress: told how many of how many are compared."""
        tolerance = TOLERANCE[self.dtype] if tolerance is None else tolerance
        versions = {
            "r1v": __version__, "torch": torch.__version__, "pillow": PIL.__version__,
            "python": platform.python_version(),
        }  # fmt: skip
        compared = cases() if self.processor.takes_images else text_cases()
        results = []
        for number, case in enumerate(compared):
            progress(number, len(compared))
            results.append(self._case(case, peer, max_tokens, tolerance))
        progress(len(compared), len(compared))
        return Certificate(
            self.name, weights_hash(self.folder), peer.name, versions | peer.versions, self.dtype, tolerance,
            tuple(results),
        )  # fmt: skip

    def _case(self, case: Case, peer: Peer, max_tokens: int, tolerance: float) -> CaseResult:
        prompt = self.processor.encode(case.messages)
        result = CaseResult(case.name, tiles=len(prompt.tiles), num_ids=len(prompt.token_ids))
        self._tiles(prompt, peer.tiles(case), result)
        theirs = peer.token_ids(case)
        if theirs is not None:
            result.ids_equal = list(prompt.token_ids) == theirs
        elif (count := peer.num_prompt_tokens(case)) is not None:
            result.ids_equal = count == len(prompt.token_ids)
        if result.ids_equal is False:
            result.problems.append("token ids of the prompt differ")
        ours = self.llm.chat(
            case.messages, SamplingParams.greedy(max_tokens=max_tokens, detect_loops=False, logprobs=0)
        )
        logits = self._logits(prompt, ours.token_ids)
        self._greedy(prompt, ours, logits, peer.greedy(case, prompt, max_tokens), result, tolerance)
        self._scores(logits, peer.scores(case, prompt, ours.token_ids), result, tolerance)
        return result

    def _tiles(self, prompt: Prompt, theirs: np.ndarray | None, result: CaseResult) -> None:
        if theirs is None or not len(prompt.tiles):
            return
        if theirs.shape != prompt.tiles.shape:
            result.problems.append(f"tiles are {prompt.tiles.shape}, the peer's {theirs.shape}")
            return
        difference = np.abs(prompt.tiles.astype(np.float64) - theirs).max()
        result.tile_levels = 0.0 if difference < 0.01 else round(float(difference), 3)
        if difference > MAX_LEVELS + 0.01:
            result.problems.append(f"pixels differ by {difference:.1f} levels of 255")

    def _logits(self, prompt: Prompt, output: Sequence[int]) -> torch.Tensor:
        """Of every position, float32 (T, V)."""
        pixels = prompt.pixel_values
        device = self.model.device
        ids = torch.tensor([[*prompt.token_ids, *output]], device=device)
        with torch.inference_mode():
            found = self.model(ids, None if pixels is None else pixels.to(device, self.model.dtype))
        logits: torch.Tensor = found[0].float().cpu()
        return logits

    def _greedy(
        self,
        prompt: Prompt,
        ours: Completion,
        logits: torch.Tensor,
        theirs: tuple[list[int] | None, Completion],
        result: CaseResult,
        tolerance: float,
    ) -> None:
        ids, completion = theirs
        expected = list(ours.token_ids)
        result.num_output = len(expected)
        if ids is not None:
            together = zip(expected, ids, strict=False)
            equal = next((i for i, (a, b) in enumerate(together) if a != b), min(len(expected), len(ids)))
            result.equal_prefix = equal
            if equal < len(expected) or len(ids) > len(expected):
                row = logits[len(prompt.token_ids) + equal - 1].clone()
                row[list({self.processor.special.image_context or 0, *_banned(self.processor)})] = -torch.inf
                best = row.topk(2).values
                result.tie = float(best[0] - best[1])
                if result.tie > 2 * tolerance:
                    result.problems.append(
                        f"greedy tokens part at {equal}, where ours is {result.tie:.3g} ahead"
                    )
                return
            expected_split = self.processor.split(ids, prompt.opens_thinking)
        else:
            expected_split = (ours.thinking, ours.answer)
        found = (completion.thinking.strip(), completion.answer.strip())
        result.split_equal = found == (expected_split[0].strip(), expected_split[1].strip())
        if not result.split_equal:
            result.problems.append("thinking and answer differ")

    def _scores(
        self, logits: torch.Tensor, scores: Scores | None, result: CaseResult, tolerance: float
    ) -> None:
        if scores is None:
            return
        if scores.values is not None:
            rows = logits[scores.start : scores.start + len(scores.values)]
            width = min(rows.shape[1], scores.values.shape[1])
            apart = (rows[:, :width] - scores.values[: len(rows), :width]).abs()
            given = scores.values[: len(rows), :width] != torch.inf
            difference = float(apart[given].max())
            result.logits, result.num_rows = "full" if given.all() else "top", len(rows)
        else:
            rows = logits[scores.start : scores.start + len(scores.top)].log_softmax(-1)
            distances = [
                abs(float(row[token_id]) - value)
                for row, top in zip(rows, scores.top, strict=False) for token_id, value in top.items()
            ]  # fmt: skip
            if not distances:
                return
            difference = max(distances)
            result.logits, result.num_rows = "top", len(rows)
        result.max_logit_difference = difference
        if not difference <= tolerance:
            result.problems.append(f"logits differ by {difference:.3g}; {tolerance:g} is allowed")

    def close(self) -> None:
        """Let go of the model."""
        self.llm.close()


def _banned(processor: Processor) -> tuple[int, ...]:
    return engine_ids(processor).banned
