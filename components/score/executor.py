"""Writes the scored rows that the stock Evaluator reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.adapter import Artifacts, directory, only, split_files
from components.adapter import Executor as BaseExecutor
from components.score.core import Scorer, predictor, prior_prediction, read_batches
from trainer.data import LabelStatistics
from trainer.errors import TandemError
from trainer.faults import point
from trainer.storage import write_json

SPLIT = "eval"


class Executor(BaseExecutor):
    """Reads `examples`, `model`, `baseline_model` and `model_run`; writes `scores`."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Scores the eval split with both models; `score.json` names the baseline by its digest."""
        task = properties["task"]
        training = json.loads((directory(inputs, "model_run") / "training.json").read_text())
        files = split_files(directory(inputs, "examples"), SPLIT)
        if not files:
            raise TandemError("SCORE-003", f"Expected rows in split {SPLIT}. Received: no files")
        baseline = only(inputs, "baseline_model")
        scorer = Scorer(
            task,
            properties["label"],
            json.loads(properties["columns"]),
            properties["weight_column"] or None,
            predictor(path_utils.serving_model_path(only(inputs, "model").uri), task),
            predictor(path_utils.serving_model_path(baseline.uri), task),
            prior_prediction(task, LabelStatistics.from_json(training["label_statistics"])),
        )
        target = directory(outputs, "scores") / f"Split-{SPLIT}" / "data_tfrecord-00000-of-00001"
        target.parent.mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(target)) as writer:
            for rows in read_batches(files):
                for record in scorer.score(rows):
                    writer.write(record)
        point("score.write", target, target)
        scores = only(outputs, "scores")
        scores.split_names = artifact_utils.encode_split_names([SPLIT])
        baseline_digest = baseline.get_string_custom_property("model_digest")
        summary = {"baseline_digest": baseline_digest, **scorer.summary()}
        write_json(directory(outputs, "scores") / "score.json", summary)
