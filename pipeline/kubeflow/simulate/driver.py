"""One task from its inputs to its outputs: condition, cache, attempts.

After `backend/src/v2/driver/container.go`. Attempts share one input, as the retries of a pod do (the retry
strategy is that of the executor's template in `compiler/argocompiler/container.go`); each has a pod of its
own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate import pod as pods
from pipeline.kubeflow.simulate.backend import Artifact, Backend
from pipeline.kubeflow.simulate.cache import Cache, fingerprint
from pipeline.kubeflow.simulate.condition import holds
from pipeline.kubeflow.simulate.document import Document
from pipeline.kubeflow.simulate.importer import imported
from pipeline.kubeflow.simulate.launcher import Launcher
from pipeline.kubeflow.simulate.resolve import Execution, Inputs, Resolver
from pipeline.kubeflow.simulate.result import Watcher
from trainer.errors import TandemError

_FOLLOW_SECONDS = 0.2


@dataclasses.dataclass
class Task:
    """A task while it runs.

    Args:
        name: in its DAG.
        label: name of its log and pods.
        spec: the task.
        component: its component.
        attempts: how often its container was run.
    """

    name: str
    label: str
    spec: ps.PipelineTaskSpec
    component: ps.ComponentSpec
    attempts: int = 0


class Driver:
    """Runs single tasks.

    Args:
        document: the pipeline.
        backend: the version of the backend.
        launcher: makes attempts.
        cache: outputs of earlier tasks.
        cluster: what pods find in their namespace.
        directory: of the simulation: `pods/` and `logs/` are made there.
        watcher: told what happens.
        follow: whether the watcher gets every line that a task writes.
    """

    def __init__(
        self,
        document: Document,
        backend: Backend,
        launcher: Launcher,
        cache: Cache,
        cluster: pods.Cluster,
        directory: Path,
        watcher: Watcher,
        follow: bool,
    ) -> None:
        self._document = document
        self._backend = backend
        self._launcher = launcher
        self._cache = cache
        self._cluster = cluster
        self._directory = directory
        self._watcher = watcher
        self._follow = follow
        self.stopped = threading.Event()

    def log(self, task: Task) -> Path:
        """Log file of a task."""
        return self._directory / "logs" / f"{task.label}.log"

    def place(self, uri: str) -> str:
        """Where an artifact is on this machine; empty if nothing is there."""
        try:
            path = self._launcher.store.path(uri)
        except TandemError:
            return ""
        return str(path) if path.exists() else ""

    def input(self, inputs: Inputs) -> ps.ExecutorInput:
        """The input of an executor, without outputs."""
        given = ps.ExecutorInput()
        given.inputs.SetInParent()
        for key, value in inputs.parameters.items():
            given.inputs.parameter_values[key].CopyFrom(value)
        for key, artifact in inputs.artifacts.items():
            given.inputs.artifacts[key].artifacts.add().CopyFrom(self._backend.runtime(artifact))
        return given

    def triggered(self, spec: ps.PipelineTaskSpec, given: ps.ExecutorInput) -> bool:
        """Whether the condition of a task holds, or it has none."""
        return not spec.trigger_policy.condition or holds(spec.trigger_policy.condition, given)

    def run(self, task: Task, resolver: Resolver) -> Execution:
        """Runs a task of a container or importer.

        Raises:
            TandemError: why it failed.
            OSError: if a file cannot be read or written.
        """
        inputs = resolver.inputs(task.name, task.spec, task.component)
        executor = self._document.executor(task.component)
        if executor.WhichOneof("spec") == "importer":
            artifact = imported(executor.importer, inputs, self._backend, next(self._launcher.numbers))
            named = dict.fromkeys(task.component.output_definitions.artifacts, artifact)
            return Execution(task.name, "COMPLETE", artifacts=named)
        given = self.input(inputs)
        if not self.triggered(task.spec, given):
            return Execution(task.name, "SKIPPED", "its condition is false")
        named_as = task.spec.task_info.name or task.name
        given.outputs.CopyFrom(self._backend.outputs(named_as, task.component.output_definitions))
        key = ""
        if task.spec.caching_options.enable_cache:
            claims = pods.claims_of(self._document.settings(task.component), given).values()
            key = fingerprint(given, task.component, executor.container, claims)
            found = self._cache.find(key, list(given.outputs.artifacts))
            if found is not None:
                return Execution(task.name, "CACHED", parameters=found[0], artifacts=found[1])
        parameters, artifacts = self._attempts(task, given, executor.container)
        if key:
            self._cache.keep(key, parameters, artifacts)
        return Execution(task.name, "COMPLETE", parameters=parameters, artifacts=artifacts)

    def _attempts(
        self,
        task: Task,
        given: ps.ExecutorInput,
        container: ps.PipelineDeploymentConfig.PipelineContainerSpec,
    ) -> tuple[dict[str, struct_pb2.Value], dict[str, Artifact]]:
        settings = self._document.settings(task.component)
        deadline = float(settings.active_deadline_seconds) or None
        pauses = _pauses(task.spec.retry_policy)
        while True:
            task.attempts += 1
            name = f"{task.label}-{task.attempts}"
            place = self._directory / "pods" / name
            pod = pods.make(name, place, settings, container, given, self._cluster)
            pod.create()
            pods.write_secrets(pod, settings, given, self._cluster)
            try:
                with self._followed(task):
                    made = self._launcher.attempt(
                        given, task.component, container, pod, self.log(task), deadline
                    )
            except TandemError as error:
                pause_seconds = next(pauses, None)
                if pause_seconds is None or self.stopped.wait(pause_seconds):
                    raise
                self._watcher.warning(task.label, f"attempt {task.attempts} failed: {error.message}")
                continue
            pod.remove()
            return made

    @contextlib.contextmanager
    def _followed(self, task: Task) -> Iterator[None]:
        if not self._follow:
            yield
            return
        log, ended = self.log(task), threading.Event()
        start = log.stat().st_size if log.exists() else 0

        def follow() -> None:
            position, last = start, False
            while not last:
                last = ended.wait(_FOLLOW_SECONDS)
                if not log.exists():
                    continue
                with log.open("rb") as file:
                    file.seek(position)
                    lines = file.read()
                if not last:
                    lines = lines[: lines.rfind(b"\n") + 1]
                position += len(lines)
                for line in lines.decode(errors="replace").splitlines():
                    self._watcher.output(task.label, line)

        thread = threading.Thread(target=follow, name=f"follow {task.label}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _pauses(policy: ps.PipelineTaskSpec.RetryPolicy) -> Iterator[float]:
    """Seconds before each further attempt; none begins later than the maximum after the first one.

    The backend hands the maximum to Argo, where it counts from the start of the first attempt.
    """
    seconds = policy.backoff_duration.ToTimedelta().total_seconds()
    most = policy.backoff_max_duration.ToTimedelta().total_seconds()
    began = time.monotonic()
    for number in range(policy.max_retry_count):
        pause = seconds * (policy.backoff_factor or 1.0) ** number
        if time.monotonic() + pause > began + most:
            return
        yield pause
