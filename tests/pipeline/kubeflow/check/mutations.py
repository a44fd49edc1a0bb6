"""Every way to damage a compiled file in one place, except the few that leave a file that runs.

`mutations` walks both documents: each key is deleted, renamed and joined by an unknown one, each value gets
another type, each reference another name, each list entry a twin.
"""

from __future__ import annotations

import dataclasses
import json
import random
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.kubeflow.check import Problem

Path = tuple[str | int, ...]
Json = Any


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a file was damaged.

    Args:
        document: `1` or `2`.
        path: what was changed, as it was called before.
        words: names that were taken away or put there, and that a problem may name elsewhere.
    """

    document: int
    path: Path
    words: tuple[str, ...] = ()

    def named_by(self, problem: Problem) -> bool:
        """Whether a problem points here: at the place, into it, at something beside it, or by its name."""
        around = self.path[: max(1, len(self.path) - 1)]
        if problem.document == self.document and problem.path[: len(around)] == around:
            return True
        text = problem.text()
        return any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) for word in self.words)


# Kinds of mutation, and places where these leave a file that runs. `*` is one step, `**` any number.
HARMLESS: tuple[tuple[str, str], ...] = (
    # The content of a constant belongs to the step.
    ("*", "1: ** runtimeValue constant *"),
    ("*", "1: ** runtimeValue constant * **"),
    ("unknown", "1: ** runtimeValue constant"),
    # What may be left out has a default of the backend's own.
    ("delete", "1: defaultPipelineRoot"),
    ("delete", "1: root inputDefinitions parameters * isOptional"),
    ("delete", "1: ** tasks * cachingOptions"),
    ("delete", "1: ** tasks * cachingOptions enableCache"),
    ("delete", "1: ** tasks * retryPolicy"),
    ("fraction", "1: ** tasks * retryPolicy backoffFactor"),
    ("delete", "1: ** tasks * retryPolicy backoffDuration"),
    ("delete", "1: ** tasks * retryPolicy backoffFactor"),
    ("delete", "1: ** tasks * retryPolicy backoffMaxDuration"),
    ("delete", "1: deploymentSpec executors * container env"),
    ("delete", "1: deploymentSpec executors * container env *"),
    ("delete", "1: deploymentSpec executors * container resources"),
    ("delete", "1: deploymentSpec executors * container resources *"),
    # Settings of pods stand by themselves.
    ("delete", "2: platforms kubernetes deploymentSpec executors * *"),
    ("delete", "2: platforms kubernetes deploymentSpec executors * * *"),
    ("delete", "2: ** executors * podMetadata * *"),
    ("delete", "2: ** executors * nodeSelector labels *"),
    ("delete", "2: ** executors * secretAsEnv * keyToEnv *"),
    ("delete", "2: ** executors * tolerations * key"),
    ("delete", "2: ** executors * tolerations * effect"),
    ("delete", "2: ** executors * emptyDirMounts * medium"),
    ("delete", "2: ** executors * emptyDirMounts * sizeLimit"),
    # Any label may be there.
    ("rename", "2: ** executors * podMetadata labels *"),
    ("rename", "2: ** executors * podMetadata annotations *"),
    ("rename", "2: ** executors * nodeSelector labels *"),
    ("unknown", "2: ** executors * podMetadata labels"),
    ("unknown", "2: ** executors * podMetadata annotations"),
    ("unknown", "2: ** executors * nodeSelector labels"),
)

_NAMES = (
    "producerTask",
    "outputArtifactKey",
    "outputParameterKey",
    "componentInputParameter",
    "executorLabel",
)
_CHOICES = (
    "parameterType",
    "strategy",
    "imagePullPolicy",
    "operator",
    "effect",
    "schemaVersion",
    "schemaTitle",
)
_TYPES = ("NUMBER_DOUBLE", "NUMBER_INTEGER", "STRING", "BOOLEAN", "LIST", "STRUCT", "TASK_FINAL_STATUS")


def mutations(documents: Sequence[Json], rng: random.Random) -> Iterator[tuple[str, Place, list[Json]]]:
    """Damaged copies of a compiled file.

    Args:
        documents: both documents, as plain values; they are not changed.
        rng: chooses misspellings and wrong names.

    Yields:
        What was done, where, and the damaged documents.
    """
    for is_harmless, name, place, damaged in _all(documents, rng):
        if not is_harmless:
            yield name, place, damaged


def harmless(documents: Sequence[Json], rng: random.Random) -> Iterator[tuple[str, Place, list[Json]]]:
    """As `mutations`, those that leave a file that runs."""
    for is_harmless, name, place, changed in _all(documents, rng):
        if is_harmless:
            yield name, place, changed


def _all(documents: Sequence[Json], rng: random.Random) -> Iterator[tuple[bool, str, Place, list[Json]]]:
    for number, document in enumerate(documents, 1):
        for path, value in _walk(document, ()):
            for name, words in _changes(path, value) if path else ():
                place = Place(number, path, words)
                damaged = list(documents)
                damaged[number - 1] = _apply(document, path, name, rng, value)
                if damaged[number - 1] is not _SAME:
                    is_harmless = _is_harmless(documents[0], name, place, value)
                    # No list and no mapping of names is written when it is empty.
                    empties = name == "delete" and _is_last(document, path)
                    yield is_harmless and not empties, name, place, damaged


def _walk(value: Json, path: Path) -> Iterator[tuple[Path, Json]]:
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _walk(inner, (*path, key))


def _changes(path: Path, value: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
    words = _words(path, value)
    yield "delete", words
    yield ("rename" if isinstance(path[-1], str) else "duplicate"), words
    if isinstance(value, dict):
        yield "unknown", ("surprise",)
    yield "retype", words
    if _is_reference(path, value):
        yield "misspell", words
        yield "swap", words
    if isinstance(value, float) and value.is_integer():
        yield "fraction", words


_STRUCTURE = (
    *("artifacts", "parameters", "inputs", "inputDefinitions", "outputDefinitions"),
    *("components", "dag", "tasks", "deploymentSpec", "executors", "container", "platforms", "kubernetes"),
)


def _words(path: Path, value: Json) -> tuple[str, ...]:
    """The name of what is damaged: its own, that of the parameter or component around it, or its text."""
    names = [step for step in path if isinstance(step, str) and step not in _STRUCTURE][-2:]
    return (*names, value) if isinstance(value, str) and 1 < len(value) < 100 else tuple(names)


_SAME = object()


def _apply(document: Json, path: Path, name: str, rng: random.Random, value: Json) -> Json:
    if name == "delete":
        return _edited(document, path, None, delete=True)
    if name == "rename":
        return _renamed(document, path, misspelled(str(path[-1]), rng))
    if name == "duplicate":
        around = _at(document, path[:-1])
        return _edited(document, path[:-1], [*around[: int(path[-1])], value, *around[int(path[-1]) :]])
    if name == "unknown":
        return _edited(document, path, {**value, "surprise": "x"})
    if name == "retype":
        return _edited(document, path, _other_type(value))
    if name == "fraction":
        return _edited(document, path, value + 0.5)
    if name == "misspell":
        return _edited(document, path, misspelled(value, rng))
    others = _others(document, path, value)
    return _edited(document, path, rng.choice(others)) if others else _SAME


def misspelled(text: str, rng: random.Random) -> str:
    """`text` with one letter twice, or one more."""
    place = rng.randrange(len(text)) if text else 0
    return text[:place] + (text[place] if text and text[place].isalnum() else "x") + text[place:]


def _other_type(value: Json) -> Json:
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return 7
    return "text"


def _is_reference(path: Path, value: Json) -> bool:
    if not isinstance(value, str):
        return False
    key = path[-1]
    if key in _NAMES or key in _CHOICES or "dependentTasks" in path[-2:]:
        return True
    if key == "name":
        return path[-2] in ("componentRef", "taskInfo")
    # The class is known in the image only.
    return "args" in path[-2:] and not _is_beam(value) and not value.endswith("Executor")


def _others(document: Json, path: Path, value: str) -> list[str]:
    key = path[-1]
    if key == "parameterType":
        return [kind for kind in _TYPES if kind != value]
    if key in _CHOICES or "args" in path[-2:]:
        return ["OTHER"]
    if key == "executorLabel":
        known = list(document["deploymentSpec"]["executors"])
    elif path[-2:] == ("componentRef", "name"):
        known = list(document["components"])
    elif key == "componentInputParameter":
        known = ["other"]
    elif key in ("outputArtifactKey", "outputParameterKey"):
        known = _outputs(document, path, key)
    else:
        known = list(_at(document, path[: path.index("tasks") + 1]))
    return [name for name in known if name != value and not _fits(document, path, name)]


def _outputs(document: Json, path: Path, key: str) -> list[str]:
    producer = _at(document, path[:-1])["producerTask"]
    task = _at(document, path[: path.index("tasks") + 1])[producer]
    component = document["components"][task["componentRef"]["name"]]
    kind = "artifacts" if key == "outputArtifactKey" else "parameters"
    return list(component.get("outputDefinitions", {}).get(kind, {}))


def _fits(document: Json, path: Path, name: str) -> bool:
    """Whether a wrong name gives a pipeline that is merely another one: a source of the same type."""
    if path[-1] not in ("producerTask", "outputArtifactKey", "outputParameterKey"):
        return False
    source = {**_at(document, path[:-1]), path[-1]: name}
    if "outputArtifactKey" not in source and "outputParameterKey" not in source:
        return False
    tasks = _at(document, path[: path.index("tasks") + 1])
    consumer = path[path.index("tasks") + 1]
    kind = "artifacts" if "outputArtifactKey" in source else "parameters"
    key = source.get("outputArtifactKey", source.get("outputParameterKey"))
    producer = document["components"][tasks[source["producerTask"]]["componentRef"]["name"]]
    reader = document["components"][tasks[consumer]["componentRef"]["name"]]
    offered = producer.get("outputDefinitions", {}).get(kind, {}).get(key)
    wanted = reader["inputDefinitions"][kind][path[path.index(kind) + 1]]
    field = "artifactType" if kind == "artifacts" else "parameterType"
    waits = source["producerTask"] in tasks[consumer].get("dependentTasks", [])
    return waits and offered is not None and offered.get(field) == wanted.get(field)


def _is_beam(value: str) -> bool:
    return bool(re.match(r"--[A-Za-z_]+=", value))


def _is_harmless(spec: Json, name: str, place: Place, value: Json) -> bool:
    path = place.path
    if place.document == 1 and "args" in path[-2:] and isinstance(value, str) and _is_beam(value):
        return name in ("delete", "duplicate")
    if place.document == 1 and "dependentTasks" in path and name == "delete":
        return _is_only_order(spec, path, value)
    if place.document == 2 and name == "delete" and _holds_state(spec, path, value):
        return False
    text = [f"{place.document}:", *(str(step) for step in path)]
    return any(kind in ("*", name) and _matches(pattern.split(), text) for kind, pattern in HARMLESS)


def _is_only_order(spec: Json, path: Path, value: Json) -> bool:
    """Whether a task waits for others without reading their outputs, or for none that it reads from."""
    task = _at(spec, path[: path.index("dependentTasks")])
    if task.get("triggerPolicy", {}).get("strategy"):
        return False
    read = json.dumps(task.get("inputs", {}))
    waited = value if isinstance(value, list) else [value]
    alone = not isinstance(value, list) and len(task["dependentTasks"]) == 1
    return not alone and not any(f'"producerTask": "{name}"' in read for name in waited)


def _holds_state(spec: Json, path: Path, value: Json) -> bool:
    if path[5:6] != ("pvcMount",) or len(path) > 7:
        return False
    entries = value if isinstance(value, list) else [value]
    executor = spec["deploymentSpec"]["executors"][path[4]]
    words = executor["container"]["args"]
    state = words[words.index("--state") + 1] if "--state" in words else None
    return any(entry["mountPath"] == state for entry in entries)


def _is_last(document: Json, path: Path) -> bool:
    around = _at(document, path[:-1])
    of_names = isinstance(around, list) or (len(path) > 1 and path[-2] in ("labels", "annotations"))
    return of_names and len(around) == 1


def _matches(pattern: Sequence[str], steps: Sequence[str]) -> bool:
    if not pattern:
        return not steps
    if pattern[0] == "**":
        return any(_matches(pattern[1:], steps[start:]) for start in range(len(steps) + 1))
    return bool(steps) and pattern[0] in ("*", steps[0]) and _matches(pattern[1:], steps[1:])


def _at(value: Json, path: Path) -> Json:
    for step in path:
        value = value[step]
    return value


def _edited(value: Json, path: Path, new: Json, delete: bool = False) -> Json:
    """A copy of `value` along `path` only; everything else is shared."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if delete and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _edited(value[path[0]], path[1:], new, delete)
    return copy


def _renamed(document: Json, path: Path, name: str) -> Json:
    around = _at(document, path[:-1])
    if name in around:
        return _SAME
    return _edited(
        document, path[:-1], {(name if key == path[-1] else key): inner for key, inner in around.items()}
    )
