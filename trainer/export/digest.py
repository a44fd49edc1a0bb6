"""One number for what a SavedModel answers: equal for equal exports, another for any change that counts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from trainer.errors import TandemError
from trainer.storage import sha256_file

_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
# Attributes that name places or instances rather than meaning.
_INCIDENTAL = frozenset({"shared_name", "container", "config", "config_proto", "executor_type", "debug_name"})


def digest(model_dir: str | Path) -> str:
    """Hex SHA-256 over the weights, the vocabularies, the signatures and the computation of a SavedModel.

    Names that TensorFlow numbers anew in each process, the order of protos and `fingerprint.pb` do not
    enter, so two exports of the same model have the same digest.

    Raises:
        TandemError: `EXPORT-005` if the directory holds no readable SavedModel.
    """
    root = Path(model_dir)
    try:
        saved = saved_model_pb2.SavedModel()
        saved.ParseFromString((root / "saved_model.pb").read_bytes())
        graph = saved.meta_graphs[0]
        content = {
            "weights": _weights(root / "variables" / "variables"),
            "assets": _assets(root / "assets"),
            "signatures": _signatures(graph),
            "computation": _Computation(graph).of_signatures(),
        }
    except (OSError, IndexError, DecodeError, tf.errors.OpError) as error:
        raise TandemError(
            "EXPORT-005", f"A SavedModel must be readable. Received: {root} ({error})", "Export it again."
        ) from error
    return _sha(content)


def _sha(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _weights(prefix: Path) -> dict[str, list[Any]]:
    reader = tf.train.load_checkpoint(str(prefix))
    found = {}
    for name in reader.get_variable_to_shape_map():
        # Everything is read, since reading is what finds damage.
        value = np.asarray(reader.get_tensor(name))
        if name != _OBJECT_GRAPH:
            text = value.dtype == object
            data = json.dumps(value.astype(str).tolist()).encode() if text else value.tobytes()
            found[name] = [str(value.dtype), list(value.shape), hashlib.sha256(data).hexdigest()]
    return found


def _assets(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file()) if directory.is_dir() else []
    return {path.relative_to(directory).as_posix(): sha256_file(path) for path in files}


def _signatures(graph: Any) -> dict[str, Any]:
    def tensors(infos: Any) -> dict[str, Any]:
        return {
            name: [types_pb2.DataType.Name(info.dtype), [dim.size for dim in info.tensor_shape.dim]]
            for name, info in infos.items()
        }

    return {
        name: {"inputs": tensors(signature.inputs), "outputs": tensors(signature.outputs)}
        for name, signature in graph.signature_def.items()
    }


def _plain(name: str) -> str:
    """A node or function name without the numbers that depend on what a process did before."""
    return re.sub(r"\d+", "#", name)


class _Computation:
    """Digests of what the signatures compute, functions included."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._nodes = {node.name: node for node in graph.graph_def.node}
        self._functions = {function.signature.name: function for function in graph.graph_def.library.function}
        self._known: dict[str, str] = {}

    def of_signatures(self) -> dict[str, str]:
        found = {}
        for name, signature in self._graph.signature_def.items():
            outputs = [info.name.split(":")[0] for info in signature.outputs.values()]
            found[name] = self._of_nodes(self._needed(outputs))
        return found

    def _needed(self, names: Iterable[str]) -> list[Any]:
        waiting, needed = list(names), {}
        while waiting:
            name = waiting.pop()
            if name in self._nodes and name not in needed:
                needed[name] = self._nodes[name]
                waiting += [source.lstrip("^").split(":")[0] for source in self._nodes[name].input]
        return list(needed.values())

    def _of_function(self, name: str) -> str:
        if name not in self._functions:
            return name
        if name not in self._known:
            function = self._functions[name]
            results = sorted([key, _plain(value)] for key, value in function.ret.items())
            self._known[name] = _sha([self._of_nodes(function.node_def), results])
        return self._known[name]

    def _of_nodes(self, nodes: Iterable[Any]) -> str:
        return _sha(sorted(_sha(self._of_node(node)) for node in nodes))

    def _of_node(self, node: Any) -> list[Any]:
        attributes = {
            name: self._of_attribute(value)
            for name, value in node.attr.items()
            if not name.startswith("_") and name not in _INCIDENTAL
        }
        return [node.op, [_plain(source) for source in node.input], attributes]

    def _of_attribute(self, value: Any) -> str:
        if value.HasField("func"):
            return self._of_function(value.func.name)
        if value.HasField("list") and value.list.func:
            return _sha([self._of_function(function.name) for function in value.list.func])
        return value.SerializeToString(deterministic=True).hex()
