"""SM3 by hand: its two variants, covers, momentum, averages, tables, and the order of the variants."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.optimizers import SM3


def made(optimizer: SM3, value: Any, **options: Any) -> keras.Variable:
    variable = keras.Variable(value, **options)
    optimizer.build([variable])
    return variable


def slots(optimizer: SM3, variable: keras.Variable) -> dict[str, list[Any]]:
    return {name: slot.numpy().ravel().tolist() for name, slot in optimizer.slots(variable).items()}


def test_two_steps_worked_by_hand() -> None:
    optimizer = SM3(1.0, momentum=0.0)
    weights = made(optimizer, [[1.0, 2.0], [3.0, 4.0]])
    gradient = tf.constant([[1.0, -2.0], [0.0, 4.0]])
    optimizer.apply([gradient], [weights])
    assert weights.numpy().tolist() == [[0.0, 3.0], [3.0, 3.0]]
    optimizer.apply([gradient], [weights])
    np.testing.assert_allclose(weights.numpy(), [[-(0.5**0.5), 3 + 0.5**0.5], [3, 3 - 0.5**0.5]], rtol=1e-6)
    assert slots(optimizer, weights) == {"accumulator_0": [8.0, 32.0], "accumulator_1": [2.0, 32.0]}


@pytest.mark.parametrize("options", [{}, {"variant": "I"}, {"beta": 0.9}, {"beta": 0.999}])
@pytest.mark.parametrize("jit", [False, True])
def test_the_first_step_is_the_sign_of_any_gradient(options: dict[str, Any], jit: bool) -> None:
    optimizer = SM3(0.1, momentum=0.0, **options)
    sizes = [2e-38, 1e-30, 1e-22, 1e-19, 1e-6, 1.0, 1e6, 1e18]
    weights = made(optimizer, np.zeros((2, 8), np.float32), name="w")
    step = tf.function(optimizer.apply, jit_compile=jit)
    for at, size in enumerate(sizes):  # one at a time, so that each is the first of its row and column
        optimizer.restart()
        optimizer.iterations.assign(0)
        gradient = np.zeros((2, 8), np.float32)
        gradient[:, at] = size, -size
        step([tf.constant(gradient)])
    np.testing.assert_allclose(weights.numpy(), [[-0.1] * 8, [0.1] * 8], rtol=1e-5)
    assert np.array_equal(weights.numpy() == 0, np.zeros((2, 8), bool))


def test_a_gradient_of_zero_moves_nothing_and_is_no_division_by_zero() -> None:
    optimizer = SM3(0.1)
    weights = made(optimizer, [[1.0, 2.0], [3.0, 4.0]])
    optimizer.apply([tf.zeros((2, 2))], [weights])
    assert weights.numpy().tolist() == [[1.0, 2.0], [3.0, 4.0]]


GRADIENTS = st.lists(
    st.lists(st.lists(st.floats(-8, 8, width=32), min_size=3, max_size=3), min_size=4, max_size=4),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(GRADIENTS)
def test_sums_of_squares_are_below_those_of_ii_which_are_below_those_of_i(gradients: list[Any]) -> None:
    squares, found = np.zeros((4, 3)), {}
    optimizers = {variant: SM3(0.1, momentum=0.0, variant=variant) for variant in ("I", "II")}
    weights = {variant: made(optimizer, np.zeros((4, 3))) for variant, optimizer in optimizers.items()}
    before = np.zeros((4, 3))
    for gradient in gradients:
        squares += np.square(gradient, dtype=np.float64)
        for variant, optimizer in optimizers.items():
            optimizer.apply([tf.constant(gradient, tf.float32)], [weights[variant]])
            rows, columns = (slot.numpy() for slot in optimizer.slots(weights[variant]).values())
            found[variant] = np.minimum(rows, columns).astype(np.float64)
        # Squares below the least float32 are 0.
        slack = 1e-5 * squares.max() + 1e-37
        assert (squares <= found["II"] + slack).all()
        assert (found["II"] <= found["I"] + slack).all()
        assert (found["II"] >= before).all()
        before = found["II"]


def test_momentum_averages_the_scaled_steps() -> None:
    optimizer = SM3(1.0, momentum=0.75)
    weights = made(optimizer, [2.0])
    optimizer.apply([tf.constant([3.0])], [weights])  # scaled 1: 2 - 0.25
    assert weights.numpy().tolist() == [1.75]
    optimizer.apply([tf.constant([0.0])], [weights])  # scaled 0: 0.75 * 0.25 more
    assert weights.numpy().tolist() == [1.5625]
    assert slots(optimizer, weights) == {"accumulator_0": [9.0], "momentum": [0.1875]}


def test_without_momentum_there_is_no_slot_for_it() -> None:
    optimizer = SM3(momentum=0.0)
    weights = made(optimizer, np.zeros((50, 7)))
    assert sum(np.size(slot) for slot in optimizer.slots(weights).values()) == 57


def test_averages_of_squares_fall_again() -> None:
    optimizer = SM3(1.0, momentum=0.0, beta=0.5)
    weights = made(optimizer, np.zeros((2, 2)))
    optimizer.apply([tf.constant([[4.0, 0.0], [0.0, 0.0]])], [weights])
    # 0.5 * 16, over 1 - 0.5 is 16: a step of 1. Then (0.5 * 8 + 0.5 * 4) / (1 - 0.25) = 8.
    optimizer.apply([tf.constant([[2.0, 0.0], [0.0, 0.0]])], [weights])
    assert weights.numpy()[0, 0] == pytest.approx(-1.0 - 2 / 8**0.5)
    for _ in range(40):
        optimizer.apply([tf.zeros((2, 2))], [weights])
    assert max(slots(optimizer, weights)["accumulator_0"]) < 1e-9


@pytest.mark.parametrize(
    ("cover", "shapes"),
    [
        ("slices", {"accumulator_0": (2, 1, 1), "accumulator_1": (1, 3, 1), "accumulator_2": (1, 1, 4)}),
        ("elements", {"accumulator_0_1_2": (2, 3, 4)}),
        ([[0, 1], [-1]], {"accumulator_0_1": (2, 3, 1), "accumulator_2": (1, 1, 4)}),
        ([[]], {"accumulator": (1, 1, 1)}),
    ],
)
@pytest.mark.parametrize("variant", ["I", "II"])
def test_covers_by_the_definition(cover: Any, shapes: dict[str, tuple[int, ...]], variant: Any) -> None:
    optimizer = SM3(0.5, momentum=0.0, variant=variant, covers={".*conv.*": cover})
    weights = made(optimizer, np.zeros((2, 3, 4)), name="conv_kernel")
    assert {name: tuple(slot.shape) for name, slot in optimizer.slots(weights).items()} == shapes
    keys = [tuple(i for i in range(3) if shape[i] > 1) for shape in shapes.values()]
    held: list[dict[tuple[int, ...], float]] = [{} for _ in keys]
    expected = np.zeros((2, 3, 4))
    for seed in range(3):
        gradient = np.random.default_rng(seed).normal(size=(2, 3, 4)).astype(np.float32)
        optimizer.apply([tf.constant(gradient)], [weights])
        sets = {at: [tuple(at[i] for i in key) for key in keys] for at in np.ndindex(2, 3, 4)}
        new: list[dict[tuple[int, ...], float]] = [{} for _ in keys]
        for at, members in sets.items():
            square = float(gradient[at]) ** 2
            nu = square + min(held[k].get(member, 0.0) for k, member in enumerate(members))
            for k, member in enumerate(members):
                new[k][member] = max(new[k].get(member, 0.0), nu if variant == "II" else square)
        if variant == "I":
            new = [
                {m: held[k].get(m, 0.0) + value for m, value in part.items()} for k, part in enumerate(new)
            ]
        for at, members in sets.items():
            nu = float(gradient[at]) ** 2 + min(held[k].get(m, 0.0) for k, m in enumerate(members))
            if variant == "I":
                nu = min(new[k][m] for k, m in enumerate(members))
            expected[at] -= 0.5 * gradient[at] / nu**0.5
        held = new
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(), (5,)])
def test_a_vector_has_a_number_for_each_element_as_adagrad(shape: tuple[int, ...]) -> None:
    optimizer = SM3(0.1, momentum=0.0)
    weights = made(optimizer, np.zeros(shape))
    (slot,) = optimizer.slots(weights).values()
    assert tuple(slot.shape) == shape
    for _ in range(4):
        optimizer.apply([tf.fill(shape, 3.0)], [weights])
    np.testing.assert_allclose(weights.numpy(), -0.1 * sum(n**-0.5 for n in range(1, 5)), rtol=1e-5)
    assert np.all(slot.numpy() == 36.0)


def rows(count: int = 1) -> tf.IndexedSlices:
    return tf.IndexedSlices(tf.ones((count, 2)), tf.range(count, dtype=tf.int64), tf.constant([4, 2]))


def test_a_named_table_has_no_momentum_and_takes_rows_only() -> None:
    optimizer = SM3(0.1, momentum=0.9, tables=["emb/table"])
    weights = keras.Variable(np.zeros((4, 2)), name="table")
    weights._path = "emb/table"
    optimizer.build([weights])
    assert set(optimizer.slots(weights)) == {"accumulator_0", "accumulator_1"}
    optimizer.apply([rows()], [weights])
    np.testing.assert_allclose(weights.numpy()[0], -0.1)
    with pytest.raises(ValueError, match=r"a dense gradient of emb/table.*tf\.gather"):
        optimizer.apply([tf.ones((4, 2))], [weights])


def test_rows_of_a_variable_that_was_not_named_go_without_momentum(caplog: pytest.LogCaptureFixture) -> None:
    optimizer = SM3(0.1, momentum=0.9)
    weights = made(optimizer, np.zeros((4, 2)), name="table")
    with caplog.at_level("WARNING"):
        optimizer.apply([rows()], [weights])
    assert "rows of table without momentum" in caplog.text
    np.testing.assert_allclose(weights.numpy()[0], -0.1)
    assert not np.any(slots(optimizer, weights)["momentum"])


def test_averages_of_squares_are_refused_for_rows() -> None:
    optimizer = SM3(0.1, momentum=0.0, beta=0.9)
    weights = made(optimizer, np.zeros((4, 2)), name="table")
    with pytest.raises(ValueError, match=r"beta=0\.9 and row updates of table"):
        optimizer.apply([rows()], [weights])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"variant": "III"}, "variant='III'"),
        ({"covers": {".*": [[0], [2]]}}, r"axes from -2 to 1. Received: \[\[0\], \[2\]\]"),
        ({"covers": {".*": []}}, r"sets of axes. Received: \[\]"),
        ({"covers": {".*": "rows"}}, "sets of axes. Received: 'rows'"),
    ],
)
def test_what_it_cannot_do_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        made(SM3(**options), np.zeros((4, 2)))
