"""The stock Evaluator with our metric, on scored rows in files, against direct computations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import types  # isort: skip
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format
from sklearn import metrics as oracle
from tfx.components.evaluator.executor import Executor
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils

from components.evaluate.config import REFERENCES, eval_config, prediction_key
from components.evaluate.metrics import read_metrics
from components.evaluate.statistics import NAMES, TASKS

ROWS = 400
BEAM = ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"]


def example(values: dict[str, Any]) -> bytes:
    made = tf.train.Example()
    for name, value in values.items():
        feature = made.features.feature[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, int | np.integer):
            feature.int64_list.value.append(int(value))
        else:
            feature.float_list.value.extend(np.atleast_1d(value))
    return made.SerializeToString()


def evaluate(directory: Path, rows: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    """Metrics that the stock Evaluator finds in `rows`."""
    scores, evaluation = standard_artifacts.Examples(), standard_artifacts.ModelEvaluation()
    scores.uri, evaluation.uri = str(directory / "scores"), str(directory / "evaluation")
    scores.split_names = artifact_utils.encode_split_names(["eval"])
    place = directory / "scores" / "Split-eval"
    place.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(place / "data_tfrecord-00000-of-00001")) as writer:
        for row in rows:
            writer.write(example(row))
    config = eval_config(**options)
    executor = Executor(
        base_beam_executor.BaseBeamExecutor.Context(beam_pipeline_args=BEAM, tmp_dir=str(directory))
    )
    inputs: dict[str, list[types.Artifact]] = {
        "examples": [scores],
        "baseline_model": [standard_artifacts.Model()],
    }
    properties = {
        "eval_config": json_format.MessageToJson(config, preserving_proto_field_name=True),
        "example_splits": json_utils.dumps(["eval"]),
    }
    executor.Do(inputs, {"evaluation": [evaluation], "blessing": []}, properties)
    return read_metrics(evaluation.uri)


def binary_rows() -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    rng = np.random.default_rng(11)
    columns = {
        "label": (rng.random(ROWS) < 0.4).astype(np.int64),
        "city": rng.choice(["Oslo", "Rome"], ROWS),
        "w": rng.uniform(0.5, 3, ROWS).astype(np.float32),
    }
    for name, skill in (("candidate", 0.25), ("baseline", 0.1)):
        values = rng.normal(0.35 + skill * columns["label"], 0.15).clip(0.01, 0.99)
        columns[prediction_key(name)] = values.astype(np.float32)
    rows = [{name: values[i] for name, values in columns.items()} for i in range(ROWS)]
    for row in rows:
        row["city"] = str(row["city"])
    return rows, columns


def test_weighted_metrics_equal_a_direct_computation(tmp_path: Path) -> None:
    rows, columns = binary_rows()
    for row in rows[:20]:
        del row["city"]
    columns["city"][:20] = ""
    found = evaluate(tmp_path, rows, task="binary", label="label", slices=[["city"]], weight_column="w")
    for model in ("candidate", "baseline"):
        values = columns[prediction_key(model)].astype(np.float64)
        for part, metrics in [
            (np.ones(ROWS, bool), found[model]["overall"]),
            *((columns["city"] == one["slice"]["city"], one["metrics"]) for one in found[model]["slices"]),
        ]:
            labels, weights = columns["label"][part], columns["w"][part].astype(np.float64)
            assert metrics["log_loss"] == pytest.approx(
                oracle.log_loss(labels, values[part], sample_weight=weights), abs=1e-6
            )
            assert metrics["mean_label"] == pytest.approx(np.average(labels, weights=weights))
            assert metrics["mean_prediction"] == pytest.approx(np.average(values[part], weights=weights))
            assert metrics["auc"] == pytest.approx(
                oracle.roc_auc_score(labels, values[part], sample_weight=weights), abs=1e-4
            )
            assert metrics["example_count"] == part.sum()
    assert [one["slice"] for one in found["candidate"]["slices"]] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert found["candidate"]["confidence"] == {}


def test_slices_by_numbers_are_told_apart_by_name(tmp_path: Path) -> None:
    days, sizes = [20240101, 20240102, -(2**62)], [0.1, 1000000.0, 1000000.0625]
    rows = [
        {
            "label": i % 2,
            "day": days[i % 3],
            "size": sizes[i % 3],
            **{prediction_key(name): np.float32(0.5) for name in ("candidate", "baseline")},
        }
        for i in range(12)
    ]
    found = evaluate(tmp_path, rows, task="binary", label="label", slices=[["day"], ["size"]])
    named = [one["slice"] for one in found["candidate"]["slices"]]
    assert named == [
        {"day": "-4611686018427387904"},
        {"day": "20240101"},
        {"day": "20240102"},
        {"size": "0.1"},
        {"size": "1.00000006e+06"},
        {"size": "1e+06"},
    ]
    assert [one["count"] for one in found["baseline"]["slices"]] == [4] * 6


def test_confidence_intervals_hold_the_value_and_have_its_spread(tmp_path: Path) -> None:
    rows, columns = binary_rows()
    found = evaluate(
        tmp_path, rows, task="binary", label="label", slices=[["city"]], confidence_intervals=True
    )
    labels = columns["label"]
    for model in ("candidate", "baseline"):
        values = columns[prediction_key(model)].astype(np.float64)
        overall, confidence = found[model]["overall"], found[model]["confidence"]
        assert overall["log_loss"] == pytest.approx(oracle.log_loss(labels, values), abs=1e-6)
        assert (
            set(confidence["lower"]) == set(confidence["upper"]) == set(NAMES["binary"]) - {"example_count"}
        )
        for name in ("log_loss", "auc", "accuracy", "brier"):
            assert confidence["lower"][name] < overall[name] < confidence["upper"][name]
        losses = -(labels * np.log(values) + (1 - labels) * np.log(1 - values))
        normal = 2 * 1.96 * losses.std() / np.sqrt(ROWS)
        width = confidence["upper"]["log_loss"] - confidence["lower"]["log_loss"]
        # The spread of 20 resamples is itself uncertain.
        assert normal / 2 < width < normal * 2
    for one in found["candidate"]["slices"]:
        assert one["confidence"]["lower"]["auc"] < one["metrics"]["auc"] < one["confidence"]["upper"]["auc"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_multiclass_and_regression_metrics_equal_a_direct_computation(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    shares = {name: rng.dirichlet([2, 1, 1], ROWS).astype(np.float32) for name in ("candidate", "baseline")}
    labels = np.array([rng.choice(3, p=row / row.sum()) for row in shares["candidate"].astype(np.float64)])
    weights = rng.uniform(0.1, 2, ROWS).astype(np.float32)
    numbers = rng.normal(10, 3, ROWS).astype(np.float32)
    predictions = {name: numbers + rng.normal(1, 2, ROWS).astype(np.float32) for name in shares}
    for task, label, given in (("multiclass", labels, shares), ("regression", numbers, predictions)):
        rows = [
            {
                "label": label[i],
                "w": weights[i],
                **{prediction_key(name): values[i] for name, values in given.items()},
            }
            for i in range(ROWS)
        ]
        found = evaluate(tmp_path / task, rows, task=task, label="label", slices=[], weight_column="w")
        for name, values in given.items():
            core = TASKS[task]
            expected = core.metrics(
                core.add(label.astype(float), values.astype(float).reshape(ROWS, -1), weights.astype(float))
            )
            assert found[name]["overall"] == pytest.approx(expected)
    expected_rmse = np.sqrt(np.average((predictions["candidate"] - numbers) ** 2, weights=weights))
    assert found["candidate"]["overall"]["rmse"] == pytest.approx(expected_rmse, rel=1e-5)


def test_sequences_by_slice_with_intervals_equal_a_direct_computation(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    for task in ("seq2seq", "language_model"):
        core = TASKS[task]
        vectors = {
            name: rng.integers(1, 20, (ROWS, core.WIDTH)).astype(np.float32)
            for name in ("candidate", "baseline")
        }
        lengths = rng.choice(["0001-0004", "0005-0008"], ROWS)
        rows = [
            {
                REFERENCES: 1.0,
                "source_length": str(lengths[i]),
                **{prediction_key(name): values[i] for name, values in vectors.items()},
            }
            for i in range(ROWS)
        ]
        found = evaluate(
            tmp_path / task,
            rows,
            task=task,
            label="phones",
            slices=[["source_length"]],
            confidence_intervals=True,
        )
        for name, values in vectors.items():
            parts = [
                (np.ones(ROWS, bool), found[name]["overall"]),
                *(
                    (lengths == one["slice"]["source_length"], one["metrics"])
                    for one in found[name]["slices"]
                ),
            ]
            assert len(parts) == 3
            for part, metrics in parts:
                kept = values[part].astype(float)
                expected = core.metrics(core.add(np.ones(len(kept)), kept, np.ones(len(kept))))
                assert metrics == pytest.approx(expected)
            confidence, overall = found[name]["confidence"], found[name]["overall"]
            for metric in set(NAMES[task]) - {"example_count"}:
                assert confidence["lower"][metric] <= overall[metric] <= confidence["upper"][metric]
