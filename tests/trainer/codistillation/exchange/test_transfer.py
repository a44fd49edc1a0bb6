"""Weights travel in 32 or 16 bits, counts as they are."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from trainer.codistillation.exchange.transfer import decode, encode, stored_dtype

ORACLES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def arrived(array: np.ndarray, transfer: str) -> np.ndarray:
    dtype = stored_dtype(array, transfer)
    return decode(bytes(encode(array, dtype)), dtype, array.shape)


@pytest.mark.parametrize("transfer", ["float16", "bfloat16"])
def test_weights_are_rounded_as_numpy_rounds_them(transfer: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1000, 9)).astype(np.float32) * 10.0 ** rng.integers(-12, 4, size=(1000, 1))
    # Every pattern of the upper bits with an exact tie below it.
    ties = ((np.arange(0x4000, dtype=np.uint32) << 16) | 0x8000).view(np.float32)
    for array in (values.astype(np.float32), ties[ties < 60000], np.array(-0.0, np.float32)):
        after = arrived(array, transfer)
        assert after.dtype == np.float32
        assert after.shape == array.shape
        assert np.array_equal(after, array.astype(ORACLES[transfer]).astype(np.float32))


@pytest.mark.parametrize(
    ("transfer", "largest"), [("float16", 65504.0), ("bfloat16", 2.0**127 * (2 - 2**-7))]
)
def test_weights_beyond_the_range_become_its_largest(transfer: str, largest: float) -> None:
    array = np.array([3.4028e38, -3.4028e38], np.float32)
    assert arrived(array, transfer).tolist() == [largest, -largest]


def test_float32_travels_in_every_bit_and_wider_or_narrower_weights_arrive_as_float32() -> None:
    bits = np.random.default_rng(1).integers(0, 1 << 32, 5000, np.uint32).view(np.float32)
    assert arrived(bits, "float32").tobytes() == bits.tobytes()
    for kind in (np.float64, np.float16, ml_dtypes.bfloat16, ">f4"):
        after = arrived(np.array([0.5, -3.0]).astype(kind), "float32")
        assert after.dtype == np.float32
        assert after.tolist() == [0.5, -3.0]


@pytest.mark.parametrize("transfer", ["float32", "float16", "bfloat16"])
def test_counts_and_flags_travel_as_they_are(transfer: str) -> None:
    for array in (
        np.array([2**62 + 1, -1]),
        np.array([[True], [False]]),
        np.array(7, np.uint8),
        np.zeros((0, 3), np.int32),
    ):
        after = arrived(array, transfer)
        assert after.dtype == array.dtype
        assert after.shape == array.shape
        assert after.tolist() == array.tolist()


def test_rows_come_before_columns_whatever_the_layout_in_memory() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    assert bytes(encode(array, "float32")) == np.array([0, 3, 1, 4, 2, 5], "<f4").tobytes()


def test_what_arrives_cannot_be_written_to() -> None:
    for transfer in ("float32", "float16", "bfloat16"):
        with pytest.raises(ValueError, match="read-only"):
            arrived(np.ones(2, np.float32), transfer)[0] = 2


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([1j]), np.array([object()])])
def test_what_is_no_number_is_refused(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="dtype="):
        stored_dtype(array, "float32")
