"""What the trainer must know of the transformed features, read from an analysed transform graph."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from transforms.tabular import vocabulary_file
from transforms.tabular.layout import parse


def feature_spec(transform_graph_dir: str, plan: Mapping[str, Any] | str) -> dict[str, Any]:
    """The feature specification, as plain JSON values.

    Args:
        transform_graph_dir: directory of the transform graph.
        plan: the plan it was made with, as a mapping or JSON text.

    Returns:
        `task`, `num_classes` (1 for binary and regression), `classes`; `wide` and `deep`: name, number of
        ids and vocabulary of each column of `wide_ids` and `deep_ids`, for `deep` also the embedding width
        `dim` (None: by rule); `dense`: names of the dense inputs; `weight`: whether examples have one;
        `raw`: type of each raw feature (`string`, `float`, `int64`); `vocabulary_files`: the file with the
        vocabulary of each column, relative to `transform_graph_dir` (see `vocabularies`).

    Raises:
        ValueError: if the plan is incomplete or contradicts itself.
    """
    layout = parse(plan)
    known = vocabularies(transform_graph_dir) if layout.vocabularies else {}
    sizes = layout.sizes({v.name: len(known.get(v.name, ())) for v in layout.vocabularies})
    learned = len(layout.vocabularies)

    def column(slot: int) -> dict[str, Any]:
        name = layout.names[slot]
        return {"name": name, "size": sizes[slot], "vocabulary": name if slot < learned else None}

    return {
        "task": layout.task,
        "num_classes": len(layout.classes) if layout.task == "multiclass" else 1,
        "classes": list(layout.classes),
        "wide": [column(slot) for slot in layout.wide],
        "deep": [column(slot) | {"dim": dim} for slot, dim in layout.deep],
        "dense": [
            *(c.name for c in layout.numeric if c.dense),
            *(f"{c.name}.missing" for c in layout.numeric if c.indicator),
        ],
        "weight": layout.weight is not None,
        "raw": dict(layout.raw),
        "vocabulary_files": {v.name: vocabulary_file.asset_path() for v in layout.vocabularies},
    }


def encodings(plan: Mapping[str, Any] | str) -> dict[str, str]:
    """How ids and dense inputs are made, as far as the plan says it: texts that differ when meanings do.

    Two transform graphs with equal texts give a value the same id of a hashed column, a calendar part or a
    cross; ids of a bucketed number mean the same share of the training rows, at other boundaries.

    Args:
        plan: the plan, as a mapping or JSON text.

    Returns:
        A text for each id column without a vocabulary by its name, and for each dense input as `dense/NAME`.

    Raises:
        ValueError: if the plan is incomplete or contradicts itself.
    """
    layout = parse(plan)
    # What enters a cross: text by its hash, whatever its ids are.
    entering = {**dict.fromkeys((v.name for v in layout.vocabularies), "text")}
    entering |= dict.fromkeys((column.name for column in layout.hashed), "text")
    made = {column.name: f"text in {column.buckets} hash buckets" for column in layout.hashed}
    for column, part in layout.parts:
        made[f"{column}.{part}"] = entering[f"{column}.{part}"] = f"calendar part {part}"
    for place in layout.bucketed:
        number = layout.numeric[place]
        made[f"{number.name}.bucket"] = entering[f"{number.name}.bucket"] = f"{number.buckets} quantiles"
    for cross in layout.crosses:
        parts = " x ".join(f"{layout.names[slot]} ({entering[layout.names[slot]]})" for slot in cross.slots)
        made[cross.name] = f"{parts} in {cross.buckets} hash buckets"
    made |= {f"dense/{number.name}": f"scaled by {number.scale}" for number in layout.numeric if number.dense}
    return made


def vocabularies(transform_graph_dir: str) -> dict[str, list[str]]:
    """The learned values of each column, in the order of their ids.

    A vocabulary of `V` values and `size` ids in the specification has the values at `[0, V)`, hash buckets
    of unknown values at `[V, size - 1)` and the missing value at `size - 1`.

    Args:
        transform_graph_dir: directory of the transform graph.

    Returns:
        Values by column; a column whose vocabulary is empty is absent.
    """
    return vocabulary_file.read(posixpath.join(transform_graph_dir, vocabulary_file.asset_path()))
