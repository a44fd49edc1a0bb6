"""All checks of a compiled file, all problems at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.kubeflow.check import (
    conditions,
    containers,
    ending,
    importers,
    inputs,
    names,
    order,
    placeholders,
    platform,
    references,
    resources,
    sizes,
    types,
    values,
    volumes,
)
from pipeline.kubeflow.check.document import CODE, DOCUMENTS, read
from pipeline.kubeflow.check.problem import Problem, received
from pipeline.kubeflow.check.schema import PIPELINE, PLATFORM, Shape
from pipeline.kubeflow.check.tree import File

CHECKS = (
    names,
    references,
    order,
    inputs,
    values,
    types,
    ending,
    containers,
    placeholders,
    importers,
    resources,
    platform,
    volumes,
    conditions,
)


def check(text: str) -> list[Problem]:
    """Everything that is wrong with a compiled file.

    Args:
        text: two YAML documents, a `PipelineSpec` and a `PlatformSpec`.

    Returns:
        The problems in the order of the file, with their lines; empty if the backend runs it as it is meant.
    """
    documents = read(text)
    found = [*documents.problems]
    if documents.values or not found:
        unread = {(problem.document, problem.path) for problem in found if problem.path}
        found += [
            problem
            for problem in check_documents(documents.values, len(text.encode()))
            if (problem.document, problem.path) not in unread
        ]
    placed = [
        problem
        if problem.line
        else dataclasses.replace(problem, line=documents.line(problem.document, problem.path))
        for problem in dict.fromkeys(found)
    ]
    return sorted(placed, key=lambda problem: (problem.line or 0, problem.code, problem.document))


def check_documents(documents: Sequence[Any], file_bytes: int = 0) -> list[Problem]:
    """As `check`, for documents that are read already; the checks of the YAML itself are left out.

    Args:
        documents: the documents as plain values.
        file_bytes: size of the text. Defaults to `0`, not known.
    """
    return list(dict.fromkeys(_problems(documents, file_bytes)))


def _problems(documents: Sequence[Any], file_bytes: int) -> Iterator[Problem]:
    if len(documents) != len(DOCUMENTS):
        expected = f"two documents: {' and '.join(DOCUMENTS)}"
        yield Problem(CODE, (), expected, received(len(documents)))
    if documents and isinstance(documents[0], dict) and "pipelineSpec" in documents[0]:
        expected = "a PipelineSpec: the backend takes no PipelineJob"
        yield Problem(CODE, ("pipelineSpec",), expected, "the JSON that TFX writes by default")
        return
    shapes, parsed = [], []
    for number, kind in ((1, PIPELINE), (2, PLATFORM)):
        shape = Shape(number)
        parsed.append(shape.message(kind, documents[number - 1], ()) if number <= len(documents) else {})
        shapes.append(shape)
        yield from shape.problems
    file = File(*parsed)
    known = [problem for shape in shapes for problem in shape.problems]
    for module in CHECKS:
        for problem in module.problems(file):
            if (len(documents) > 1 or problem.document == 1) and not _repeats(problem, known):
                yield problem
    yield from sizes.problems(file, file_bytes)


def _repeats(problem: Problem, known: list[Problem]) -> bool:
    """Whether it follows from a node that has the wrong shape and was left out."""
    return any(
        problem.document == other.document and problem.path[: len(other.path)] == other.path and other.path
        for other in known
    )
