"""A compiled file as the checks see it: plain values of the right shape, with the place of everything."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

from pipeline.kubeflow.check.problem import Path

Json = dict[str, Any]

ROOT = "root"
COMPLETED = "ALL_UPSTREAM_TASKS_COMPLETED"


@dataclasses.dataclass(frozen=True)
class Task:
    """A task of a DAG.

    Args:
        name: its key.
        path: where it is.
        spec: its `PipelineTaskSpec`.
    """

    name: str
    path: Path
    spec: Json

    @property
    def component(self) -> str:
        """Name of the component that it runs."""
        return str(self.spec.get("componentRef", {}).get("name", ""))

    @property
    def depends(self) -> list[str]:
        """The tasks that it waits for, as declared."""
        return list(self.spec.get("dependentTasks", []))

    @property
    def condition(self) -> str:
        """Its trigger condition; `""` for none."""
        return str(self.spec.get("triggerPolicy", {}).get("condition", ""))

    @property
    def is_exit(self) -> bool:
        """Whether it runs when others are over, however they ended."""
        return bool(self.spec.get("triggerPolicy", {}).get("strategy") == COMPLETED)

    def given(self, kind: str) -> Json:
        """Its inputs by name; `kind` is `parameters` or `artifacts`."""
        return dict(self.spec.get("inputs", {}).get(kind, {}))

    def producers(self) -> dict[str, list[Path]]:
        """Producer tasks, with the places that name them."""
        found: dict[str, list[Path]] = {}
        for kind, field in (("parameters", "taskOutputParameter"), ("artifacts", "taskOutputArtifact")):
            for name, source in self.given(kind).items():
                if field in source:
                    place = (*self.path, "inputs", kind, name, field, "producerTask")
                    found.setdefault(source[field].get("producerTask", ""), []).append(place)
        return found


@dataclasses.dataclass(frozen=True)
class Dag:
    """A component that holds tasks.

    Args:
        name: name of the component; `root` for the root.
        path: where the component is.
        component: its `ComponentSpec`.
        tasks: its tasks by name.
    """

    name: str
    path: Path
    component: Json
    tasks: dict[str, Task]

    def declared(self, kind: str) -> Json:
        """Its own inputs by name; `kind` is `parameters` or `artifacts`."""
        return declared(self.component, "inputDefinitions", kind)


@dataclasses.dataclass(frozen=True)
class File:
    """Both documents.

    Args:
        spec: document 1, a `PipelineSpec` as JSON.
        platform: document 2, a `PlatformSpec` as JSON.
    """

    spec: Json
    platform: Json

    @property
    def components(self) -> Json:
        """Components by name, without the root."""
        return dict(self.spec.get("components", {}))

    @property
    def executors(self) -> Json:
        """Executors by label."""
        return dict(self.spec.get("deploymentSpec", {}).get("executors", {}))

    @property
    def settings(self) -> Json:
        """`KubernetesExecutorConfig` as JSON by executor label."""
        kubernetes = self.platform.get("platforms", {}).get("kubernetes", {})
        return dict(kubernetes.get("deploymentSpec", {}).get("executors", {}))

    @functools.cached_property
    def dags(self) -> tuple[Dag, ...]:
        """The root, then the other DAGs by name."""
        found = [_dag(ROOT, (ROOT,), self.spec.get("root", {}))]
        for name, component in sorted(self.components.items()):
            if "dag" in component:
                found.append(_dag(name, ("components", name), component))
        return tuple(found)

    def tasks(self) -> Iterator[tuple[Dag, Task]]:
        """Every task with its DAG."""
        for dag in self.dags:
            for task in dag.tasks.values():
                yield dag, task

    def containers(self) -> Iterator[tuple[str, Path, Json]]:
        """Label, place and `PipelineContainerSpec` of every executor that is a container."""
        for label, executor in self.executors.items():
            if "container" in executor:
                yield label, ("deploymentSpec", "executors", label, "container"), executor["container"]

    def users(self, label: str) -> dict[str, Json]:
        """The components that an executor implements, by name."""
        return {
            name: component
            for name, component in self.components.items()
            if component.get("executorLabel") == label
        }


def declared(component: Json, side: str, kind: str) -> Json:
    """What a component declares.

    Args:
        component: its `ComponentSpec`.
        side: `inputDefinitions` or `outputDefinitions`.
        kind: `parameters` or `artifacts`.
    """
    return dict(component.get(side, {}).get(kind, {}))


def _dag(name: str, path: Path, component: Json) -> Dag:
    tasks = component.get("dag", {}).get("tasks", {})
    return Dag(
        name,
        path,
        component,
        {key: Task(key, (*path, "dag", "tasks", key), spec) for key, spec in tasks.items()},
    )
