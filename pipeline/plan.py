"""A config as the plain arguments of the steps: pure functions, no TFX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from trainer.spec.sequence import SequenceTask

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.config import Config

Json = dict[str, Any]

_STORAGE = {"categorical": "string", "numeric": "float", "timestamp": "int64", "text": "text"}
_UNITS = ("units", "vocabulary_size", "min_count", "max_length")


def _plain(section: BaseModel) -> Json:
    return section.model_dump(mode="json")


def is_sequence(config: Config) -> bool:
    """Whether the task is one of sequences, which have units in place of features of a table."""
    return config.task in get_args(SequenceTask)


def preprocessing(config: Config) -> str:
    """Path of the preprocessing function of the transform graph."""
    return f"transforms.{'text' if is_sequence(config) else 'tabular'}.preprocessing_fn"


def transform_plan(config: Config) -> Json:
    """What the preprocessing function is told.

    Returns:
        `task`, `label` (`column`, `classes`), `weight_column`, `features`, `crosses`, and of `model` which
        parts are on. Nothing else of the config is in it, so a change elsewhere leaves the transform step
        cached. Columns of transformed examples are in the order of its features, that of their names.
        For a sequence task `task`, `label` (`column` and the fields of its units), `weight_column`,
        `features`, and `shared`: whether source and target have one vocabulary.
    """
    if is_sequence(config):
        label, model = _plain(config.label), config.model.sequence
        return {
            "task": config.task,
            "label": {name: label[name] for name in ("column", *_UNITS)},
            "weight_column": config.data.weight_column,
            "features": {name: _plain(feature) for name, feature in config.features.items()},
            "shared": model is not None and model.shared_embeddings == "all",
        }
    return {
        "task": config.task,
        "label": {"column": config.label.column, "classes": list(config.label.classes)},
        "weight_column": config.data.weight_column,
        "features": {name: _plain(feature) for name, feature in sorted(config.features.items())},
        "crosses": [_plain(cross) for cross in config.crosses],
        "model": {
            "wide": {"enabled": config.model.wide.enabled},
            "deep": {"enabled": config.model.deep.enabled},
        },
    }


def ingest_arguments(config: Config, folder: Path) -> Json:
    """What ingest is told: `data`, `label`, `task`, the kind of each feature, and `base_directory`.

    Args:
        config: the config.
        folder: folder of the config file; the relative paths of `data` start there.

    Returns:
        Plain values; `features` holds only kinds, so a change of a transform leaves ingest cached.

    Raises:
        ConfigError: `CONFIG-005`, if the prepare file is absent or lies elsewhere.
    """
    from pipeline.config import resolve_prepare

    if config.data.prepare is not None:
        resolve_prepare(config.data.prepare, folder)
    label = _plain(config.label)
    return {
        "data": _plain(config.data),
        "label": {name: label[name] for name in ("column", "classes", "missing")},
        "task": config.task,
        "features": {name: {"kind": feature.kind} for name, feature in config.features.items()},
        "base_directory": str(folder.absolute()),
    }


def schema_arguments(config: Config) -> Json:
    """The fields of `check` that a schema is inferred with; the others leave the training cached."""
    return {
        "min_domain_mass": config.check.min_domain_mass,
        "max_missing_increase": config.check.max_missing_increase,
    }


def columns(config: Config) -> dict[str, str]:
    """Storage of every ingested column, `string`, `text`, `float` or `int64`, in name order.

    Features go by their kind, kept columns are strings, the label is the index of its class, a number, or a
    text for a sequence task. A text is a string that no list of known values limits.
    """
    found = dict.fromkeys(config.data.keep, "string")
    found |= {name: _STORAGE[feature.kind] for name, feature in config.features.items()}
    if config.data.weight_column is not None:
        found[config.data.weight_column] = "float"
    number = "int64" if config.label.classes else "float"
    found[config.label.column] = "text" if is_sequence(config) else number
    return dict(sorted(found.items()))


def train_arguments(config: Config) -> Json:
    """What training is told beside the feature spec: `model` and `train`.

    How the replicas of a group are launched is not in it, so a change there leaves the training cached.
    """
    train = _plain(config.train)
    if train["codistillation"] is not None:
        del train["codistillation"]["launch"]
    return {"model": _plain(config.model), "train": train}


def launch(config: Config) -> Json | None:
    """How the replicas of a group are launched, as a `trainer.spec.LaunchSpec` takes it, or None."""
    group = config.train.codistillation
    return None if group is None else _plain(group.launch)


def evaluate_arguments(config: Config) -> Json:
    """Arguments of the evaluation: `task`, `label`, `slices`, `weight_column`, `confidence_intervals`."""
    return {
        "task": config.task,
        "label": config.label.column,
        "slices": [list(names) for names in config.evaluate.slices],
        "weight_column": config.data.weight_column,
        "confidence_intervals": config.evaluate.confidence_intervals,
    }


def texts(config: Config) -> list[str]:
    """Columns of text, in name order: distances of their values mean nothing."""
    return [name for name, storage in columns(config).items() if storage == "text"]


def slice_columns(config: Config) -> list[str]:
    """Columns that the scored examples keep for slicing, each once, in order of use.

    All of them are ingested but `source_length`, which the step score makes for a sequence task.
    """
    return list(dict.fromkeys(name for names in config.evaluate.slices for name in names))


def gate_arguments(config: Config) -> Json:
    """What the gate is told of its own section: `rules`."""
    return {"rules": [_plain(rule) for rule in config.gate.rules]}
