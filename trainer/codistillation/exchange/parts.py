"""Which tensors share a file: a table that did not change is not written again with those that did."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.codistillation.exchange.manifest import Tensor
from trainer.codistillation.exchange.transfer import encode, is_weights, stored_dtype

# A file costs about a millisecond more than its bytes, which is what a megabyte takes.
_OWN_PART_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Part:
    """Tensors in one file, which is named after its content.

    Args:
        digest: SHA-256 of `content`, in hexadecimal.
        content: the tensors' bytes, one after the other.
        tensors: where each of them lies, by name.
    """

    digest: str
    content: bytes
    tensors: Mapping[str, Tensor]


def parts_of(arrays: Mapping[str, NDArray[Any]], transfer: str) -> Iterator[Part]:
    """Divides arrays into parts, one at a time: tables of a megabyte or more alone, all others together.

    Args:
        arrays: by name.
        transfer: type in which floating-point numbers travel.

    Raises:
        ValueError: if a weight is not finite, or an array holds no numbers.

    Example:
        >>> arrays = {"b": np.ones(2, np.float32), "table": np.ones((300, 1000)), "a": np.array(7)}
        >>> [{name: tensor.offset for name, tensor in part.tensors.items()}
        ...  for part in parts_of(arrays, "float32")]
        [{'table': 0}, {'a': 0, 'b': 8}]
    """
    together: dict[str, tuple[str, tuple[int, ...], bytes]] = {}
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if is_weights(array) and not _finite(array):
            raise ValueError(f"Expected finite weights. Received: {name}")
        dtype = stored_dtype(array, transfer)
        encoded = {name: (dtype, array.shape, bytes(encode(array, dtype)))}
        if len(encoded[name][2]) >= _OWN_PART_BYTES:
            yield _joined(encoded)
        else:
            together |= encoded
    if together:
        yield _joined(together)


def _finite(array: NDArray[Any]) -> bool:
    # They arrive as float32, in whatever type they travel.
    with np.errstate(over="ignore"):
        return bool(np.isfinite(np.asarray(array, np.float32)).all())


def _joined(encoded: Mapping[str, tuple[str, tuple[int, ...], bytes]]) -> Part:
    content = b"".join(data for _, _, data in encoded.values())
    digest = hashlib.sha256(content).hexdigest()
    tensors, offset = {}, 0
    for name, (dtype, shape, data) in encoded.items():
        tensors[name] = Tensor(digest, offset, dtype, shape)
        offset += len(data)
    return Part(digest, content, tensors)
