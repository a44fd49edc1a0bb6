"""Models with weights in 8 bits: what is stored, and that it answers as the training computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.models.dropout import SeededDropout
from trainer.quantisation import StoredWeights, begins, fake_quantised, report

IDS = np.array([[4, 9, 2, 0], [7, 7, 30, 1]], np.int32)


class Network(keras.Model):
    """A table, a recurrent loop over time and an output layer that shares the table."""

    def __init__(self) -> None:
        super().__init__(name="network")
        self.table = keras.layers.Embedding(40, 64, name="unit_embedding")
        self.cell = keras.layers.Dense(64, "tanh", name="cell")
        self.dropout = SeededDropout(0.5, seed=3)
        self.table.build((None, None))
        self.cell.build((None, 128))
        self.built = True

    def call(self, ids: Any, training: bool = False) -> Any:
        inputs = self.dropout(self.table(ids), training=training)

        def advance(step: Any, state: Any) -> Any:
            return step + 1, self.cell(tf.concat([state, inputs[:, step]], axis=1))

        steps = tf.shape(inputs)[1]
        _, state = tf.while_loop(lambda step, _: step < steps, advance, (0, tf.zeros([tf.shape(ids)[0], 64])))
        return tf.matmul(state, self.table.embeddings.value, transpose_b=True)


def network() -> Network:
    keras.utils.set_random_seed(5)
    return Network()


class Server(tf.Module):
    def __init__(self, model: Network, int8: bool) -> None:
        super().__init__()
        self.weights = StoredWeights(model, int8)
        weights = self.weights
        forward: Callable[..., Any] = model

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
        def answer(ids: Any) -> Any:
            with weights.in_use():
                return {"logits": forward(ids)}

        self.answer = answer


def exported(model: Network, directory: Path, int8: bool) -> tuple[Any, Server]:
    server = Server(model, int8)
    tf.saved_model.save(server, str(directory), signatures={"serving_default": server.answer})
    return tf.saved_model.load(str(directory)).signatures["serving_default"], server


def test_the_exported_model_answers_as_the_fake_quantised_graph_of_the_training(tmp_path: Path) -> None:
    model = network()

    @tf.function
    def trained(ids: Any) -> Any:
        with fake_quantised(model):
            return model(ids)

    serve, _ = exported(model, tmp_path / "int8", int8=True)
    answers = serve(tf.constant(IDS))["logits"].numpy()
    # Not bit by bit: the order of a sum is each graph's own.
    np.testing.assert_allclose(answers, trained(tf.constant(IDS)), rtol=0, atol=1e-7)
    difference = np.abs(answers - model(IDS).numpy()).max()
    assert 0 < difference < 0.05


def test_the_weights_of_both_are_equal_bit_by_bit() -> None:
    model = network()
    stored = StoredWeights(model, int8=True)

    @tf.function
    def trained() -> Any:
        with fake_quantised(model):
            return [tf.identity(variable.value) for variable in model.trainable_variables]

    for (variable, value), rounded in zip(stored.values(), trained(), strict=True):
        np.testing.assert_array_equal(value.numpy(), rounded.numpy(), err_msg=variable.path)


def test_the_model_in_float32_answers_as_the_model_itself(tmp_path: Path) -> None:
    model = network()
    serve, server = exported(model, tmp_path / "float32", int8=False)
    np.testing.assert_allclose(serve(tf.constant(IDS))["logits"], model(IDS), rtol=0, atol=1e-6)
    assert server.weights.largest_error() == 0


def test_weights_take_a_quarter_on_disk_and_no_float32_copy_is_left(tmp_path: Path) -> None:
    model = network()
    _, server = exported(model, tmp_path / "int8", int8=True)
    exported(model, tmp_path / "float32", int8=False)
    reader = tf.train.load_checkpoint(str(tmp_path / "int8" / "variables" / "variables"))
    kinds = reader.get_variable_to_dtype_map()
    shapes = reader.get_variable_to_shape_map()
    numbers = {name: (kinds[name], tuple(shapes[name])) for name in shapes if kinds[name] != tf.string}
    assert sorted(numbers.values(), key=str) == sorted(
        [
            (tf.int8, (40, 64)),
            (tf.float32, (40, 1)),
            (tf.int8, (128, 64)),
            (tf.float32, (1, 64)),
            (tf.float32, (64,)),
        ],
        key=str,
    )
    found = report("after", server.weights, tmp_path / "int8", tmp_path / "float32")
    assert found["weights_in_int8"] == 40 * 64 + 128 * 64
    assert server.weights.bytes == 40 * 64 + 128 * 64 + 4 * (40 + 64 + 64)
    assert found["weights_bytes"] / found["float32_weights_bytes"] < 0.32
    assert found["bytes"] < found["float32_bytes"]
    assert 0 < found["largest_error"] <= 0.5 / 127 * 1.001


def test_training_goes_on_under_rounding_and_counters_of_dropout_advance() -> None:
    model = network()
    optimizer = keras.optimizers.SGD(0.5)
    labels = tf.constant([4, 7])

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape, fake_quantised(model):
            logits = model(tf.constant(IDS), training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    losses = [float(step()) for _ in range(30)]
    assert losses[-1] < 0.3 * losses[0]
    assert int(model.dropout.step.numpy()) == 30


def test_nothing_changes_where_rounding_is_off() -> None:
    model = network()
    with fake_quantised(model, enabled=False):
        inside = model(IDS)
    np.testing.assert_array_equal(inside, model(IDS))
    assert begins(100) == 50
