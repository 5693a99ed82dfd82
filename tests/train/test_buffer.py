"""The Selective Sample Buffer: what is drawn is what was put in, whole, and as often as it should be."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.core import ConfigError
from r1v.train.buffer import BufferConfig, BufferedResponse, Drawn, SampleBuffer, TileStore, telemetry


def image(number: int) -> tuple[bytes, np.ndarray]:
    """The number-th image: 1 to 3 tiles, full of its number."""
    return bytes([number] * 16), np.full((number % 3 + 1, 2, 2, 3), number, np.uint8)


def sample(
    number: int, advantage: float = 1.0, version: int = 0, images: tuple[int, ...] = ()
) -> BufferedResponse:
    """Everything about it can be told from its number."""
    length = number % 5 + 1
    return BufferedResponse(
        np.array([number, *images], np.int32), np.full(length, number, np.int32),
        tuple(image(i)[0] for i in images), advantage, np.full(length, -float(number), np.float32), version,
    )  # fmt: skip


def add(buffer: SampleBuffer, *samples: BufferedResponse) -> None:
    for one in samples:
        buffer.add(one, [image(key[0])[1] for key in one.image_hashes])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([-2.0, -0.5, 0.0, 0.1, 1.5]),
            st.integers(0, 6),
            st.lists(st.integers(1, 6), max_size=3),
        ),
        max_size=25,
    ),
    st.integers(1, 12),
    st.integers(1, 4),
    st.integers(0, 8),
    st.integers(0, 10),
)
def test_what_is_drawn_stays_aligned(
    rows: list[tuple[float, int, list[int]]], capacity: int, max_age: int, version: int, number: int
) -> None:
    buffer = SampleBuffer(BufferConfig(capacity=capacity, max_age=max_age))
    for i, (advantage, born, images) in enumerate(rows):
        add(buffer, sample(i, advantage, born, tuple(images)))
    assert len(buffer) <= capacity
    drawn = buffer.draw(number, version, [1, 2])
    assert len(drawn.samples) == min(number, len(buffer))
    names = [int(one.prompt_ids[0]) for one in drawn.samples]
    assert len(set(names)) == len(names)  # without replacement
    for name, one, tiles, age in zip(names, drawn.samples, drawn.tiles, drawn.ages, strict=True):
        advantage, born, images = rows[name]
        assert one.advantage == advantage != 0.0 and one.version == born
        assert age == version - born <= max_age
        assert one.prompt_ids.tolist() == [name, *images]
        assert set(one.completion_ids.tolist()) == {name} and set(one.logprobs.tolist()) == {-float(name)}
        assert [t.tolist() for t in tiles] == [image(i)[1].tolist() for i in images]
    # tiles are held for the samples that are there, and for no other
    kept = {key for one in buffer.draw(capacity, version, [0]).samples for key in one.image_hashes}
    assert len(buffer.store) == len(kept)
    again = SampleBuffer(buffer.config)
    again.restore(buffer.state())
    first, second = (b.draw(number, version, [3]) for b in (buffer, again))
    assert [one.prompt_ids.tolist() for one in first.samples] == [
        one.prompt_ids.tolist() for one in second.samples
    ]
    assert first.reuse == second.reuse and len(again.store) == len(buffer.store)


def test_the_chance_to_be_drawn_is_proportional_to_the_size_of_the_advantage() -> None:
    buffer = SampleBuffer(BufferConfig())
    add(buffer, sample(0, 1.0), sample(1, -3.0), sample(2, 0.5))
    drawn = Counter(int(buffer.draw(1, 0, [seed]).samples[0].prompt_ids[0]) for seed in range(4000))
    for name, weight in ((0, 1.0), (1, 3.0), (2, 0.5)):
        expected = weight / 4.5
        assert abs(drawn[name] / 4000 - expected) < 4 * math.sqrt(expected * (1 - expected) / 4000)
    # the second of two: P(1 is among them) = 1 - P(0 then 2) - P(2 then 0)
    pairs = sum(
        1 in [int(s.prompt_ids[0]) for s in buffer.draw(2, 0, [seed]).samples] for seed in range(2000)
    )
    assert abs(pairs / 2000 - (1 - 1 / 4.5 * 0.5 / 3.5 - 0.5 / 4.5 * 1 / 4)) < 0.02


def test_old_and_used_up_samples_go() -> None:
    buffer = SampleBuffer(BufferConfig(max_age=2, max_reuse=1))
    add(buffer, sample(0, version=0), sample(1, version=3))
    assert [s.version for s in buffer.draw(5, 3, [0]).samples] == [3]
    assert buffer.num_expired == 1
    assert not buffer.draw(5, 3, [1]).samples and buffer.num_expired == 2


def test_replays_take_idle_places_up_to_the_mixing_ratio() -> None:
    buffer = SampleBuffer(BufferConfig(mix=0.5))
    assert buffer.num_replays([0.0] * 8) == 0
    add(buffer, *(sample(i) for i in range(6)))
    assert buffer.num_replays([0.0] * 8) == 4
    assert buffer.num_replays([0.0] * 3 + [1.0] * 5) == 3
    assert buffer.num_replays([1.0] * 8) == 0


def test_telemetry() -> None:
    buffer = SampleBuffer(BufferConfig())
    add(buffer, sample(0, version=1), sample(1, version=3))
    buffer.draw(2, 3, [0])
    drawn = buffer.draw(2, 4, [0])
    idle, busy = replace(sample(0), advantage=0.0), replace(sample(0), advantage=1.0)
    found = telemetry([idle, idle, idle, busy], [busy, busy, busy, idle], drawn, buffer)
    assert (found.fresh_effective, found.effective) == (0.25, 0.75)
    assert (found.replayed, found.reuse, found.age, found.size) == (2, 2.0, 2.0, 2)


def test_the_state_is_safe_to_load(tmp_path: object) -> None:
    buffer = SampleBuffer(BufferConfig())
    add(buffer, sample(3, images=(2, 5)))
    torch.save(buffer.state(), f"{tmp_path}/state.pt")
    assert torch.load(f"{tmp_path}/state.pt", weights_only=True)["samples"][0]["version"] == 0


def test_a_tile_goes_with_its_last_user() -> None:
    store = TileStore()
    key, tiles = image(4)
    store.hold([key, key], [tiles, tiles])
    store.release([key])
    assert len(store) == 1 and store.num_bytes == tiles.nbytes
    store.release([key])
    assert len(store) == 0


def test_what_a_reward_model_alone_sets_apart_is_not_kept() -> None:
    buffer = SampleBuffer(BufferConfig())
    one = replace(sample(2), effective=False)
    assert not buffer.add(one, []) and len(buffer) == 0
    assert telemetry([one], [one], Drawn((), (), (), ()), buffer).fresh_effective == 0.0


@pytest.mark.parametrize("values", [{"mix": 1.5}, {"max_age": 0}, {"capacity": -1}])
def test_settings_out_of_range(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        BufferConfig(**values)  # type: ignore[arg-type]
