"""64-bit hashes: Farmhash of text, salted and combined by an integer mixer.

All arithmetic is modulo 2**64. Text is hashed once for each value, whatever uses it: its vocabulary key,
its hash bucket and every cross it enters differ by a salt and by further mixing only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

TOKEN_RANGE = 2**62

_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def _constant(value: int) -> Any:
    return tf.constant(value, tf.uint64)


def mix(value: Any) -> Any:
    """A bijection of uint64 that spreads every input bit over the output.

    Reference: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", variant 13 of
    the finaliser by Stafford.
    """
    shift, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
    value = xor(value, shift(value, _constant(30))) * _constant(_FIRST)
    value = xor(value, shift(value, _constant(27))) * _constant(_SECOND)
    return xor(value, shift(value, _constant(31)))


def salts(names: Sequence[str]) -> Any:
    """A uint64 tensor `(len(names),)`: the first 8 bytes of the BLAKE2b hash of each name, little-endian."""
    digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names]
    # A list would pass through float64 in a graph, and lose the low bits, where it spans 2**63.
    return tf.constant(np.array([int.from_bytes(digest, "little") for digest in digests], np.uint64))


def tokens(text: Any) -> Any:
    """Farmhash Fingerprint64 of text, modulo 2**62, as uint64 of the same shape."""
    return tf.cast(tf.strings.to_hash_bucket_fast(text, TOKEN_RANGE), tf.uint64)


def salted(token: Any, salt: Any) -> Any:
    """`mix(token ^ salt)`: tokens of different columns stay apart. uint64, shapes broadcast."""
    return mix(tf.bitwise.bitwise_xor(token, salt))


def buckets(value: Any, sizes: Any) -> Any:
    """`value` modulo `sizes`, as int64.

    Args:
        value: uint64 tensor `(batch, columns)`.
        sizes: sequence or int64 tensor `(columns,)`.
    """
    return tf.cast(tf.math.floormod(value, tf.cast(sizes, tf.uint64)), tf.int64)
