"""Tiling against a slow, plain reference, bit by bit, and against transformers' choice of grids."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from r1v.core import ConfigError, ImageRef, PromptError
from r1v.prompt import TilingConfig, choose_grid, count_tiles, normalise, open_image, share_tiles, tile_image
from r1v.prompt import tiling as room


def reference_grid(width: int, height: int, cfg: TilingConfig) -> tuple[int, int]:
    """The rule in its plainest form: every pair, sorted by number of tiles, compared one by one."""
    pairs = []
    for cols in range(1, cfg.max_tiles + 1):
        for rows in range(1, cfg.max_tiles + 1):
            if cfg.min_tiles <= cols * rows <= cfg.max_tiles:
                pairs.append((cols, rows))
    pairs.sort(key=lambda pair: pair[0] * pair[1])
    best, smallest = (1, 1), float("inf")
    for cols, rows in pairs:
        difference = abs(width / height - cols / rows)
        if difference < smallest:
            best, smallest = (cols, rows), difference
        elif difference == smallest and width * height > 0.5 * cfg.image_size**2 * cols * rows:
            best = (cols, rows)
    return best


def reference_tiles(image: Image.Image, cfg: TilingConfig) -> list[Image.Image]:
    """Resize, crop tile by tile, thumbnail: PIL alone."""
    side = cfg.image_size
    cols, rows = reference_grid(*image.size, cfg)
    resized = image.resize((cols * side, rows * side), Image.Resampling.BICUBIC)
    tiles = []
    for row in range(rows):
        for col in range(cols):
            tiles.append(resized.crop((col * side, row * side, (col + 1) * side, (row + 1) * side)))
    if cfg.use_thumbnail and len(tiles) > 1:
        tiles.append(image.resize((side, side), Image.Resampling.BICUBIC))
    return tiles


def reference_pixels(tiles: list[Image.Image]) -> torch.Tensor:
    """One tile after the other, as torchvision's ToTensor and Normalize compute it."""
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    scaled = [torch.from_numpy(np.array(tile)).permute(2, 0, 1).float().div(255) for tile in tiles]
    return torch.stack([(tile - mean) / std for tile in scaled])


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


CONFIGS = [
    TilingConfig(),
    TilingConfig(max_tiles=6),
    TilingConfig(min_tiles=3, max_tiles=24),
    TilingConfig(max_tiles=1),
]


def random_sizes(count: int, seed: int) -> list[tuple[int, int]]:
    """Sizes over four orders of magnitude, many with exact ratios, where ties arise."""
    rng = random.Random(seed)
    sizes = []
    for _ in range(count):
        width = int(10 ** rng.uniform(0, 4))
        height = int(10 ** rng.uniform(0, 4))
        if rng.random() < 0.4:
            unit = rng.randint(1, 900)
            width, height = unit * rng.randint(1, 12), unit * rng.randint(1, 12)
        sizes.append((width, height))
    return sizes


@pytest.mark.parametrize("cfg", CONFIGS, ids=str)
def test_grids_equal_the_reference_on_thousands_of_sizes(cfg: TilingConfig) -> None:
    for width, height in random_sizes(1500, seed=1):
        assert choose_grid(width, height, cfg) == reference_grid(width, height, cfg), (width, height)


def test_grids_equal_those_of_transformers() -> None:
    try:
        from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas
    except ImportError as error:
        pytest.skip(f"transformers' image processor does not import here: {error}")
    for low, high in ((1, 12), (1, 6), (2, 9)):
        cfg = TilingConfig(min_tiles=low, max_tiles=high)
        for width, height in random_sizes(700, seed=2):
            theirs = get_optimal_tiled_canvas((height, width), (448, 448), low, high)
            assert choose_grid(width, height, cfg) == tuple(theirs), (width, height)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 20000), st.integers(1, 20000), st.integers(1, 14), st.integers(0, 14), st.integers(1, 1000)
)
def test_grids_equal_the_reference(width: int, height: int, low: int, more: int, side: int) -> None:
    cfg = TilingConfig(side, low, low + more)
    grid = choose_grid(width, height, cfg)
    # where no pair of sides gives low <= product <= high there is none, as in the reference
    assert grid == reference_grid(width, height, cfg)
    assert count_tiles(width, height, cfg) == grid[0] * grid[1] + (grid[0] * grid[1] > 1)


def test_pixels_equal_the_reference() -> None:
    rng = random.Random(3)
    for index in range(60):
        cfg = TilingConfig(rng.choice([28, 56, 112]), 1, rng.choice([1, 4, 12]), rng.random() < 0.8)
        image = noise(rng.randint(1, 500), rng.randint(1, 500), index)
        expected = reference_tiles(image, cfg)
        tiles = tile_image(image, cfg)
        assert tiles.dtype == np.uint8 and tiles.shape == (len(expected), cfg.image_size, cfg.image_size, 3)
        assert np.array_equal(tiles, np.stack([np.asarray(tile) for tile in expected]))
        assert torch.equal(normalise(tiles), reference_pixels(expected))


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("size", [(448, 448), (1001, 333), (3, 1999), (1344, 448), (640, 1280), (97, 1)])
def test_threads_give_the_same_pixels(
    monkeypatch: pytest.MonkeyPatch, threads: int, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(room, "usable_cores", lambda: threads)
    monkeypatch.setattr(room, "_THREAD_PIXELS", 0)
    image = noise(*size)
    expected = reference_tiles(image, TilingConfig(112))
    tiles = tile_image(image, TilingConfig(112))
    assert np.array_equal(tiles, np.stack([np.asarray(tile) for tile in expected]))
    assert torch.equal(normalise(tiles), reference_pixels(expected))


def test_a_large_photo_equals_the_reference() -> None:
    image = noise(2400, 1800)
    expected = reference_tiles(image, TilingConfig())
    assert len(expected) == 13
    assert np.array_equal(
        tile_image(image, TilingConfig()), np.stack([np.asarray(tile) for tile in expected])
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_normalise_into_another_dtype(dtype: torch.dtype) -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    pixels = normalise(tiles, dtype)
    assert pixels.dtype == dtype and pixels.shape == (2, 3, 8, 8)
    assert torch.equal(pixels, normalise(tiles).to(dtype))


def test_normalise_wants_tiles() -> None:
    for bad in (np.zeros((1, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), np.zeros((1, 3, 8, 8), np.uint8)):
        with pytest.raises(PromptError, match="uint8"):
            normalise(bad)


def test_modes_other_than_rgb_are_converted() -> None:
    assert (tile_image(Image.new("L", (50, 50), 9), TilingConfig(28)) == 9).all()


@pytest.mark.parametrize(
    "bad",
    [
        {"image_size": 0},
        {"min_tiles": 0},
        {"min_tiles": 5, "max_tiles": 4},
        {"max_tiles": 5000},
        {"max_tiles": 1.5},
    ],
)
def test_bad_configs(bad: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        TilingConfig(**bad)


# ------------------------------------------------------------------------------------------------- budgets


def test_no_shrinking_where_the_budget_is_enough() -> None:
    cfg = TilingConfig()
    assert share_tiles([(800, 600)] * 3, cfg, 39) == cfg


def test_every_image_shrinks_by_the_same_rule() -> None:
    sizes = [(1600, 1200)] * 4 + [(100, 1200)]
    cfg = TilingConfig()
    shared = share_tiles(sizes, cfg, 25)
    assert shared.max_tiles < cfg.max_tiles
    total = sum(count_tiles(*size, shared) for size in sizes)
    larger = sum(count_tiles(*size, cfg.limited(shared.max_tiles + 1)) for size in sizes)
    assert total <= 25 < larger
    assert share_tiles(sizes[::-1], cfg, 25) == shared
    assert share_tiles(sizes, cfg, 5).max_tiles == 1
    with pytest.raises(PromptError, match="5 images need at least one tile each"):
        share_tiles(sizes, cfg, 4)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4000), st.integers(1, 4000)), min_size=1, max_size=8),
    st.integers(1, 60),
)
def test_the_budget_is_kept(sizes: list[tuple[int, int]], budget: int) -> None:
    cfg = TilingConfig(min_tiles=2)
    if budget < len(sizes):
        with pytest.raises(PromptError):
            share_tiles(sizes, cfg, budget)
    else:
        shared = share_tiles(sizes, cfg, budget)
        assert sum(count_tiles(*size, shared) for size in sizes) <= budget


# --------------------------------------------------------------------------------------------- real images


def test_all_images_of_mathvision() -> None:
    root = os.environ.get("R1V_TEST_DATA")
    if root is None:
        pytest.skip("R1V_TEST_DATA is not set: the MathVision images are not here")
    paths = sorted((Path(root) / "mathvision" / "images").iterdir())
    assert len(paths) == 304
    for number, path in enumerate(paths):
        image = open_image(ImageRef(path))
        cfg = TilingConfig(448 if number % 30 == 0 else 112)  # small tiles are enough for most
        tiles = tile_image(image, cfg)
        assert len(tiles) == count_tiles(*image.size, cfg)
        if number % 30 == 0:
            assert np.array_equal(tiles, np.stack([np.asarray(tile) for tile in reference_tiles(image, cfg)]))
