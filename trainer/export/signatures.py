"""The two signatures of every exported model, and how raw values reach it.

`serving_default` takes serialized `tf.Example` protos; `predict` one dense tensor for each raw feature,
named as the column. TensorFlow's Python API does not take every name: there a column such as `dep time` is
called by its safe name (`safe_names`), while servers see the name of the column.
"""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from trainer.storage import write_atomic

SERVING, PREDICT = "serving_default", "predict"
SavedAnswer = Callable[[Mapping[str, Any], Any], dict[str, Any]]

_PLAIN = re.compile(r"(?!(?i:input_\d))[A-Za-z][A-Za-z0-9_]*")
# TensorFlow passes the inputs by keyword to a method, whose first argument is `self`.
_TAKEN = frozenset({*keyword.kwlist, "self"})


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """The name by which TensorFlow's Python API knows each input of `predict`.

    A column keeps its name if it can be a Python argument and no other column differs from it in case alone,
    which graph nodes cannot; any other is called `input_INDEX_NAME`, a form that no column keeps.

    Example:
        >>> safe_names(["carrier", "dep time", "class"])
        {'carrier': 'carrier', 'dep time': 'input_1_dep_time', 'class': 'input_2_class'}
        >>> safe_names(["self", "Age", "age"])
        {'self': 'input_0_self', 'Age': 'input_1_Age', 'age': 'input_2_age'}
    """
    names = list(names)
    folded = Counter(name.casefold() for name in names)
    return {
        name: name
        if _PLAIN.fullmatch(name) and name not in _TAKEN and folded[name.casefold()] == 1
        else f"input_{index}_{re.sub(r'[^A-Za-z0-9]', '_', name)}"
        for index, name in enumerate(names)
    }


def dtype_of(kind: str) -> Any:
    """The TensorFlow type of `string`, `float` or `int64`."""
    return {"string": tf.string, "float": tf.float32, "int64": tf.int64}[kind]


def missing_value(kind: str) -> Any:
    """What stands for a missing value in a dense tensor: `""`, NaN or `-2**63`."""
    return {"string": "", "float": float("nan"), "int64": tf.int64.min}[kind]


def to_sparse(dense: Any, kind: str) -> Any:
    """A sparse tensor of the values of `dense (batch, 1)` that are not missing."""
    if kind == "float":
        present = tf.logical_not(tf.math.is_nan(dense))
    else:
        present = tf.not_equal(dense, missing_value(kind))
    indices = tf.where(present)
    return tf.SparseTensor(indices, tf.gather_nd(dense, indices), tf.shape(dense, out_type=tf.int64))


def parse_raw(examples: Any, raw: Mapping[str, str]) -> dict[str, Any]:
    """Sparse raw features by name from serialized examples `(batch,)`."""
    return dict(tf.io.parse_example(examples, {n: tf.io.VarLenFeature(dtype_of(k)) for n, k in raw.items()}))


def make_signatures(raw: Mapping[str, str], answer: SavedAnswer) -> dict[str, Any]:
    """Traces both signatures.

    Args:
        raw: type of each raw feature by name, `string`, `float` or `int64`.
        answer: from sparse raw features by name and the number of rows (int64 scalar) to outputs by name.

    Returns:
        Concrete functions by signature name.
    """
    safe = safe_names(raw)

    def serve(examples: Any) -> dict[str, Any]:
        return answer(parse_raw(examples, raw), tf.shape(examples, out_type=tf.int64)[0])

    def predict(inputs: Mapping[str, Any]) -> dict[str, Any]:
        sparse = {name: to_sparse(inputs[safe[name]], kind) for name, kind in raw.items()}
        first = inputs[safe[next(iter(raw))]]
        return answer(sparse, tf.shape(first, out_type=tf.int64)[0])

    dense = {safe[n]: tf.TensorSpec([None, 1], dtype_of(k), name=safe[n]) for n, k in raw.items()}
    # Without AutoGraph, which nothing here needs: it reads all sources again, seconds for a beam search.
    traced = [tf.function(function, autograph=False) for function in (serve, predict)]
    return {
        SERVING: traced[0].get_concrete_function(tf.TensorSpec([None], tf.string, name="examples")),
        PREDICT: traced[1].get_concrete_function(dense),
    }


def restore_names(model_dir: Path, raw: Iterable[str]) -> None:
    """Gives the inputs of `predict` the names of the columns where their safe names differ."""
    safe = safe_names(raw)
    path = model_dir / "saved_model.pb"
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString(path.read_bytes())
    for graph in saved.meta_graphs:
        signature = graph.signature_def[PREDICT]
        renamed = meta_graph_pb2.SignatureDef(inputs={name: signature.inputs[safe[name]] for name in safe})
        signature.ClearField("inputs")
        signature.MergeFrom(renamed)
    write_atomic(path, saved.SerializeToString(deterministic=True))
