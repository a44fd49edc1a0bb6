"""Placeholders: only those that the backend fills in, only where it does, only for what is declared.

The driver replaces a constant that equals a placeholder as a whole; the launcher replaces placeholders in
command and arguments; Argo takes everything else in double braces for a template of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pipeline.config.problems import nearest
from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.tree import File, Json, declared

CODE = "KFP-033"

CONSTANTS = (
    "{{$.pipeline_job_name}}",
    "{{$.pipeline_job_resource_name}}",
    "{{$.pipeline_job_uuid}}",
    "{{$.pipeline_task_name}}",
    "{{$.pipeline_task_uuid}}",
)
_OPEN = "{{"
_WHOLE = ("$", "$.outputs.output_file")
_FIELD = re.compile(
    r"\$\.(?:(inputs)\.(parameters)\['([^']+)'\]"
    r"|(inputs|outputs)\.(artifacts)\['([^']+)'\]\.(?:uri|path)"
    r"|(outputs)\.(parameters)\['([^']+)'\]\.output_file)"
)
_VALUE = re.compile(r"\$\.inputs\.artifacts\['[^']+'\]\.value")


def problems(file: File) -> Iterator[Problem]:
    """Text in double braces that nothing or the wrong thing fills in."""
    for label, path, container in file.containers():
        for field in ("command", "args"):
            for position, word in enumerate(container.get(field, [])):
                yield from _word(word, (*path, field, position), file.users(label))
    for document, value in ((1, file.spec), (2, file.platform)):
        for path, text in _texts(value, ()):
            if _OPEN in text and not (document == 1 and _is_argument(path)):
                yield from _text(text, path, document)


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key), key
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _texts(inner, (*path, position))


def _is_argument(path: Path) -> bool:
    return (
        path[:2] == ("deploymentSpec", "executors")
        and path[3:4] == ("container",)
        and path[4] in ("command", "args")
    )


def _text(text: str, path: Path, document: int) -> Iterator[Problem]:
    constant = document == 1 and path[-2:] == ("runtimeValue", "constant") and "tasks" in path
    if not constant:
        yield Problem(
            CODE, path, "text without `{{`, which Argo takes for a template", received(text), None, document
        )
    elif text not in CONSTANTS:
        expected = "a placeholder of the driver and nothing else, or text without `{{`, which Argo takes"
        yield Problem(CODE, path, expected, received(text), nearest(text, CONSTANTS))


def _word(word: str, path: Path, users: dict[str, Json]) -> Iterator[Problem]:
    rest = word
    while _OPEN in rest:
        rest = rest.partition(_OPEN)[2]
        inside, closed, rest = rest.partition("}}")
        if not closed:
            yield Problem(CODE, path, "a placeholder that ends with `}}`", received(word))
        elif inside not in _WHOLE:
            yield from _field(inside, path, users)


def _field(inside: str, path: Path, users: dict[str, Json]) -> Iterator[Problem]:
    shown = received("{{" + inside + "}}")
    if _VALUE.fullmatch(inside):
        expected = "`.uri` or `.path`: the launcher fills in no values of artifacts; pass a parameter"
        yield Problem(CODE, path, expected, shown)
        return
    found = _FIELD.fullmatch(inside)
    if found is None:
        yield Problem(CODE, path, "a placeholder that the launcher fills in", shown)
        return
    side, kind, name = (part for part in found.groups() if part is not None)
    for component, spec in users.items():
        known = declared(spec, "inputDefinitions" if side == "inputs" else "outputDefinitions", kind)
        if name not in known:
            expected = f"one of the {side[:-1]} {kind} of component `{component}`"
            yield Problem(CODE, path, expected, received(name), nearest(name, known))
