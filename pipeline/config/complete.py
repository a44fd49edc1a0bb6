"""Defaults that depend on the task: what a sequence task adds to the values of a file."""

from __future__ import annotations

from typing import Any

from pipeline.config.sequence import SEQUENCE_TASKS

EQUALITY_TOLERANCE = 1e-4
"""Of a sequence task: that of 1,000 roundings of float32."""


def complete(values: Any) -> Any:
    """`values` of a file with the defaults of their task; nothing that is given changes.

    A sequence task gets the sections `model.sequence` and `train.sequence`, takes the empty text alone for a
    missing value, since `null` or `none` are words, and divides by hash of the source, or of the text itself
    for a language model, so that the variants of one source stay together. Its scores are sums over the
    units of a text, which another batch rounds otherwise: served and training scores may differ by 1e-4, of
    their size where that is above 1. The best texts must be equal all the same.

    Example:
        >>> complete({"task": "language_model", "label": {"column": "text"}})["data"]
        {'null_values': [''], 'split': {'key': ['text']}}
        >>> complete({"task": "seq2seq"})["push"]
        {'equality_tolerance': 0.0001}
    """
    if not isinstance(values, dict) or values.get("task") not in SEQUENCE_TASKS:
        return values
    values = dict(values)
    for section in ("model", "train"):
        _fill(values, (section, "sequence"), {})
    _fill(values, ("data", "null_values"), [""])
    _fill(values, ("push", "equality_tolerance"), EQUALITY_TOLERANCE)
    column = _key(values)
    if column is not None:
        _fill(values, ("data", "split", "key"), [column], empty=([],))
    return values


def _key(values: dict[str, Any]) -> str | None:
    if values["task"] == "language_model":
        label = values.get("label")
        column = label.get("column") if isinstance(label, dict) else None
        return column if isinstance(column, str) else None
    features = values.get("features")
    names = [name for name in features if isinstance(name, str)] if isinstance(features, dict) else []
    return names[0] if len(names) == 1 else None


def _fill(values: dict[str, Any], path: tuple[str, ...], value: Any, empty: tuple[Any, ...] = ()) -> None:
    """Puts `value` at `path`, in copies of the mappings on the way, unless something is there."""
    *above, name = path
    holder = values
    for step in above:
        below = holder.get(step, {})
        if not isinstance(below, dict):
            return
        holder[step] = dict(below)
        holder = holder[step]
    if name not in holder or holder[name] in empty or (holder[name] is None and value == {}):
        holder[name] = value
