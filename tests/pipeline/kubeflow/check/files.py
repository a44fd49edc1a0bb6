"""The sample of the tests: a small valid file, and ways to change it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from pipeline.kubeflow.check import Problem, check_documents

HERE = Path(__file__).resolve().parent
VALID = HERE / "valid.yaml"
STOCK = HERE / "stock"


class _Gone:
    """Named in test ids, which must be the same in every process."""

    def __repr__(self) -> str:
        return "GONE"


GONE = _Gone()
"""In place of a value: the key is taken away."""


def documents() -> list[Any]:
    """Both documents of the valid file, to be changed."""
    return list(yaml.safe_load_all(VALID.read_text()))


def find(document: Any, path: str) -> tuple[Any, Any]:
    """The holder and the key of a value; steps are separated by blanks, numbers are positions."""
    *around, last = [int(step) if step.isdigit() else step for step in path.split()]
    for step in around:
        document = document[step] if not isinstance(document, dict) else document.setdefault(step, {})
    return document, last


def changed(*edits: tuple[str, Any], number: int = 1) -> list[Any]:
    """The documents with values replaced, added or, with `GONE`, taken away."""
    result = documents()
    for path, value in edits:
        holder, key = find(result[number - 1], path)
        if value is GONE:
            del holder[key]
        else:
            holder[key] = copy.deepcopy(value)
    return result


def found(*edits: tuple[str, Any], number: int = 1) -> list[Problem]:
    """The problems of the changed documents."""
    return check_documents(changed(*edits, number=number))


def only(problems: list[Problem], code: str, place: str) -> Problem:
    """The one problem with this code whose place ends so."""
    fitting = [problem for problem in problems if problem.code == code and problem.place.endswith(place)]
    assert len(fitting) == 1, [problem.text() for problem in problems]
    return fitting[0]
