"""Arithmetic and bytes of a step against numbers worked by hand."""

import numpy as np

from benchmarks.training.cost import distinct, layers, of_a_step

SETTINGS = {
    "features": {
        "wide": [{"size": 9}],
        "deep": [{"size": 9, "dim": 2}, {"size": 9, "dim": 3}],
        "dense": ["a"],
    },
    "model": {"deep": {"hidden": [4]}},
}


def test_widths_go_from_embeddings_and_dense_inputs_to_the_logit():
    assert layers(SETTINGS) == [6, 4, 1]


def test_rows_are_counted_once_in_each_column_of_each_batch():
    ids = np.array([[[1, 1], [1, 2]], [[3, 3], [4, 5]]])
    assert distinct(ids, [{}, {}]) == 3.5  # 1 + 2 and 2 + 2


def test_a_step_of_two_examples_by_hand():
    block = {
        "wide_ids": np.array([[[1], [1]]], np.int32),
        "deep_ids": np.array([[[0, 1], [2, 1]]], np.int32),
        "dense": np.zeros((1, 2, 1), np.float32),
        "label": np.zeros((1, 2), np.float32),
    }
    cost = of_a_step(SETTINGS, block)
    kernels = 6 * 4 + 4 * 1
    assert cost.flop == 2 * 2 * kernels * 3
    inputs = 2 * (1 + 2 + 1 + 1)
    activations = 2 * (6 + 4 + 1) * 4
    wide = 2 * (2 + 6 * 1)
    embeddings = 2 * (2 * 2 + 4 * 2) + 3 * (2 * 2 + 4 * 1)
    assert cost.bytes == 4 * (inputs + 8 * kernels + activations + wide + embeddings)
