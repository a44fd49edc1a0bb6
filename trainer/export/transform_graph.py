"""The transform graph, applied to raw inputs that lack the label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.errors import TandemError


class TransformGraph(tf.Module):
    """A loaded transform graph; its vocabularies are assets of whatever holds it.

    Args:
        directory: the transform graph, with `transform_fn` in it.

    Raises:
        TandemError: `EXPORT-001` if it cannot be loaded or holds no transform function.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(name="transform_graph")
        path = Path(directory) / "transform_fn"
        try:
            self.graph = tf.saved_model.load(str(path))
            function = self.graph.transform_fn
        except (OSError, AttributeError, tf.errors.OpError) as error:
            raise TandemError(
                "EXPORT-001",
                f"A transform graph must be loadable. Received: {path} ({error})",
                "Run the transform step again.",
            ) from error
        self._function = getattr(function, "concrete_functions", [function])[0]
        self._inputs: dict[str, Any] = dict(self._function.structured_input_signature[0][0])

    @property
    def inputs(self) -> Mapping[str, tf.SparseTensorSpec]:
        """What the graph takes, the label among it, by name."""
        return self._inputs

    def require(self, raw: Mapping[str, str]) -> None:
        """Checks that the graph has an input of the right type for each raw feature.

        Raises:
            TandemError: `EXPORT-002` if one is absent or has another type.
        """
        found = {name: str(spec.dtype.name) for name, spec in self._inputs.items()}
        expected = {name: tf.as_dtype(kind).name for name, kind in raw.items()}
        wrong = {n: (k, found.get(n, "absent")) for n, k in expected.items() if found.get(n) != k}
        if wrong:
            raise TandemError(
                "EXPORT-002",
                "The transform graph must take the raw features of the specification. "
                f"Received: {{name: (expected, found)}} = {wrong}",
                "Run the transform step again with this configuration.",
            )

    def __call__(self, raw: Mapping[str, Any], rows: Any) -> dict[str, Any]:
        """Transforms raw features.

        Args:
            raw: sparse tensors `(rows, values)` by name. Inputs that are not given, such as the label, count
                as missing in every row.
            rows: int64 scalar. Number of rows.
        """
        empty = tf.stack([tf.cast(rows, tf.int64), tf.constant(0, tf.int64)])
        given = {
            name: raw[name]
            if name in raw
            else tf.SparseTensor(tf.zeros([0, 2], tf.int64), tf.zeros([0], spec.dtype), empty)
            for name, spec in self._inputs.items()
        }
        return dict(self._function(given))
