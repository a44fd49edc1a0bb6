"""Writes the scored rows that the stock Evaluator reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.adapter import Artifacts, directory, only, split_files
from components.adapter import Executor as BaseExecutor
from components.baseline.files import PRIOR
from components.evaluate.config import SEQUENCE_TASKS
from components.score.core import Scorer, predictor, prior_prediction, read_batches
from trainer.data import LabelStatistics
from trainer.errors import TandemError
from trainer.faults import point
from trainer.spec.sequence import SequenceFeatureSpec
from trainer.storage import write_json

Json = dict[str, Any]
# Scored examples, and what gives the summary once they were all taken.
Scored = tuple[Iterator[bytes], Callable[[], Json]]

SPLIT = "eval"


class Executor(BaseExecutor):
    """Reads `examples`, `model`, `baseline_model` and `model_run`; writes `scores`."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Scores the eval split with both models; `score.json` names the baseline by its digest."""
        training = json.loads((directory(inputs, "model_run") / "training.json").read_text())
        files = split_files(directory(inputs, "examples"), SPLIT)
        if not files:
            raise TandemError("SCORE-003", f"Expected rows in split {SPLIT}. Received: no files")
        baseline = only(inputs, "baseline_model")
        target = directory(outputs, "scores") / f"Split-{SPLIT}" / "data_tfrecord-00000-of-00001"
        target.parent.mkdir(parents=True, exist_ok=True)
        score = _sequences if properties["task"] in SEQUENCE_TASKS else _rows
        records, summary = score(files, training, inputs, properties)
        with tf.io.TFRecordWriter(str(target)) as writer:
            for record in records:
                writer.write(record)
        point("score.write", target, target)
        scores = only(outputs, "scores")
        scores.split_names = artifact_utils.encode_split_names([SPLIT])
        baseline_digest = baseline.get_string_custom_property("model_digest")
        found = {"baseline_digest": baseline_digest, **summary()}
        write_json(directory(outputs, "scores") / "score.json", found)


def _rows(files: Sequence[str], training: Json, inputs: Artifacts, properties: Mapping[str, Any]) -> Scored:
    task = properties["task"]
    scorer = Scorer(
        task,
        properties["label"],
        json.loads(properties["columns"]),
        properties["weight_column"] or None,
        predictor(path_utils.serving_model_path(only(inputs, "model").uri), task),
        predictor(path_utils.serving_model_path(only(inputs, "baseline_model").uri), task),
        prior_prediction(task, LabelStatistics.from_json(training["label_statistics"])),
    )
    records = (record for rows in read_batches(files) for record in scorer.score(rows))
    return records, scorer.summary


def _sequences(
    files: Sequence[str], training: Json, inputs: Artifacts, properties: Mapping[str, Any]
) -> Scored:
    from components.score.sequences.run import score

    model, baseline = only(inputs, "model"), only(inputs, "baseline_model")
    return score(
        read_batches(files),
        SequenceFeatureSpec.from_json(training["feature_spec"]),
        json.loads(properties["columns"]),
        properties["weight_column"] or None,
        Path(model.uri),
        Path(path_utils.serving_model_path(model.uri)),
        Path(path_utils.serving_model_path(baseline.uri)),
        Path(baseline.uri) / PRIOR,
        baseline.get_int_custom_property("is_prior") == 1,
    )
