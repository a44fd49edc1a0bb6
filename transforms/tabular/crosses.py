"""AND-crosses of id columns, hashed in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from transforms.tabular import hashing
from transforms.tabular.layout import Cross


def cross_ids(tokens: Any, crosses: Sequence[Cross]) -> Any:
    """Hash buckets of crosses.

    `h = salt(name)`, then `h = mix(h ^ token)` for each column of the cross in turn, then `h` modulo the
    number of buckets. Each value enters by a token of its own, so ("a", "bc") and ("ab", "c") differ;
    a missing value has its own token too, and a row depends on nothing but itself.

    Args:
        tokens: uint64 tensor `(batch, columns)`.
        crosses: at least one, with positions in `columns`.

    Returns:
        int64 tensor `(batch, len(crosses))`; column `j` is in `[0, buckets_j)`.

    Reference: Cheng et al. 2016, arXiv:1606.07792, equation 1.
    """
    hashes = tf.zeros_like(tokens[:, :1]) + hashing.salts([cross.name for cross in crosses])
    for place in range(max(len(cross.slots) for cross in crosses)):
        present = [place < len(cross.slots) for cross in crosses]
        slots = [cross.slots[place] if place < len(cross.slots) else 0 for cross in crosses]
        mixed = hashing.salted(tf.gather(tokens, slots, axis=1), hashes)
        hashes = mixed if all(present) else tf.where(tf.constant(present), mixed, hashes)
    return hashing.buckets(hashes, [cross.buckets for cross in crosses])
