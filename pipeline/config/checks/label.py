"""The task, the label and its classes."""

from __future__ import annotations

from typing import Any

from pipeline.config.checks.report import Report
from pipeline.config.sequence import SEQUENCE_TASKS

_CLASSES = ("label", "classes")
_COLUMN = ("label", "column")
_TASK = ("task",)


def check(values: dict[str, Any], report: Report) -> None:
    """Number of classes by task; the label used for nothing else; weights of known classes."""
    task, classes = values["task"], values["label"]["classes"]
    _class_count(task, classes, report)
    for index, name in enumerate(classes):
        if name in classes[:index]:
            report.add((*_CLASSES, index), "expected every class once.", name)
        if name == "":
            report.add((*_CLASSES, index), "expected text; an empty one is a missing label.", name)
    _used_twice(values, report)
    _training(values, report)


def _class_count(task: str | None, classes: list[Any], report: Report) -> None:
    if task == "binary" and len(classes) != 2:
        message = "a binary task needs exactly two classes, the positive one second."
        report.add(_CLASSES, message, classes, depends=[_TASK])
    if task == "multiclass" and len(classes) < 3:
        report.add(_CLASSES, "a multiclass task needs at least three classes.", classes, depends=[_TASK])
    if task in SEQUENCE_TASKS and classes:
        report.add(_CLASSES, f"a {task} task has no classes; leave it out.", classes, depends=[_TASK])
    if task == "regression" and classes:
        report.add(_CLASSES, "a regression task has no classes; leave it out.", classes, depends=[_TASK])


def _used_twice(values: dict[str, Any], report: Report) -> None:
    column, data = values["label"]["column"], values["data"]
    if column is None:
        return
    if column in values["features"]:
        report.add(("features", column), "this is the label; it cannot be a feature.", depends=[_COLUMN])
    for index, name in enumerate(data["keep"]):
        if name == column:
            report.add(
                ("data", "keep", index), "this is the label; it is kept anyway.", name, depends=[_COLUMN]
            )
    for field in ("weight_column", "time_column"):
        if data[field] == column:
            report.add(
                ("data", field), "this is the label; expected another column.", column, depends=[_COLUMN]
            )


def _training(values: dict[str, Any], report: Report) -> None:
    train, classes = values["train"], values["label"]["classes"]
    weights, where = train["class_weights"], ("train", "class_weights")
    if values["task"] in SEQUENCE_TASKS:
        return
    if values["task"] == "regression":
        if weights is not None:
            report.add(where, "a regression task has no classes to weigh.", weights, depends=[_TASK])
        if train["calibrate"]:
            message = "a regression task has no logits to calibrate; expected false."
            report.add(("train", "calibrate"), message, True, depends=[_TASK])
        if train["loss"] == "bi_tempered":
            message = "a regression task has squared errors; expected auto."
            report.add(("train", "loss"), message, "bi_tempered", depends=[_TASK])
    elif isinstance(weights, dict):
        for name, weight in weights.items():
            if name not in classes:
                message = "expected one of `label.classes`."
                report.add((*where, name), message, name, (name, classes), depends=[_CLASSES])
            elif weight is not None and weight < 0:
                report.add((*where, name), "expected a number >= 0.", weight)
