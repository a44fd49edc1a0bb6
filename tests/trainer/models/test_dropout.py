"""Dropout: rate, scale, whole embeddings, and masks that continue after a restore."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from trainer.models.dropout import SeededDropout

ONES = tf.ones((200, 5, 4))


def test_share_and_scale() -> None:
    out = SeededDropout(0.25, seed=1)(ONES, training=True).numpy()
    assert set(np.unique(out)) == {0.0, np.float32(1 / 0.75)}
    assert (out == 0).mean() == pytest.approx(0.25, abs=0.03)


def test_shared_axes_drop_whole_embeddings() -> None:
    out = SeededDropout(0.5, seed=1, shared_axes=(2,))(ONES, training=True).numpy()
    assert np.all(out.min(axis=2) == out.max(axis=2))
    assert 0.4 < (out[:, :, 0] == 0).mean() < 0.6


@pytest.mark.parametrize("jit", [False, True])
def test_a_restored_step_continues_with_the_same_masks(jit: bool) -> None:
    def layer_and_call() -> tuple[SeededDropout, Callable[[tf.Tensor], tf.Tensor]]:
        layer = SeededDropout(0.5, seed=3)
        return layer, tf.function(lambda x: layer(x, training=True), jit_compile=jit)

    layer, call = layer_and_call()
    call(ONES)
    step = layer.step.numpy()
    expected = [call(ONES).numpy() for _ in range(2)]
    assert not np.array_equal(*expected)
    other, other_call = layer_and_call()
    other.step.assign(step)
    for mask in expected:
        np.testing.assert_array_equal(other_call(ONES), mask)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\)"):
        SeededDropout(rate, seed=1)
