"""Transform graphs of texts, fitted by the real Beam analysis."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.tfxio import tensor_adapter, tensor_representation_util

from tests.transforms.conftest import record_batch, sparse
from transforms import text

Texts = Mapping[str, Sequence[Any]]
TYPES = {"source": "string", "target": "string", "weight": "float"}


def section(units: str, **more: Any) -> dict[str, Any]:
    """How the units of a column are learned."""
    return {"units": units, "vocabulary_size": None, "min_count": 1, "max_length": 9, **more}


def plan(
    source: Mapping[str, Any] | None, target: Mapping[str, Any], weight: bool = False, **more: Any
) -> dict[str, Any]:
    """The plan as the pipeline makes it; without a source that of a language model."""
    return {
        "task": "language_model" if source is None else "seq2seq",
        "label": {"column": "target", **target},
        "weight_column": "weight" if weight else None,
        "features": {} if source is None else {"source": {"kind": "text", **source}},
        **more,
    }


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A fitted transform graph, its outputs on the data it was fitted on, and the specification."""

    outputs: dict[str, Any]
    spec: dict[str, Any]
    call: Callable[[Mapping[str, Any]], dict[str, Any]]
    types: dict[str, str]

    def apply(self, table: Texts) -> dict[str, Any]:
        """Runs the saved graph; columns that are not given count as missing."""
        rows = len(next(iter(table.values())))
        raw = {name: sparse(table.get(name, [None] * rows), kind) for name, kind in self.types.items()}
        return {name: plain(value) for name, value in self.call(raw).items()}


def plain(value: Any) -> list[Any]:
    """Rows of a sparse or dense tensor as lists."""
    if isinstance(value, tf.SparseTensor):
        return tf.RaggedTensor.from_sparse(value).to_list()
    return value.numpy().tolist()


@pytest.fixture(scope="session")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Fitted]:
    """Fits the preprocessing function as the Transform component does, in two batches.

    On the runner that runs use; the default one first tries others, which takes half as long again.
    """

    def run(made: Mapping[str, Any], table: Texts) -> Fitted:
        directory = tmp_path_factory.mktemp("text")
        types = {name: kind for name, kind in TYPES.items() if name in table}
        schema = schema_pb2.Schema()
        for name, kind in types.items():
            feature = schema.feature.add(name=name, type=schema_pb2.BYTES)
            if kind == "float":
                feature.type = schema_pb2.FLOAT
        representations = tensor_representation_util.InferTensorRepresentationsFromSchema(schema)
        rows = len(next(iter(table.values())))
        half = max(rows // 2, 1)
        batches = [
            record_batch({name: column[cut] for name, column in table.items()}, types)
            for cut in (slice(0, half), slice(half, rows))
        ]
        config = tensor_adapter.TensorAdapterConfig(batches[0].schema, representations)

        def preprocess(inputs: dict[str, Any]) -> dict[str, Any]:
            return text.preprocessing_fn(inputs, {"plan": json.dumps(made)})

        with (
            beam.Pipeline(runner=FnApiRunner()) as pipeline,
            tft_beam.Context(temp_dir=str(directory / "tmp")),
        ):
            data = pipeline | beam.Create(batches, reshuffle=False)
            function = (data, config) | tft_beam.AnalyzeDataset(preprocess)
            _ = function | tft_beam.WriteTransformFn(str(directory))
        output = tft.TFTransformOutput(str(directory))
        layer = output.transform_features_layer()
        saved = tf.function(lambda raw: layer(raw))
        whole = {name: sparse(column, types[name]) for name, column in table.items()}
        outputs = {name: plain(value) for name, value in saved(whole).items()}
        return Fitted(outputs, text.sequence_feature_spec(str(directory), made), saved, types)

    return run
