"""Recorded requests: raw examples without their label, and what the training path answers to them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.data.records import serialized_examples
from trainer.errors import TandemError
from trainer.faults import point
from trainer.spec import FeatureSpec, SequenceFeatureSpec
from trainer.storage import write_atomic

REQUESTS, EXPECTED = "requests.tfrecord", "expected.npz"
BATCH = 64
"""Requests that are answered together, here as in the dry run: sums of floats depend on it."""


class Answering(Protocol):
    """A model before its export."""

    @property
    def difference_scale(self) -> float:
        """What a difference from a recorded answer is divided by."""

    def predict_examples(self, examples: Any, raw: Mapping[str, str]) -> dict[str, Any]:
        """Outputs by name for serialized examples `(batch,)`."""


def _requests(files: Sequence[Path], spec: FeatureSpec | SequenceFeatureSpec, limit: int) -> Iterator[bytes]:
    """The first `limit` examples with nothing but the raw features that the model is served with."""
    for serialized in serialized_examples(files).take(limit).as_numpy_iterator():
        example = tf.train.Example.FromString(serialized)
        for name in set(example.features.feature) - set(spec.raw):
            del example.features.feature[name]
        yield example.SerializeToString(deterministic=True)


def _array(value: Any) -> NDArray[Any]:
    """A tensor as an array that needs no pickling: texts are bytes of one width."""
    array: NDArray[Any] = value.numpy()
    return array.astype(np.bytes_) if value.dtype == tf.string else array


def write_requests(
    run_dir: str | Path,
    spec: FeatureSpec | SequenceFeatureSpec,
    server: Answering,
    eval_raw_files: Sequence[str | Path],
    limit: int,
) -> int:
    """Writes `requests.tfrecord` and `expected.npz`.

    Args:
        run_dir: where both go.
        spec: the features.
        server: the model before its export.
        eval_raw_files: TFRecord files of raw examples, plain or gzip.
        limit: int, at least 1. Most requests.

    Returns:
        Number of requests written.

    Raises:
        TandemError: `EXPORT-006` if an example cannot be read, `EXPORT-009` if there is none.
    """
    run_dir = Path(run_dir)
    files = sorted(Path(file) for file in eval_raw_files)
    parts: list[dict[str, NDArray[Any]]] = []
    try:
        requests = list(_requests(files, spec, limit))
        for start in range(0, len(requests), BATCH):
            answers = server.predict_examples(tf.constant(requests[start : start + BATCH]), spec.raw)
            parts.append({name: _array(value) for name, value in answers.items()})
    except tf.errors.OpError as error:
        raise TandemError(
            "EXPORT-006",
            f"Raw examples must be readable. Received: files={[str(f) for f in files[:3]]} ({error.message})",
            "Run the ingest step again.",
        ) from error
    if not parts:
        raise TandemError(
            "EXPORT-009",
            f"Recorded requests need at least one raw eval example. Received: files={len(files)}, rows=0",
            "Give the eval split rows, in data.split.",
            exit_status=2,
        )
    run_dir.mkdir(parents=True, exist_ok=True)
    temporary = run_dir / f".{REQUESTS}"
    with tf.io.TFRecordWriter(str(temporary)) as writer:
        for request in requests:
            writer.write(request)
    point("requests.write", written=temporary)
    expected = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"outputs/{name}": value for name, value in expected.items()}
    np.savez(buffer, **arrays, scale=np.float64(server.difference_scale))
    write_atomic(run_dir / EXPECTED, buffer.getvalue())
    point("requests.replace")
    temporary.replace(run_dir / REQUESTS)
    return len(requests)


def read_requests(run_dir: str | Path) -> tuple[list[bytes], dict[str, NDArray[Any]], float]:
    """What `write_requests` wrote: requests, expected outputs by name, and the scale of differences.

    Raises:
        TandemError: `EXPORT-007` if a file is absent or damaged, or the numbers of rows differ.
    """
    run_dir = Path(run_dir)
    try:
        requests = list(serialized_examples([run_dir / REQUESTS]).as_numpy_iterator())
        with np.load(run_dir / EXPECTED, allow_pickle=False) as saved:
            outputs = {n.removeprefix("outputs/"): saved[n] for n in saved.files if n != "scale"}
            scale = float(saved["scale"])
        lengths = {len(value) for value in outputs.values()}
        if lengths != {len(requests)}:
            raise ValueError(f"{len(requests)} requests, outputs of {sorted(lengths)} rows")
    except (OSError, ValueError, KeyError, TandemError, tf.errors.OpError) as error:
        raise TandemError(
            "EXPORT-007",
            f"Recorded requests must be whole. Received: directory={run_dir} ({error})",
            "Run the train step again.",
        ) from error
    return requests, outputs, scale
