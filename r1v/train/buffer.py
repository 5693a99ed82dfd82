"""The Selective Sample Buffer: responses with an advantage, kept for later updates.

Enters: responses with their advantage and the log-probabilities of the policy that sampled them. Leaves: the
same responses, drawn with probability proportional to |advantage|. Always holds: a sample's tokens, images,
advantage, behaviour log-probabilities and policy version stay one object; each image is held once, by its
hash, as long as a sample needs it; a sample without advantage, or older than max_age, is never drawn. Source:
R1V2 report, section 3.3; the staleness cap and the stored log-probabilities are ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from r1v.train.core.checks import at_least, share
from r1v.train.core.keys import key


@dataclass(frozen=True, eq=False)
class BufferedResponse:
    """One response of one group, as it was sampled.

    prompt_ids, completion_ids: int32. image_hashes: one for each image, in the prompt's order, names of tiles
    in a `TileStore`. logprobs: float32, of each completion token under the policy of ``version``, which
    counts updates. advantage: within its group, when it was sampled. proximal: float32, under the trainer's
    own weights at that time, used to correct the sampling of another engine. effective: whether the rule
    rewards of its group differ, so that the advantage does not come from the reward model alone. truncated:
    whether it was cut off. sampled: bool, of each completion token, where an environment
    wrote some of them; None: all were sampled.
    """

    prompt_ids: np.ndarray
    completion_ids: np.ndarray
    image_hashes: tuple[bytes, ...]
    advantage: float
    logprobs: np.ndarray
    version: int
    family: str = "all"
    proximal: np.ndarray | None = None
    effective: bool = True
    truncated: bool = False
    sampled: np.ndarray | None = None

    def __post_init__(self) -> None:
        for logprobs in (self.logprobs, self.proximal):
            assert logprobs is None or len(logprobs) == self.num_sampled, "one for each sampled token"

    @property
    def num_sampled(self) -> int:
        """Tokens that the model wrote."""
        return len(self.completion_ids) if self.sampled is None else int(self.sampled.sum())


class TileStore:
    """Tiles of images by hash. Each is held once, and dropped with its last user. tiles: uint8 (n, S, S,
    3)."""

    def __init__(self) -> None:
        self._tiles: dict[bytes, np.ndarray] = {}
        self._users: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._tiles)

    @property
    def num_bytes(self) -> int:
        """Bytes held in memory."""
        return sum(tiles.nbytes for tiles in self._tiles.values())

    def hold(self, hashes: Sequence[bytes], tiles: Sequence[np.ndarray]) -> None:
        """Register one user of each image; tiles: those of each image."""
        for name, one in zip(hashes, tiles, strict=True):
            if name not in self._tiles:
                self._tiles[name] = one.copy()  # a copy: a view would keep all images of its prompt in memory
            assert self._tiles[name].shape == one.shape, "equal hashes mean equal tiles"
            self._users[name] += 1

    def release(self, hashes: Sequence[bytes]) -> None:
        """Remove one user of each image."""
        for name in hashes:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._tiles[name]

    def tiles(self, hashes: Sequence[bytes]) -> list[np.ndarray]:
        """The tiles of each image, in the given order."""
        return [self._tiles[key] for key in hashes]


@dataclass(frozen=True)
class BufferConfig:
    """The Selective Sample Buffer."""

    on: bool = key(True, "keep effective samples and replay them")
    capacity: int = key(1024, "most samples that the buffer holds")
    max_age: int = key(8, "updates after which a sample is dropped")
    mix: float = key(0.5, "largest share of an update that may be replayed")
    max_reuse: int = key(0, "how often a sample may be drawn; 0: no limit")

    def __post_init__(self) -> None:
        at_least(self, 0, "capacity", "max_reuse", group="ssb")
        at_least(self, 1, "max_age", group="ssb")
        share(self, "mix", group="ssb")


@dataclass(frozen=True)
class Drawn:
    """Replayed samples with the tiles of their images. ages: in updates. reuse: how often each was drawn,
    this time included."""

    samples: tuple[BufferedResponse, ...]
    tiles: tuple[list[np.ndarray], ...]
    ages: tuple[int, ...]
    reuse: tuple[int, ...]


class SampleBuffer:
    """Samples in the order of their arrival; the oldest leave first."""

    def __init__(self, config: BufferConfig) -> None:
        self.config = config
        self.store = TileStore()
        self._samples: list[BufferedResponse] = []
        self._reuse: list[int] = []
        self.num_expired = 0

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, sample: BufferedResponse, tiles: Sequence[np.ndarray]) -> bool:
        """Keep a sample and the tiles of its images. False for a sample without advantage, or whose advantage
        does not come from the rules."""
        wanted = self.config.on and self.config.capacity and sample.effective
        if sample.advantage == 0.0 or not wanted:
            return False
        self.store.hold(sample.image_hashes, tiles)
        self._samples.append(sample)
        self._reuse.append(0)
        if len(self._samples) > self.config.capacity:
            self._keep(range(1, len(self._samples)))
        return True

    def expire(self, version: int) -> int:
        """Drop samples that are older than max_age at this policy version, or were drawn often enough.
        Returns how many."""
        limit = self.config.max_reuse
        keep = [
            i
            for i, sample in enumerate(self._samples)
            if version - sample.version <= self.config.max_age and not (limit and self._reuse[i] >= limit)
        ]
        dropped = len(self._samples) - len(keep)
        if dropped:
            self._keep(keep)
            self.num_expired += dropped
        return dropped

    def draw(self, number: int, version: int, seed: Sequence[int]) -> Drawn:
        """Up to ``number`` different samples, each next one with probability proportional to |advantage|.

        The same buffer and seed give the same draw. Method: Efraimidis and Spirakis 2006.
        """
        self.expire(version)
        number = min(number, len(self._samples))
        weights = np.array([abs(sample.advantage) for sample in self._samples])
        # the samples with the smallest of exponential times at these rates are a weighted draw without
        # replacement
        times = np.random.default_rng(list(seed)).exponential(size=len(weights)) / weights
        chosen = [int(i) for i in np.argsort(times, kind="stable")[:number]]
        for index in chosen:
            self._reuse[index] += 1
        samples = tuple(self._samples[i] for i in chosen)
        return Drawn(
            samples,
            tuple(self.store.tiles(sample.image_hashes) for sample in samples),
            tuple(version - sample.version for sample in samples),
            tuple(self._reuse[i] for i in chosen),
        )

    def num_replays(self, advantages: Iterable[float]) -> int:
        """How many of an update's fresh samples are replaced by replays: those without advantage, limited by
        the mixing ratio and by the size of the buffer."""
        values = list(advantages)
        idle = sum(value == 0.0 for value in values)
        return min(idle, int(self.config.mix * len(values) + 1e-9), len(self._samples))

    def _keep(self, indices: Sequence[int]) -> None:
        kept = set(indices)
        for i, sample in enumerate(self._samples):
            if i not in kept:
                self.store.release(sample.image_hashes)
        self._samples = [self._samples[i] for i in indices]
        self._reuse = [self._reuse[i] for i in indices]

    # ------------------------------------------------------------------------------------------ checkpoints

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps: tensors and plain values only."""
        keys = list(dict.fromkeys(key for sample in self._samples for key in sample.image_hashes))
        return {
            "samples": [
                {
                    "prompt_ids": torch.from_numpy(sample.prompt_ids.copy()),
                    "completion_ids": torch.from_numpy(sample.completion_ids.copy()),
                    "image_hashes": [key.hex() for key in sample.image_hashes],
                    "advantage": sample.advantage,
                    "logprobs": torch.from_numpy(sample.logprobs.copy()),
                    "version": sample.version,
                    "family": sample.family,
                    "proximal": None if sample.proximal is None else torch.from_numpy(sample.proximal.copy()),
                    "truncated": sample.truncated,
                    "sampled": None if sample.sampled is None else torch.from_numpy(sample.sampled.copy()),
                }
                for sample in self._samples
            ],
            "reuse": list(self._reuse),
            "tiles": {key.hex(): torch.from_numpy(self.store.tiles([key])[0].copy()) for key in keys},
            "num_expired": self.num_expired,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self.store = TileStore()
        self._samples, self._reuse = [], [int(n) for n in state["reuse"]]
        self.num_expired = int(state["num_expired"])
        for row in state["samples"]:
            hashes = tuple(bytes.fromhex(key) for key in row["image_hashes"])
            self.store.hold(hashes, [state["tiles"][key.hex()].cpu().numpy() for key in hashes])
            self._samples.append(
                BufferedResponse(
                    row["prompt_ids"].cpu().numpy(),
                    row["completion_ids"].cpu().numpy(),
                    hashes,
                    row["advantage"],
                    row["logprobs"].cpu().numpy(),
                    row["version"],
                    row["family"],
                    None if row.get("proximal") is None else row["proximal"].cpu().numpy(),
                    truncated=bool(row.get("truncated", False)),
                    sampled=None if row.get("sampled") is None else row["sampled"].cpu().numpy(),
                )
            )


@dataclass(frozen=True)
class Telemetry:
    """What one update was made of. fresh_effective: share of the fresh samples that have an advantage, which
    is what an update without the buffer would train on; effective: share of the update's own samples. reuse,
    age: means over the replayed ones, 0 without any."""

    fresh_effective: float
    effective: float
    replayed: int
    reuse: float
    age: float
    size: int
    expired: int


def telemetry(
    fresh: Sequence[BufferedResponse], trained: Sequence[BufferedResponse], drawn: Drawn, buffer: SampleBuffer
) -> Telemetry:
    """fresh, trained: all fresh samples, and those in the update. A sample counts as effective by its rule
    reward; differences that only a reward model makes do not count."""

    def share(samples: Sequence[BufferedResponse]) -> float:
        return sum(one.effective and one.advantage != 0.0 for one in samples) / max(len(samples), 1)

    def mean(values: Sequence[int]) -> float:
        return sum(values) / max(len(values), 1)

    return Telemetry(
        share(fresh), share(trained), len(drawn.samples), mean(drawn.reuse), mean(drawn.ages), len(buffer),
        buffer.num_expired,
    )  # fmt: skip
