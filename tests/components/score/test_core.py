"""Scoring with two models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils, standard_artifacts

from components.evaluate.config import prediction_key
from components.evaluate.statistics import TASKS
from components.score.component import Score
from components.score.core import Scorer, prior_prediction, read_batches
from trainer import export
from trainer.data import LabelStatistics
from trainer.errors import TandemError
from trainer.spec import FeatureSpec

CANDIDATE, BASELINE = prediction_key("candidate"), prediction_key("baseline")
LABELS = np.array([0, 1, 1, 0, 1])
WEIGHTS = np.array([1.0, 2.0, 0.5, 4.0, 1.5], np.float32)
CITIES = ["Oslo", "", "Rome", "Oslo", "Bari"]


def example(**values: Any) -> bytes:
    made = tf.train.Example()
    for name, value in values.items():
        feature = made.features.feature[name]
        if isinstance(value, str):
            feature.bytes_list.value.extend([value.encode()] if value else [])
        elif isinstance(value, int | np.integer):
            feature.int64_list.value.append(int(value))
        else:
            feature.float_list.value.append(float(value))
        if value == "":
            del made.features.feature[name]
    return made.SerializeToString()


def rows() -> list[bytes]:
    return [
        example(late=int(label), w=weight, city=city, size=float(i))
        for i, (label, weight, city) in enumerate(zip(LABELS, WEIGHTS, CITIES, strict=True))
    ]


def size_model(scale: float):
    def predict(batch: Sequence[bytes]) -> np.ndarray:
        sizes = [
            tf.train.Example.FromString(row).features.feature["size"].float_list.value[0] for row in batch
        ]
        return (np.array(sizes, np.float32)[:, None] + 1) * np.float32(scale)

    return predict


def scorer(weight: str | None = None) -> Scorer:
    return Scorer("binary", "late", ["city"], weight, size_model(0.1), size_model(0.05), np.array([0.4]))


def test_scored_rows_hold_the_label_the_slices_and_both_predictions_and_nothing_else() -> None:
    scored = [tf.train.Example.FromString(row).features.feature for row in scorer("w").score(rows())]
    assert [set(row) for row in scored] == [{"late", "w", "city", CANDIDATE, BASELINE}] * 5
    found = [list(row["city"].bytes_list.value) for row in scored]
    assert found == [[city.encode()] if city else [] for city in CITIES]
    assert [row["late"].int64_list.value[0] for row in scored] == LABELS.tolist()
    assert [row["w"].float_list.value[0] for row in scored] == WEIGHTS.tolist()
    assert [row[CANDIDATE].float_list.value[0] for row in scored] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert [row[BASELINE].float_list.value[0] for row in scored] == pytest.approx(
        [0.05, 0.1, 0.15, 0.2, 0.25]
    )


def test_the_summary_is_that_of_all_rows_however_they_are_batched() -> None:
    whole, parts = scorer("w"), scorer("w")
    whole.score(rows())
    parts.score(rows()[:2])
    parts.score(rows()[2:])
    summary = whole.summary()
    assert parts.summary()["prior"] == pytest.approx(summary["prior"])
    assert parts.summary()["churn"] == pytest.approx(summary["churn"])
    assert parts.summary()["calibration"] == summary["calibration"]
    assert [one["count"] for one in summary["calibration"]["candidate"]["equal_weight"]] == [1] * 5
    assert summary["rows"] == 5
    assert summary["churn"] == pytest.approx(0.15)
    core = TASKS["binary"]
    constant = core.metrics(core.add(LABELS.astype(float), np.full((5, 1), 0.4), WEIGHTS.astype(float)))
    assert summary["prior"] == pytest.approx(constant)
    assert summary["prior"]["mean_label"] == pytest.approx(4 / 9)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_decisions_flip_where_both_models_decide_differently(task: str) -> None:
    """Predictions 0.2 to 1.0 in steps of 0.2 against 0.1 to 0.5: above one half are rows 3, 4 and 5."""

    def predictions(scale: float):
        one = size_model(scale)
        if task != "multiclass":
            return one
        return lambda batch: np.concatenate([one(batch), np.full((len(batch), 1), 0.55, np.float32)], axis=1)

    prior = np.array([0.4, 0.6]) if task == "multiclass" else np.array([0.4])
    made = Scorer(task, "late", ["city"], None, predictions(0.2), predictions(0.1), prior)
    for part in (rows()[:2], rows()[2:]):
        made.score(part)
    expected = {"binary": 3 / 5, "multiclass": 3 / 5, "regression": None}
    assert made.summary()["decisions_flipped"] == expected[task]
    assert made.summary()["churn"] == pytest.approx(0.15 if task == "multiclass" else 0.3)


def test_without_a_weight_column_every_row_counts_one() -> None:
    plain = scorer()
    plain.score(rows())
    assert plain.summary()["prior"]["mean_label"] == pytest.approx(0.6)


def test_rows_without_a_label_or_a_weight_are_refused() -> None:
    with pytest.raises(TandemError, match="SCORE-001"):
        scorer().score([example(w=1.0, city="Oslo", size=1.0)])
    with pytest.raises(TandemError, match="SCORE-002"):
        scorer().score([*rows(), example(w=1.0, city="Oslo", size=1.0)])
    with pytest.raises(TandemError, match="SCORE-002"):
        scorer("w").score([*rows(), example(late=1, city="Oslo", size=1.0)])


def test_plain_and_compressed_files_are_read_whole(tmp_path: Path) -> None:
    files = [str(tmp_path / "a"), str(tmp_path / "b.gz")]
    for file, kind in zip(files, ("", "GZIP"), strict=True):
        with tf.io.TFRecordWriter(file, kind) as writer:
            for row in rows():
                writer.write(row)
    batches = list(read_batches(files, rows=2))
    assert sorted(row for batch in batches for row in batch) == sorted(rows() * 2)
    assert max(len(batch) for batch in batches) == 2


def test_the_prior_is_the_mean_label_or_the_share_of_each_class() -> None:
    binary = LabelStatistics(4, 8.0, 0.25, 0.1, (6.0, 2.0))
    assert prior_prediction("binary", binary).tolist() == [0.25]
    shares = prior_prediction("multiclass", LabelStatistics(4, 8.0, 0.0, 0.0, (6.0, 2.0)))
    assert shares.tolist() == pytest.approx([3.5 / 5, 1.5 / 5])


def test_the_component_scores_with_exported_models(tmp_path: Path) -> None:
    spec = FeatureSpec(task="binary", num_classes=1, classes=("no", "yes"), raw={"size": "float"})

    def artifact(kind: Any, name: str) -> Any:
        made = kind()
        made.uri = str(tmp_path / name)
        Path(made.uri).mkdir()
        return made

    def model(name: str, share: float) -> Any:
        made = artifact(standard_artifacts.Model, name)
        labels = LabelStatistics(100, 100.0, share, share * (1 - share), (100 * (1 - share), 100 * share))
        export.export_prior(tmp_path / name / "Format-Serving", spec, labels)
        return made, labels

    (candidate, labels), (baseline, _) = model("candidate", 0.3), model("baseline", 0.1)
    baseline.set_string_custom_property("model_digest", "d1")
    examples = artifact(standard_artifacts.Examples, "examples")
    examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
    run, scores = (
        artifact(standard_artifacts.ModelRun, "run"),
        artifact(standard_artifacts.Examples, "scores"),
    )
    (tmp_path / "run" / "training.json").write_text(json.dumps({"label_statistics": labels.to_json()}))
    inputs = {"examples": [examples], "model": [candidate], "baseline_model": [baseline], "model_run": [run]}
    properties = {"task": "binary", "label": "late", "columns": '["city"]', "weight_column": ""}
    executor = Score.EXECUTOR_SPEC.executor_class(BaseExecutor.Context())
    with pytest.raises(TandemError, match="SCORE-003"):
        executor.Do(inputs, {"scores": [scores]}, properties)
    (tmp_path / "examples" / "Split-eval").mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / "examples" / "Split-eval" / "data")) as writer:
        for row in rows():
            writer.write(row)
    executor.Do(inputs, {"scores": [scores]}, properties)
    (written,) = (tmp_path / "scores" / "Split-eval").iterdir()
    found = [
        tf.train.Example.FromString(record.numpy()).features.feature
        for record in tf.data.TFRecordDataset(str(written))
    ]
    assert [row[CANDIDATE].float_list.value[0] for row in found] == pytest.approx([0.3] * 5, abs=0.01)
    assert [row[BASELINE].float_list.value[0] for row in found] == pytest.approx([0.1] * 5, abs=0.01)
    assert artifact_utils.decode_split_names(scores.split_names) == ["eval"]
    summary = json.loads((tmp_path / "scores" / "score.json").read_text())
    assert summary["rows"] == 5
    assert summary["churn"] == pytest.approx(0.2, abs=0.01)
    assert summary["decisions_flipped"] == 0
    assert summary["baseline_digest"] == "d1"
