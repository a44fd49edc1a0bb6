"""Numbers as they travel: weights in 32 or 16 bits, everything else as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TRANSFERS = ("float32", "float16", "bfloat16")
_EXACT = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38}


def is_weights(array: NDArray[Any]) -> bool:
    """Whether the numbers are floating-point, of whatever width."""
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"


def stored_dtype(array: NDArray[Any], transfer: str) -> str:
    """Name of the type in which an array travels.

    Args:
        array: of floating-point numbers, integers or booleans.
        transfer: `"float32"`, `"float16"` or `"bfloat16"`, for floating-point numbers.

    Raises:
        ValueError: if it holds anything else.

    Example:
        >>> stored_dtype(np.zeros(3), "float16"), stored_dtype(np.zeros(3, np.int64), "float16")
        ('float16', 'int64')
    """
    if is_weights(array):
        return transfer
    if array.dtype.name not in _EXACT:
        raise ValueError(f"Expected arrays of numbers. Received: dtype={array.dtype.name}")
    return array.dtype.name


def width(dtype: str) -> int:
    """Bytes of one number of a stored type.

    Raises:
        ValueError: if nothing travels in that type.
    """
    if dtype not in (*TRANSFERS, *_EXACT):
        raise ValueError(f"Expected a type that travels. Received: dtype={dtype!r}")
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def encode(array: NDArray[Any], dtype: str) -> memoryview:
    """The little-endian bytes of an array in row-major order.

    Numbers beyond the range of a 16-bit type become its largest; ties are rounded to even.

    Args:
        array: of any shape; not copied where its bytes are already those that travel.
        dtype: one of `stored_dtype`.

    Example:
        >>> bytes(encode(np.array([1.0, -2.0, 3.4e38]), "bfloat16")).hex(" ", 2)
        '803f 00c0 7f7f'
    """
    if dtype in _LARGEST:
        weights = np.clip(np.asarray(array, np.float32), -_LARGEST[dtype], _LARGEST[dtype])
        stored = weights.astype("<f2") if dtype == "float16" else _to_bfloat16(weights)
    else:
        stored = np.asarray(array, np.dtype(dtype).newbyteorder("<"))
    return np.ascontiguousarray(stored).reshape(-1).view(np.uint8).data


def decode(data: bytes | memoryview, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """The array that was encoded: floating-point numbers as float32, the others in their own type.

    Args:
        data: exactly the bytes of the array.
        dtype: one of `stored_dtype`.
        shape: lengths of the axes.

    Returns:
        An array that cannot be written to, of float32 without a copy of `data`.

    Example:
        >>> decode(encode(np.array([[0.1], [3.0]]), "float16"), "float16", (2, 1)).tolist()
        [[0.0999755859375], [3.0]]
    """
    if dtype == "bfloat16":
        bits = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        array: NDArray[Any] = bits.view(np.float32)
    else:
        array = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))
        if dtype == "float16":
            array = array.astype(np.float32)
    array = array.reshape(shape)
    array.flags.writeable = False
    return array


def _to_bfloat16(weights: NDArray[np.float32]) -> NDArray[np.uint16]:
    bits = np.ascontiguousarray(weights).view(np.uint32)
    # Half of the last kept place, less one where that place is even: ties go to even.
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (rounded >> np.uint32(16)).astype("<u2")
