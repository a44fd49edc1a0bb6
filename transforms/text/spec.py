"""What the trainer must know of the transformed sequences, read from an analysed transform graph."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from transforms.text import vocabulary
from transforms.text.layout import parse


def sequence_feature_spec(transform_graph_dir: str, plan: Mapping[str, Any] | str) -> dict[str, Any]:
    """The specification of the sequences, as plain JSON values.

    Args:
        transform_graph_dir: directory of the transform graph.
        plan: the plan it was made with, as a mapping or JSON text.

    Returns:
        `task`; `target` and `source` (None for a language model): `column`, `kind` and `max_length` of the
        units and the learned ones, `units`, in the order of their ids; `weight`: whether examples have one;
        `raw`: type of each input of the served model, `string`.

    Raises:
        ValueError: if the plan is incomplete or contradicts itself.
    """
    layout = parse(plan)
    sides = {
        side: {
            "column": text.column,
            "kind": text.units,
            "units": vocabulary.read(posixpath.join(transform_graph_dir, vocabulary.asset_path(text.file))),
            "max_length": text.max_length,
        }
        for side, text in layout.texts.items()
    }
    read = layout.target if layout.source is None else layout.source
    return {
        "task": layout.task,
        "target": sides["target"],
        "source": sides.get("source"),
        "weight": layout.weight is not None,
        "raw": {read.column: "string"},
    }
