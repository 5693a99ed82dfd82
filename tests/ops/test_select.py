"""The table of fast paths: what every machine would choose, and that every choice computes the same."""

import itertools

import pytest
import torch

from r1v.core import ConfigError
from r1v.ops import isa, select
from r1v.ops.isa import LEVELS, Features
from r1v.ops.select import Weights

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def machine(level: str, compiled: bool = True, architecture: str = "x86_64") -> Features:
    """A processor of a level, with a library for every level or with none."""
    levels = LEVELS[architecture]
    return Features(architecture, levels[level], frozenset(levels) if compiled else frozenset())


EVERY_MACHINE = [
    machine(level, compiled, architecture)
    for architecture, levels in LEVELS.items()
    for level in levels
    for compiled in (True, False)
]


def test_levels_grow() -> None:
    for architecture, levels in LEVELS.items():
        needs = list(levels.values())
        assert all(one < other or one == other for one, other in itertools.pairwise(needs))
        for level in levels:
            assert machine(level, True, architecture).level == level


def test_the_best_compiled_level_runs() -> None:
    server = machine("amx")
    assert server.kernel_level == "amx"
    assert Features("x86_64", server.names, server.kernels - {"amx"}).kernel_level == "avx512_bf16"
    assert Features("x86_64", server.names, frozenset({"generic", "avx2"})).kernel_level == "avx2"
    assert Features("x86_64", server.names, frozenset()).kernel_level is None
    # instructions without those below them, as virtual machines may report: no level is skipped by accident
    odd = Features("x86_64", LEVELS["x86_64"]["avx512_bf16"] - {"f16c"}, server.kernels)
    assert odd.level == "generic" and odd.kernel_level == "generic"


def test_a_limit_lowers_and_never_raises() -> None:
    laptop = machine("avx2")
    assert laptop.lowered("generic").names == frozenset()
    assert laptop.lowered("avx2") == laptop
    with pytest.raises(ConfigError, match=r"avx512.*generic, avx2"):
        laptop.lowered("avx512")
    with pytest.raises(ConfigError, match="sse9"):
        laptop.lowered("sse9")


def test_this_process_obeys_its_limit() -> None:
    before = isa.features()
    isa.limit("generic")
    try:
        assert isa.features().level == "generic"
    finally:
        isa.limit(before.level)
    assert isa.features() == before


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("part", ["language", "vision"])
@pytest.mark.parametrize("shape", [(96, 64), (96, 1040), (31, 63)])
def test_every_machine_has_a_product(dtype: torch.dtype, part: select.Part, shape: tuple[int, int]) -> None:
    for features in EVERY_MACHINE:
        for largest in (1.0, 1e6):
            choice = select.product(Weights(shape, dtype, 0, largest, part), features)
            assert choice.reason
            if choice.name == "native":
                assert features.kernel_level is not None and shape[1] % 16 == 0
            if choice.name == "onednn":  # "could not create a primitive descriptor" on any other processor
                assert dtype == torch.bfloat16 and features.names & {"avx512_bf16", "amx_bf16"}
            if choice.name == "fbgemm":
                assert "avx2" in features.names and largest < select.HALF_MAX and dtype != torch.float32


def test_with_kernels_the_language_model_is_native_everywhere() -> None:
    """So that the decoder of one call a step exists on every machine where the library was compiled."""
    for features in EVERY_MACHINE:
        if features.kernel_level is None:
            continue
        for dtype in DTYPES:
            assert select.product(Weights((96, 64), dtype), features).name == "native"
        assert select.product(Weights((96, 64), torch.bfloat16, 64), features).name == "native"
        assert select.activations("language", torch.bfloat16, features) == torch.float32
        assert select.decoder(features, True, 64, torch.float32).name == "native"
        assert select.decoder(features, False, 64, torch.float32).name == "modules"


def test_products_of_few_and_of_many_rows() -> None:
    weights = Weights((4096, 4096), torch.bfloat16)
    assert select.many_rows(weights, machine("avx2")) == select.NEVER
    assert select.many_rows(Weights((4096, 4096), torch.float32), machine("avx2")) == select.NEVER
    assert select.many_rows(weights, machine("avx512")) == select.ManyRows(256, torch.float32)
    assert select.many_rows(weights, machine("avx512_bf16")) == select.ManyRows(128, torch.bfloat16)
    assert select.many_rows(weights, machine("amx")) == select.NEVER
    without = Features("x86_64", machine("amx").names, frozenset({"generic", "avx512_bf16"}))
    assert select.many_rows(weights, without) == select.ManyRows(select.FEW_ROWS + 1, torch.bfloat16)
    for features in EVERY_MACHINE:
        assert select.many_rows(Weights((64, 64), torch.bfloat16, 64), features) == select.NEVER


def test_the_tower_multiplies_bfloat16_where_the_processor_does() -> None:
    for features in EVERY_MACHINE:
        found = select.product(Weights((64, 64), torch.bfloat16, part="vision"), features).name
        has = select.has_native_bf16(features)
        assert (found == "onednn") == has
        assert select.activations("vision", torch.bfloat16, features) == (
            torch.bfloat16 if has else torch.float32
        )
        assert select.activations("vision", torch.float32, features) == torch.float32


@pytest.mark.parametrize(("shape", "group", "dtype", "has_mma", "expected"), [
    ((64, 256), 128, torch.bfloat16, True, "mma"),
    ((64, 256), 128, torch.bfloat16, False, "triton"),
    ((64, 256), 128, torch.float16, True, "triton"),
    ((63, 256), 128, torch.bfloat16, True, "triton"),
    ((64, 256), 256, torch.bfloat16, True, "widened"),
])  # fmt: skip
def test_four_bits_on_cuda(
    shape: tuple[int, int], group: int, dtype: torch.dtype, has_mma: bool, expected: str
) -> None:
    assert select.cuda_int4(shape, group, dtype, has_mma).name == expected


def test_attention_over_the_cache() -> None:
    assert select.paged_attention("cpu", torch.float32).name == "runs"
    assert select.paged_attention("cuda", torch.bfloat16).name == "varlen"
    assert select.paged_attention("cuda", torch.float32).name == "reference"
    assert select.paged_attention("mps", torch.float16).name == "reference"


def test_attention_of_many_queries() -> None:
    """In tiles only at the level that has them, for weights whose products are in bfloat16 too; in float32
    with AVX2 alone."""
    for features in EVERY_MACHINE:
        found = select.many_queries(features, 64, torch.bfloat16)
        expected = {"amx": "tiles", "avx2": "panels"}.get(features.kernel_level or "", "torch")
        assert found.name == expected and found.reason
        if expected == "panels":
            assert select.many_queries(features, 72, torch.float32).name == "panels"
            assert {select.many_queries(features, dim, torch.float32).name for dim in (20, 264)} == {"torch"}
    amx = machine("amx")
    assert select.many_queries(amx, 128, torch.bfloat16).name == "tiles"
    for head_dim, dtype in (
        (72, torch.bfloat16),
        (288, torch.bfloat16),
        (64, torch.float16),
        (64, torch.float32),
    ):
        assert select.many_queries(amx, head_dim, dtype).name == "torch"
    without = Features("x86_64", amx.names, frozenset({"generic", "avx512_bf16"}))
    assert select.many_queries(without, 64, torch.bfloat16).name == "torch"
