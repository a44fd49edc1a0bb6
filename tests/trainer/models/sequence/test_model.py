"""The whole model: steps and whole passes agree, padding means nothing, and what is shared is shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.models.sequence.small import BATCH, FEATURES, REAL, model, spec
from trainer.decoding.hypotheses import reorder
from trainer.errors import TandemError
from trainer.models.sequence import build_sequence_model
from trainer.spec.sequence import SequenceModelSpec, StackSpec

MIXES = [
    ("lstm", "lstm", "monotonic", "none"),
    ("lstm", "transformer", "additive", "decoder"),
    ("transformer", "lstm", "dot", "all"),
    ("transformer", "transformer", "monotonic", "decoder"),
    ("none", "lstm", "dot", "decoder"),
    ("none", "transformer", "dot", "none"),
]


def _inputs(encoder: str) -> dict[str, Any]:
    return {name: ids for name, ids in BATCH.items() if encoder != "none" or name != "source_ids"}


@pytest.mark.parametrize(("encoder", "decoder", "attention", "shared"), MIXES)
@pytest.mark.parametrize("fixed", [False, True])
def test_steps_from_the_cache_are_the_whole_pass(
    encoder: str, decoder: str, attention: str, shared: str, fixed: bool
) -> None:
    made = model(encoder, decoder, attention=attention, shared_embeddings=shared)
    for variable in made.trainable_variables:  # biases and distances that start at 0 must count too
        variable.assign_add(0.3 * np.random.default_rng(1).normal(size=variable.shape))
    whole = made(_inputs(encoder))
    memory = made.encode(BATCH["source_ids"]) if encoder != "none" else None
    cache = made.begin(memory, 2, 1, 4, fixed)
    steps, weights = [], []
    for position in range(4):
        ids = BATCH["target_in"][:, position : position + 1]
        logits, cache, attended = made.step(memory, cache, ids, position)
        steps.append(logits)
        weights.append(attended)
    together = tf.concat(steps, 1)
    assert whole.shape == (2, 4, 10)
    for where in REAL:
        np.testing.assert_allclose(together.numpy()[where], whole.numpy()[where], atol=2e-5)
    if memory is not None:
        expected = made.attention(memory, BATCH["target_in"])
        np.testing.assert_allclose(tf.concat(weights, 1)[0], expected[0], atol=1e-5)
        np.testing.assert_allclose(tf.reduce_sum(expected[0], -1), np.ones(4), atol=1e-5)
    else:
        assert weights == [None] * 4


@pytest.mark.parametrize(("encoder", "decoder", "attention"), [mix[:3] for mix in MIXES[:4]])
def test_padding_changes_nothing(encoder: str, decoder: str, attention: str) -> None:
    made = model(encoder, decoder, attention=attention)
    whole = made(BATCH)
    alone = made({"source_ids": BATCH["source_ids"][:1, :3], "target_in": BATCH["target_in"][:1]})
    np.testing.assert_allclose(alone[0], whole[0], atol=1e-5)


@pytest.mark.parametrize(("encoder", "decoder"), [("lstm", "lstm"), ("transformer", "transformer")])
def test_a_later_unit_changes_no_earlier_logits(encoder: str, decoder: str) -> None:
    made = model(encoder, decoder)
    changed = tf.tensor_scatter_nd_update(BATCH["target_in"], [[0, 2]], [9])
    before, after = made(BATCH).numpy(), made({**BATCH, "target_in": changed}).numpy()
    np.testing.assert_allclose(after[0, :2], before[0, :2], atol=1e-6)
    assert np.abs(after[0, 2:] - before[0, 2:]).min() > 0


@pytest.mark.parametrize(("encoder", "decoder"), [("lstm", "lstm"), ("transformer", "transformer")])
def test_rows_of_padding_alone_stay_finite_with_their_gradients(encoder: str, decoder: str) -> None:
    made = model(encoder, decoder, attention="monotonic")
    nothing = {"source_ids": tf.zeros((2, 3), tf.int32), "target_in": tf.constant([[1, 0], [1, 4]])}
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(made(nothing, training=True) ** 2)
    gradients = tape.gradient(total, [v.value for v in made.trainable_variables])
    assert all(np.all(np.isfinite(tf.convert_to_tensor(g))) for g in gradients)


@pytest.mark.parametrize("decoder", ["lstm", "transformer"])
def test_without_a_source_the_decoder_is_a_language_model(decoder: str) -> None:
    made = model("lstm", decoder, dropout=0.0)
    alone = made({"target_in": BATCH["target_in"]})
    assert alone.shape == (2, 4, 10)
    cache, steps = made.begin(None, 2, 1, 4), []
    for position in range(4):
        logits, cache, _ = made.step(None, cache, BATCH["target_in"][:, position : position + 1], position)
        steps.append(logits)
    np.testing.assert_allclose(tf.concat(steps, 1)[0], alone[0], atol=1e-5)


def test_hypotheses_that_change_places_leave_keys_and_values_where_they_are() -> None:
    made = model("transformer", "transformer")
    memory = made.encode(BATCH["source_ids"])
    cache = made.begin(memory, 2, 2, 3)
    _, cache, _ = made.step(memory, cache, tf.constant([[4, 5], [6, 7]]), 0)
    moved = reorder(cache, tf.constant([[1, 1], [0, 1]]))
    assert all(one is other for one, other in zip(moved.keys, cache.keys, strict=True))
    assert (moved.ancestry == 0.0).numpy().tolist() == [[[0, 1], [0, 1]], [[1, 0], [0, 1]]]
    after, _, _ = made.step(memory, moved, tf.constant([[8, 8], [8, 8]]), 1)
    written = tf.constant([[5, 8], [5, 8], [6, 8], [7, 8]])
    whole = made.decode(tf.nest.map_structure(lambda part: tf.repeat(part, 2, axis=0), memory), written)
    np.testing.assert_allclose(tf.reshape(after, (4, -1)), whole[:, -1], atol=1e-5)


def test_shared_embeddings_are_one_table() -> None:
    tables = {
        shared: [v.path for v in model(shared_embeddings=shared).trainable_variables if v.name == "table"]
        for shared in ("none", "decoder", "all")
    }
    assert [len(tables[shared]) for shared in ("none", "decoder", "all")] == [2, 2, 1]
    tied, plain = (model(shared_embeddings=shared) for shared in ("decoder", "none"))
    assert tied.output_map is None
    assert plain.output_map.kernel.shape == (8, 10)


def test_weights_depend_on_the_seed_alone() -> None:
    first, again, other = (model(seed=seed).trainable_variables for seed in (1, 1, 2))
    tf.random.set_seed(5)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    kernels = [i for i, v in enumerate(first) if v.name == "kernel"]
    assert not any(np.array_equal(first[i], other[i]) for i in kernels)
    assert len({v.path for v in first}) == len(first)


def test_bfloat16_factors_keep_float32_weights_and_logits() -> None:
    exact = model(attention="monotonic")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        rough = model(attention="monotonic")
    finally:
        keras.config.set_dtype_policy("float32")
    assert {v.dtype for v in rough.trainable_variables} == {"float32"}
    found, expected = rough(BATCH), exact(BATCH)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert np.abs(found - expected).max() > 0


def test_a_trained_step_continues_with_the_same_dropout() -> None:
    def logits(made: Any) -> Any:
        return made(BATCH, training=True).numpy()

    first, other = model(dropout=0.5), model(dropout=0.5)
    logits(first)
    for variable, value in zip(other.variables, first.variables, strict=True):
        variable.assign(value)
    expected = logits(first)
    np.testing.assert_array_equal(logits(other), expected)
    assert not np.array_equal(logits(first), expected)


@pytest.mark.parametrize(
    ("fields", "received"),
    [
        ({"decoder": StackSpec("lstm", 1, 8, 3)}, "heads=3"),
        ({"encoder": StackSpec("transformer", 1, 9, 3)}, "units=9"),
        ({"encoder": StackSpec("lstm", 0, 8, 2)}, "layers=0"),
        ({"encoder": StackSpec("transformer", 1, 6, 2), "decoder": StackSpec("lstm", 1, 8, 4)}, "heads=4"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(fields: dict[str, Any], received: str) -> None:
    with pytest.raises(TandemError, match=rf"TRAIN-501.*{received}"):
        build_sequence_model(FEATURES, SequenceModelSpec(embedding=4, **fields), 1)


def test_one_trace_serves_all_lengths() -> None:
    made = model("lstm", "lstm")
    run = tf.function(
        lambda source, target: made({"source_ids": source, "target_in": target}, training=True),
        input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2,
        autograph=False,
    )
    for source, target in ((3, 1), (1, 4)):
        assert run(tf.fill((2, source), 5), tf.fill((2, target), 4)).shape == (2, target, 10)
    assert run.experimental_get_tracing_count() == 1
    assert spec().dropout == 0.2


def test_a_saved_model_encodes_and_steps_as_before(tmp_path: Path) -> None:
    made = model("lstm", "lstm", attention="monotonic")

    class Server(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = made

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)], autograph=False)
        def answer(self, source: tf.Tensor) -> tf.Tensor:
            memory = made.encode(source)
            batch = tf.shape(source)[0]
            return made.step(memory, made.begin(memory, batch, 1, 1), tf.fill((batch, 1), 1), 0)[0]

    server = Server()
    tf.saved_model.save(server, str(tmp_path))
    expected = server.answer(BATCH["source_ids"])
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose(loaded.answer(BATCH["source_ids"]), expected, atol=1e-6)
