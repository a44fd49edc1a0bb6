"""Wide & Deep: logits against numpy, parts switched off, seeds, penalties, placements."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.errors import TandemError
from trainer.models import build_wide_deep, penalty, placements
from trainer.models.layers import EmbeddingTables, WideLinear, embedding_dim
from trainer.spec import Column, DeepSpec, FeatureSpec, ModelSpec, WideSpec

WIDE = (Column("a", 4, vocabulary="a"), Column("a_x_b", 5))
DEEP = (Column("b", 50), Column("a", 4, dim=3), Column("c", 60, dim=14))
INPUTS = {
    "wide_ids": np.array([[0, 1], [3, 4]]),
    "deep_ids": np.array([[49, 0, 59], [7, 3, 0]]),
    "dense": np.array([[0.5, -1.0], [2.0, 0.1]], np.float32),
}


def features(classes: int = 1, wide: bool = True, deep: bool = True, dense: bool = True) -> FeatureSpec:
    return FeatureSpec(
        "binary" if classes == 1 else "multiclass",
        classes,
        wide=WIDE if wide else (),
        deep=DEEP if deep else (),
        dense=("x", "y") if dense else (),
    )


def inputs_of(model: keras.Model) -> dict[str, np.ndarray]:
    return {name: INPUTS[name] for name in model.input}


def weights(model: keras.Model) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return {variable.path: variable.numpy() for variable in model.trainable_variables}


@pytest.mark.parametrize("classes", [1, 3])
def test_logits_equal_a_numpy_oracle(classes: int) -> None:
    model = build_wide_deep(features(classes), ModelSpec(deep=DeepSpec(hidden=(6, 5))), seed=1)
    w = weights(model)
    expected = []
    for wide_ids, deep_ids, dense in zip(*INPUTS.values(), strict=True):
        # Widths ascending: a (3), then b and c share the table of width 14, c from row 50.
        shared = w["embeddings/table_14"]
        hidden = np.concatenate(
            [w["embeddings/table_3"][deep_ids[1]], shared[deep_ids[0]], shared[50 + deep_ids[2]], dense]
        )
        for index in (0, 1):
            hidden = np.maximum(hidden @ w[f"hidden_{index}/kernel"] + w[f"hidden_{index}/bias"], 0)
        wide = w["wide/table"][wide_ids[0]] + w["wide/table"][4 + wide_ids[1]]
        expected.append(wide + hidden @ w["deep/kernel"] + w["logits/bias"])
    logits = model(INPUTS).numpy()
    assert logits.shape == (2, classes)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("wide", "deep", "dense", "spec", "expected"),
    [
        (True, True, True, ModelSpec(), {"wide_ids", "deep_ids", "dense"}),
        (True, True, True, ModelSpec(deep=DeepSpec(enabled=False)), {"wide_ids"}),
        (True, True, True, ModelSpec(wide=WideSpec(enabled=False)), {"deep_ids", "dense"}),
        (True, False, False, ModelSpec(), {"wide_ids"}),
        (False, True, False, ModelSpec(), {"deep_ids"}),
        (False, False, True, ModelSpec(), {"dense"}),
        (True, True, False, ModelSpec(deep=DeepSpec(hidden=())), {"wide_ids", "deep_ids"}),
    ],
)
def test_parts_without_columns_or_switched_off_are_left_out(
    wide: bool, deep: bool, dense: bool, spec: ModelSpec, expected: set[str]
) -> None:
    model = build_wide_deep(features(1, wide, deep, dense), spec, seed=1, initial_bias=[0.25])
    assert set(model.input) == expected
    assert model(inputs_of(model)).shape == (2, 1)
    assert model({k: v[:0] for k, v in inputs_of(model).items()}).shape == (0, 1)
    if expected == {"wide_ids"}:
        np.testing.assert_array_equal(model(inputs_of(model)), [[0.25], [0.25]])


@pytest.mark.parametrize(
    ("columns", "spec"),
    [
        (features(), ModelSpec(WideSpec(enabled=False), DeepSpec(enabled=False))),
        (features(wide=False, deep=False, dense=False), ModelSpec()),
        (features(wide=False), ModelSpec(deep=DeepSpec(enabled=False))),
    ],
)
def test_a_model_without_parts_is_refused(columns: FeatureSpec, spec: ModelSpec) -> None:
    with pytest.raises(TandemError, match=r"TRAIN-002.*Received: wide.enabled") as raised:
        build_wide_deep(columns, spec, seed=1)
    assert raised.value.exit_status == 2


def test_initial_weights_depend_on_the_seed_alone() -> None:
    spec = ModelSpec(deep=DeepSpec(hidden=(6,)))
    keras.utils.set_random_seed(1)
    first = [v.numpy() for v in build_wide_deep(features(), spec, seed=5).variables]
    keras.utils.set_random_seed(2)
    second = [v.numpy() for v in build_wide_deep(features(), spec, seed=5).variables]
    other = [v.numpy() for v in build_wide_deep(features(), spec, seed=6).variables]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_new_wide_column_leaves_the_deep_part_as_it_was() -> None:
    a = build_wide_deep(features(wide=False), ModelSpec(), seed=5)
    b = build_wide_deep(features(), ModelSpec(), seed=5)
    wanted = {v.path: v.numpy() for v in a.variables}
    found = {v.path: v.numpy() for v in b.variables}
    assert all(np.array_equal(found[path], value) for path, value in wanted.items())


def test_wide_weights_start_at_zero() -> None:
    model = build_wide_deep(features(), ModelSpec(), seed=1)
    np.testing.assert_array_equal(model.get_layer("wide").table, np.zeros((9, 1)))


def test_placements_name_the_rows_of_every_column() -> None:
    model = build_wide_deep(features(), ModelSpec(), seed=1)
    found = [
        (p.part, p.column, p.variable.path, p.offset, p.size, p.vocabulary)
        for p in placements(model, features())
    ]
    assert found == [
        ("wide", "a", "wide/table", 0, 4, "a"),
        ("wide", "a_x_b", "wide/table", 4, 5, None),
        ("deep", "b", "embeddings/table_14", 0, 50, None),
        ("deep", "a", "embeddings/table_3", 0, 4, None),
        ("deep", "c", "embeddings/table_14", 50, 60, None),
    ]


def test_penalty_covers_the_rows_of_the_batch_and_the_kernels() -> None:
    spec = ModelSpec(deep=DeepSpec(hidden=(6,), embedding_l2=0.5, l2=0.25, dropout=0.0))
    model = build_wide_deep(features(), spec, seed=1)
    w = weights(model)
    model(INPUTS, training=True)
    rows = [w["embeddings/table_3"][[0, 3]], w["embeddings/table_14"][[49, 7, 109, 50]]]
    expected = 0.5 / 2 * sum((r**2).sum() for r in rows) + 0.25 * (w["hidden_0/kernel"] ** 2).sum()
    assert float(penalty(model)) == pytest.approx(expected, rel=1e-5)


def test_penalty_is_zero_when_none_is_set() -> None:
    model = build_wide_deep(features(), ModelSpec(), seed=1)
    model(INPUTS, training=True)
    assert float(penalty(model)) == 0.0


def test_dropout_acts_in_training_only() -> None:
    spec = ModelSpec(deep=DeepSpec(dropout=0.5, embedding_dropout=0.5))
    model = build_wide_deep(features(), spec, seed=1)
    still = [model(INPUTS).numpy() for _ in range(2)]
    noisy = [model(INPUTS, training=True).numpy() for _ in range(2)]
    np.testing.assert_array_equal(still[0], still[1])
    assert not np.array_equal(noisy[0], noisy[1])


@pytest.mark.parametrize(("values", "cap", "dim"), [(1, 32, 2), (17, 32, 8), (10**6, 32, 32), (50, 1, 1)])
def test_embedding_width_follows_the_rule(values: int, cap: int, dim: int) -> None:
    assert embedding_dim(values, cap) == dim


def test_a_saved_keras_file_gives_the_same_logits(tmp_path: Path) -> None:
    spec = ModelSpec(deep=DeepSpec(embedding_dropout=0.2, embedding_l2=0.1))
    model = build_wide_deep(features(3), spec, seed=1, initial_bias=[0.1, 0.2, 0.3])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(INPUTS), again(INPUTS))


@pytest.mark.parametrize("kind", [WideLinear, EmbeddingTables])
def test_a_wrong_number_of_ids_is_refused_when_the_graph_is_built(kind: type) -> None:
    layer = WideLinear([("a", 3)], 1) if kind is WideLinear else EmbeddingTables([("a", 3, 2)], seed=1)
    with pytest.raises(ValueError, match=r"expects 1 ids.*Received: input_shape"):
        layer(tf.zeros((2, 2), tf.int64))
