"""Features that feed the model, and crosses of them."""

from __future__ import annotations

from typing import Any

from pipeline.config.checks.report import Report
from pipeline.config.problems import Path
from pipeline.config.sequence import SEQUENCE_TASKS


def cross_names(features: dict[str, Any]) -> set[str]:
    """What a cross may refer to: features, numeric ones with buckets, and `column.part` of timestamps."""
    names: set[str] = set()
    for name, feature in features.items():
        kind = feature and feature["kind"]
        if kind == "timestamp":
            names |= {f"{name}.{part}" for part in feature["parts"]}
        elif kind != "numeric" or feature["buckets"] != 0:
            names.add(name)
    return names


def check(values: dict[str, Any], report: Report) -> None:
    """Crosses of known features; at least one part of the model on, with something to feed it."""
    features, model = values["features"], values["model"]
    for name in features:
        if name == "":
            report.add(("features", name), "expected a column name; it is empty.")
    if values["task"] in SEQUENCE_TASKS:
        return
    if not features:
        report.add(("features",), "expected at least one feature.", depends=[("task",)])
    features = _without_texts(features, values["task"], report)
    for name, feature in features.items():
        if feature and feature["kind"] == "timestamp":
            _once(("features", name, "parts"), feature["parts"], report)
    _crosses(values["crosses"], features, report)
    _inputs(features, values["crosses"], report)
    wide, deep = model["wide"]["enabled"], model["deep"]["enabled"]
    if not wide and not deep:
        report.add(("model", "deep", "enabled"), "expected the wide or the deep part to be on.", False)
    if model["linear"]["weight"] and not (wide and deep):
        message = "a linear model beside the joint one needs the wide and the deep part on."
        report.add(("model", "linear", "weight"), message, model["linear"]["weight"])
    known = bool(features) and all(features.values()) and not values["crosses"]
    if (wide or deep) and known and not any(_feeds(feature, wide, deep) for feature in features.values()):
        report.add(("features",), "expected a feature that feeds a part of the model that is on.")


def _without_texts(features: dict[str, Any], task: str | None, report: Report) -> dict[str, Any]:
    """The features of a table; one that is none counts as unknown."""
    found = dict(features)
    for name, feature in features.items():
        if feature and feature["kind"] == "text":
            message = f"a text is read by a sequence task, not by a {task} task; expected `categorical`."
            report.add(("features", name, "kind"), message, "text", depends=[("task",)])
            found[name] = None
    return found


def _feeds(feature: dict[str, Any], wide: bool, deep: bool) -> bool:
    by_bucket = feature["kind"] != "numeric" or feature["buckets"] != 0
    return bool((wide and feature["wide"] and by_bucket) or (deep and feature["deep"]))


def input_names(name: str, feature: dict[str, Any]) -> set[tuple[str, str]]:
    """The model's inputs that come from a feature: whether ids or numbers, and their names.

    Args:
        name: of the column.
        feature: its section, with every default.
    """
    if feature["kind"] == "timestamp":
        return {("ids", f"{name}.{part}") for part in feature["parts"] if part}
    if feature["kind"] == "categorical":
        return {("ids", name)}
    made = {("ids", f"{name}.bucket")} if feature["buckets"] else set()
    if feature["deep"]:
        made |= {("numbers", name)}
        made |= {("numbers", f"{name}.missing")} if feature["missing_indicator"] else set()
    return made


def cross_input(columns: list[str]) -> tuple[str, str]:
    """The same for a cross."""
    return "ids", "_x_".join(columns)


def _inputs(features: dict[str, Any], crosses: list[Any], report: Report) -> None:
    """Names of the model's inputs, which are made from column names, must differ."""
    owner: dict[tuple[str, str], str] = {}

    def add(where: Path, name: str, made: set[tuple[str, str]]) -> None:
        for column in sorted(made):
            if column in owner:
                message = (
                    f"its input `{column[1]}` has the name of one made from `{owner[column]}`; rename a "
                    "column."
                )
                report.add(where, message)
            owner[column] = name

    for name, feature in features.items():
        if not feature:
            continue
        if feature["kind"] == "numeric" and feature["embedding_dim"] and feature["buckets"] == 0:
            message = "an embedding of the bucket needs `buckets` > 0."
            report.add(("features", name, "embedding_dim"), message, feature["embedding_dim"])
        add(("features", name), name, input_names(name, feature))
    seen = set()
    for index, cross in enumerate(crosses):
        columns = cross["columns"] or []
        # Another order of the same columns is told as a repetition.
        if None not in columns and len(columns) > 1 and frozenset(columns) not in seen:
            add(("crosses", index, "columns"), " x ".join(columns), {cross_input(columns)})
            seen.add(frozenset(columns))


def _once(where: Path, names: list[Any], report: Report) -> None:
    for index, name in enumerate(names):
        if name is not None and name in names[:index]:
            report.add((*where, index), "expected every one once.", name)


def _crosses(crosses: list[Any], features: dict[str, Any], report: Report) -> None:
    known = cross_names(features)
    seen: list[frozenset[str]] = []
    for index, cross in enumerate(crosses):
        where = ("crosses", index, "columns")
        columns = cross["columns"] or []
        _once(where, columns, report)
        for position, name in enumerate(columns):
            if name is not None and name not in known:
                message = _unknown(name, features)
                report.add((*where, position), message, name, (name, known), depends=[("features",)])
        key = frozenset(name for name in columns if name is not None)
        if key in seen and len(key) > 1:
            report.add(where, f"the same cross as crosses.{seen.index(key)}.", columns)
        seen.append(key)


def _unknown(name: str, features: dict[str, Any]) -> str:
    feature = features.get(name)
    if feature and feature["kind"] == "timestamp":
        parts = ", ".join(f"`{name}.{part}`" for part in feature["parts"] if part)
        return f"a timestamp enters a cross by its parts: {parts}."
    if feature:
        return "a numeric feature enters a cross by its buckets; expected `buckets` > 0."
    return "expected the name of a feature."
