"""The assembled model: image tokens, packing, training, initial values, geometry of the releases."""

from dataclasses import replace

import pytest
import torch

from r1v.core import ConfigError, ImageError, PromptError
from r1v.models import R1V, LanguageConfig, R1VConfig, VisionConfig
from r1v.models.checkpoint import build_empty

CONFIG = R1VConfig(
    vision=VisionConfig(32, 2, 4, 48, image_size=56, patch_size=14),
    language=LanguageConfig(97, 48, 2, 6, 2, 8, 80),
    image_token_id=5,
)
QWEN3 = replace(CONFIG, language=replace(CONFIG.language, family="qwen3", tied=True))


def model(config: R1VConfig = CONFIG, seed: int = 0) -> R1V:
    built = R1V(config)
    built.initialise(seed)
    return built.eval()


def ids_with(images: int, length: int = 20, rows: int = 1) -> torch.Tensor:
    ids = torch.randint(6, 97, (rows, length), generator=torch.Generator().manual_seed(0))
    ids[0, 2 : 2 + 4 * images] = 5
    return ids


@pytest.mark.parametrize("tokens", [0, 3, 5, 8])
def test_image_tokens_have_to_match_features(tokens: int) -> None:
    ids = torch.randint(6, 97, (1, 12))
    ids[0, :tokens] = 5
    with pytest.raises(PromptError, match=f"{tokens} image tokens.* 4 image features"):
        model()(ids, torch.randn(1, 3, 56, 56))
    if tokens:
        with pytest.raises(PromptError, match="0 image features"):
            model()(ids)


def test_no_images_without_a_known_image_token() -> None:
    text_only = model(replace(CONFIG, image_token_id=None))
    assert text_only(ids_with(1)).shape == (1, 20, 97)
    with pytest.raises(PromptError, match="does not name its image token"):
        text_only(ids_with(1), torch.randn(1, 3, 56, 56))


def test_tiles_of_another_size_are_refused() -> None:
    with pytest.raises(ImageError, match=r"\(1, 3, 28, 28\)"):
        model()(ids_with(1), torch.randn(1, 3, 28, 28))


@torch.no_grad()
def test_features_stand_at_image_tokens_in_order() -> None:
    ids = ids_with(1, rows=2)
    ids[1, 7:9], ids[1, 12:14] = 5, 5
    features = torch.randn(2, 4, 48)
    embedded = model().embed(ids, features)
    text = model().language.embedding(ids)
    is_image = ids == 5
    assert torch.equal(embedded[is_image], features.reshape(-1, 48))
    assert torch.equal(embedded[~is_image], text[~is_image])


@pytest.mark.parametrize("config", [CONFIG, QWEN3])
@torch.no_grad()
def test_packed_samples_give_the_logits_of_each_alone(config: R1VConfig) -> None:
    network = model(config)
    first, second = ids_with(1, 9), ids_with(2, 13)
    pixel_values = torch.randn(3, 3, 56, 56)
    padding = torch.zeros(1, 3, dtype=torch.int64)
    segments = torch.tensor([[0] * 9 + [1] * 13 + [-1] * 3])
    packed = network(torch.cat((first, second, padding), 1), pixel_values, segment_ids=segments)
    assert torch.isfinite(packed).all()
    torch.testing.assert_close(packed[:, :9], network(first, pixel_values[:1]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(packed[:, 9:22], network(second, pixel_values[1:]), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_later_tokens_change_nothing_before_them() -> None:
    network, ids = model(), ids_with(0)
    changed = ids.clone()
    changed[0, 12:] = 7
    before, after = network(ids), network(changed)
    assert torch.equal(before[:, :12], after[:, :12])
    assert not torch.equal(before[:, 12:], after[:, 12:])


@pytest.mark.parametrize("config", [CONFIG, QWEN3])
def test_gradient_checkpointing_changes_no_gradient(config: R1VConfig) -> None:
    gradients = []
    for checkpointing in (False, True):
        network = model(config).train()
        network.language.checkpointing = network.vision.checkpointing = checkpointing
        network(ids_with(1), torch.ones(1, 3, 56, 56)).float().square().mean().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
        gradients.append([parameter.grad for parameter in network.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)


@torch.no_grad()
def test_bfloat16_and_autocast_follow_float32() -> None:
    network = model()
    ids, pixel_values = ids_with(1), torch.randn(1, 3, 56, 56)
    expected = network(ids, pixel_values)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network(ids, pixel_values)
    low = network.to(torch.bfloat16)(ids, pixel_values)
    assert mixed.dtype == low.dtype == torch.bfloat16
    scale = expected.std()
    assert (mixed - expected).abs().max() < 0.1 * scale and (low - expected).abs().max() < 0.1 * scale


def test_positions_keep_their_precision_in_bfloat16() -> None:
    # angles of position 30000 need float32: in bfloat16 they would be off by whole turns
    network = model().to(torch.bfloat16)
    cos, _ = network.language.rope(torch.tensor([[30_000]]))
    exact = torch.cos(30_000 * 10000.0 ** (-torch.arange(0, 8, 2, dtype=torch.float64) / 8))
    torch.testing.assert_close(cos[0, 0].double(), exact, atol=1e-2, rtol=0)


def test_initial_values() -> None:
    network = model(seed=3)
    assert all(
        torch.equal(a, b) for a, b in zip(network.parameters(), model(seed=3).parameters(), strict=True)
    )
    assert not torch.equal(network.language.embedding.weight, model(seed=4).language.embedding.weight)
    layer = network.language.layers[0]
    assert layer.attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert layer.mlp.down.weight.std().item() == pytest.approx(0.02 / 2, rel=0.1)
    assert network.vision.layers[1].mlp.fc2.weight.std().item() == pytest.approx(0.02 / 2, rel=0.1)
    assert network.projector.fc2.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert torch.all(network.vision.layers[0].scale1 == 0.1) and torch.all(layer.attention.qkv.bias == 0)
    assert torch.all(layer.mlp_norm.weight == 1) and network.vision.position_embedding.std() > 0.01


def test_geometry_of_the_38b_releases() -> None:
    config = R1VConfig(
        vision=VisionConfig(3200, 45, 25, 12800, qkv_bias=False, qk_norm=True, norm_type="rms_norm"),
        language=LanguageConfig(152064, 5120, 64, 40, 8, 128, 27648, rms_norm_eps=1e-5),
    )
    empty = build_empty(config)
    assert all(parameter.is_meta for parameter in empty.parameters())
    counts = {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in (
            ("vision", empty.vision),
            ("language", empty.language),
            ("projector", empty.projector),
        )
    }
    d, i, kv = 5120, 27648, 8 * 128
    language_layer = d * (d + 2 * kv) + (d + 2 * kv) + d * d + 3 * d * i + 2 * d
    assert counts["language"] == 2 * 152064 * d + 64 * language_layer + d == 32_763_876_352
    w = 3200
    vision_layer = 3 * w * w + w * w + w + 2 * w * 12800 + 12800 + w + 6 * w
    assert counts["vision"] == 45 * vision_layer + w * 3 * 14 * 14 + w + w + 1025 * w
    assert counts["projector"] == 2 * 12800 + 12800 * d + d + d * d + d
    assert config.tokens_per_tile == 256
    assert empty(torch.empty(1, 8, dtype=torch.int64, device="meta")).shape == (1, 8, 152064)


@pytest.mark.parametrize(
    ("part", "changes", "words"),
    [
        ("vision", {"num_heads": 5}, "multiple of num_heads"),
        ("vision", {"image_size": 57}, "multiple of patch_size"),
        ("vision", {"norm_type": "batch_norm"}, "batch_norm"),
        ("vision", {"activation": "relu"}, "relu"),
        ("vision", {"num_layers": 0}, "num_layers"),
        ("vision", {"norm_eps": float("nan")}, "norm_eps"),
        ("language", {"num_kv_heads": 4}, "multiple of num_kv_heads"),
        ("language", {"head_dim": 7}, "even"),
        ("language", {"family": "llama"}, "llama"),
        ("language", {"num_layers": 10**6}, "num_layers"),
        ("whole", {"downsample": 3}, "merged 3 by 3"),
        ("whole", {"shuffle_version": "v3"}, "v3"),
        ("whole", {"select_layer": 3}, "select_layer"),
        ("whole", {"image_token_id": 97}, "outside the vocabulary"),
    ],
)
def test_configurations_that_cannot_be_built(part: str, changes: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        replace(CONFIG if part == "whole" else getattr(CONFIG, part), **changes)
