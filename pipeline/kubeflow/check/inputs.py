"""Inputs: every declared one has a source, every source exists and has the declared type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.config.problems import nearest
from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.tree import Dag, File, Json, Task, declared

CODE = "KFP-028"
_OUTPUT_KEYS = {"parameters": "outputParameterKey", "artifacts": "outputArtifactKey"}
_TYPE = {"parameters": "parameterType", "artifacts": "artifactType"}


def problems(file: File) -> Iterator[Problem]:
    """Inputs without a source, sources without an input, and sources that are missing or of another type."""
    for dag, task in file.tasks():
        component = file.components.get(task.component)
        if component is None:
            continue
        for kind in ("parameters", "artifacts"):
            yield from _supplied(task, component, kind)
            for name, source in task.given(kind).items():
                wanted = declared(component, "inputDefinitions", kind).get(name)
                place = (*task.path, "inputs", kind, name)
                yield from _source(file, dag, source, wanted, kind, place)
    for dag in file.dags:
        yield from _unused(dag)


def _supplied(task: Task, component: Json, kind: str) -> Iterator[Problem]:
    wanted, given = declared(component, "inputDefinitions", kind), task.given(kind)
    for name, definition in wanted.items():
        if name not in given and not definition.get("isOptional", False):
            place = (*task.path, "inputs", kind, name)
            spare = [other for other in given if other not in wanted]
            expected = f"a source: component `{task.component}` declares this input"
            yield Problem(CODE, place, expected, None, nearest(name, spare))
    for name in given:
        if name not in wanted:
            place = (*task.path, "inputs", kind, name)
            expected = f"an input that component `{task.component}` declares"
            yield Problem(CODE, place, expected, received(name), nearest(name, wanted))


def _source(
    file: File, dag: Dag, source: Json, wanted: Json | None, kind: str, place: Path
) -> Iterator[Problem]:
    if "runtimeParameter" in source.get("runtimeValue", {}):
        expected = "`componentInputParameter`: the driver resolves no runtime parameters of tasks"
        found = source["runtimeValue"]["runtimeParameter"]
        yield Problem(CODE, (*place, "runtimeValue", "runtimeParameter"), expected, received(found))
    for field in ("componentInputParameter", "componentInputArtifact"):
        if field in source:
            yield from _from_parent(dag, source[field], wanted, kind, (*place, field))
    for field in ("taskOutputParameter", "taskOutputArtifact"):
        if field in source:
            yield from _from_task(file, dag, source[field], wanted, kind, (*place, field))


def _from_parent(dag: Dag, name: str, wanted: Json | None, kind: str, place: Path) -> Iterator[Problem]:
    offered = dag.declared(kind)
    if name not in offered:
        expected = f"one of the {kind} that `{dag.name}` itself is given"
        yield Problem(CODE, place, expected, received(name), nearest(name, offered))
        return
    yield from _alike(offered[name], wanted, kind, place)


def _from_task(
    file: File, dag: Dag, source: Json, wanted: Json | None, kind: str, place: Path
) -> Iterator[Problem]:
    producer, key = source.get("producerTask", ""), source.get(_OUTPUT_KEYS[kind], "")
    task = dag.tasks.get(producer)
    if task is None:
        near = producer.removesuffix("_task")
        near_task = near if near in dag.tasks else nearest(producer, dag.tasks)
        expected = f"a task of `{dag.name}`"
        yield Problem(CODE, (*place, "producerTask"), expected, received(producer), near_task)
        return
    offered = declared(file.components.get(task.component, {}), "outputDefinitions", kind)
    if key not in offered:
        expected = f"one of the {kind} that `{producer}` puts out"
        yield Problem(CODE, (*place, _OUTPUT_KEYS[kind]), expected, received(key), nearest(key, offered))
        return
    yield from _alike(offered[key], wanted, kind, place)


def _alike(offered: Json, wanted: Json | None, kind: str, place: Path) -> Iterator[Problem]:
    field = _TYPE[kind]
    if wanted is None or field not in wanted or field not in offered:
        return
    if wanted[field] != offered[field]:
        yield Problem(CODE, place, f"a source of type {_shown(wanted[field])}", _shown(offered[field]))


def _shown(value: Any) -> str:
    """An artifact type by its title where it has one."""
    if isinstance(value, dict):
        text = str(value.get("schemaTitle") or value.get("instanceSchema") or value)
        first = text.splitlines()[0] if text.splitlines() else text
        return received(first.removeprefix("title: "))
    return str(value)


def _unused(dag: Dag) -> Iterator[Problem]:
    fields = {"parameters": "componentInputParameter", "artifacts": "componentInputArtifact"}
    for kind, field in fields.items():
        used = {
            source[field]
            for task in dag.tasks.values()
            for source in task.given(kind).values()
            if field in source
        }
        for name in dag.declared(kind):
            if name not in used:
                place = (*dag.path, "inputDefinitions", kind, name)
                yield Problem(CODE, place, "an input that a task reads", "no task reads it")
