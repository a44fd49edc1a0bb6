"""Pushes, and records the outcome on the output artifact."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx.utils import path_utils

from components.adapter import Artifacts, directory, only
from components.adapter import Executor as BaseExecutor
from components.push import outcome
from components.push.push import push
from trainer.errors import TandemError

RUN = "TANDEM_RUN_ID"
"""Environment variable with the run, where TFX is not told of it: on Kubeflow."""


class Executor(BaseExecutor):
    """Reads `model` and `blessing`; writes `pushed_model`."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Pushes the model; a refusal is recorded and raises nothing."""
        result = push(
            Path(path_utils.serving_model_path(only(inputs, "model").uri)),
            _read_blessing(inputs),
            Path(properties["serving_root"]),
            properties["name"],
            Path(properties["registry_root"]),
            _run_id((self._context.pipeline_run_id if self._context else None) or os.environ.get(RUN, "")),
            fingerprint=properties.get("run_fingerprint") or "",
            registry_state=properties.get("registry_state") or "",
            reuse=True,
        )
        told = outcome.write(directory(outputs, "pushed_model"), result)
        pushed_model = only(outputs, "pushed_model")
        pushed_model.set_int_custom_property("pushed", int(result.pushed))
        pushed_model.set_int_custom_property("pushed_version", result.version or 0)
        pushed_model.set_int_custom_property("created", int(result.created))
        pushed_model.set_string_custom_property("model_digest", result.digest)
        pushed_model.set_string_custom_property("pushed_destination", told["path"])
        pushed_model.set_string_custom_property("reason", result.reason)


def _run_id(pipeline_run_id: str) -> str:
    """The run without the attempt, `RUN.2`: all attempts are one run."""
    return pipeline_run_id.partition(".")[0]


def _read_blessing(inputs: Artifacts) -> dict[str, Any]:
    path = directory(inputs, "blessing") / "gate.json"
    marked = only(inputs, "blessing").get_int_custom_property("blessed")
    try:
        value = json.loads(path.read_bytes())
        if not isinstance(value, dict) or marked != int(value.get("blessed") is True):
            raise ValueError(f"the artifact says blessed={marked}, the file something else")
    except (OSError, ValueError, RecursionError) as error:
        raise TandemError(
            "PUSH-001",
            f"Expected the gate's decision in {path}. Received: error={error}",
            "Run the pipeline again so that the gate writes its decision.",
        ) from error
    return value
