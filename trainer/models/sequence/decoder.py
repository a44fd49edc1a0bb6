"""The LSTM decoder: whole targets at once in training, one unit at a time in a search.

Reference: Wu et al., 2016, arXiv:1609.08144, section 3, for attention from the first layer.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import tensorflow as tf

from trainer.models.sequence.attention import Attention, AttentionKind, Memory
from trainer.models.sequence.dropout import StepsDropout
from trainer.models.sequence.lstm import Lstm
from trainer.models.sequence.numeric import dims, product
from trainer.models.sequence.parts import Affine, Embedding, Part
from trainer.models.sequence.recurrence import State
from trainer.spec.sequence import StackSpec

LOOKED_UP = 256
"""So many units have their products with the first kernel made anew at each step."""
Run: TypeAlias = tuple[tf.Tensor, tf.Tensor | None]


def mean_over_heads(weights: tf.Tensor) -> tf.Tensor:
    """`(b, heads, q, s)` to `(b, q, s)`."""
    return tf.reduce_mean(weights, 1)


class LstmDecoder(Part):
    """LSTM layers; the first one's output asks the memory, and all after it see the answer.

    No layer gets the attention of the step before, so that each layer runs over the whole target at once.

    Args:
        spec: layers, units and heads.
        embedding: int. Width of the embeddings.
        memory: int or None. Width of the encoder's output; None without an encoder.
        attention: kind of the scores.
        rate: float in `[0, 1)`. Dropout of the embeddings, of each layer's output and of the last map.
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
        context = memory or 0
        widths = [embedding, *[spec.units + context] * (spec.layers - 1)]
        self.layers = [Lstm(f"decoder_{i}", width, spec.units, self.seed) for i, width in enumerate(widths)]
        self.attention: Any = (
            None
            if memory is None
            else Attention(
                "attention", attention, spec.units, memory, spec.units, spec.heads, self.seed, False
            )
        )
        self.readout = Affine("readout", spec.units + context, self.width, self.seed)
        self.dropouts = [
            StepsDropout(f"decoder_dropout_{i}", rate, self.seed, steps=0) for i in range(spec.layers + 2)
        ]

    def memory(self, encoded: tf.Tensor, mask: tf.Tensor) -> Memory:
        """What the decoder needs of `(b, s, memory)`, made once for each example.

        `shares` are what the values add to the sums of all later layers, `(b, heads * s, widths)`: a step
        then weighs them and needs no product of the context, which is the same for far less work.
        """
        memory = self.attention.memory(encoded, mask)
        kernels = [layer.kernel for layer in self.layers[1:]] + [self.readout.kernel]
        later = tf.concat([kernel.value[self.units :] for kernel in kernels], 1)
        batch, heads, length, width = dims(memory["values"])
        parts = tf.reshape(later, (heads, width, later.shape[1]))
        # A product for each head: the one that repeats its right side for every example makes oneDNN's
        # kernels write where they must not.
        shares = tf.stack(
            [product(memory["values"][:, head], parts[head], self.factors) for head in range(heads)], 1
        )
        return {**memory, "shares": tf.reshape(shares, (batch, heads * length, later.shape[1]))}

    def call(self, ids: tf.Tensor, embed: Any, memory: Memory | None, training: bool = False) -> Run:
        """All steps of `(b, t)` ids.

        Returns:
            float32 `(b, t, width)`, and the weights of the attention `(b, t, s)` or None.
        """
        hidden = self.dropouts[0](embed(tf.transpose(ids)), training=training)
        context, weights = None, None
        for index, layer in enumerate(self.layers):
            inputs = hidden if context is None else tf.concat([hidden, context], -1)
            hidden = layer(inputs, training=training)
            if index == 0 and self.attention is not None and memory is None:
                context = self._without(hidden)
            elif index == 0 and memory is not None:
                query = tf.transpose(hidden, (1, 0, 2))
                found, weights = self.attention(query, memory=memory, positions=tf.range(dims(ids)[1]))
                context = tf.transpose(found, (1, 0, 2))
            hidden = self.dropouts[index + 1](hidden, training=training)
        output = self.dropouts[-1](self._output(hidden, context), training=training)
        return tf.transpose(output, (1, 0, 2)), None if weights is None else mean_over_heads(weights)

    def _without(self, hidden: tf.Tensor) -> tf.Tensor:
        """The context of a decoder made for a memory that is used as a language model."""
        return tf.zeros((*dims(hidden)[:-1], self.attention.width))

    def _output(self, hidden: tf.Tensor, context: tf.Tensor | None) -> tf.Tensor:
        return tf.tanh(self.readout(hidden if context is None else tf.concat([hidden, context], -1)))

    def begin(
        self, memory: Memory | None, batch: Any, hypotheses: Any, steps: int, fixed: bool
    ) -> list[State]:
        """The states before the first step, `(batch, hypotheses, units)`, always of one size."""
        del memory, steps, fixed
        zeros = tf.zeros((batch, hypotheses, self.units))
        return [(zeros, zeros) for _ in self.layers]

    def step(
        self, memory: Memory | None, cache: list[State], ids: tf.Tensor, embed: Embedding, position: Any
    ) -> tuple[tf.Tensor, list[State], tf.Tensor | None]:
        """One step of `(b, k)` ids.

        Returns:
            float32 `(b, k, width)`, the new states, and the weights of the attention `(b, k, s)` or None.
        """
        states: list[State] = []
        shares: list[Any] = [0.0] * len(self.layers)
        weights = None
        for index, (layer, state) in enumerate(zip(self.layers, cache, strict=True)):
            if index == 0:
                state = layer.after(self._first(ids, embed), state)
                if self.attention is not None and memory is not None:
                    weights = self.attention.weights(state[0], memory, position)
                    shares = self._shares(weights, memory["shares"])
            else:
                state = layer.step(states[-1][0], state, shares[index - 1])
            states.append(state)
        kernel, bias = self.readout.kernel.value[: self.units], self.readout.bias.value
        output = tf.tanh(product(states[-1][0], kernel, self.factors) + shares[-1] + bias)
        return output, states, None if weights is None else mean_over_heads(weights)

    def _first(self, ids: tf.Tensor, embed: Embedding) -> tf.Tensor:
        """The input's share of the first layer; with few units a table, as it depends on them alone."""
        layer = self.layers[0]
        if embed.size > LOOKED_UP:
            return product(embed(ids), layer.kernel.value, self.factors)
        return tf.gather(product(embed(tf.range(embed.size)), layer.kernel.value, self.factors), ids)

    def _shares(self, weights: tf.Tensor, shares: tf.Tensor) -> list[tf.Tensor]:
        """What the context of each hypothesis adds to the sums of the later layers and of the output."""
        batch, heads, hypotheses, length = dims(weights)
        flat = tf.reshape(tf.transpose(weights, (0, 2, 1, 3)), (batch, hypotheses, heads * length))
        widths = [4 * self.units] * (len(self.layers) - 1) + [self.width]
        return tf.split(tf.matmul(flat, shares), widths, -1)
