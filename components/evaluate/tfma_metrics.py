"""The metrics of a task as one TFMA metric: a single combiner fed with batches.

TFMA's own metrics keep one combiner each and visit every example with each of them; this one keeps
the sums of `statistics` and visits every batch once, for all metrics of a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from components.evaluate import statistics

_PENDING_ROWS = 4096


class TaskMetrics(metric_types.Metric):
    """Every metric of `statistics.NAMES[task]` for each model.

    Args:
        task: a key of `statistics.TASKS`.
        name: name of the metric configuration. Defaults to `"task_metrics"`.
    """

    def __init__(self, task: str, name: str = "task_metrics") -> None:
        super().__init__(_computations, task=task, name=name)


def _computations(
    task: str,
    name: str = "task_metrics",
    model_names: Sequence[str] | None = None,
    example_weighted: bool = False,
    **_: Any,
) -> list[metric_types.MetricComputation]:
    del name
    computations = []
    for model_name in model_names or [""]:
        keys = [
            metric_types.MetricKey(name=metric, model_name=model_name, example_weighted=example_weighted)
            for metric in statistics.NAMES[task]
        ]
        combiner = _Combiner(task, model_name, example_weighted, keys)
        computations.append(metric_types.MetricComputation(keys=keys, preprocessors=None, combiner=combiner))
    return computations


def _of_model(value: Any, model_name: str) -> Any:
    return value[model_name] if isinstance(value, dict) else value


class _Accumulator:
    """A sum and the rows not yet added to it: TFMA hands rows over one by one."""

    __slots__ = ("labels", "predictions", "total", "weights")

    def __init__(self, size: int) -> None:
        self.total = np.zeros(size)
        self.labels: list[Any] = []
        self.predictions: list[Any] = []
        self.weights: list[Any] = []


class _Combiner(beam.CombineFn):
    def __init__(
        self, task: str, model_name: str, example_weighted: bool, keys: list[metric_types.MetricKey]
    ) -> None:
        self._task = task
        self._model_name = model_name
        self._example_weighted = example_weighted
        self._keys = {key.name: key for key in keys}

    def create_accumulator(self) -> _Accumulator:
        return _Accumulator(statistics.TASKS[self._task].SIZE)

    def add_input(self, accumulator: _Accumulator, element: Any) -> _Accumulator:
        accumulator.labels.append(_of_model(element["labels"], self._model_name))
        accumulator.predictions.append(_of_model(element["predictions"], self._model_name))
        if self._example_weighted:
            accumulator.weights.append(_of_model(element["example_weights"], self._model_name))
        return self.compact(accumulator) if len(accumulator.labels) >= _PENDING_ROWS else accumulator

    def add_inputs(self, accumulator: _Accumulator, elements: Iterable[Any]) -> _Accumulator:
        for element in elements:
            accumulator = self.add_input(accumulator, element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[_Accumulator]) -> _Accumulator:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.total += self.compact(accumulator).total
        return merged

    def compact(self, accumulator: _Accumulator) -> _Accumulator:
        rows = len(accumulator.labels)
        if rows:
            labels = np.asarray(accumulator.labels, np.float64).reshape(rows)
            predictions = np.asarray(accumulator.predictions, np.float64).reshape(rows, -1)
            weights = (
                np.asarray(accumulator.weights, np.float64).reshape(rows)
                if self._example_weighted
                else np.ones(rows)
            )
            accumulator.total += statistics.TASKS[self._task].add(labels, predictions, weights)
            accumulator.labels, accumulator.predictions, accumulator.weights = [], [], []
        return accumulator

    def extract_output(self, accumulator: _Accumulator) -> dict[metric_types.MetricKey, float]:
        values = statistics.TASKS[self._task].metrics(self.compact(accumulator).total)
        return {self._keys[name]: value for name, value in values.items()}


metric_types.register_metric(TaskMetrics)
