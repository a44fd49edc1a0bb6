"""A compiled file that passed every check, as protocol buffers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
from kfp.pipeline_spec import pipeline_spec_pb2 as pipeline_spec

from pipeline.kubeflow.check.checker import check
from pipeline.kubeflow.check.document import read
from pipeline.kubeflow.check.problem import Problem
from trainer.errors import TandemError

_SHOWN = 30


class CheckError(TandemError):
    """A file that the backend would refuse or run wrongly; exit status 2.

    Args:
        name: the file, for the message.
        problems: every single problem.
    """

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        lines = [problem.text() for problem in problems[:_SHOWN]]
        more = len(problems) - len(lines)
        rest = f"\n  and {more} more" if more > 0 else ""
        received = f"{len(problems)} problem{'s' if len(problems) > 1 else ''} in {name}"
        message = f"Expected a pipeline that the backend runs. Received: {received}:\n  "
        hint = "Repair the config or the file, then `tandem compile --check FILE`."
        super().__init__("KFP-020", message + "\n  ".join(lines) + rest + "\n", hint, exit_status=2)
        self.name = name
        self.problems = problems

    def __reduce__(self) -> tuple[Any, ...]:
        return CheckError, (self.name, self.problems)


@dataclasses.dataclass(frozen=True)
class Package:
    """A checked file.

    Args:
        spec: the pipeline.
        deployment: its executors.
        platform: the platform.
        kubernetes: settings of the pod, by executor label.
    """

    spec: pipeline_spec.PipelineSpec
    deployment: pipeline_spec.PipelineDeploymentConfig
    platform: pipeline_spec.PlatformSpec
    kubernetes: dict[str, kubernetes.KubernetesExecutorConfig]


def require(text: str, name: str = "the file") -> None:
    """Checks a compiled file.

    Args:
        text: the file.
        name: how to call it in the message. Defaults to `"the file"`.

    Raises:
        CheckError: `KFP-020`, with every problem.
    """
    problems = check(text)
    if problems:
        raise CheckError(name, tuple(problems))


def load(source: Path | str) -> Package:
    """Reads and checks a compiled file.

    Args:
        source: its path, or its text if there is a line break in it.

    Raises:
        CheckError: `KFP-020`, with every problem.
        TandemError: `KFP-021`, if it cannot be read.
    """
    if isinstance(source, str) and "\n" in source:
        text, name = source, "the file"
    else:
        text, name = _text(Path(source)), str(source)
    require(text, name)
    pipeline, platform = read(text).values
    spec = json_format.ParseDict(pipeline, pipeline_spec.PipelineSpec())
    deployment = json_format.ParseDict(pipeline["deploymentSpec"], pipeline_spec.PipelineDeploymentConfig())
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return Package(
        spec,
        deployment,
        json_format.ParseDict(platform, pipeline_spec.PlatformSpec()),
        {
            label: json_format.ParseDict(value, kubernetes.KubernetesExecutorConfig())
            for label, value in settings.items()
        },
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TandemError(
            "KFP-021",
            f"Expected a compiled pipeline. Received: {path}: {error}",
            "Write one with `tandem compile CONFIG -o pipeline.yaml`.",
            exit_status=2,
        ) from error
