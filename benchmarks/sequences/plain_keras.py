"""A plain Keras 3 Transformer of the same size, from Keras' own layers.

    python -m benchmarks.sequences.plain_keras DIRECTORY SIZE MODE THREADS

Trained by `train_on_batch`; MODE is `graph`, or `xla` as Keras does by default.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from benchmarks.sequences.blocks import CLIP, DROPOUT, RATE, SIZES, SMOOTHING, Size, forced, read
from benchmarks.training.worker import Turn, serve, use_cores

LONGEST = 130


class Embedded(layers.Layer):
    """Embeddings of ids and of their places."""

    def __init__(self, ids: int, width: int) -> None:
        super().__init__()
        self.table, self.places = layers.Embedding(ids, width), layers.Embedding(LONGEST, width)
        self.dropout = layers.Dropout(DROPOUT)

    def call(self, ids: Any, training: bool = False) -> Any:
        """`(batch, units, width)`."""
        return self.dropout(self.table(ids) + self.places(ops.arange(ops.shape(ids)[1])), training=training)


class Block(layers.Layer):
    """Pre-norm attention to itself, to a memory if there is one, and feed-forward."""

    def __init__(self, size: Size, across: bool) -> None:
        super().__init__()
        self.norms = [layers.LayerNormalization() for _ in range(3 if across else 2)]
        self.attentions = [
            layers.MultiHeadAttention(size.heads, size.width // size.heads, dropout=DROPOUT)
            for _ in range(2 if across else 1)
        ]
        self.inner = layers.Dense(size.feed_forward, "relu")
        self.outer = layers.Dense(size.width)
        self.dropout = layers.Dropout(DROPOUT)

    def call(
        self, hidden: Any, mask: Any, memory: Any = None, seen: Any = None, training: bool = False
    ) -> Any:
        """`(batch, units, width)`; `mask` and `seen` tell which keys are attended to."""
        normed = self.norms[0](hidden)
        found = self.attentions[0](normed, normed, attention_mask=mask, training=training)
        hidden = hidden + self.dropout(found, training=training)
        if memory is not None:
            normed = self.norms[1](hidden)
            found = self.attentions[1](normed, memory, attention_mask=seen, training=training)
            hidden = hidden + self.dropout(found, training=training)
        found = self.outer(self.dropout(self.inner(self.norms[-1](hidden)), training=training))
        return hidden + self.dropout(found, training=training)


class Transformer(keras.Model):
    """Encoder and decoder."""

    def __init__(self, letters: int, phones: int, size: Size) -> None:
        super().__init__()
        self.source, self.target = Embedded(letters, size.width), Embedded(phones, size.width)
        self.encoders = [Block(size, across=False) for _ in range(size.encoders)]
        self.decoders = [Block(size, across=True) for _ in range(size.decoders)]
        self.encoded, self.decoded = layers.LayerNormalization(), layers.LayerNormalization()
        self.logits = layers.Dense(phones)

    def call(self, inputs: tuple[Any, Any], training: bool = False) -> Any:
        """Logits `(batch, units, ids)`."""
        source_ids, target_in = inputs
        seen = ops.not_equal(source_ids, 0)[:, None, :]
        memory = self.source(source_ids, training=training)
        for block in self.encoders:
            memory = block(memory, seen, training=training)
        memory = self.encoded(memory)
        places = ops.arange(ops.shape(target_in)[1])
        earlier = (places[None, :] <= places[:, None])[None]
        hidden = self.target(target_in, training=training)
        for block in self.decoders:
            hidden = block(hidden, earlier, memory, seen, training=training)
        return self.logits(self.decoded(hidden))


def loss_of(labels: Any, logits: Any) -> Any:
    """Cross-entropy with label smoothing, `(batch, units)`; Keras weighs it by the samples' weights."""
    targets = ops.one_hot(labels, logits.shape[-1])
    return keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=SMOOTHING)


def turns(directory: Path, size: str, mode: str) -> Turn:
    """Takes the steps of a block; its mean loss and the parameters."""
    settings, blocks = read(directory)
    ids = [4 + len(settings["features"][side]["units"]) for side in ("source", "target")]
    keras.utils.set_random_seed(1)
    model = Transformer(*ids, SIZES[size])
    model.compile(
        optimizer=keras.optimizers.Adam(RATE, beta_2=0.98, global_clipnorm=CLIP),
        loss=loss_of,
        jit_compile=mode == "xla",
    )
    held = []
    for block in blocks:
        batches = []
        for batch in block:
            given, asked = forced(batch["target_ids"])
            # Keras divides by all positions, the others by those that hold a unit.
            weights = (asked != 0).astype("float32") * asked.size / np.count_nonzero(asked)
            batches.append(((batch["source_ids"], given), asked, weights))
        held.append(batches)

    def turn(number: int) -> dict[str, float]:
        losses = [
            float(model.train_on_batch(inputs, asked, sample_weight=weights))
            for inputs, asked, weights in held[number % len(held)]
        ]
        return {"loss": sum(losses) / len(losses), "parameters": model.count_params()}

    return turn


def main(arguments: list[str]) -> None:
    """Takes turns."""
    directory, size, mode, threads = arguments
    use_cores(int(threads))
    tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    serve(turns(Path(directory), size, mode))


if __name__ == "__main__":
    main(sys.argv[1:])
