"""TFRecord files of transformed examples, parsed batch by batch."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.errors import TandemError
from trainer.spec import FeatureSpec

Columns = dict[str, NDArray[Any]]

_DAMAGED = (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError)
_GZIP_MAGIC = b"\x1f\x8b"


def compression_of(path: Path) -> str:
    """`GZIP` or `""`, by the first two bytes of the file, whatever its name.

    Raises:
        TandemError: `TRAIN-101` if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return "GZIP" if file.read(2) == _GZIP_MAGIC else ""
    except OSError as error:
        raise TandemError(
            "TRAIN-101",
            f"A file of transformed examples must be readable. Received: file={path} ({error.strerror})",
            "Run the transform step again.",
        ) from error


def feature_description(spec: FeatureSpec) -> dict[str, Any]:
    """The fixed-length features of one transformed example, for `tf.io.parse_example`."""
    description: dict[str, Any] = {
        "label": tf.io.FixedLenFeature([], tf.int64 if spec.task == "multiclass" else tf.float32)
    }
    if spec.wide:
        description["wide_ids"] = tf.io.FixedLenFeature([len(spec.wide)], tf.int64)
    if spec.deep:
        description["deep_ids"] = tf.io.FixedLenFeature([len(spec.deep)], tf.int64)
    if spec.dense:
        description["dense"] = tf.io.FixedLenFeature([len(spec.dense)], tf.float32)
    if spec.weight:
        description["weight"] = tf.io.FixedLenFeature([], tf.float32)
    return description


def parse(serialized: Any, spec: FeatureSpec) -> dict[str, Any]:
    """Parses serialized examples `(batch,)`; ids and class labels become int32, absent weights one.

    Returns:
        `wide_ids (batch, wide)` and `deep_ids (batch, deep)` int32, `dense (batch, dense)` float32, those
        that the specification has; `label (batch,)` float32, or int32 for a multiclass task; `weight
        (batch,)` float32.
    """
    columns = tf.io.parse_example(serialized, feature_description(spec))
    for name in ("wide_ids", "deep_ids", "label"):
        if name in columns and columns[name].dtype == tf.int64:
            columns[name] = tf.cast(columns[name], tf.int32)
    if not spec.weight:
        columns["weight"] = tf.ones_like(columns["label"], tf.float32)
    return dict(columns)


def serialized_examples(files: Sequence[Path]) -> Any:
    """A `tf.data.Dataset` of serialized examples, in the order of `files` and of the records in each."""
    names = tf.constant([str(path) for path in files], tf.string, [len(files)])
    kinds = tf.constant([compression_of(path) for path in files], tf.string, [len(files)])
    return tf.data.Dataset.from_tensor_slices((names, kinds)).flat_map(
        lambda name, kind: tf.data.TFRecordDataset(name, compression_type=kind)
    )


def numpy_batches(dataset: Any, files: Sequence[Path]) -> Iterator[Any]:
    """Iterates over parsed batches as numpy arrays.

    Raises:
        TandemError: `TRAIN-102` if a file is damaged or holds something else than the features expected.
    """
    try:
        yield from dataset.as_numpy_iterator()
    except (*_DAMAGED, UnicodeDecodeError) as error:
        # TensorFlow quotes the record it cannot parse, and fails to when that is no UTF-8.
        raise _damaged(files, " ".join(str(error).split())[:300]) from error


def read_in_order(
    files: Sequence[Path], parse: Callable[[Any], dict[str, Any]], batch_size: int = 4096
) -> Iterator[Columns]:
    """Batches of all examples in file order; the last one may be smaller.

    Args:
        files: TFRecord files, plain or gzip.
        parse: from serialized examples `(batch,)` to tensors by name.
        batch_size: int. Examples in each batch. Defaults to `4096`.

    Raises:
        TandemError: `TRAIN-102` as `numpy_batches`, and after the last batch if a gzip file is cut off.
    """
    dataset = (
        serialized_examples(files)
        .batch(batch_size)
        .map(lambda batch: (parse(batch), _length(batch)), num_parallel_calls=2, deterministic=True)
        .prefetch(2)
    )
    length = 0
    for columns, size in numpy_batches(dataset, files):
        length += int(size)
        yield {name: np.asarray(values) for name, values in columns.items()}
    _check_ends(files, length)


def _length(batch: Any) -> Any:
    """Bytes that serialized examples take in a file: each has a header of 12 and a checksum of 4."""
    return tf.reduce_sum(tf.strings.length(batch) + 16)


def _check_ends(files: Sequence[Path], length: int) -> None:
    """Refuses a gzip file that is cut off between two records, which TensorFlow takes for its end."""
    packed = [path for path in files if compression_of(path)]
    plain = sum(path.stat().st_size for path in files if path not in packed)
    # The last four bytes of a gzip file tell how long its content is.
    told = sum(int.from_bytes(_end(path), "little") for path in packed)
    if (length - plain - told) % (1 << 32) == 0:
        return
    for path in packed:
        try:
            with gzip.open(path) as file:
                while file.read(1 << 20):
                    pass
        except (EOFError, OSError, zlib.error) as error:
            raise _damaged([path], str(error)) from error


def _end(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4))
        return file.read()


def _damaged(files: Sequence[Path], cause: str) -> TandemError:
    return TandemError(
        "TRAIN-102",
        "Files of transformed examples must be whole and hold the features of the specification. "
        f"Received: files={[str(path) for path in files[:3]]} ({cause})",
        "Run the transform step again.",
    )
