"""What exported models answer on an eval split."""

from __future__ import annotations

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import log_loss

from pipeline.churn.evaluation import PREDICTIONS, Sequences, Tables
from trainer import export
from trainer.data import LabelStatistics
from trainer.errors import TandemError
from trainer.spec import FeatureSpec, SequenceFeatureSpec, UnitsSpec

LABELS, WEIGHTS = np.array([0, 1, 1, 0, 1]), np.array([1.0, 2.0, 0.5, 4.0, 1.5])


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    path = tmp_path / "eval.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for label, weight in zip(LABELS, WEIGHTS, strict=True):
            example = tf.train.Example()
            example.features.feature["late"].int64_list.value.append(int(label))
            example.features.feature["w"].float_list.value.append(weight)
            writer.write(example.SerializeToString())
    return [str(path)]


def constant(directory: Path, share: float) -> Path:
    """A model that predicts the same for every row."""
    spec = FeatureSpec("binary", 1, ("no", "yes"), (), (), ("size",), raw={"size": "float"})
    labels = LabelStatistics(100, 100.0, share, share * (1 - share), (100 * (1 - share), 100 * share))
    export.export_prior(directory, spec, labels)
    return directory


@pytest.mark.parametrize("weighted", [False, True])
def test_predictions_and_their_metrics_count_weights(files: Any, tmp_path: Path, weighted: bool) -> None:
    model = constant(tmp_path / "model", 0.3)
    found = Tables("binary", files, "late", "w" if weighted else None).ask(model)
    assert np.asarray(found.predictions).ravel() == pytest.approx([0.3] * 5, abs=0.01)
    p = np.asarray(found.predictions, float).ravel()
    expected = log_loss(LABELS, p, sample_weight=WEIGHTS if weighted else None)
    assert found.quality["log_loss"] == pytest.approx(expected, rel=1e-6)
    assert found.quality["auc"] == 0.5
    assert set(found.quality) == {"log_loss", "auc", "pr_auc", "accuracy", "brier"}


def test_models_are_timed_side_by_side_on_as_many_rows_as_are_told(files: Any, tmp_path: Path) -> None:
    models = {name: constant(tmp_path / name, 0.3) for name in ("one", "two")}
    found = Tables("binary", files, "late", None).time(models)
    assert set(found) == {"one", "two"}
    for times in found.values():
        assert times.batch == PREDICTIONS
        assert min(times.milliseconds) > 0
        assert times.to_json()["milliseconds"] == sorted(times.milliseconds)[len(times.milliseconds) // 2]


def test_a_split_without_rows_is_refused() -> None:
    with pytest.raises(TandemError, match="CHURN-002"):
        Tables("binary", [], "late", None)
    units = UnitsSpec("phones", "tokens", ("A",), 6)
    features = SequenceFeatureSpec(
        "seq2seq", units, UnitsSpec("word", "characters", ("a",), 6), raw={"word": "string"}
    )
    with pytest.raises(TandemError, match="CHURN-002"):
        Sequences(features, [], None)
