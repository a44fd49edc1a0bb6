"""Writes the model that the candidate is compared with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from tfx.utils import path_utils

from components.adapter import Artifacts, directory, only
from components.adapter import Executor as BaseExecutor
from components.baseline.choice import choose
from components.baseline.comparison import why_incomparable, why_sequences_incomparable
from components.baseline.files import PRIOR
from trainer import export
from trainer.data import LabelStatistics
from trainer.errors import TandemError
from trainer.spec import FeatureSpec
from trainer.spec.sequence import SequenceFeatureSpec, SequenceTask

SEQUENCE_TASKS = get_args(SequenceTask)


class Executor(BaseExecutor):
    """Reads `model_run`; writes `baseline_model`."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Chooses the baseline and writes it where a trained model would lie."""
        training = _read(directory(inputs, "model_run") / "training.json")
        model = only(outputs, "baseline_model")
        export_prior, why = _about(training, inputs)
        choice = choose(
            Path(properties["serving_root"]),
            properties["name"],
            Path(properties["registry_root"]),
            Path(path_utils.serving_model_dir(model.uri)),
            export_prior,
            why,
        )
        if training.sequences is not None:
            # Where there is a blessed model, the score step needs the prior beside it.
            export_prior(Path(model.uri) / PRIOR)
        model.set_int_custom_property("is_prior", int(choice.is_prior))
        model.set_int_custom_property("version", choice.version)
        model.set_string_custom_property("model_digest", choice.digest)
        model.set_string_custom_property("unreadable", choice.unreadable)
        model.set_string_custom_property("incomparable", choice.incomparable)


@dataclasses.dataclass(frozen=True)
class _Training:
    """What of the training summary tells of the task: tabular features and labels, or sequences and prior."""

    tabular: tuple[FeatureSpec, LabelStatistics] | None = None
    sequences: tuple[SequenceFeatureSpec, dict[str, Any]] | None = None


def _about(training: _Training, inputs: Artifacts) -> tuple[Callable[[Path], None], Callable[[Path], str]]:
    """What exports the prior, and what tells why a model cannot be compared."""
    if training.sequences is not None:
        from trainer.export.sequence.prior import export_sequence_prior

        sequences, prior = training.sequences
        graph = directory(inputs, "transform_graph")
        return (
            lambda target: export_sequence_prior(target, sequences, prior, graph),
            lambda found: why_sequences_incomparable(found, sequences),
        )
    assert training.tabular is not None
    features, labels = training.tabular
    return (
        lambda target: export.export_prior(target, features, labels),
        lambda found: why_incomparable(found, features),
    )


_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def _read(path: Path) -> _Training:
    try:
        training = json.loads(path.read_bytes())
        if training["feature_spec"].get("task") in SEQUENCE_TASKS:
            sequences = SequenceFeatureSpec.from_json(training["feature_spec"])
            return _Training(sequences=(sequences, dict(training["prior"])))
        known = {field.name for field in dataclasses.fields(LabelStatistics)}
        statistics = {key: value for key, value in training["label_statistics"].items() if key in known}
        features = FeatureSpec.from_json(training["feature_spec"])
        return _Training(tabular=(features, LabelStatistics.from_json(statistics)))
    except (*_UNREADABLE, TandemError) as error:
        raise TandemError(
            "BASELINE-001",
            f"Expected the features of the model in {path}, with label_statistics, or prior for sequences. "
            f"Received: error={error!r}",
            "Run the pipeline again; the train step writes them.",
        ) from error
