"""A random order of n things whose entry at any place can be computed at constant cost.

Always holds: the places 0 to n - 1 of one seed give every thing once. No permutation has to be stored, even
for millions of rows.
"""

from __future__ import annotations

import hashlib

ROUNDS = 4


def shuffled(place: int, number: int, seed: str) -> int:
    """Which of ``number`` things is at ``place``, 0 <= place < number.

    A Feistel network over the smallest even number of bits that holds them, walked until the result is
    smaller than ``number`` (Black and Rogaway 2002, cycle walking).
    """
    assert 0 <= place < number, "a place of the order"
    half = max(1, ((number - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    keys = [
        int.from_bytes(hashlib.blake2b(f"{seed}/{i}".encode(), digest_size=8).digest(), "little")
        for i in range(ROUNDS)
    ]
    found = place
    while True:
        left, right = found >> half, found & mask
        for key in keys:
            mixed = (right * 0x9E3779B97F4A7C15 + key) & 0xFFFFFFFFFFFFFFFF
            mixed = ((mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
            left, right = right, left ^ ((mixed >> 32) & mask)
        found = left << half | right
        if found < number:
            return found
