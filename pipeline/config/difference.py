"""What differs between two configs."""

from __future__ import annotations

from typing import Any, NamedTuple

from pipeline.config.model import Config
from pipeline.config.problems import Path, path_text


class Change(NamedTuple):
    """One difference; a value that one side lacks is `None`."""

    path: str
    old: Any
    new: Any


def diff(old: Config, new: Config) -> list[Change]:
    """Differences in the order of the model; a list of plain values counts as one value."""
    return changes(old.model_dump(mode="json"), new.model_dump(mode="json"))


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """As `diff`, of plain values.

    Example:
        >>> changes({"train": {"epochs": 5}}, {"train": {"epochs": 3, "seed": 1}})
        [Change(path='train.epochs', old=5, new=3), Change(path='train.seed', old=None, new=1)]
    """
    return list(_changes((), old, new))


def _changes(path: Path, old: Any, new: Any) -> list[Change]:
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict) and old.get("kind") == new.get("kind"):
        keys = [*old, *(key for key in new if key not in old)]
        return [change for key in keys for change in _changes((*path, key), old.get(key), new.get(key))]
    if _sections(old) and _sections(new):
        return [
            change
            for index in range(max(len(old), len(new)))
            for change in _changes((*path, index), _item(old, index), _item(new, index))
        ]
    return [Change(path_text(path), old, new)]


def _sections(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _item(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else None
