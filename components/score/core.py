"""Predictions of candidate and baseline for a split, in large batches and in one pass over the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from numpy.typing import NDArray
from tfx_bsl.coders import example_coder

from components.evaluate import statistics
from components.evaluate.config import prediction_key
from components.score.reliability import Reliability
from trainer.churn import UNDECIDED, differences, flips
from trainer.data import LabelStatistics
from trainer.errors import TandemError

BATCH_ROWS = 4096

Predict = Callable[[Sequence[bytes]], NDArray[np.float32]]


def predictor(model_directory: str | Path, task: str) -> Predict:
    """The `serving_default` signature of a SavedModel as a function.

    Args:
        model_directory: SavedModel.
        task: `binary`, `multiclass` or `regression`.

    Returns:
        A function from serialized `tf.Example`s to predictions `(batch, classes)`, one column unless
        multiclass.
    """
    model = tf.saved_model.load(str(model_directory))
    signature = model.signatures["serving_default"]
    output = "predictions" if task == "regression" else "probabilities"

    def predict(rows: Sequence[bytes]) -> NDArray[np.float32]:
        values = signature(examples=tf.constant(list(rows), tf.string))[output].numpy()
        return np.asarray(values, np.float32).reshape(len(rows), -1)

    # The signature is only weakly tied to its model.
    predict.model = model  # type: ignore[attr-defined]
    return predict


def read_batches(files: Sequence[str], rows: int = BATCH_ROWS) -> Iterator[list[bytes]]:
    """Serialized records of TFRecord files (gzip by suffix) in lists of `rows`."""
    plain = [file for file in files if not file.endswith(".gz")]
    zipped = [file for file in files if file.endswith(".gz")]
    for group, compression in ((plain, ""), (zipped, "GZIP")):
        if group:
            for batch in tf.data.TFRecordDataset(group, compression).batch(rows).prefetch(2):
                yield list(batch.numpy())


class Scorer:
    """Scores batches and keeps the sums that the gate and the report need.

    Args:
        task: `binary`, `multiclass` or `regression`.
        label: label column.
        columns: columns kept beside the predictions, for slicing.
        weight_column: column with the weight of a row, or `None`.
        candidate: the trained model.
        baseline: the model it is compared with.
        prior: the constant prediction, class probabilities `(classes,)` or `(1,)`.
    """

    def __init__(
        self,
        task: str,
        label: str,
        columns: Sequence[str],
        weight_column: str | None,
        candidate: Predict,
        baseline: Predict,
        prior: NDArray[np.float64],
    ) -> None:
        kept = dict.fromkeys([label, *columns, *([weight_column] if weight_column else [])])
        self._task, self._label, self._weight = task, label, weight_column
        self._columns = list(kept)
        self._models = {"candidate": candidate, "baseline": baseline}
        self._prior = prior
        self._decoder = example_coder.ExamplesToRecordBatchDecoder()
        self._prior_total = np.zeros(statistics.TASKS[task].SIZE)
        self._reliability = {name: Reliability(task) for name in self._models}
        self._rows = 0
        self._difference = 0.0
        self._flipped = 0

    def score(self, rows: list[bytes]) -> list[bytes]:
        """Serialized `tf.Example`s with the label, the kept columns and both predictions."""
        batch = self._decoder.DecodeBatch(rows)
        arrays = {name: batch.column(batch.schema.get_field_index(name)) for name in self._present(batch)}
        if self._label not in arrays:
            raise TandemError("SCORE-001", f"Expected the label in every row. Received: no '{self._label}'")
        labels = _first(arrays[self._label], len(rows))
        weights = _first(arrays[self._weight], len(rows)) if self._weight else np.ones(len(rows))
        predictions = {name: predict(rows) for name, predict in self._models.items()}
        core = statistics.TASKS[self._task]
        constant = np.broadcast_to(self._prior, (len(rows), len(self._prior)))
        self._prior_total += core.add(labels, constant, weights)
        for name, values in predictions.items():
            self._reliability[name].add(labels, values.astype(np.float64), weights)
            width = values.shape[1]
            flat = pa.array(values.ravel(), pa.float32())
            arrays[prediction_key(name)] = pa.ListArray.from_arrays(
                pa.array(np.arange(0, len(flat) + 1, width), pa.int32()), flat
            )
        pair = predictions["candidate"], predictions["baseline"]
        self._difference += float(differences(self._task, *pair).sum())
        flipped = flips(self._task, *pair)
        self._flipped += 0 if flipped is None else int(flipped.sum())
        self._rows += len(rows)
        names = list(arrays)
        return example_coder.RecordBatchToExamples(pa.RecordBatch.from_arrays(list(arrays.values()), names))

    def summary(self) -> dict[str, Any]:
        """`score.json`: rows, metrics of the constant prediction, reliability bins, and the churn against the
        baseline: `churn`, the mean absolute difference, and `decisions_flipped`, a share of the rows, None
        for a regression."""
        prior = statistics.TASKS[self._task].metrics(self._prior_total)
        decided = self._rows and self._task not in UNDECIDED
        return {
            "rows": self._rows,
            "prior": {name: value if np.isfinite(value) else None for name, value in prior.items()},
            "calibration": {name: bins.bins() for name, bins in self._reliability.items()},
            "churn": self._difference / self._rows if self._rows else None,
            "decisions_flipped": self._flipped / self._rows if decided else None,
        }

    def _present(self, batch: pa.RecordBatch) -> list[str]:
        return [name for name in self._columns if name in batch.schema.names]


def _first(column: pa.Array, rows: int) -> NDArray[np.float64]:
    values = np.asarray(column.flatten(), np.float64)
    if len(values) != rows:
        raise TandemError("SCORE-002", f"Expected one number in each of {rows} rows. Received: {len(values)}")
    return values


def prior_prediction(task: str, labels: LabelStatistics) -> NDArray[np.float64]:
    """The constant prediction fitted on the training labels.

    Args:
        task: `binary`, `multiclass` or `regression`.
        labels: statistics of the training labels.

    Returns:
        `(1,)`, or `(classes,)` for multiclass.
    """
    return np.asarray(labels.shares() if task == "multiclass" else [labels.mean], np.float64)
