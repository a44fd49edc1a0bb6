"""A compiled file as its protos, and what of it a simulation cannot run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as k8s
from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from trainer.errors import TandemError

EXIT = ps.PipelineTaskSpec.TriggerPolicy.ALL_UPSTREAM_TASKS_COMPLETED


@dataclasses.dataclass(frozen=True)
class Document:
    """A compiled pipeline.

    Args:
        spec: the first document.
        deployment: its executors.
        platform: Kubernetes settings by executor label, from the second document.
    """

    spec: ps.PipelineSpec
    deployment: ps.PipelineDeploymentConfig
    platform: Mapping[str, k8s.KubernetesExecutorConfig]

    def component(self, task: ps.PipelineTaskSpec) -> ps.ComponentSpec:
        """The component of a task."""
        return self.spec.components[task.component_ref.name]

    def executor(self, component: ps.ComponentSpec) -> ps.PipelineDeploymentConfig.ExecutorSpec:
        """The executor of a component that has one."""
        return self.deployment.executors[component.executor_label]

    def settings(self, component: ps.ComponentSpec) -> k8s.KubernetesExecutorConfig:
        """Kubernetes settings of a component; empty for none."""
        return self.platform.get(component.executor_label, k8s.KubernetesExecutorConfig())

    def dags(self) -> Iterator[tuple[str, ps.DagSpec]]:
        """Every DAG that is used, the root first, with its path of task names."""
        waiting = [("", self.spec.root.dag)]
        while waiting:
            path, dag = waiting.pop(0)
            yield path, dag
            for name in sorted(dag.tasks):
                component = self.component(dag.tasks[name])
                if component.WhichOneof("implementation") == "dag":
                    waiting.append((f"{path}/{name}".lstrip("/"), component.dag))

    def containers(self) -> Iterator[tuple[str, ps.ComponentSpec]]:
        """Name and component of every task that runs a container or imports."""
        for _, dag in self.dags():
            for name in sorted(dag.tasks):
                component = self.component(dag.tasks[name])
                if component.WhichOneof("implementation") == "executor_label":
                    yield name, component


def dependencies(task: ps.PipelineTaskSpec) -> set[str]:
    """Names of the tasks that a task waits for: listed, or producers of its inputs."""
    names = set(task.dependent_tasks)
    for artifact in task.inputs.artifacts.values():
        names.add(artifact.task_output_artifact.producer_task)
    for parameter in task.inputs.parameters.values():
        names.add(parameter.task_output_parameter.producer_task)
    return names - {""}


def _refuse(place: str, expected: str, received: object) -> TandemError:
    return TandemError(
        "KFP-201",
        f"{place}: Expected {expected}. Received: {received}",
        "Compile it again: `tandem compile CONFIG -o pipeline.yaml`.",
        exit_status=2,
    )


def load(path: Path) -> Document:
    """Reads a compiled file strictly: an unknown field is an error.

    Raises:
        TandemError: `KFP-201` if the file cannot be read, is no pipeline, or holds what cannot be run here:
            resolvers, custom jobs and iterators.
    """
    try:
        documents = [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _refuse(str(path), "a compiled pipeline (YAML)", error) from error
    if not documents or not all(isinstance(one, dict) for one in documents) or len(documents) > 2:
        raise _refuse(
            str(path), "a pipeline and at most one platform document", f"{len(documents)} documents"
        )
    try:
        spec = json_format.ParseDict(documents[0], ps.PipelineSpec())
        deployment = json_format.ParseDict(
            json_format.MessageToDict(spec.deployment_spec), ps.PipelineDeploymentConfig()
        )
        platform = _platform(documents[1]) if len(documents) == 2 else {}
    except (json_format.ParseError, AttributeError, TypeError) as error:
        raise _refuse(str(path), "the fields of a pipeline, schema 2.1", error) from error
    document = Document(spec, deployment, platform)
    _check(document, str(path))
    return document


def _platform(given: dict[str, Any]) -> dict[str, k8s.KubernetesExecutorConfig]:
    spec = json_format.ParseDict(given, ps.PlatformSpec())
    executors = spec.platforms["kubernetes"].deployment_spec.executors
    return {
        label: json_format.ParseDict(json_format.MessageToDict(one), k8s.KubernetesExecutorConfig())
        for label, one in executors.items()
    }


def _check(document: Document, place: str) -> None:
    if not document.spec.pipeline_info.name or not document.spec.root.dag.tasks:
        raise _refuse(place, "pipelineInfo.name and root.dag.tasks", "none")
    waiting: list[tuple[str, ps.DagSpec, tuple[str, ...]]] = [("root", document.spec.root.dag, ("root",))]
    while waiting:
        path, dag, above = waiting.pop()
        for name, task in dag.tasks.items():
            here = f"{place}: {path}.{name}"
            if task.component_ref.name not in document.spec.components:
                raise _refuse(here, "a component of the file", task.component_ref.name)
            if task.HasField("artifact_iterator") or task.HasField("parameter_iterator"):
                raise _refuse(here, "a task without iterator", "an iterator, which is not simulated")
            if missing := dependencies(task) - set(dag.tasks):
                raise _refuse(here, "tasks of the same DAG as producers", ", ".join(sorted(missing)))
            component = document.component(task)
            if component.WhichOneof("implementation") == "dag":
                if task.component_ref.name in above:
                    raise _refuse(here, "a DAG that does not hold itself", task.component_ref.name)
                waiting.append((f"{path}.{name}", component.dag, (*above, task.component_ref.name)))
                continue
            kind = document.deployment.executors.get(component.executor_label)
            if kind is None or kind.WhichOneof("spec") not in ("container", "importer"):
                raise _refuse(here, "a container or importer executor", component.executor_label)
            if kind.WhichOneof("spec") == "container" and not (kind.container.command or kind.container.args):
                raise _refuse(here, "a command or arguments", "none; the launcher ignores the ENTRYPOINT")
        _acyclic(dag, f"{place}: {path}")


def _acyclic(dag: ps.DagSpec, place: str) -> None:
    left = {name: dependencies(task) for name, task in dag.tasks.items()}
    while left:
        free = {name for name, needed in left.items() if not needed & left.keys()}
        if not free:
            raise _refuse(place, "tasks without a cycle", ", ".join(sorted(left)))
        left = {name: needed for name, needed in left.items() if name not in free}
