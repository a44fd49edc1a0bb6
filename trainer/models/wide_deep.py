"""The Wide & Deep model: one logit (or one for each class) from a linear and a neural part.

Reference: Cheng et al., 2016, arXiv:1606.07792, equation 3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import tensorflow as tf

from trainer.errors import TandemError
from trainer.models.dropout import SeededDropout
from trainer.models.layers import (
    Bias,
    EmbeddingTables,
    Mix,
    Placement,
    WideLinear,
    derive_seed,
    embedding_dim,
)
from trainer.spec import DeepSpec, FeatureSpec, ModelSpec

WIDE, EMBEDDINGS, LOGITS, LINEAR = "wide", "embeddings", "logits", "linear"


def _deep(
    inputs: dict[str, keras.KerasTensor], features: FeatureSpec, deep: DeepSpec, seed: int
) -> keras.KerasTensor:
    """Embeddings and dense inputs through ReLU layers with dropout; returns `(batch, num_classes)`."""
    parts = []
    if "deep_ids" in inputs:
        columns = [
            (c.name, c.size, c.dim or embedding_dim(c.size, deep.max_embedding_dim)) for c in features.deep
        ]
        embed = EmbeddingTables(
            columns,
            seed=derive_seed(seed, EMBEDDINGS),
            dropout=deep.embedding_dropout,
            l2=deep.embedding_l2,
            name=EMBEDDINGS,
        )
        parts.append(embed(inputs["deep_ids"]))
    if "dense" in inputs:
        parts.append(inputs["dense"])
    hidden = parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="deep_inputs")(parts)
    penalty = keras.regularizers.L2(deep.l2) if deep.l2 else None
    for index, units in enumerate(deep.hidden):
        hidden = keras.layers.Dense(
            units,
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seed=derive_seed(seed, f"hidden_{index}")),
            kernel_regularizer=penalty,
            name=f"hidden_{index}",
        )(hidden)
        if deep.dropout:
            name = f"dropout_{index}"
            hidden = SeededDropout(deep.dropout, derive_seed(seed, name), name=name)(hidden)
    # Without a bias of its own: the model has one bias for both parts.
    return keras.layers.Dense(
        features.num_classes,
        use_bias=False,
        kernel_initializer=keras.initializers.GlorotUniform(seed=derive_seed(seed, "deep")),
        name="deep",
    )(hidden)


def build_wide_deep(
    features: FeatureSpec,
    model: ModelSpec,
    seed: int,
    initial_bias: Sequence[float] | None = None,
) -> keras.Model:
    """A model from transformed features to logits: `wide(wide_ids) + deep(deep_ids, dense) + bias`.

    Initial weights depend on `seed` alone, never on a global generator. The state of the dropout
    generators is among `model.variables`.

    Args:
        features: the columns.
        model: both parts; a part without columns is left out as if it were switched off.
        seed: int. Seed of initial weights and dropout.
        initial_bias: start value of the bias, one number for each logit (for a binary task the log-odds of
            the train labels), or None for 0. Defaults to `None`.

    Returns:
        A functional model. Input: dictionary with those of `wide_ids` int64 `(batch, wide columns)`,
        `deep_ids` int64 `(batch, deep columns)` and `dense` float32 `(batch, dense columns)` that the parts
        need. Output: logits float32 `(batch, num_classes)`; with a linear model beside them
        `(batch, 2 num_classes)` in training, see `Mix`.

    Raises:
        TandemError: `TRAIN-002` if no part is left.

    Reference: Cheng et al., 2016, arXiv:1606.07792, equation 3.
    """
    inputs: dict[str, keras.KerasTensor] = {}
    if model.wide.enabled and features.wide:
        inputs["wide_ids"] = keras.Input((len(features.wide),), dtype="int64", name="wide_ids")
    if model.deep.enabled and features.deep:
        inputs["deep_ids"] = keras.Input((len(features.deep),), dtype="int64", name="deep_ids")
    if model.deep.enabled and features.dense:
        inputs["dense"] = keras.Input((len(features.dense),), dtype="float32", name="dense")
    if not inputs:
        raise TandemError(
            "TRAIN-002",
            "The model needs an enabled part that has columns. Received: "
            f"wide.enabled={model.wide.enabled} with {len(features.wide)} columns, "
            f"deep.enabled={model.deep.enabled} with {len(features.deep) + len(features.dense)} columns",
            "Switch on model.wide or model.deep, and give it features.",
            exit_status=2,
        )
    logits = []
    if "wide_ids" in inputs:
        columns = [(c.name, c.size) for c in features.wide]
        logits.append(WideLinear(columns, features.num_classes, name=WIDE)(inputs["wide_ids"]))
    if "deep_ids" in inputs or "dense" in inputs:
        logits.append(_deep(inputs, features, model.deep, seed))
    total = logits[0] if len(logits) == 1 else keras.layers.Add(name="both")(logits)
    joint = Bias(initial_bias, name=LOGITS)(total)
    if model.linear.weight and len(logits) == 2:
        alone = WideLinear(columns, features.num_classes, name=LINEAR)(inputs["wide_ids"])
        alone = Bias(initial_bias, name=f"{LINEAR}_{LOGITS}")(alone)
        joint = Mix(model.linear.weight, name="mix")([joint, alone])
    return keras.Model(inputs, joint, name="wide_deep")


def placements(model: keras.Model, features: FeatureSpec) -> list[Placement]:
    """Where the rows of every id column are, wide part first; used to carry rows over by token.

    Args:
        model: made by `build_wide_deep`.
        features: the columns it was made with.
    """
    found = [
        placement
        for layer in model.layers
        if isinstance(layer, WideLinear | EmbeddingTables)
        for placement in layer.placements()
    ]
    names = {
        (part, column.name): column.vocabulary
        for part, columns in ((WIDE, features.wide), (LINEAR, features.wide), ("deep", features.deep))
        for column in columns
    }
    return sorted(
        (dataclasses.replace(p, vocabulary=names[p.part, p.column]) for p in found),
        key=lambda placement: (WIDE, LINEAR, "deep").index(placement.part),
    )


def dense_layers(model: keras.Model) -> list[keras.layers.Dense]:
    """The dense layers of the deep part, from the inputs to the logits; empty without a deep part."""
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]


def deep_inputs(model: keras.Model, features: FeatureSpec) -> list[str]:
    """Names of the inputs of the first dense layer, in order; empty without a deep part.

    `embedding/COLUMN/COMPONENT` for embeddings, `dense/NAME` for dense inputs.
    """
    names = [
        f"embedding/{column}/{component}"
        for layer in model.layers
        if isinstance(layer, EmbeddingTables)
        for column, component in layer.outputs()
    ]
    if "dense" in model.input:
        names += [f"dense/{name}" for name in features.dense]
    return names


def penalty(model: keras.Model) -> tf.Tensor:
    """L2 terms of the last call with `training=True`: embedding rows of that batch and hidden kernels.

    A scalar to add to the mean loss of the batch, `0.0` when no penalty is set. Under a strategy divide it by
    the number of replicas, as the loss.
    """
    return tf.add_n(list(model.losses)) if model.losses else tf.constant(0.0)
