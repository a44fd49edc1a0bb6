"""Turns of optax on the same tensors, compiled; its SM3 has no update of rows.

python -m benchmarks.optimizers.of_optax sm3|adam dense|state THREADS
"""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import optax

from benchmarks.optimizers.shapes import STEPS, TRANSFORMER, gradients
from benchmarks.training.worker import Turn, serve, use_cores

MADE = {"sm3": lambda: optax.sm3(0.1, momentum=0.9), "adam": lambda: optax.adam(0.001)}


def dense(name: str) -> Turn:
    """Steps on every tensor, weights and state handed on in place."""
    optimizer = MADE[name]()
    weights = [jnp.zeros(shape) for shape in TRANSFORMER]
    state = optimizer.init(weights)
    given = [jnp.asarray(value) for value in gradients()]

    def step(values, weights, state):  # type: ignore[no-untyped-def]
        updates, state = optimizer.update(values, state, weights)
        return optax.apply_updates(weights, updates), state

    compiled = jax.jit(step, donate_argnums=(1, 2))
    held = [weights, state]

    def turn(_: int) -> float:
        for _ in range(STEPS):
            held[:] = compiled(given, *held)
        return float(held[0][-1][0])

    return turn


def state_bytes(momentum: float) -> int:
    """Bytes of every array in the state."""
    state = optax.sm3(0.1, momentum=momentum).init([jnp.zeros(shape) for shape in TRANSFORMER])
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree_util.tree_leaves(state))


if __name__ == "__main__":
    # Before the first array: jax counts the cores when it makes its pool of threads.
    use_cores(int(sys.argv[-1]))
    if sys.argv[2] == "state":
        print({"optax.sm3": state_bytes(0.9), "optax.sm3, momentum 0": state_bytes(0.0)})
    else:
        serve(dense(sys.argv[1]))
