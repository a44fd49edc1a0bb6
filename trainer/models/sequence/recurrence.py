"""An LSTM over whole sequences with a gradient of its own: all that can be one product is one product.

In the loop over the steps there is only the recurrent product; the input's share of all steps, and each
weight's gradient over all steps, are one large product each. On a CPU with matrix units factors in bfloat16
then take half the time. The loops are plain operations, so XLA compiles them too.

Reference: Hochreiter and Schmidhuber, 1997, Neural Computation 9(8); Gers et al., 2000, for the forget gate.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import tensorflow as tf

from trainer.models.sequence.numeric import dims

State: TypeAlias = tuple[tf.Tensor, tf.Tensor]


def cell(gates: tf.Tensor, memory: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, ...]]:
    """One step from the sums of the gates input, forget, output and the candidate.

    Args:
        gates: float32 `(..., 4 units)`.
        memory: float32 `(..., units)`.

    Returns:
        The output and the new memory, `(..., units)`, and what the gradient needs: the three gates, the
        candidate and the bent memory.
    """
    units = memory.shape[-1]
    enter, keep, leave = tf.split(tf.sigmoid(gates[..., : 3 * units]), 3, -1)
    candidate = tf.tanh(gates[..., 3 * units :])
    memory = keep * memory + enter * candidate
    bent = tf.tanh(memory)
    return leave * bent, memory, (enter, keep, leave, candidate, bent)


def _times(left: tf.Tensor, right: tf.Tensor, precision: str, **transposed: bool) -> tf.Tensor:
    return tf.cast(tf.matmul(tf.cast(left, precision), tf.cast(right, precision), **transposed), tf.float32)


def _array(steps: Any, batch: int | None, width: int) -> Any:
    return tf.TensorArray(tf.float32, steps, clear_after_read=False, element_shape=(batch, width))


def _ahead(inputs: tf.Tensor, weights: Any, precision: str, keep: bool) -> tuple[tf.Tensor, list[Any]]:
    """The outputs of all steps, and what the gradient needs of each step if it is to be kept."""
    kernel, recurrent, bias = weights
    steps, batch, width = dims(inputs)
    units = recurrent.shape[0]
    shares = _times(tf.reshape(inputs, (steps * batch, width)), kernel, precision) + bias
    given = _array(steps, inputs.shape[1], 4 * units)
    given = given.unstack(tf.reshape(shares, (steps, batch, 4 * units)))
    factor = tf.cast(recurrent, precision)

    def step(at: Any, output: Any, memory: Any, kept: Any) -> Any:
        gates = given.read(at) + _times(output, factor, precision)
        output, after, parts = cell(gates, memory)
        now = (output, memory, *parts) if keep else (output,)
        return at + 1, output, after, [a.write(at, v) for a, v in zip(kept, now, strict=True)]

    zeros = tf.zeros((batch, units))
    *_, kept = tf.while_loop(
        lambda at, *_: at < steps,
        step,
        (0, zeros, zeros, [_array(steps, inputs.shape[1], units) for _ in range(7 if keep else 1)]),
        maximum_iterations=steps,
        parallel_iterations=1,
    )
    return tf.reshape(kept[0].stack(), (steps, batch, units)), kept[1:]


def recurrence(
    inputs: tf.Tensor, kernel: Any, recurrent: Any, bias: Any, precision: str, training: bool
) -> tf.Tensor:
    """The outputs of all steps, from a state of 0.

    Args:
        inputs: float32 `(steps, batch, n)`.
        kernel: float32 `(n, 4 units)`, for the input; gates in the order of `cell`.
        recurrent: float32 `(units, 4 units)`, for the output of the step before.
        bias: float32 `(4 units,)`.
        precision: of the factors of products; gates and memory are float32.
        training: bool. Whether to have the gradient made here; a SavedModel cannot hold it, and without it
            nothing is kept but the outputs.

    Returns:
        float32 `(steps, batch, units)`; with the gradient made here it can be differentiated once.
    """
    if not training:
        return _ahead(inputs, (kernel, recurrent, bias), precision, keep=False)[0]

    @tf.custom_gradient
    def run(inputs: tf.Tensor, kernel: Any, recurrent: Any, bias: Any) -> Any:
        outputs, kept = _ahead(inputs, (kernel, recurrent, bias), precision, keep=True)
        steps, batch, width = dims(inputs)
        units = recurrent.shape[0]

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            wanted = _array(steps, inputs.shape[1], units).unstack(upstream)
            factor = tf.cast(recurrent, precision)

            def back(at: Any, by_output: Any, by_memory: Any, by_gates: Any) -> Any:
                before, enter, keep, leave, candidate, bent = (a.read(at) for a in kept)
                by_output += wanted.read(at)
                by_memory += by_output * leave * (1.0 - bent * bent)
                change = tf.concat(
                    [
                        by_memory * candidate * enter * (1.0 - enter),
                        by_memory * before * keep * (1.0 - keep),
                        by_output * bent * leave * (1.0 - leave),
                        by_memory * enter * (1.0 - candidate * candidate),
                    ],
                    -1,
                )
                earlier = _times(change, factor, precision, transpose_b=True)
                return at - 1, earlier, by_memory * keep, by_gates.write(at, change)

            zeros = tf.zeros((batch, units))
            *_, by_gates = tf.while_loop(
                lambda at, *_: at >= 0,
                back,
                (tf.convert_to_tensor(steps - 1), zeros, zeros, _array(steps, inputs.shape[1], 4 * units)),
                parallel_iterations=1,
            )
            flat = tf.reshape(by_gates.stack(), (steps * batch, 4 * units))
            rows = tf.reshape(inputs, (steps * batch, width))
            earlier = tf.reshape(outputs[:-1], ((steps - 1) * batch, units))
            return (
                tf.reshape(_times(flat, kernel, precision, transpose_b=True), (steps, batch, width)),
                _times(rows, flat, precision, transpose_a=True),
                _times(earlier, flat[batch:], precision, transpose_a=True),
                tf.reduce_sum(flat, 0),
            )

        return outputs, gradient

    return run(inputs, kernel, recurrent, bias)
