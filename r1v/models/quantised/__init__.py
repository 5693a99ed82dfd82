"""Quantised checkpoints, read without any loss: `settings` says which layout a folder has, `layers` reads its
layers, `float8` those in 8-bit floating point."""

from r1v.models.quantised.layers import (
    INVERSE,
    SUFFIXES,
    Coded,
    Codes,
    codes_of,
    fill_quantised,
    is_quantised,
    pack_codes,
    quantised_layers,
    quantised_table,
    refuse_unsaid,
    unpack_codes,
)
from r1v.models.quantised.settings import (
    Quantisation,
    named_method,
    read_quantisation,
    stored_quantisation,
)

__all__ = [
    "INVERSE",
    "SUFFIXES",
    "Coded",
    "Codes",
    "Quantisation",
    "codes_of",
    "fill_quantised",
    "is_quantised",
    "named_method",
    "pack_codes",
    "quantised_layers",
    "quantised_table",
    "read_quantisation",
    "refuse_unsaid",
    "stored_quantisation",
    "unpack_codes",
]
