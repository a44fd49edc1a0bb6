"""The plan of a sequence task, checked: which columns are read and how their units are learned."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

from transforms.text.segments import UnitKind

SUBWORDS_SIZE: Final = 8000
"""Subwords that are learned when the plan limits them by nothing."""


@dataclasses.dataclass(frozen=True)
class Text:
    """A column of text.

    Args:
        column: its name.
        units: kind of its units.
        vocabulary_size: most units; none for all of them.
        min_count: int, at least 1. How often a unit must occur.
        max_length: int, at least 1. Units of the longest text that is trained on.
        file: name of the file with its units.
    """

    column: str
    units: UnitKind
    vocabulary_size: int | None
    min_count: int
    max_length: int
    file: str


@dataclasses.dataclass(frozen=True)
class Layout:
    """What a plan says.

    Args:
        task: `seq2seq` or `language_model`.
        target: the text that is predicted.
        source: the text that is read; none for a language model.
        weight: column with the weight of a row, if any.
    """

    task: Literal["seq2seq", "language_model"]
    target: Text
    source: Text | None
    weight: str | None

    @property
    def texts(self) -> dict[str, Text]:
        """The columns by their side, `source` and `target`."""
        found = {"target": self.target}
        return found if self.source is None else {"source": self.source, **found}

    @property
    def shared(self) -> bool:
        """Whether source and target have one vocabulary."""
        return self.source is not None and self.source.file == self.target.file


def _text(column: str, section: Mapping[str, Any], file: str) -> Text:
    if section["units"] not in get_args(UnitKind):
        raise ValueError(
            f"Expected units among {list(get_args(UnitKind))}. Received: {column}.units={section['units']!r}"
        )
    size = section["vocabulary_size"]
    if size is None and section["units"] == "subwords":
        size = SUBWORDS_SIZE
    return Text(column, section["units"], size, section["min_count"], section["max_length"], file)


def parse(plan: Mapping[str, Any] | str) -> Layout:
    """The layout of a plan.

    Args:
        plan: mapping or JSON text: `task`, `label`, `features`, `weight_column`, `shared`.

    Raises:
        ValueError: if the plan is incomplete or contradicts itself.
    """
    values: Mapping[str, Any] = json.loads(plan) if isinstance(plan, str) else plan
    try:
        task, label, features = values["task"], values["label"], values["features"]
        shared = bool(values.get("shared", False))
        if len(features) != (task == "seq2seq"):
            raise ValueError(
                f"Expected one feature for seq2seq and none for language_model. Received: task={task!r}, "
                f"features={sorted(features)}"
            )
        sources = [
            _text(name, feature, "units.txt" if shared else "source_units.txt")
            for name, feature in features.items()
        ]
        target = _text(label["column"], label, "units.txt" if shared else "target_units.txt")
        weight = values["weight_column"]
    except KeyError as error:
        raise ValueError(f"Expected a plan with the key {error}. Received: keys={sorted(values)}") from None
    layout = Layout(task, target, sources[0] if sources else None, weight)
    if shared and layout.source is not None:
        ours, theirs = (
            (text.units, text.vocabulary_size, text.min_count) for text in (layout.source, target)
        )
        if ours != theirs:
            raise ValueError(
                f"Expected equal units of columns that share a vocabulary. Received: {ours}, {theirs}"
            )
    return layout
