"""A real transform graph of texts with raw and transformed examples: words, and their letters in reverse."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from tests.trainer.sequences import LETTERS, write
from trainer.spec import SequenceFeatureSpec
from transforms import text

LONGEST = 12


@dataclasses.dataclass(frozen=True)
class TextPlace:
    """Where things are.

    Args:
        graph: transform graph directory.
        raw: raw examples with source and target.
        train: transformed examples.
        validation: transformed examples of other words.
        features: the specification.
        words: of the validation split.
        plan: of the transform, as JSON.
    """

    graph: Path
    raw: Path
    train: Path
    validation: Path
    features: SequenceFeatureSpec
    words: list[str]
    plan: str


def words(count: int, seed: int) -> list[str]:
    """Words of 2 to 5 letters."""
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(LETTERS, generator.integers(2, 6))) for _ in range(count)]


def backwards(word: str) -> str:
    """The letters in reverse, as capitals with spaces."""
    return " ".join(word[::-1].upper())


def _example(columns: dict[str, str]) -> bytes:
    example = tf.train.Example()
    for name, value in columns.items():
        example.features.feature[name].bytes_list.value.append(value.encode())
    return example.SerializeToString()


def request(word: str | bytes) -> bytes:
    """A serialized request."""
    example = tf.train.Example()
    value = word if isinstance(word, bytes) else word.encode()
    example.features.feature["word"].bytes_list.value.append(value)
    return example.SerializeToString()


def build(root: Path, task: str = "seq2seq", count: int = 3000) -> TextPlace:
    """Analyses the words with tensorflow-transform and writes everything below `root`."""
    root.mkdir(parents=True, exist_ok=True)
    options = {"vocabulary_size": None, "min_count": 1, "max_length": LONGEST}
    word = {"units": "characters", **options}
    plan: dict[str, Any] = {
        "task": task,
        "label": {"column": "back", "units": "tokens", **options},
        "weight_column": None,
        "features": {"word": {"kind": "text", **word}},
        "shared": False,
    }
    if task == "language_model":
        plan = {**plan, "label": {"column": "word", **word}, "features": {}}
    data = {split: words(size, seed) for seed, (split, size) in enumerate((("t", count), ("v", 200)))}
    names = ["word"] if task == "language_model" else ["word", "back"]

    def rows(split: str) -> list[dict[str, str]]:
        return [{"word": w, "back": backwards(w)} for w in data[split]]

    spec = {name: tf.io.VarLenFeature(tf.string) for name in names}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    beam_rows = [{name: [row[name].encode()] for name in names} for row in rows("t")]
    with (
        beam.Pipeline() as pipeline,
        tft_beam.Context(temp_dir=tempfile.mkdtemp(dir=root), force_tf_compat_v1=False),
    ):
        function = ((pipeline | beam.Create(beam_rows)), metadata) | tft_beam.AnalyzeDataset(
            _Preprocess(json.dumps(plan))
        )
        function | tft_beam.WriteTransformFn(str(root / "transform_graph"))
    graph = root / "transform_graph"
    layer = tft.TFTransformOutput(str(graph)).transform_features_layer()
    files = {}
    for split in data:
        examples = [_example({name: row[name] for name in names}) for row in rows(split)]
        columns = layer(tf.io.parse_example(examples, spec))
        files[split] = write(root / f"transformed-{split}", _pairs(columns, task))
    raw = root / "raw"
    with tf.io.TFRecordWriter(str(raw)) as writer:
        for row in rows("v"):
            writer.write(_example(row))
    features = SequenceFeatureSpec.from_json(text.sequence_feature_spec(str(graph), plan))
    return TextPlace(graph, raw, files["t"], files["v"], features, data["v"], json.dumps(plan))


class _Preprocess:
    """`transforms.text.preprocessing_fn` with its plan; a class, since Beam pickles it."""

    def __init__(self, plan: str) -> None:
        self._plan = plan

    def __call__(self, inputs: Any) -> Any:
        return text.preprocessing_fn(inputs, {"plan": self._plan})


def _pairs(columns: Any, task: str) -> list[tuple[Sequence[int] | None, Sequence[int]]]:
    sides = [tf.RaggedTensor.from_sparse(columns[f"{s}_ids"]).to_list() for s in _sides(task)]
    return list(zip(*sides, strict=True)) if len(sides) > 1 else [(None, row) for row in sides[0]]


def _sides(task: str) -> list[str]:
    return ["target"] if task == "language_model" else ["source", "target"]
