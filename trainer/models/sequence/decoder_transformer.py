"""The Transformer decoder: whole targets at once in training, one unit at a time in a search."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.models.sequence.attention import Attention, AttentionKind, Memory
from trainer.models.sequence.decoder import Run, mean_over_heads
from trainer.models.sequence.dropout import StepsDropout
from trainer.models.sequence.numeric import MASKED, dims
from trainer.models.sequence.parts import Affine, Embedding, Norm, Part
from trainer.models.sequence.transformer import (
    Branch,
    FeedForward,
    Fixed,
    Growing,
    SelfAttention,
    sinusoids,
)
from trainer.spec.sequence import StackSpec


class Block(Part):
    """Self-attention, attention over the memory if there is one, and feed-forward.

    Args:
        name: of the layer.
        spec: units, heads and feed_forward.
        memory: int or None. Width of the encoder's output.
        attention: kind of the scores over the memory.
        rate: float in `[0, 1)`. Dropout of each branch.
        seed: int.
    """

    def __init__(
        self,
        name: str,
        spec: StackSpec,
        memory: int | None,
        attention: AttentionKind,
        rate: float,
        seed: int,
    ) -> None:
        super().__init__(name, seed)
        units, heads = spec.units, spec.heads
        self.around = Branch(f"{name}_self", units, rate, self.seed)
        self.own = SelfAttention(f"{name}_own", units, heads, self.seed)
        if memory:
            self.across = Branch(f"{name}_across", units, rate, self.seed)
            self.attention = Attention(
                f"{name}_attention", attention, units, memory, units, heads, self.seed, True
            )
            self.output_map = Affine(f"{name}_output", units, units, self.seed)
        self.beside = Branch(f"{name}_forward", units, rate, self.seed)
        self.forward = FeedForward(f"{name}_layers", units, spec.feed_forward, self.seed)

    def rest(
        self, hidden: tf.Tensor, memory: Memory | None, positions: Any, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """What follows self-attention; `hidden` is `(b, q, units)`."""
        weights = None
        if memory is not None:
            found, weights = self.attention(self.across.norm(hidden), memory=memory, positions=positions)
            hidden = self.across(hidden, self.output_map(found), training=training)
        change = self.forward(self.beside.norm(hidden))
        return self.beside(hidden, change, training=training), weights


class TransformerDecoder(Part):
    """Blocks that see earlier positions alone.

    Args:
        spec: layers, units, heads and feed_forward.
        embedding: int. Width of the embeddings.
        memory: int or None. Width of the encoder's output; None without an encoder.
        attention: kind of the scores over the memory.
        rate: float in `[0, 1)`. Dropout of the embeddings and of each branch.
        seed: int.
        output: int or None. Width of the output; None for `units`. Defaults to `None`.
    """

    def __init__(
        self,
        spec: StackSpec,
        embedding: int,
        memory: int | None,
        attention: AttentionKind,
        rate: float,
        seed: int,
        output: int | None = None,
    ) -> None:
        super().__init__("decoder", seed)
        self.units, self.width = spec.units, output or spec.units
        self.enter = Affine("decoder_enter", embedding, spec.units, self.seed)
        self.dropout = StepsDropout("decoder_dropout", rate, self.seed, steps=1)
        self.blocks = [
            Block(f"decoder_{i}", spec, memory, attention, rate, self.seed) for i in range(spec.layers)
        ]
        self.norm = Norm("decoder_norm", spec.units)
        self.readout = Affine("readout", spec.units, output, self.seed) if output else None

    def memory(self, encoded: tf.Tensor, mask: tf.Tensor) -> list[Memory]:
        """What each block needs of `(b, s, memory)`, made once for each example."""
        return [block.attention.memory(encoded, mask) for block in self.blocks]

    def _output(self, hidden: tf.Tensor) -> tf.Tensor:
        hidden = self.norm(hidden)
        return hidden if self.readout is None else self.readout(hidden)

    def call(self, ids: tf.Tensor, embed: Any, memory: list[Memory] | None, training: bool = False) -> Run:
        """All steps of `(b, t)` ids.

        Returns:
            float32 `(b, t, width)`, and the weights of the last block's attention `(b, t, s)` or None.
        """
        positions = tf.range(dims(ids)[1])
        earlier = tf.cast(positions[None] <= positions[:, None], tf.float32)
        hidden = self.enter(embed(ids)) + sinusoids(positions, self.units)
        hidden = self.dropout(hidden, training=training)
        weights = None
        for index, block in enumerate(self.blocks):
            change = block.own(block.around.norm(hidden), earlier)
            hidden = block.around(hidden, change, training=training)
            hidden, weights = block.rest(
                hidden, None if memory is None else memory[index], positions, training
            )
        return self._output(hidden), None if weights is None else mean_over_heads(weights)

    def begin(self, batch: Any, hypotheses: Any, steps: int, fixed: bool) -> Growing:
        """The keys and values of each block before the first step."""
        count, heads = steps if fixed else 0, self.blocks[0].own.heads
        empty = [tf.zeros((batch, heads, count * hypotheses, self.units // heads)) for _ in self.blocks]
        kind = Fixed if fixed else Growing
        return kind(empty, empty, tf.zeros((batch, hypotheses, count, hypotheses)))

    def step(
        self, memory: list[Memory] | None, cache: Growing, ids: tf.Tensor, embed: Embedding, position: Any
    ) -> tuple[tf.Tensor, Growing, tf.Tensor | None]:
        """One step of `(b, k)` ids.

        Returns:
            float32 `(b, k, width)`, the new keys and values, and the attention `(b, k, s)` or None.
        """
        hidden = self.enter(embed(ids)) + sinusoids(position, self.units)
        cache, here = cache.with_room(position)
        batch, places, _, _ = dims(cache.ancestry)
        bias = tf.reshape((1.0 - cache.ancestry) * MASKED, (batch, 1, places, -1))
        kept, weights = [], None
        for index, block in enumerate(self.blocks):
            earlier = (cache.keys[index], cache.values[index])
            change, own = block.own.step(block.around.norm(hidden), earlier, bias, here)
            kept.append(own)
            hidden, weights = block.rest(
                hidden + change, None if memory is None else memory[index], position, False
            )
        keys, values = ([own[part] for own in kept] for part in (0, 1))
        cache = cache._replace(keys=keys, values=values)
        return self._output(hidden), cache, None if weights is None else mean_over_heads(weights)
