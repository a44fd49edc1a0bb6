"""Where rows come from, spans and windows, the split, and columns that are no features."""

from __future__ import annotations

import datetime
import re
from typing import Any

from pipeline.config.checks.report import Report
from pipeline.config.locations import PREPARE
from pipeline.config.problems import Path

_PATH = ("data", "path")
_LINES = ("data", "lines")
_SPLIT = ("data", "split")
_FILES = ("train_files", "validation_files", "eval_files")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DATE = ("YYYY", "MM", "DD")


def check(values: dict[str, Any], report: Report) -> None:
    """Exactly one source, spans that can be read, a split that can be made, columns with one use each."""
    data = values["data"]
    _source(data, report)
    _places(values, report)
    _prepare(data, report)
    _spans(data, report)
    _split(data, report)
    _columns(values, report)
    _lines(values, report)
    if values["train"]["calibrate"] and not _has_validation(data["split"]):
        message = "calibration needs a validation split; expected validation_fraction > 0."
        report.add((*_SPLIT, "validation_fraction"), message, data["split"]["validation_fraction"])


def _source(data: dict[str, Any], report: Report) -> None:
    path, by_files = data["path"], data["split"]["by"] == "files"
    depends = [_PATH, _LINES, ("data", "prepare"), (*_SPLIT, "by")]
    given = [name for name in ("path", "lines", "prepare") if data[name] is not None]
    if not given and not by_files:
        message = "expected one of `path`, `lines`, `prepare`, or `split.by: files`."
        report.add(("data",), message, depends=depends)
    elif by_files and given and given != ["lines"]:
        message = "the split names its own files; leave this out."
        report.add(("data", given[0]), message, data[given[0]], depends=depends)
    elif len(given) > 1:
        message = f"used in place of `{given[0]}`; leave one out."
        report.add(("data", given[-1]), message, data[given[-1]], depends=depends)
    if path == "":
        report.add(_PATH, "expected a file, directory or glob.", path)


def _places(values: dict[str, Any], report: Report) -> None:
    data = values["data"]
    places: list[tuple[Path, str | None]] = [(_PATH, data["path"]), (("data", "prepare"), data["prepare"])]
    places += [((*_LINES, name), text) for name, text in (data["lines"] or {}).items()]
    places += [((*_SPLIT, name), data["split"][name]) for name in _FILES]
    places.append((("push", "directory"), values["push"]["directory"]))
    for where, text in places:
        if text is not None and "\0" in text:
            report.add(where, "a path cannot hold a NUL.", text)


def _prepare(data: dict[str, Any], report: Report) -> None:
    text = data["prepare"]
    if text is None:
        return
    match = PREPARE.fullmatch(text)
    if match is None:
        report.add(("data", "prepare"), "expected `file.py:function`.", text)
    elif match["file"].startswith(("/", "~")) or ".." in match["file"].split("/"):
        report.add(("data", "prepare"), "expected a file beside the config or below it.", text)


def _spans(data: dict[str, Any], report: Report) -> None:
    split = data["split"]
    places: list[tuple[Path, str | None]] = [(_PATH, data["path"])]
    places += [((*_LINES, name), text) for name, text in (data["lines"] or {}).items()]
    places += [((*_SPLIT, name), split[name]) for name in _FILES]
    patterns = [(where, text) for where, text in places if text is not None]
    dated = False
    for where, text in patterns:
        found = [name.split(":")[0] for name in _PLACEHOLDER.findall(text)]
        days = [name for name in _DATE if name in found]
        unknown = [name for name in found if name not in (*_DATE, "SPAN", "VERSION")]
        if unknown:
            message = "expected only {SPAN}, {VERSION}, {YYYY}, {MM} and {DD} in braces."
            report.add(where, message, text)
        elif days and (len(days) < 3 or "SPAN" in found):
            report.add(where, "expected {SPAN}, or {YYYY}, {MM} and {DD} together.", text)
        elif "VERSION" in found and not (days or "SPAN" in found):
            report.add(where, "{VERSION} needs {SPAN}, or {YYYY}, {MM} and {DD}.", text)
        dated = dated or bool(days) or "SPAN" in found
    wanted = "needs {SPAN}, or {YYYY}, {MM} and {DD}, in `data.path`."
    depends = [where for where, _ in places]
    window, span = data["window"], data["span"]
    if not dated and window is not None and window > 1:
        report.add(("data", "window"), f"a window of several spans {wanted}", window, depends=depends)
    if not dated and span is not None:
        report.add(("data", "span"), f"choosing a span {wanted}", span, depends=depends)


def _split(data: dict[str, Any], report: Report) -> None:
    split, by = data["split"], data["split"]["by"]
    depends = [(*_SPLIT, "by")]
    for name in _FILES:
        if by == "files" and split[name] is None and name != "validation_files":
            report.add((*_SPLIT, name), "required when the split is by files.", depends=depends)
        if by != "files" and split[name] is not None:
            report.add((*_SPLIT, name), "used with `by: files` only.", split[name], depends=depends)
    moments = {name: _moment(name, split[name], report) for name in ("eval_from", "validation_from")}
    for name in moments:
        if by != "time" and split[name] is not None:
            report.add((*_SPLIT, name), "used with `by: time` only.", split[name], depends=depends)
    if by == "time" and data["time_column"] is None:
        message = "required when the split is by time."
        report.add(("data", "time_column"), message, depends=depends)
    if by in ("hash", "time") and split["eval_fraction"] == 0 and not (by == "time" and split["eval_from"]):
        message = "expected more than 0: the gate needs rows of `eval`."
        report.add((*_SPLIT, "eval_fraction"), message, 0, depends=depends)
    first, second = moments["validation_from"], moments["eval_from"]
    if first is not None and second is not None and first >= second:
        message = f"expected a time before eval_from, {split['eval_from']}."
        report.add((*_SPLIT, "validation_from"), message, split["validation_from"])


def _moment(name: str, text: str | None, report: Report) -> datetime.datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        message = "expected a time in ISO 8601, such as 2013-10-01 or 2013-10-01T06:00:00Z."
        report.add((*_SPLIT, name), message, text)
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _has_validation(split: dict[str, Any]) -> bool:
    if split["by"] == "files" and split["validation_files"]:
        return True
    return bool(split["validation_from"]) or split["validation_fraction"] != 0


def _lines(values: dict[str, Any], report: Report) -> None:
    """Parallel lines hold every column that is read, and nothing else."""
    data, lines = values["data"], values["data"]["lines"]
    if lines is None:
        return
    for name, text in lines.items():
        if text == "":
            report.add((*_LINES, name), "expected a file, directory or glob.", text)
    wanted = {values["label"]["column"]: ("label", "column")}
    wanted |= {name: ("features", name) for name in values["features"]}
    wanted |= {name: ("data", "keep", index) for index, name in enumerate(data["keep"])}
    wanted |= {data[field]: ("data", field) for field in ("weight_column", "time_column")}
    wanted |= {name: (*_SPLIT, "key", index) for index, name in enumerate(data["split"]["key"])}
    for name, where in wanted.items():
        if name is not None and name not in lines:
            report.add(where, "expected a column of `data.lines`.", name, (name, lines), depends=[_LINES])


def _columns(values: dict[str, Any], report: Report) -> None:
    data, features = values["data"], values["features"]
    weight = data["weight_column"]
    if weight is not None and weight in features:
        report.add(("features", weight), "this is `data.weight_column`; it cannot be a feature.")
    for index, name in enumerate(data["keep"]):
        where = ("data", "keep", index)
        if name in features:
            report.add(where, "it is a feature and kept anyway; leave it out.", name)
        if name is not None and name == weight:
            report.add(where, "this is `data.weight_column`; it is kept anyway.", name)
        if name in data["keep"][:index]:
            report.add(where, "expected every column once.", name)
