"""What our TFX components share: a base class and readers of stock artifacts."""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx import types, v1 as _tfx  # noqa: F401  # isort: skip  # prepares the modules that TFDV imports
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx.dsl.components.base import base_component, base_executor
from tfx.types import artifact_utils

Artifacts = Mapping[str, list[types.Artifact]]


class Component(base_component.BaseComponent):
    """A component made from its spec: keyword arguments are the spec's inputs and parameters."""

    def __init__(self, **arguments: Any) -> None:
        outputs = {name: types.Channel(type=spec.type) for name, spec in self.SPEC_CLASS.OUTPUTS.items()}
        super().__init__(spec=self.SPEC_CLASS(**arguments, **outputs))


class Executor(base_executor.BaseExecutor):
    """An executor whose work is `run`."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See base class."""
        self._log_startup(input_dict, output_dict, exec_properties)
        self.run(input_dict, output_dict, exec_properties)

    @abc.abstractmethod
    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Reads input artifacts, calls the core, writes output artifacts."""


def only(artifacts: Artifacts, name: str) -> types.Artifact:
    """The single artifact of a channel."""
    return artifact_utils.get_single_instance(artifacts[name])


def directory(artifacts: Artifacts, name: str) -> Path:
    """The directory of the single artifact of a channel."""
    return Path(only(artifacts, name).uri)


def split_names(artifact: types.Artifact) -> list[str]:
    """Names of the splits of an Examples or statistics artifact."""
    return list(json.loads(artifact.split_names))


def split_files(uri: str | Path, split: str) -> list[str]:
    """TFRecord files of a split, sorted; empty when there is no such split."""
    return sorted(str(path) for path in (Path(uri) / f"Split-{split}").glob("*"))


def read_statistics(uri: str | Path, split: str) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    """Statistics of a split, or `None` when there is no such split."""
    path = Path(uri) / f"Split-{split}" / "FeatureStats.pb"
    return tfdv.load_stats_binary(str(path)) if path.exists() else None


def read_anomalies(uri: str | Path, split: str) -> anomalies_pb2.Anomalies | None:
    """Anomalies of a split, or `None` when there is no such split."""
    path = Path(uri) / f"Split-{split}" / "SchemaDiff.pb"
    return anomalies_pb2.Anomalies.FromString(path.read_bytes()) if path.exists() else None
