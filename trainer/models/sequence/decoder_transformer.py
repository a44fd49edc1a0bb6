"""The Transformer decoder: whole targets at once in training, one unit at a time in a search."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.models.sequence.attention import Attention, AttentionKind, Memory, join_heads
from trainer.models.sequence.decoder import Run, mean_over_heads
from trainer.models.sequence.dropout import StepsDropout
from trainer.models.sequence.earlier import Growing, Made, attended, begun
from trainer.models.sequence.folded import answer, fold, folds
from trainer.models.sequence.numeric import dims, distinct
from trainer.models.sequence.parts import Affine, Embedding, Norm, Part
from trainer.models.sequence.transformer import Branch, FeedForward, SelfAttention, sinusoids
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

    def prepared(self, memory: Memory, longest: int) -> Any:
        """What a step takes of a memory in place of it, or nothing; `longest` as in `TransformerDecoder`."""
        return fold(self.attention, self.output_map, memory) if folds(self.attention, longest) else ()

    def step(
        self, hidden: tf.Tensor, shape: list[Any], memory: Memory | None, prepared: Any, position: Any
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """The same as `rest` for one position of all hypotheses.

        Args:
            hidden: float32 `(b * k, units)`: of rows alone no shapes have to be made around each product.
            shape: `b`, `k` and `units`.
            memory: as in `rest`.
            prepared: made by `prepared`.
            position: int32 scalar.

        Returns:
            float32 `(b * k, units)`, and the weights `(b, k, s)`, a mean over heads.
        """
        weights = None
        if memory is not None:
            inputs = tf.reshape(self.across.norm(hidden), shape)
            if prepared:
                change, weights = answer(self.attention, self.output_map, prepared, inputs, position)
            else:
                found, each = self.attention(inputs, memory=memory, positions=position)
                change, weights = self.output_map(found), mean_over_heads(each)
            hidden = hidden + tf.reshape(change, (shape[0] * shape[1], shape[2]))
        return hidden + self.forward(self.beside.norm(hidden)), weights


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
        longest: int or None. Units of the longest source that is answered whole, as a rule; None if any
            length may be usual. Defaults to `None`.
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
        longest: int | None = None,
    ) -> None:
        super().__init__("decoder", seed)
        self.units, self.width, self.longest = spec.units, output or spec.units, longest
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

    def begin(
        self, memory: list[Memory] | None, batch: Any, hypotheses: Any, steps: int, fixed: bool
    ) -> Growing:
        """The keys and values of each block before the first step, and what steps take of the memory."""
        taken: list[Any] = [() for _ in self.blocks]
        if memory is not None and self.longest is not None:
            taken = [
                block.prepared(part, self.longest) for block, part in zip(self.blocks, memory, strict=True)
            ]
        heads = self.blocks[0].own.heads
        shape = (batch, heads, steps if fixed else 0, self.units // heads)
        return begun(shape, hypotheses, len(self.blocks), taken)

    def _first(self, ids: tf.Tensor, embed: Embedding, position: Any) -> tuple[tf.Tensor, Made]:
        """The input of the first block, and its queries, keys and values: unit and position say it all."""
        rows, where = distinct(ids, embed.size)
        hidden = self.enter(embed(rows)) + sinusoids(position, self.units)
        block = self.blocks[0]
        return tf.gather(hidden, where), block.own.made_once(block.around.norm(hidden), where)

    def step(
        self, memory: list[Memory] | None, cache: Growing, ids: tf.Tensor, embed: Embedding, position: Any
    ) -> tuple[tf.Tensor, Growing, tf.Tensor | None]:
        """One step of `(b, k)` ids.

        Returns:
            float32 `(b, k, width)`, the new keys and values, and the attention `(b, k, s)` or None.
        """
        hidden, made = self._first(ids, embed, position)
        cache, ancestry = cache.at(position)
        shape = [*dims(ids), self.units]
        rows = (shape[0] * shape[1], self.units)
        hidden, keys, values, weights = tf.reshape(hidden, rows), [], [], None
        for index, block in enumerate(self.blocks):
            if index:
                made = block.own.made(tf.reshape(block.around.norm(hidden), shape))
            keys.append(cache.write(cache.keys[index], made[1], position))
            values.append(cache.write(cache.values[index], made[2], position))
            found = attended(made, keys[-1], values[-1], ancestry)
            hidden = hidden + block.own.output_map(tf.reshape(join_heads(found), rows))
            hidden, weights = block.step(
                hidden, shape, None if memory is None else memory[index], cache.memory[index], position
            )
        output = tf.reshape(self._output(hidden), (*shape[:2], self.width))
        return output, cache._replace(keys=keys, values=values), weights
