"""Scores of a trained reward model: raw, and mapped to known scales.

Enters: rows of prompt and response. Leaves: an unbounded score each, in batches. Always holds: a row's score
does not depend on the other rows of its batch; scales are derived from the scores of a calibration set and
stored with the model.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from r1v.core import CheckpointError, R1VError, parse_json
from r1v.models.reward import RewardModel, load_reward
from r1v.train.core.compute import Compute, normalise
from r1v.train.core.run import write_atomically
from r1v.train.data.batches import Encoded, MicroBatch

CALIBRATION_FILE = "calibration.json"


@dataclass(frozen=True)
class Calibration:
    """mean, deviation: of the calibration set's scores. edges: five, between the integer scores 0 to 5."""

    mean: float = 0.0
    deviation: float = 1.0
    edges: tuple[float, ...] = (-2.0, -1.0, 0.0, 1.0, 2.0)

    @classmethod
    def of(cls, scores: Sequence[float]) -> Calibration:
        """From scores of a set: its sextiles are the edges, so that it has each integer equally often. Scores
        that are NaN or infinite are left out; CheckpointError: nothing else is there."""
        values = np.asarray(scores, np.float64)
        values = values[np.isfinite(values)]
        if not len(values):
            raise CheckpointError("not one score of the reward model is finite; train it anew")
        deviation = float(values.std())
        edges = np.quantile(values, [i / 6 for i in range(1, 6)])
        return cls(float(values.mean()), deviation if deviation > 0 else 1.0, tuple(map(float, edges)))

    def integer(self, score: float) -> int:
        """0 to 5: how many edges the score has reached. This is V1's scale, mapped by quantiles."""
        return bisect_right(self.edges, score)

    def bounded(self, score: float) -> float:
        """In (0, 1): the logistic function of the score in deviations from the mean, half at the mean. Only
        for a finite score."""
        assert math.isfinite(score), "a score that is not finite has no place on a scale"
        return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, (score - self.mean) / self.deviation))))

    def save(self, folder: Path) -> None:
        """Beside the reward model."""
        write_atomically(folder / CALIBRATION_FILE, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Calibration:
        """Of a reward model's folder. CheckpointError: it has none, or an unreadable one."""
        try:
            values = parse_json((folder / CALIBRATION_FILE).read_bytes(), CALIBRATION_FILE)
            return cls(float(values["mean"]), float(values["deviation"]), tuple(map(float, values["edges"])))
        except (R1VError, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise CheckpointError(
                f"{folder / CALIBRATION_FILE} cannot be read ({error}); train with r1v train reward"
            ) from None


def pad_rows(rows: Sequence[Encoded], pad_id: int, multiple: int = 32) -> MicroBatch:
    """Rows padded on the right; the target place of each is its last token, where its score is read."""
    width = -(-max(len(row.token_ids) for row in rows) // multiple) * multiple
    ids = np.full((len(rows), width), pad_id, np.int64)
    for line, row in enumerate(rows):
        ids[line, : len(row.token_ids)] = row.token_ids
    last = torch.tensor([line * width + len(row.token_ids) - 1 for line, row in enumerate(rows)])
    return MicroBatch(
        torch.from_numpy(ids), torch.from_numpy(np.concatenate([row.tiles for row in rows])), last,
        torch.zeros_like(last), torch.arange(len(rows)), ("",) * len(rows),
    )  # fmt: skip


def forward_scores(model: RewardModel, batch: MicroBatch, compute: Compute) -> torch.Tensor:
    """Scores float32 (B,) of a batch, on the compute's device."""
    part = compute.move(batch)
    width = part.input_ids.shape[1]
    with compute.autocast():
        scores: torch.Tensor = model(
            part.input_ids, part.target_places % width + 1, normalise(part.tiles) if len(part.tiles) else None
        )
    return scores


def reward_folder(folder: str | Path) -> Path:
    """The folder of a reward model, of which the run that made it may be named."""
    inner = Path(folder) / "model"
    return inner if (inner / "reward_head.safetensors").is_file() else Path(folder)


class RewardScorer:
    """A reward model that scores rows of any number. pad_id: any id; what stands behind a row is not seen."""

    def __init__(
        self, model: RewardModel, compute: Compute, calibration: Calibration, batch_size: int = 32
    ) -> None:
        self.model, self.compute, self.calibration, self.batch_size = model, compute, calibration, batch_size

    @classmethod
    def open(cls, folder: str | Path, compute: Compute, batch_size: int = 32) -> RewardScorer:
        """The reward model that ``r1v train reward`` wrote: its folder, or the run's."""
        folder = reward_folder(folder)
        dtype = torch.bfloat16 if compute.bf16 else torch.float32
        model = load_reward(folder, dtype, compute.device).requires_grad_(False)
        return cls(model, compute, Calibration.load(Path(folder)), batch_size)

    def score(self, rows: Sequence[Encoded]) -> list[float]:
        """Raw scores in the order of the rows, which are batched by length."""
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].token_ids))
        scores = [0.0] * len(rows)
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            batch = pad_rows([rows[i] for i in places], pad_id=0)
            with torch.no_grad():
                found = forward_scores(self.model, batch, self.compute).tolist()
            for place, score in zip(places, found, strict=True):
                scores[place] = score
        return scores
