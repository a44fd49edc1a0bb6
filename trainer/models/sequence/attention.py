"""Attention of a decoder's steps over a memory: scores of three kinds, several heads.

The memory of an example is its keys and values, made once; hypotheses of a beam are more queries over the
same memory, which is never repeated for them.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import tensorflow as tf

from trainer.models.sequence.numeric import attend, dims
from trainer.models.sequence.parts import Affine, Part

AttentionKind: TypeAlias = Literal["additive", "dot", "monotonic"]
Memory: TypeAlias = dict[str, tf.Tensor]
REACH = 32
"""Distances between target and source position beyond this one share one bias."""


def split_heads(inputs: tf.Tensor, heads: int) -> tf.Tensor:
    """`(b, n, heads * d)` to `(b, heads, n, d)`."""
    batch, count, width = dims(inputs)
    return tf.transpose(tf.reshape(inputs, (batch, count, heads, width // heads)), (0, 2, 1, 3))


def join_heads(inputs: tf.Tensor) -> tf.Tensor:
    """`(b, heads, n, d)` to `(b, n, heads * d)`."""
    batch, heads, count, width = dims(inputs)
    return tf.reshape(tf.transpose(inputs, (0, 2, 1, 3)), (batch, count, heads * width))


class Attention(Part):
    """Weighted means of a memory, the weights a softmax of scores between a query and keys.

    `dot`: `q k / sqrt(d)`. `additive`: `v tanh(q + k)`. `monotonic`: `dot` and a learned bias for each
    distance between target and source position, which is a strong hint where both run in parallel.

    Args:
        name: of the layer.
        kind: `dot`, `additive` or `monotonic`.
        queries: int. Width of the queries.
        inputs: int. Width of what the memory is made of.
        units: int, a multiple of `heads`. Width of keys over all heads.
        heads: int.
        seed: int.
        values: bool. Whether values have a map of their own, `units` wide; otherwise the inputs themselves
            are the values. Defaults to `True`.

    Reference: Vaswani et al., 2017, arXiv:1706.03762, section 3.2; Bahdanau et al., 2015,
    arXiv:1409.0473, appendix A.1.2; Shaw et al., 2018, arXiv:1803.02155, for distances.
    """

    def __init__(
        self,
        name: str,
        kind: AttentionKind,
        queries: int,
        inputs: int,
        units: int,
        heads: int,
        seed: int,
        values: bool = True,
    ) -> None:
        super().__init__(name, seed)
        self.kind, self.heads, self.units = kind, heads, units
        self.width = units if values else inputs
        self.query = Affine(f"{name}_query", queries, units, self.seed)
        self.key = Affine(f"{name}_key", inputs, units, self.seed, bias=False)
        self.content = Affine(f"{name}_value", inputs, units, self.seed) if values else None
        if kind == "additive":
            self.score = self.matrix("score", units // heads, 1)
        if kind == "monotonic":
            self.distance = self.matrix("distance_embedding", 2 * REACH + 1, heads)
            self.distance.assign(tf.zeros((2 * REACH + 1, heads)))

    def memory(self, inputs: tf.Tensor, mask: tf.Tensor) -> Memory:
        """Keys and values `(b, heads, s, d)` of `(b, s, inputs)`, and the mask `(b, s)` beside them."""
        values = inputs if self.content is None else self.content(inputs)
        return {
            "keys": split_heads(self.key(inputs), self.heads),
            "values": split_heads(values, self.heads),
            "mask": mask,
        }

    def weights(self, inputs: tf.Tensor, memory: Memory, positions: Any) -> tf.Tensor:
        """Weights of the memory, float32 `(b, heads, q, s)`; arguments as in `call`."""
        query = split_heads(self.query(inputs), self.heads)
        if self.kind == "additive":
            both = tf.tanh(query[:, :, :, None] + memory["keys"][:, :, None])
            scores = tf.squeeze(tf.tensordot(both, self.score.value, 1), -1)
        else:
            scale = (self.units // self.heads) ** -0.5
            scores = tf.matmul(query * scale, memory["keys"], transpose_b=True)
        if self.kind == "monotonic":
            scores += self.distances(positions, dims(memory["keys"])[2])
        return attend(scores, memory["mask"][:, None, None])

    def call(self, inputs: tf.Tensor, memory: Memory, positions: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Contexts and weights.

        Args:
            inputs: float32 `(b, q, queries)`.
            memory: made by `memory`.
            positions: int32 `(q,)`, target position of each query, or a scalar for all.

        Returns:
            float32 `(b, q, width)`, and the weights `(b, heads, q, s)`.
        """
        weights = self.weights(inputs, memory, positions)
        return join_heads(tf.matmul(weights, memory["values"])), weights

    def distances(self, positions: Any, length: Any) -> tf.Tensor:
        """What `monotonic` adds to scores, `(1, heads, q, s)`, the same for all examples."""
        apart = tf.range(length)[None] - tf.reshape(positions, (-1, 1))
        chosen = tf.gather(self.distance.value, tf.clip_by_value(apart, -REACH, REACH) + REACH)
        return tf.transpose(chosen, (2, 0, 1))[None]
