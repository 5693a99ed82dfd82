"""Each fast path against its slow reference, and both against torch or transformers."""

import inspect
import itertools
from functools import wraps
from typing import Any

import pytest
import torch

from r1v.core import ConfigError
from r1v.ops import (
    CausalAttention,
    RopeConfig,
    attention,
    attention_reference,
    embed_patches,
    embed_patches_reference,
    rms_norm,
    rms_norm_reference,
    rope_frequencies,
    rope_table,
    rotate,
    rotate_reference,
    segment_mask,
    segment_positions,
)
from r1v.ops.attention import varlen_attention
from r1v.ops.select import packed_attention


def qkv(tokens: int = 12, heads: int = 6, kv_heads: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(3, tokens, count, 16) for count in (heads, kv_heads, kv_heads)]


@pytest.mark.parametrize("kv_heads", [1, 2, 6])
@pytest.mark.parametrize("masked", ["none", "causal", "shared mask", "mask of each row"])
def test_attention(kv_heads: int, masked: str) -> None:
    q, k, v = qkv(kv_heads=kv_heads)
    triangle = torch.ones(12, 12, dtype=torch.bool).tril()
    rows = (torch.rand(3, 12, 12) > 0.5) | torch.eye(12, dtype=torch.bool)
    mask = {"none": None, "causal": triangle, "shared mask": triangle, "mask of each row": rows}[masked]
    causal = masked == "causal"
    fast = attention(q, k, v, None if causal else mask, causal=causal)
    torch.testing.assert_close(fast, attention_reference(q, k, v, mask), atol=1e-5, rtol=1e-5)


def test_a_token_sees_only_earlier_tokens_of_its_segment() -> None:
    segments = torch.tensor([[0, 0, 1, 1, 1, -1, -1]])
    mask = segment_mask(segments)[0]
    for query in range(7):
        for key in range(7):
            same = bool(segments[0, query] == segments[0, key])
            assert bool(mask[query, key]) == (key <= query and same)
    assert segment_positions(segments).tolist() == [[0, 1, 0, 1, 2, 0, 1]]


@pytest.mark.parametrize("num_lines", [1, 3])  # a single line goes segment by segment
def test_packed_attention_is_that_of_the_samples_alone(num_lines: int) -> None:
    q, k, v = (part[:num_lines] for part in qkv(tokens=10))
    segments = torch.tensor([0] * 4 + [1] * 5 + [-1]).expand(num_lines, 10)
    packed = CausalAttention(segments)(0, q, k, v)
    assert torch.isfinite(packed).all()
    for part in (slice(0, 4), slice(4, 9)):
        alone = CausalAttention()(0, q[:, part], k[:, part], v[:, part])
        torch.testing.assert_close(packed[:, part], alone, atol=1e-5, rtol=1e-5)


def test_a_segment_in_two_places_is_still_one() -> None:
    q, k, v = (part[:1] for part in qkv(tokens=6))
    segments = torch.tensor([[0, 0, 1, 1, 0, 1]])
    expected = attention_reference(q, k, v, segment_mask(segments))
    torch.testing.assert_close(CausalAttention(segments)(0, q, k, v), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("weight_dtype", [torch.float32, torch.bfloat16])
def test_rms_norm(dtype: torch.dtype, weight_dtype: torch.dtype) -> None:
    x, weight = torch.randn(4, 7, 32, dtype=dtype), torch.randn(32, dtype=weight_dtype)
    fast, slow = rms_norm(x, weight, 1e-5), rms_norm_reference(x, weight, 1e-5)
    assert fast.dtype == slow.dtype == torch.promote_types(dtype, weight_dtype)
    tolerance = 1e-5 if fast.dtype == torch.float32 else 2e-2
    torch.testing.assert_close(fast, slow, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rotation(dtype: torch.dtype) -> None:
    frequencies, scale = rope_frequencies(RopeConfig(theta=1e4), 16)
    cos, sin = rope_table(torch.randint(0, 30_000, (3, 12)), frequencies, scale)
    q = qkv()[0].to(dtype)
    fast = rotate(q, cos, sin)
    assert fast.dtype == dtype
    torch.testing.assert_close(fast, rotate_reference(q, cos, sin))
    torch.testing.assert_close(fast.float().norm(dim=-1), q.float().norm(dim=-1), atol=0.05, rtol=0.01)


def test_rotated_products_depend_on_the_distance_alone() -> None:
    frequencies, _ = rope_frequencies(RopeConfig(), 16)
    q, k = torch.randn(1, 1, 1, 16), torch.randn(1, 1, 1, 16)

    def product(at: int, to: int) -> torch.Tensor:
        a = rotate(q, *rope_table(torch.tensor([[at]]), frequencies))
        b = rotate(k, *rope_table(torch.tensor([[to]]), frequencies))
        return (a * b).sum()

    torch.testing.assert_close(product(7, 3), product(104, 100), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "values",
    [
        {"factor": 4.0, "original_max_position_embeddings": 32768},
        {"factor": 2.5, "original_max_position_embeddings": 4096, "attention_factor": 1.1},
        {"factor": 8.0, "original_max_position_embeddings": 2048, "beta_fast": 20.0, "beta_slow": 2.0},
        {"factor": 4.0, "original_max_position_embeddings": 64, "truncate": False},
        {"factor": 4.0, "original_max_position_embeddings": 1024, "mscale": 1.0, "mscale_all_dim": 0.8},
        {"factor": 1.0, "original_max_position_embeddings": 1024},
    ],
)
def test_yarn_against_transformers(values: dict) -> None:
    transformers = pytest.importorskip("transformers")
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    parameters = {"rope_type": "yarn", "rope_theta": 1e6, **values}
    config = transformers.Qwen2Config(
        hidden_size=512, num_attention_heads=4, max_position_embeddings=131072, rope_parameters=parameters
    )
    expected, expected_scale = ROPE_INIT_FUNCTIONS["yarn"](config, torch.device("cpu"))
    ours = dict(values)
    ours["original_max_positions"] = ours.pop("original_max_position_embeddings")
    frequencies, scale = rope_frequencies(RopeConfig(theta=1e6, kind="yarn", **ours), 128)
    torch.testing.assert_close(frequencies, expected, atol=1e-7, rtol=1e-5)
    assert scale == pytest.approx(expected_scale)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "llama3"}, "llama3"),
        ({"factor": 0.5}, "factor"),
        ({"theta": 0.0}, "theta"),
        ({"kind": "yarn"}, "yarn"),
    ],
)
def test_rope_settings_out_of_range(changes: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RopeConfig(**changes)


@pytest.mark.parametrize(("size", "patch"), [(56, 14), (32, 8), (16, 16)])
def test_patches(size: int, patch: int) -> None:
    x, weight, bias = torch.randn(2, 3, size, size), torch.randn(7, 3, patch, patch), torch.randn(7)
    expected = embed_patches_reference(x, weight, bias)
    torch.testing.assert_close(embed_patches(x, weight, bias), expected, atol=1e-4, rtol=1e-4)


def by_the_documents(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor, max_q: int, max_k: int, *, window_size: tuple[int, int], enable_gqa: bool = False,
) -> torch.Tensor:  # fmt: skip
    """What torch says of varlen_attn, which runs on a GPU only: (-1, 0) is causal."""
    assert torch.equal(cu_seq_q, cu_seq_k) and cu_seq_q.dtype == torch.int32 and window_size == (-1, 0)
    assert enable_gqa == (query.shape[1] != key.shape[1])
    bounds, found = cu_seq_q.tolist(), []
    for start, end in itertools.pairwise(bounds):
        assert end - start <= min(max_q, max_k)
        mask = torch.ones(end - start, end - start, dtype=torch.bool).tril()
        parts = (part[None, start:end] for part in (query, key, value))
        found.append(attention_reference(*parts, mask)[0])
    return torch.cat(found)


def of_torch_2_11(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cu_seq_q: torch.Tensor, cu_seq_k: torch.Tensor,
    max_q: int, max_k: int, *, window_size: tuple[int, int],
) -> torch.Tensor:  # fmt: skip
    """The arguments that torch 2.11 has: as many heads of keys as of queries."""
    assert q.shape == k.shape == v.shape
    return by_the_documents(q, k, v, cu_seq_q, cu_seq_k, max_q, max_k, window_size=window_size)


@pytest.mark.parametrize("version", ["installed", "2.11"])
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_runs_of_unequal_length_are_given_to_torch_as_it_asks(
    kv_heads: int, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a GPU, with torch's kernel played by the reference: forward and backward as with a mask.
    The arguments are held against the signature that is installed, and against that of torch 2.11."""
    from torch.nn.attention import varlen

    signature = inspect.signature(varlen.varlen_attn)

    @wraps(varlen.varlen_attn)
    def installed(*args: Any, **kwargs: Any) -> torch.Tensor:
        return by_the_documents(*signature.bind(*args, **kwargs).args, **kwargs)

    monkeypatch.setattr(varlen, "varlen_attn", installed if version == "installed" else of_torch_2_11)
    torch.manual_seed(0)
    lengths = [5, 1, 7, 3]
    q, k, v = (torch.randn(1, 16, heads, 8, requires_grad=True) for heads in (4, kv_heads, kv_heads))
    ids = torch.repeat_interleave(torch.tensor([0, 1, 2, -1]), torch.tensor(lengths))[None]
    ends = torch.tensor([0, *itertools.accumulate(lengths)], dtype=torch.int32)
    weights = torch.randn(1, 16, 4, 8)
    grads = []
    for mixed in (varlen_attention(q, k, v, ends, 8), attention_reference(q, k, v, segment_mask(ids))):
        grads.append(torch.autograd.grad((mixed * weights).sum(), (q, k, v)))
        torch.testing.assert_close(mixed, attention_reference(q, k, v, segment_mask(ids)))
    for one, two in zip(*grads, strict=True):
        torch.testing.assert_close(one, two)


def test_which_attention_a_packed_line_gets() -> None:
    assert packed_attention("cpu", torch.bfloat16, 64).name == "runs"
    assert packed_attention("cuda", torch.float32, 64).name == "runs"
    assert packed_attention("cuda", torch.bfloat16, 64).name == "varlen"
    assert packed_attention("cuda", torch.bfloat16, 512).name == "runs"
