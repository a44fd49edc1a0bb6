"""Writes the model that the candidate is compared with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx.utils import path_utils

from components.adapter import Artifacts, directory, only
from components.adapter import Executor as BaseExecutor
from components.baseline.choice import choose
from components.baseline.comparison import why_incomparable
from trainer import export
from trainer.data import LabelStatistics
from trainer.errors import TandemError
from trainer.spec import FeatureSpec


class Executor(BaseExecutor):
    """Reads `model_run`; writes `baseline_model`."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Chooses the baseline and writes it where a trained model would lie."""
        features, labels = _read_training(directory(inputs, "model_run") / "training.json")
        model = only(outputs, "baseline_model")
        choice = choose(
            Path(properties["serving_root"]),
            properties["name"],
            Path(properties["registry_root"]),
            Path(path_utils.serving_model_dir(model.uri)),
            lambda target: export.export_prior(target, features, labels),
            lambda found: why_incomparable(found, features),
        )
        model.set_int_custom_property("is_prior", int(choice.is_prior))
        model.set_int_custom_property("version", choice.version)
        model.set_string_custom_property("model_digest", choice.digest)
        model.set_string_custom_property("unreadable", choice.unreadable)
        model.set_string_custom_property("incomparable", choice.incomparable)


_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def _read_training(path: Path) -> tuple[FeatureSpec, LabelStatistics]:
    try:
        training = json.loads(path.read_bytes())
        known = {field.name for field in dataclasses.fields(LabelStatistics)}
        statistics = {key: value for key, value in training["label_statistics"].items() if key in known}
        return FeatureSpec.from_json(training["feature_spec"]), LabelStatistics.from_json(statistics)
    except (*_UNREADABLE, TandemError) as error:
        raise TandemError(
            "BASELINE-001",
            f"Expected feature_spec and label_statistics in {path}. Received: error={error!r}",
            "Run the pipeline again; the train step writes them.",
        ) from error
