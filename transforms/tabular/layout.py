"""The plan of the features, checked and laid out as columns of a few matrices.

The graph works on matrices, not on columns: one for text, one for numbers, one for times and one for
ids. The layout says which feature owns which column of each, so that the number of graph operations
hardly grows with the number of features.
"""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from transforms.tabular import dates

SCALES = ("quantile", "zscore", "log_zscore", "none")
TASKS = ("binary", "multiclass", "regression")


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """A column whose values are learned: at least `min_count` rows each, the `max_size` most frequent."""

    name: str
    min_count: int
    max_size: int | None
    oov_buckets: int


@dataclasses.dataclass(frozen=True)
class Hashed:
    """A column whose values are hashed into `buckets` ids."""

    name: str
    buckets: int


@dataclasses.dataclass(frozen=True)
class Numeric:
    """A column of numbers; `dense` adds its scaled value, `indicator` a 0/1 column of missing values."""

    name: str
    scale: str
    quantiles: int
    buckets: int
    dense: bool
    indicator: bool


@dataclasses.dataclass(frozen=True)
class Cross:
    """A cross of the id columns `slots`, hashed into `buckets` ids."""

    name: str
    slots: tuple[int, ...]
    buckets: int


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where every feature lives.

    The id matrix has one column for each vocabulary, hashed column, calendar part, bucketed number and
    cross, in that order; `names` are their names, and `wide` and `deep` select from them.
    """

    task: str
    label: str
    classes: tuple[str, ...]
    weight: str | None
    raw: tuple[tuple[str, str], ...]
    vocabularies: tuple[Vocabulary, ...]
    hashed: tuple[Hashed, ...]
    numeric: tuple[Numeric, ...]
    times: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]
    crosses: tuple[Cross, ...]
    names: tuple[str, ...]
    wide: tuple[int, ...]
    deep: tuple[tuple[int, int | None], ...]

    @property
    def bucketed(self) -> tuple[int, ...]:
        """Positions in `numeric` of the columns that have buckets."""
        return tuple(i for i, column in enumerate(self.numeric) if column.buckets)

    def sizes(self, vocabulary_sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Number of ids of each column of the id matrix, missing and unknown ids included."""
        return (
            *(vocabulary_sizes[v.name] + v.oov_buckets + 1 for v in self.vocabularies),
            *(h.buckets + 1 for h in self.hashed),
            *(dates.SIZES[part] + 1 for _, part in self.parts),
            *(self.numeric[i].buckets + 1 for i in self.bucketed),
            *(c.buckets for c in self.crosses),
        )


def parse(plan: Mapping[str, Any] | str) -> Layout:
    """Checks a plan and lays it out.

    Args:
        plan: mapping, or its JSON text, with the keys `task`, `label`, `weight_column`, `features`,
            `crosses` and `model` as dumped by the configuration.

    Returns:
        The layout.

    Raises:
        ValueError: if the plan is incomplete or contradicts itself.
    """
    values = json.loads(plan) if isinstance(plan, str) else plan
    try:
        return _parse(values)
    except (KeyError, TypeError) as error:
        raise ValueError(
            "Expected a plan with the sections task, label, weight_column, features, crosses and model, "
            f"each complete. Received: {type(error).__name__}: {error}"
        ) from error


def _parse(plan: Mapping[str, Any]) -> Layout:
    features: Mapping[str, Mapping[str, Any]] = plan["features"]
    label, weight, task = plan["label"]["column"], plan["weight_column"], plan["task"]
    if task not in TASKS:
        raise ValueError(f"Expected a task among {TASKS}. Received: task={task!r}")
    for role, column in (("label", label), ("weight", weight)):
        if column in features:
            raise ValueError(f"The {role} column must not be a feature. Received: {role}={column!r}")
    crossed = {column for cross in plan["crosses"] for column in cross["columns"]}
    use_wide, use_deep = plan["model"]["wide"]["enabled"], plan["model"]["deep"]["enabled"]

    vocabularies: list[Vocabulary] = []
    hashed: list[Hashed] = []
    numeric: list[Numeric] = []
    parts: list[tuple[str, str]] = []
    bucketed: list[str] = []
    wide: list[str] = []
    deep: list[tuple[str, int | None]] = []
    for name, feature in features.items():
        kind = feature["kind"]
        is_wide, is_deep = use_wide and feature["wide"], use_deep and feature["deep"]
        ids = [name]
        if kind == "categorical":
            # A column that only enters crosses is hashed there: its vocabulary would be learned in vain.
            if feature["encode"] == "vocabulary" and (is_wide or is_deep):
                vocabularies.append(
                    Vocabulary(name, feature["min_count"], feature["max_size"], feature["oov_buckets"])
                )
            else:
                hashed.append(Hashed(name, feature["hash_buckets"]))
        elif kind == "numeric":
            is_dense, is_deep = is_deep, use_deep and feature["embedding_dim"] > 0
            bucket_used = is_wide or is_deep or name in crossed
            numeric.append(_numeric(name, feature, dense=is_dense, bucketed=bucket_used))
            ids = [f"{name}.bucket"] if numeric[-1].buckets else []
            bucketed += ids
            if is_deep and not ids:
                raise ValueError(
                    f"Feature {name!r}: an embedding needs buckets of at least 1. "
                    f"Received: buckets=0, embedding_dim={feature['embedding_dim']}"
                )
        elif kind == "timestamp":
            parts += [(name, _part(name, part)) for part in dict.fromkeys(feature["parts"])]
            ids = [f"{name}.{part}" for part in dict.fromkeys(feature["parts"])]
        else:
            raise ValueError(f"Feature {name!r}: unknown kind. Received: kind={kind!r}")
        wide += ids if is_wide else []
        deep += [(column, feature["embedding_dim"]) for column in ids] if is_deep else []

    slots = [
        *(v.name for v in vocabularies),
        *(h.name for h in hashed),
        *(f"{column}.{part}" for column, part in parts),
        *bucketed,
    ]
    positions = {name: slot for slot, name in enumerate(slots)}
    crosses = []
    for spec in plan["crosses"]:
        cross = _cross(spec, positions, features)
        embedded = use_deep and spec["embedding_dim"] > 0
        crosses += [cross] if use_wide or embedded else []
        wide += [cross.name] if use_wide else []
        deep += [(cross.name, spec["embedding_dim"])] if embedded else []
    slots += [cross.name for cross in crosses]
    repeated = sorted(name for name, count in collections.Counter(slots).items() if count > 1)
    if repeated:
        raise ValueError(f"Expected different names of features and crosses. Received twice: {repeated}")
    if not (wide or deep or any(column.dense for column in numeric)):
        raise ValueError(
            "Expected at least one feature in an enabled part of the model. "
            f"Received: features={sorted(features)}, wide={use_wide}, deep={use_deep}"
        )
    positions = {name: slot for slot, name in enumerate(slots)}
    return Layout(
        task=task,
        label=label,
        classes=tuple(plan["label"]["classes"]),
        weight=weight,
        raw=tuple((name, _RAW[feature["kind"]]) for name, feature in features.items()),
        vocabularies=tuple(vocabularies),
        hashed=tuple(hashed),
        numeric=tuple(numeric),
        times=tuple(dict.fromkeys(column for column, _ in parts)),
        parts=tuple(parts),
        crosses=tuple(crosses),
        names=tuple(slots),
        wide=tuple(positions[name] for name in wide),
        deep=tuple((positions[name], dim) for name, dim in deep),
    )


_RAW = {"categorical": "string", "numeric": "float", "timestamp": "int64"}


def _numeric(name: str, feature: Mapping[str, Any], *, dense: bool, bucketed: bool) -> Numeric:
    if feature["scale"] not in SCALES:
        raise ValueError(
            f"Feature {name!r}: expected a scale among {SCALES}. Received: scale={feature['scale']!r}"
        )
    indicator = dense and feature["missing_indicator"]
    buckets = feature["buckets"] if bucketed else 0
    return Numeric(name, feature["scale"], feature["quantiles"], buckets, dense, indicator)


def _part(name: str, part: str) -> str:
    if part not in dates.SIZES:
        raise ValueError(
            f"Feature {name!r}: expected parts among {sorted(dates.SIZES)}. Received: part={part!r}"
        )
    return part


def _cross(spec: Mapping[str, Any], positions: Mapping[str, int], features: Mapping[str, Any]) -> Cross:
    columns = list(spec["columns"])
    if len(columns) < 2 or len(set(columns)) < len(columns):
        raise ValueError(f"A cross needs two or more different columns. Received: columns={columns}")
    slots = []
    for column in columns:
        name = column
        kind = features[column]["kind"] if column in features else None
        if kind == "numeric":
            name = f"{column}.bucket"
            if name not in positions:
                raise ValueError(
                    f"Cross {columns}: {column!r} enters by bucket, so its `buckets` must be at least 1. "
                    "Received: buckets=0"
                )
        if name not in positions:
            hint = " Name a part of it, as `column.part`." if kind == "timestamp" else ""
            raise ValueError(
                f"Cross {columns}: expected columns among {sorted(set(positions) | set(features))}. "
                f"Received: {column!r}.{hint}"
            )
        slots.append(positions[name])
    return Cross("_x_".join(columns), tuple(slots), spec["hash_buckets"])
