"""A new tiny model for every stage of training."""

from pathlib import Path

import pytest

from r1v.train.stages.init import InitConfig, initialise

FAMILIES = ("arithmetic", "counting")


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new tiny model with a tokenizer of its own."""
    return initialise(
        InitConfig(
            out=str(tmp_path_factory.mktemp("init") / "tiny"),
            vocab_size=400,
            tokenizer_samples=40,
            families=FAMILIES,
            image_size=32,
            patch_size=8,
            vision_hidden=32,
            vision_layers=1,
            vision_heads=2,
            vision_mlp=64,
            llm_hidden=128,
            llm_layers=2,
            llm_heads=2,
            llm_kv_heads=1,
            llm_mlp=128,
            context=1024,
        )
    )
