"""Hands the trainer plain files, a feature specification and the transform graph."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx.utils import path_utils

from components.adapter import Artifacts, directory, split_files
from components.adapter import Executor as BaseExecutor
from components.train import features
from components.train.files import CHECKPOINTS, READING, SPEC
from components.train.group.run import run_group
from components.train.origin import resolve
from components.train.progress import current
from trainer.data.records import serialized_examples
from trainer.loop import RunSpec, run
from trainer.spec import ModelSpec, TrainSpec
from trainer.storage import write_atomic, write_json


class Executor(BaseExecutor):
    """Reads `examples`, `transformed_examples` and `transform_graph`; writes `model` and `model_run`."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Trains, or goes on from the checkpoints of a training that was interrupted."""
        transformed = directory(inputs, "transformed_examples")
        graph = directory(inputs, "transform_graph")
        checkpoints = _checkpoint_directory(properties, str(transformed))
        spec = RunSpec(
            **features.resolve(str(graph), properties["plan"]),
            model=ModelSpec.from_json(json.loads(properties["model_config"])),
            train=TrainSpec.from_json(json.loads(properties["train"])),
            train_files=tuple(split_files(transformed, "train")),
            validation_files=_with_examples(split_files(transformed, "validation")),
            eval_raw_files=tuple(split_files(directory(inputs, "examples"), "eval")),
            recorded_requests=int(properties["recorded_requests"]),
            transform_graph_dir=str(graph),
            checkpoint_dir=str(checkpoints),
            output_dir=str(directory(outputs, "model")),
            run_dir=str(directory(outputs, "model_run")),
            warm_start_from=resolve(properties.get("warm_start_from") or ""),
        )
        # Whoever watches the checkpoints of a training that runs learns from this what they are of.
        write_json(checkpoints / SPEC, spec.to_json())
        if spec.train.codistillation is None:
            run(spec, current())
        else:
            run_group(spec)
        model = path_utils.serving_model_dir(str(directory(outputs, "model")))
        write_json(Path(model) / READING, json.loads(properties["reading"]))
        write_atomic(directory(outputs, "model_run") / CHECKPOINTS, checkpoints.name)


def _with_examples(files: list[str]) -> tuple[str, ...]:
    """The files, or none if they hold no example: training then goes on as without the split."""
    held = serialized_examples([Path(file) for file in files]).take(1)
    return tuple(files) if any(True for _ in held) else ()


def _checkpoint_directory(properties: Mapping[str, Any], transformed: str) -> Path:
    key = json.dumps([sorted((k, str(v)) for k, v in properties.items()), transformed])
    return Path(properties["checkpoint_root"]) / hashlib.sha256(key.encode()).hexdigest()[:16]
