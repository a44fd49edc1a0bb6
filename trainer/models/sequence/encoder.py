"""Encoders: from the ids of a source to a vector for each of its units."""

from __future__ import annotations

import tensorflow as tf

from trainer.models.sequence.dropout import StepsDropout
from trainer.models.sequence.lstm import Bidirectional
from trainer.models.sequence.numeric import dims
from trainer.models.sequence.parts import Affine, Embedding, Norm, Part
from trainer.models.sequence.transformer import Branch, FeedForward, SelfAttention, sinusoids
from trainer.spec.sequence import PADDING, StackSpec


def real(ids: tf.Tensor) -> tf.Tensor:
    """float32 of the shape of `ids`, 1 where it is not padding.

    Example:
        >>> real(tf.constant([[5, 4, 0]])).numpy().tolist()
        [[1.0, 1.0, 0.0]]
    """
    return tf.cast(ids != PADDING, tf.float32)


class LstmEncoder(Part):
    """Bidirectional LSTM layers, each `units` wide in each direction.

    Args:
        spec: layers and units.
        embedding: int. Width of the embeddings.
        rate: float in `[0, 1)`. Dropout of the embeddings and of each layer's output.
        seed: int.
    """

    def __init__(
        self,
        spec: StackSpec,
        embedding: int,
        rate: float,
        seed: int,
    ) -> None:
        super().__init__("encoder", seed)
        self.width = 2 * spec.units
        widths = [embedding, *[self.width] * (spec.layers - 1)]
        self.layers = [
            Bidirectional(f"encoder_{i}", width, spec.units, self.seed) for i, width in enumerate(widths)
        ]
        self.dropouts = [
            StepsDropout(f"encoder_dropout_{i}", rate, self.seed, steps=0) for i in range(spec.layers + 1)
        ]

    def call(self, ids: tf.Tensor, embed: Embedding, training: bool = False) -> tf.Tensor:
        """`(b, s)` ids to `(b, s, 2 units)`; what padding gets means nothing."""
        lengths = tf.reduce_sum(tf.cast(ids != PADDING, tf.int32), 1)
        hidden = self.dropouts[0](embed(tf.transpose(ids)), training=training)
        for layer, dropout in zip(self.layers, self.dropouts[1:], strict=True):
            hidden = dropout(layer(hidden, lengths, training=training), training=training)
        return tf.transpose(hidden, (1, 0, 2))


class Block(Part):
    """Self-attention and feed-forward.

    Args:
        name: of the layer.
        spec: units, heads and feed_forward.
        rate: float in `[0, 1)`. Dropout of each branch.
        seed: int.
    """

    def __init__(self, name: str, spec: StackSpec, rate: float, seed: int) -> None:
        super().__init__(name, seed)
        units = spec.units
        self.around = Branch(f"{name}_self", units, rate, self.seed)
        self.own = SelfAttention(f"{name}_own", units, spec.heads, self.seed)
        self.beside = Branch(f"{name}_forward", units, rate, self.seed)
        self.forward = FeedForward(f"{name}_layers", units, spec.feed_forward, self.seed)

    def call(self, hidden: tf.Tensor, mask: tf.Tensor, training: bool = False) -> tf.Tensor:
        hidden = self.around(hidden, self.own(self.around.norm(hidden), mask), training=training)
        return self.beside(hidden, self.forward(self.beside.norm(hidden)), training=training)


class TransformerEncoder(Part):
    """Blocks of self-attention and feed-forward, normalised first and at the end.

    Args:
        spec: layers, units, heads and feed_forward.
        embedding: int. Width of the embeddings.
        rate: float in `[0, 1)`. Dropout of the embeddings and of each branch.
        seed: int.
    """

    def __init__(self, spec: StackSpec, embedding: int, rate: float, seed: int) -> None:
        super().__init__("encoder", seed)
        self.width = units = spec.units
        self.enter = Affine("encoder_enter", embedding, units, self.seed)
        self.dropout = StepsDropout("encoder_dropout", rate, self.seed, steps=1)
        self.blocks = [Block(f"encoder_{i}", spec, rate, self.seed) for i in range(spec.layers)]
        self.norm = Norm("encoder_norm", units)

    def call(self, ids: tf.Tensor, embed: Embedding, training: bool = False) -> tf.Tensor:
        """`(b, s)` ids to `(b, s, units)`; what padding gets means nothing."""
        mask = real(ids)[:, None, None]
        hidden = self.enter(embed(ids)) + sinusoids(tf.range(dims(ids)[1]), self.width)
        hidden = self.dropout(hidden, training=training)
        for block in self.blocks:
            hidden = block(hidden, mask, training=training)
        return self.norm(hidden)
