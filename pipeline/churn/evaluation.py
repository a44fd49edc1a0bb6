"""What models answer on the eval split: predictions, their quality, and how long 1,000 of them take."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tfx_bsl.coders import example_coder

from components.evaluate.statistics import TASKS
from components.score.core import predictor, read_batches
from components.score.sequences.answers import Model, batches
from components.score.sequences.scorer import ask, column_of, measured
from components.score.sequences.sources import read_sources
from pipeline.config.checks.gate import COMPARABLE
from trainer.churn.timing import ROUNDS, side_by_side
from trainer.errors import TandemError
from trainer.spec import SequenceFeatureSpec

Array = NDArray[np.float64]
PREDICTIONS = 1000
SOURCES = 200
"""Sources that are decoded for a time of 1,000, which is in proportion."""
SOURCE_ROUNDS = 5


@dataclasses.dataclass(frozen=True)
class Answers:
    """What one model answered.

    Args:
        predictions: of each row or source, see `trainer.churn.differences`.
        quality: metrics by name; one that is not defined is None.
    """

    predictions: Any
    quality: dict[str, float | None]


@dataclasses.dataclass(frozen=True)
class Times:
    """Milliseconds of 1,000 predictions, of rounds side by side.

    Args:
        milliseconds: one value for each round.
        batch: rows of a call.
    """

    milliseconds: tuple[float, ...]
    batch: int

    def to_json(self) -> dict[str, Any]:
        """The values and their median."""
        return {
            "milliseconds": statistics.median(self.milliseconds),
            "rounds": list(self.milliseconds),
            "batch": self.batch,
        }


class Evaluation(Protocol):
    """An eval split and how models of its task answer it."""

    def ask(self, model: Path) -> Answers:
        """What a SavedModel answers."""

    def time(self, models: Mapping[str, Path]) -> dict[str, Times]:
        """What SavedModels cost to serve, measured side by side."""


class Tables:
    """Rows with a label.

    Args:
        task: `binary`, `multiclass` or `regression`.
        files: raw examples of the split.
        label: label column.
        weight_column: column with the weight of a row, or None.
    """

    def __init__(self, task: str, files: Sequence[str], label: str, weight_column: str | None) -> None:
        self._task, self._files = task, files
        decoder = example_coder.ExamplesToRecordBatchDecoder()
        labels, weights = [], []
        for rows in read_batches(files):
            batch = decoder.DecodeBatch(rows)
            labels.append(_numbers(batch.column(batch.schema.get_field_index(label))))
            weights.append(
                _numbers(batch.column(batch.schema.get_field_index(weight_column)))
                if weight_column
                else np.ones(len(rows))
            )
        if not labels:
            raise _nothing()
        self._labels, self._weights = np.concatenate(labels), np.concatenate(weights)

    def ask(self, model: Path) -> Answers:
        """Predictions `(rows, outputs)` and their metrics."""
        predict, core = predictor(model, self._task), TASKS[self._task]
        found = np.concatenate([predict(rows) for rows in read_batches(self._files)])
        total = core.add(self._labels, found.astype(np.float64), self._weights)
        return Answers(found, _known(self._task, core.metrics(total)))

    def time(self, models: Mapping[str, Path]) -> dict[str, Times]:
        """Times of 1,000 rows in one call."""
        first = next(iter(read_batches(self._files, PREDICTIONS)))
        rows = list(itertools.islice(itertools.cycle(first), PREDICTIONS))
        calls = {}
        for name, model in models.items():
            predict = predictor(model, self._task)
            calls[name] = lambda predict=predict: predict(rows)
        return {
            name: Times(tuple(1000.0 * seconds for seconds in taken), len(rows))
            for name, taken in side_by_side(calls, ROUNDS).items()
        }


class Sequences:
    """Sources with references, or texts of a language model.

    Args:
        features: the sequences.
        files: raw examples of the split.
        weight_column: column with the weight of a row, or None.
    """

    def __init__(
        self, features: SequenceFeatureSpec, files: Sequence[str], weight_column: str | None
    ) -> None:
        self._features, self._column = features, column_of(features)
        rows = itertools.chain.from_iterable(read_batches(files))
        label = None if features.source is None else features.target.column
        self._sources = read_sources(rows, self._column, label, (), weight_column).sources
        if not self._sources:
            raise _nothing()

    def ask(self, model: Path) -> Answers:
        """Best hypotheses, or bits per unit of a language model, and their metrics."""
        scores = ask(self._features, self._sources, {"model": Model(model, self._column)})
        vectors, task = scores.vectors["model"], self._features.task
        weights = np.array([source.weight for source in self._sources])
        core: Any = TASKS[task]
        quality = _known(task, measured(core, vectors, weights))
        if task == "seq2seq":
            return Answers(scores.answers["model"].best, quality)
        bits = vectors[:, 0].astype(np.float64) / np.maximum(vectors[:, 1], 1) / math.log(2.0)
        return Answers(bits, quality)

    def time(self, models: Mapping[str, Path]) -> dict[str, Times]:
        """Times of 200 sources in batches of like lengths, in proportion."""
        texts = [source.text for source in self._sources[:SOURCES]]
        order = batches([len(text) for text in texts], self._features.target.size)
        calls = {}
        for name, model in models.items():
            served = Model(model, self._column)
            calls[name] = lambda served=served: served.answer(texts, order)
        taken = side_by_side(calls, SOURCE_ROUNDS)
        factor = 1000.0 * PREDICTIONS / len(texts)
        largest = max(len(batch) for batch in order)
        return {
            name: Times(tuple(factor * value for value in seconds), largest)
            for name, seconds in taken.items()
        }


def _known(task: str, metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """The metrics of which one side is better."""
    found = {name: metrics[name] for name in COMPARABLE[task]}
    return {
        name: value if value is not None and math.isfinite(value) else None for name, value in found.items()
    }


def _numbers(column: Any) -> Array:
    return np.asarray(column.flatten(), np.float64)


def _nothing() -> TandemError:
    return TandemError(
        "CHURN-002",
        "Expected rows to compare predictions on. Received: none in split eval",
        "Give the eval split a share in data.split.",
        exit_status=2,
    )
