"""Seeds and uniform numbers as pure functions of a key.

A keyed hash has no state to save. The number for (seed, trial, parameter) is the same in any process, on any platform
and in any order, and a new parameter changes no other's numbers.
"""

from __future__ import annotations

import hashlib

KeyPart = str | int

_SEED_BITS = 32  # torch, NumPy and Python all take seeds below 2**32
_MANTISSA_BITS = 53


def _digest(key: tuple[KeyPart, ...]) -> int:
    # repr keeps ("1", 2) and (1, "2") apart; the length prefix of a tuple's repr keeps concatenations apart.
    return int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=8).digest(), "big")


def derive_seed(*key: KeyPart) -> int:
    """Return a seed in [0, 2**32) that depends on the key alone."""
    return _digest(key) >> (64 - _SEED_BITS)


def unit(*key: KeyPart) -> float:
    """Return a number in [0, 1), uniform over keys, with 53 random bits."""
    return float(_digest(key) >> (64 - _MANTISSA_BITS)) / float(1 << _MANTISSA_BITS)


def below(limit: int, *key: KeyPart) -> int:
    """Return an integer in [0, limit); the bias of the remainder is below limit / 2**64."""
    return _digest(key) % limit


def permutation(length: int, *key: KeyPart) -> list[int]:
    """Return a permutation of range(length), uniform over keys (Fisher-Yates)."""
    order = list(range(length))
    for last in range(length - 1, 0, -1):
        other = below(last + 1, *key, last)
        order[last], order[other] = order[other], order[last]
    return order
