"""The combiner that TFMA feeds: any split of the rows into accumulators gives the metrics of all rows."""

from __future__ import annotations

import pickle
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pytest
from tensorflow_model_analysis.metrics import metric_types

from components.evaluate import statistics, tfma_metrics
from components.evaluate.config import REFERENCES, SEQUENCE_TASKS, eval_config, prediction_key

ROWS = 9000
RNG = np.random.default_rng(5)


def rows(task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    weights = RNG.uniform(0.1, 3, ROWS)
    if task == "binary":
        return RNG.integers(0, 2, ROWS).astype(float), RNG.random((ROWS, 1)), weights
    if task == "multiclass":
        return RNG.integers(0, 3, ROWS).astype(float), RNG.dirichlet([1, 1, 1], ROWS), weights
    if task in SEQUENCE_TASKS:
        counts = RNG.integers(1, 9, (ROWS, statistics.TASKS[task].WIDTH)).astype(float)
        return np.ones(ROWS), counts, weights
    return RNG.normal(size=ROWS), RNG.normal(size=(ROWS, 1)), weights


def combiner(task: str, weighted: bool, model: str = "candidate") -> Any:
    (computation,) = tfma_metrics.TaskMetrics(task).computations(
        model_names=[model], example_weighted=weighted
    )
    return computation.combiner


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", sorted(statistics.TASKS))
def test_pickled_and_merged_parts_give_the_metrics_of_all_rows(task: str, weighted: bool) -> None:
    labels, predictions, weights = rows(task)
    combine = combiner(task, weighted)
    parts = []
    for part in np.array_split(np.arange(ROWS), [10, 11, 5000]):
        accumulator = combine.create_accumulator()
        for i in part:
            element = {
                "labels": {"candidate": labels[i : i + 1], "baseline": np.array([9.0])},
                "predictions": {"candidate": predictions[i], "baseline": np.array([9.0])},
                "example_weights": {"candidate": weights[i : i + 1], "baseline": np.array([9.0])},
            }
            accumulator = combine.add_input(accumulator, element)
        parts.append(pickle.loads(pickle.dumps(accumulator)))
    merged = combine.merge_accumulators([*parts[:2], combine.merge_accumulators(parts[2:])])
    found = {key.name: value for key, value in combine.extract_output(merged).items()}
    core = statistics.TASKS[task]
    expected = core.metrics(core.add(labels, predictions, weights if weighted else np.ones(ROWS)))
    assert found == pytest.approx(expected)


def test_merging_leaves_what_is_merged_unchanged() -> None:
    combine = combiner("regression", False)
    first, second = combine.create_accumulator(), combine.create_accumulator()
    for accumulator, label in ((first, 1.0), (second, 2.0)):
        combine.add_input(accumulator, {"labels": np.array([label]), "predictions": np.array([0.0])})
    once, again = (combine.extract_output(combine.merge_accumulators([first, second])) for _ in range(2))
    assert once == again
    assert {key.name: value for key, value in once.items()}["example_count"] == 2


def test_the_metric_is_found_by_its_class_name_and_names_every_key() -> None:
    assert metric_types.registered_metrics()["TaskMetrics"] is tfma_metrics.TaskMetrics
    for task, names in statistics.NAMES.items():
        computations = tfma_metrics.TaskMetrics(task).computations(model_names=["candidate", "baseline"])
        keys = [key for computation in computations for key in computation.keys]
        assert {(key.name, key.model_name) for key in keys} == {
            (name, model) for name in names for model in ("candidate", "baseline")
        }


def test_the_configuration_reads_each_model_from_its_column() -> None:
    made = eval_config("binary", "late", [["origin"], ["origin", "carrier"]], weight_column="w")
    assert [(spec.name, spec.prediction_key, spec.is_baseline) for spec in made.model_specs] == [
        ("candidate", prediction_key("candidate"), False),
        ("baseline", prediction_key("baseline"), True),
    ]
    assert {spec.example_weight_key for spec in made.model_specs} == {"w"}
    assert made.metrics_specs[0].example_weights.weighted
    assert [list(spec.feature_keys) for spec in made.slicing_specs] == [[], ["origin"], ["origin", "carrier"]]
    assert not eval_config("binary", "late", []).metrics_specs[0].HasField("example_weights")


def test_sequences_are_read_beside_their_number_of_references() -> None:
    for task in SEQUENCE_TASKS:
        made = eval_config(task, "phones", [["source_length"]])
        assert {spec.label_key for spec in made.model_specs} == {REFERENCES}
    assert eval_config("binary", "late", []).model_specs[0].label_key == "late"
