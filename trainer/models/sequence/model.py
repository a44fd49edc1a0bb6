"""The whole model: embeddings, an encoder or none, a decoder, and logits over the target's units."""

from __future__ import annotations

from typing import Any, TypeAlias

import keras
import tensorflow as tf

from trainer.models.sequence.decoder import LstmDecoder
from trainer.models.sequence.decoder_transformer import TransformerDecoder
from trainer.models.sequence.encoder import LstmEncoder, TransformerEncoder, real
from trainer.models.sequence.parts import Affine, Embedding
from trainer.spec.sequence import SequenceFeatureSpec, SequenceModelSpec

Memory: TypeAlias = Any
"""Nest of tensors, the first axis the examples; None for a language model."""
Cache: TypeAlias = Any
"""Nest of tensors, the first axes examples and hypotheses."""
ENCODERS = {"lstm": LstmEncoder, "transformer": TransformerEncoder}
DECODERS = {"lstm": LstmDecoder, "transformer": TransformerDecoder}


class SequenceModel(keras.Model):
    """An encoder-decoder, or a decoder alone as a language model. Made by `build_sequence_model`.

    All variables exist from the start and are float32; logits and everything between layers are float32
    too, whatever the precision of the factors.

    Args:
        features: units of source and target.
        spec: the layers.
        seed: int. Seed of initial weights and dropout.
    """

    def __init__(
        self,
        features: SequenceFeatureSpec,
        spec: SequenceModelSpec,
        seed: int,
    ) -> None:
        super().__init__(name="sequence", autocast=False, dtype="float32")
        size, width = features.target.size, spec.embedding
        self.tied = spec.shared_embeddings != "none"
        self.target_table = Embedding("target_embedding", size, width, seed, self.tied)
        self.encoder: Any = None
        if features.source is not None:
            self.source_table = self.target_table
            if spec.shared_embeddings != "all":
                self.source_table = Embedding("source_embedding", features.source.size, width, seed, False)
            self.encoder = ENCODERS[spec.encoder.kind](spec.encoder, width, spec.dropout, seed)
        sizes: dict[str, Any] = {"output": width if self.tied else None}
        if spec.decoder.kind == "transformer" and features.source is not None:
            sizes["longest"] = features.source.max_length
        self.decoder = DECODERS[spec.decoder.kind](
            spec.decoder,
            width,
            self.encoder and self.encoder.width,
            spec.attention,
            spec.dropout,
            seed,
            **sizes,
        )
        inputs = self.decoder.width
        self.output_map: Any = None if self.tied else Affine("logits", inputs, size, seed, exact=True)
        if self.tied:
            self.output_bias = self.add_weight(shape=(size,), initializer="zeros", name="logits_bias")
        self.target_size = size
        self.built = True

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Logits of every step of known targets.

        Args:
            inputs: `source_ids` int32 `(b, s)`, without which the decoder is a language model, and
                `target_in` int32 `(b, t)`, which starts with the id of the begin; padding is 0, on the right.
            training: bool. Whether dropout acts. Defaults to `False`.

        Returns:
            float32 `(b, t, target size)`; rows of padding mean nothing.
        """
        memory = self.encode(inputs["source_ids"], training) if "source_ids" in inputs else None
        return self.decode(memory, inputs["target_in"], training)

    def decode(self, memory: Memory, target_in: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The second half of `call`.

        Args:
            memory: made by `encode`; None for a decoder alone.
            target_in: int32 `(b, t)` as in `call`.
            training: bool. Defaults to `False`.
        """
        hidden, _ = self.decoder(target_in, embed=self.target_table, memory=memory, training=training)
        return self._logits(hidden)

    def _logits(self, hidden: tf.Tensor) -> tf.Tensor:
        if self.tied:
            return self.target_table.logits(hidden) + self.output_bias.value
        return self.output_map(hidden)

    def encode(self, source_ids: tf.Tensor, training: bool = False) -> Memory:
        """What the decoder needs of the sources, made once for each example.

        Args:
            source_ids: int32 `(b, s)`; an example of padding alone gives contexts of 0.
            training: bool. Defaults to `False`.
        """
        encoded = self.encoder(source_ids, embed=self.source_table, training=training)
        return self.decoder.memory(encoded, real(source_ids))

    def attention(self, memory: Memory, target_in: tf.Tensor) -> tf.Tensor:
        """Weights over the source of every step of known targets, float32 `(b, t, s)`, a mean over heads.

        Args:
            memory: made by `encode`.
            target_in: int32 `(b, t)` as in `call`.
        """
        return self.decoder(target_in, embed=self.target_table, memory=memory)[1]

    def source_mask(self, memory: Memory) -> tf.Tensor:
        """float32 `(b, s)`, 0 for padding of the sources that `memory` was made of."""
        return memory["mask"] if isinstance(memory, dict) else memory[0]["mask"]

    def begin(
        self, memory: Memory, batch: Any, hypotheses: Any, max_steps: int, fixed: bool = False
    ) -> Cache:
        """The cache before the first step.

        Args:
            memory: made by `encode`, None for a language model.
            batch: int or int32 scalar. Examples.
            hypotheses: int or int32 scalar. Hypotheses of each example.
            max_steps: int. Most calls of `step`.
            fixed: bool. Whether the cache has its final size from the start, as XLA needs; otherwise that of
                a Transformer grows. Defaults to `False`.
        """
        return self.decoder.begin(memory, batch, hypotheses, max_steps, fixed)

    def step(
        self, memory: Memory, cache: Cache, ids: tf.Tensor, position: Any
    ) -> tuple[tf.Tensor, Cache, tf.Tensor | None]:
        """One unit more of each hypothesis.

        Args:
            memory: made by `encode`, None for a language model. The same for all hypotheses of an example.
            cache: of the step before.
            ids: int32 `(b, k)`, the last unit; the id of the begin at first. In the first step there may be
                fewer hypotheses than `begin` was told, if the cache was reordered to them.
            position: int32 scalar. Number of steps before this one.

        Returns:
            Logits float32 `(b, k, target size)`, the cache, and the weights of the attention `(b, k, s)`,
            None for a language model.
        """
        hidden, cache, weights = self.decoder.step(memory, cache, ids, self.target_table, position)
        return self._logits(hidden), cache, weights
