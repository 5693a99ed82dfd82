"""Some sampled replies of each step, stored for `r1v train watch`.

Enters: questions with their tiles, replies and rewards. Leaves: ``samples/step-N.json`` in the run's folder,
pictures in it as JPEG data URLs. Always holds: a file is complete or absent; the newest NUM_KEPT are kept;
files of later steps, which an interrupted run left, are removed.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from r1v.prompt import Prompt
from r1v.train.core.run import TrainingRun, write_atomically

FOLDER = "samples"
NUM_KEPT = 30
QUALITY = 85  # of JPEG


@dataclass(frozen=True)
class ShownReply:
    """One sampled reply. parts: of its reward, by name. note: what ended it, or what was wrong with it."""

    thinking: str
    answer: str
    reward: float
    advantage: float
    parts: Mapping[str, float]
    note: str = ""


@dataclass(frozen=True)
class ShownQuestion:
    """A question with its replies. wanted: the right answer."""

    family: str
    question: str
    wanted: str
    prompt: Prompt
    replies: Sequence[ShownReply]


def keep_samples(run: TrainingRun, step: int, questions: Sequence[ShownQuestion]) -> None:
    """Write the file of a step; the first process does."""
    if not run.world.first or not questions:
        return
    folder = run.folder / FOLDER
    folder.mkdir(exist_ok=True)
    rows = [
        {
            "family": one.family, "question": one.question, "wanted": one.wanted,
            "images": pictures(one.prompt), "replies": [_plain(asdict(reply)) for reply in one.replies],
        }
        for one in questions
    ]  # fmt: skip
    write_atomically(folder / f"step-{step}.json", json.dumps({"step": step, "questions": rows}) + "\n")
    held = kept_steps(run.folder)
    for old in [one for one in held if one > step] + [one for one in held if one <= step][:-NUM_KEPT]:
        (folder / f"step-{old}.json").unlink(missing_ok=True)


def kept_steps(folder: Path) -> list[int]:
    """Steps with samples, in ascending order."""
    names = [path.stem.removeprefix("step-") for path in (folder / FOLDER).glob("step-*.json")]
    return sorted(int(name) for name in names if name.isdigit())


def pictures(prompt: Prompt) -> list[str]:
    """Each image of a prompt as the model sees it: its thumbnail, which is its last tile, where it has been
    cut in several, else its one tile."""
    ends = np.cumsum(prompt.tiles_per_image, dtype=np.int64).tolist()
    return [_data_url(prompt.tiles[end - 1]) for end in ends]


def _data_url(tile: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(tile).save(stream, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _plain(values: dict[str, object]) -> dict[str, object]:
    """NaN and infinity, which JSON lacks, as words."""

    def one(value: object) -> object:
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        return {k: one(v) for k, v in value.items()} if isinstance(value, dict) else value

    return {name: one(value) for name, value in values.items()}
