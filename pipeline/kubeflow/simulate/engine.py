"""Runs the tasks of a pipeline in the order that the workflow engine would.

After `backend/src/v2/compiler/argocompiler/dag.go` and Argo's DAG templates: a task runs when all it
depends on succeeded; what depends on a skipped task is omitted; after a failure nothing new is started in
that DAG (Argo's default, `failFast`); an exit task is a hook of the task that it depends on and runs
however that ended.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.document import EXIT, Document, dependencies
from pipeline.kubeflow.simulate.driver import Driver, Task
from pipeline.kubeflow.simulate.resolve import Execution, Facts, Inputs, Resolver, dag_outputs
from pipeline.kubeflow.simulate.result import Output, State, TaskResult, Watcher
from pipeline.kubeflow.simulate.values import plain
from trainer.errors import TandemError

_POLL_SECONDS = 0.2
_ENDED: dict[str, State] = {"COMPLETE": "ran", "CACHED": "cached", "FAILED": "failed", "SKIPPED": "skipped"}


class Engine:
    """Runs a pipeline.

    Args:
        document: the pipeline.
        facts: of the run.
        driver: runs single tasks.
        parallel: most containers at a time.
        watcher: told what happens.
    """

    def __init__(
        self, document: Document, facts: Facts, driver: Driver, parallel: int, watcher: Watcher
    ) -> None:
        self._document = document
        self._facts = facts
        self._driver = driver
        self._slots = threading.BoundedSemaphore(parallel)
        self._watcher = watcher
        self._lock = threading.Lock()
        self._dags = itertools.count(1)
        self._labels: set[str] = set()
        self.results: list[TaskResult] = []

    def run(self, inputs: Inputs) -> Execution:
        """Runs the root DAG with its inputs."""
        root = self._document.spec.root
        return self._dag("root", root.dag, dag_outputs(root), inputs)

    def _dag(self, name: str, dag: ps.DagSpec, outputs: ps.DagOutputsSpec, inputs: Inputs) -> Execution:
        done: dict[str, Execution] = {}
        number = next(self._dags)
        waiting = dict(sorted(dag.tasks.items()))
        with ThreadPoolExecutor(max_workers=len(waiting), thread_name_prefix=name) as threads:
            running: dict[Future[Execution], str] = {}
            while waiting or running:
                failed = any(one.state == "FAILED" for one in done.values())
                for key in [key for key, task in waiting.items() if self._decided(task, done, failed)]:
                    task = waiting.pop(key)
                    reason = self._omitted(task, done, failed)
                    if reason:
                        done[key] = self._skip(key, task, reason)
                        continue
                    resolver = Resolver(self._facts, inputs, dict(done), number)
                    running[threads.submit(self._task, key, task, resolver)] = key
                ended, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in ended:
                    done[running.pop(future)] = future.result()
        bad = [one for one in done.values() if one.state == "FAILED"]
        if bad or self._driver.stopped.is_set():
            return Execution(name, "FAILED", bad[0].message if bad else "", outputs=outputs, children=done)
        return Execution(name, "COMPLETE", outputs=outputs, children=done)

    def _decided(self, task: ps.PipelineTaskSpec, done: Mapping[str, Execution], failed: bool) -> bool:
        if dependencies(task) <= done.keys():
            return True
        return task.trigger_policy.strategy != EXIT and (failed or self._driver.stopped.is_set())

    def _omitted(self, task: ps.PipelineTaskSpec, done: Mapping[str, Execution], failed: bool) -> str:
        if self._driver.stopped.is_set():
            return "the run was stopped"
        if task.trigger_policy.strategy == EXIT:
            return ""
        for name in sorted(dependencies(task) & done.keys()):
            if not done[name].succeeded:
                return f"{name} {'failed' if done[name].state == 'FAILED' else 'was skipped'}"
        return "another task failed" if failed else ""

    def _skip(self, name: str, task: ps.PipelineTaskSpec, reason: str) -> Execution:
        component = self._document.component(task)
        if component.WhichOneof("implementation") != "dag":
            self._finished(TaskResult(self._label(name), "skipped", error=reason))
            return Execution(name, "SKIPPED", reason)
        for inner, one in sorted(component.dag.tasks.items()):
            self._skip(inner, one, reason)
        return Execution(name, "SKIPPED", reason, outputs=dag_outputs(component))

    def _task(self, name: str, spec: ps.PipelineTaskSpec, resolver: Resolver) -> Execution:
        component = self._document.component(spec)
        if component.WhichOneof("implementation") == "dag":
            return self._sub_dag(name, spec, component, resolver)
        with self._slots:
            if self._driver.stopped.is_set():
                return self._skip(name, spec, "the run was stopped")
            task = Task(name, self._label(name), spec, component)
            began = time.monotonic()
            with self._lock:
                self._watcher.task_started(task.label)
            try:
                ended = self._driver.run(task, resolver)
            except TandemError as error:
                ended = Execution(name, "FAILED", f"{error.code} {error.message} {error.hint}".strip())
            except OSError as error:
                ended = Execution(name, "FAILED", str(error))
            self._finished(self._result(task, ended, time.monotonic() - began))
            return ended

    def _sub_dag(
        self, name: str, spec: ps.PipelineTaskSpec, component: ps.ComponentSpec, resolver: Resolver
    ) -> Execution:
        try:
            inputs = resolver.inputs(name, spec, component)
            triggered = self._driver.triggered(spec, self._driver.input(inputs))
        except TandemError as error:
            self._finished(TaskResult(self._label(name), "failed", error=f"{error.code} {error.message}"))
            return Execution(name, "FAILED", error.message, outputs=dag_outputs(component))
        if not triggered:
            return self._skip(name, spec, "its condition is false")
        return self._dag(name, component.dag, dag_outputs(component), inputs)

    def _label(self, name: str) -> str:
        """A name for logs and pods that no other task has."""
        with self._lock:
            further = (f"{name}-{number}" for number in itertools.count(2))
            label = next(one for one in itertools.chain([name], further) if one not in self._labels)
            self._labels.add(label)
            return label

    def _result(self, task: Task, ended: Execution, seconds: float) -> TaskResult:
        outputs = {}
        for name, artifact in ended.artifacts.items():
            path = self._driver.place(artifact.uri)
            outputs[name] = Output(artifact.uri, path, artifact.title, plain(artifact.metadata))
        log = self._driver.log(task)
        return TaskResult(
            task.label,
            _ENDED[ended.state],
            round(seconds, 3),
            task.attempts,
            outputs,
            {name: plain(value) for name, value in ended.parameters.items()},
            ended.message,
            str(log) if log.exists() else "",
        )

    def _finished(self, result: TaskResult) -> None:
        with self._lock:
            self.results.append(result)
            self._watcher.task_finished(result)
