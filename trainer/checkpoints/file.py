"""One checkpoint in one file that says itself whether it is whole.

Layout: 8 bytes `TANDEMC1`; length of the header as unsigned 64-bit little-endian; the header, JSON in UTF-8
with `meta` and for each tensor `name`, `dtype`, `shape`, `offset` and `bytes`; the tensors' bytes,
little-endian, in that order; SHA-256 of everything before it, 32 bytes. There is no pickle: reading runs
nothing from the file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.errors import TandemError
from trainer.faults import point
from trainer.storage import fsync_directory

_MAGIC = b"TANDEMC1"
_LENGTH = struct.Struct("<Q")
_DIGEST_BYTES = 32
TEMPORARY_PREFIX = ".unfinished-"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The state of a training after `step` steps.

    Args:
        step: int. Steps done.
        tensors: arrays by name.
        meta: anything that is JSON.
    """

    step: int
    tensors: Mapping[str, NDArray[Any]]
    meta: Mapping[str, Any]


def _chunks(checkpoint: Checkpoint) -> Iterator[bytes | memoryview]:
    entries, offset = [], 0
    arrays = {name: np.asarray(value, order="C") for name, value in checkpoint.tensors.items()}
    for name, array in arrays.items():
        entries.append(
            {
                "name": name,
                "dtype": array.dtype.name,
                "shape": list(array.shape),
                "offset": offset,
                "bytes": array.nbytes,
            }
        )
        offset += array.nbytes
    content = {"step": checkpoint.step, "meta": dict(checkpoint.meta), "tensors": entries}
    header = json.dumps(content, sort_keys=True).encode()
    yield _MAGIC
    yield _LENGTH.pack(len(header))
    yield header
    for array in arrays.values():
        yield array.reshape(-1).view(np.uint8).data


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the file under another name, makes it durable, and only then gives it its name.

    Raises:
        TandemError: `TRAIN-201` if the disk is full, read-only or broken; nothing half-written stays.
    """
    temporary = ""
    try:
        point("checkpoint.open", path)
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY_PREFIX)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in _chunks(checkpoint):
                digest.update(chunk)
                file.write(chunk)
            file.write(digest.digest())
            file.flush()
            point("checkpoint.write", path, Path(temporary))
            os.fsync(file.fileno())
        point("checkpoint.replace", path)
        Path(temporary).replace(path)
        fsync_directory(path.parent)
    except OSError as error:
        raise TandemError(
            "TRAIN-201",
            f"A checkpoint must be written. Received: file={path} ({error.strerror or error})",
            "Make room or give another directory, then run again from the last checkpoint.",
        ) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _damaged(path: Path, cause: str) -> TandemError:
    return TandemError("TRAIN-202", f"A checkpoint must be whole. Received: file={path} ({cause})")


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint and compares its SHA-256 first.

    Raises:
        TandemError: `TRAIN-202` if the file is absent, was cut off or has any byte changed, `TRAIN-205` if it
            cannot be read, which tells nothing about its content.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise _damaged(path, "no such file") from error
    except OSError as error:
        raise TandemError(
            "TRAIN-205",
            f"A checkpoint must be readable. Received: file={path} ({error.strerror or error})",
            "Look at the disk and at the rights to the file, then run again.",
        ) from error
    start = len(_MAGIC) + _LENGTH.size
    if len(content) < start + _DIGEST_BYTES or content[: len(_MAGIC)] != _MAGIC:
        raise _damaged(path, f"{len(content)} bytes that do not start like a checkpoint")
    body = memoryview(content)[:-_DIGEST_BYTES]
    if hashlib.sha256(body).digest() != content[-_DIGEST_BYTES:]:
        raise _damaged(path, "SHA-256 differs")
    try:
        end = start + _LENGTH.unpack_from(content, len(_MAGIC))[0]
        header = json.loads(bytes(body[start:end]))
        tensors = {}
        for entry in header["tensors"]:
            first, stop = end + entry["offset"], end + entry["offset"] + entry["bytes"]
            if not end <= first <= stop <= len(body):
                raise ValueError(f"tensor {entry['name']!r} lies outside of the file")
            data = body[first:stop]
            kind = np.dtype(tf.as_dtype(entry["dtype"]).as_numpy_dtype)
            tensors[entry["name"]] = np.frombuffer(data, kind).reshape(entry["shape"])
        step, meta = header["step"], header["meta"]
        if type(step) is not int or not isinstance(meta, dict):
            raise ValueError(f"step={step!r}, meta of type {type(meta).__name__}")
        return Checkpoint(step, tensors, meta)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise _damaged(path, f"unreadable header: {error}") from error
