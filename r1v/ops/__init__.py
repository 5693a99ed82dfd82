"""Building blocks of the models: a plain reference for each, and fast paths, which `select` chooses.

Enters and leaves: tensors. Always holds: every fast path has a plain counterpart, and a test compares the
two.
"""

from __future__ import annotations

from r1v.ops.attention import (
    Attention,
    CausalAttention,
    attention,
    attention_reference,
    segment_mask,
    segment_positions,
)
from r1v.ops.norm import rms_norm, rms_norm_reference
from r1v.ops.patches import embed_patches, embed_patches_reference
from r1v.ops.rope import (
    RopeConfig,
    rope_frequencies,
    rope_table,
    rotate,
    rotate_reference,
)

__all__ = [
    "Attention",
    "CausalAttention",
    "RopeConfig",
    "attention",
    "attention_reference",
    "embed_patches",
    "embed_patches_reference",
    "rms_norm",
    "rms_norm_reference",
    "rope_frequencies",
    "rope_table",
    "rotate",
    "rotate_reference",
    "segment_mask",
    "segment_positions",
]

# modules whose public names other packages may import as well
MODULES = (
    "cpu.attention",
    "cpu.drawing",
    "cpu.native",
    "cuda.decode",
    "cuda.fp8",
    "cuda.int4",
    "cuda.int4_mma",
    "cuda.paged",
    "cuda.sampling",
    "isa",
    "linear",
    "paged",
    "rounding",
    "sampling",
    "select",
)
