"""One number for what a SavedModel answers: equal for equal exports, another for any change that counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
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
    except (OSError, LookupError, DecodeError, tf.errors.OpError) as error:
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


def _node(source: str) -> str:
    """The node or function argument behind an input such as `^node`, `node:1` or `node:output:0`."""
    return source.removeprefix("^").partition(":")[0]


class _Computation:
    """Digests of what the signatures compute: `hash(op, attributes, inputs)` from their outputs down.

    Names, which TensorFlow numbers, do not enter: an input counts by its position and a resource, such as a
    variable or a table, by the order in which it is first met.
    """

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._functions = {function.signature.name: function for function in graph.graph_def.library.function}
        self._known_functions: dict[str, str] = {}
        self._resources: dict[str, int] = {}

    def of_signatures(self) -> list[Any]:
        signatures = self._graph.signature_def
        nodes = {node.name: node for node in self._graph.graph_def.node}
        known = {
            _node(asset.tensor_info.name): _sha(["asset", asset.filename])
            for asset in self._graph.asset_file_def
        }
        for signature in signatures.values():
            known |= {_node(info.name): _sha(["input", key]) for key, info in signature.inputs.items()}
        # Reversed, since the resources are numbered by those that use them: `__saved_model_init_op` fills the
        # tables and the restore operation the variables.
        outputs = [
            (name, key, signatures[name].outputs[key].name)
            for name in sorted(signatures, reverse=True)
            for key in sorted(signatures[name].outputs)
        ]
        outputs.append(("", "restore", self._graph.saver_def.restore_op_name))
        self._visit(nodes, [_node(source) for *_, source in outputs], known)
        return [[name, key, *_source(source, known)] for name, key, source in outputs]

    def _of_function(self, name: str) -> str:
        if name not in self._functions:
            return name
        if name not in self._known_functions:
            self._known_functions[name] = "a function that calls itself"
            function = self._functions[name]
            arguments = enumerate(function.signature.input_arg)
            known = {argument.name: _sha(["argument", index]) for index, argument in arguments}
            nodes = {node.name: node for node in function.node_def}
            results = [function.ret[result.name] for result in function.signature.output_arg]
            # Every node, since one without a result can have an effect.
            self._visit(nodes, [*map(_node, results), *nodes], known)
            self._known_functions[name] = _sha(
                [[_source(result, known) for result in results], sorted(known[node] for node in nodes)]
            )
        return self._known_functions[name]

    def _visit(self, nodes: Mapping[str, Any], names: Sequence[str], known: dict[str, str]) -> None:
        """Adds the digests of the nodes and of all they need to `known`; a stack, as graphs can be deep."""
        waiting = [(name, False) for name in reversed(names)]
        while waiting:
            name, inputs_known = waiting.pop()
            if inputs_known:
                known[name] = _sha(self._of_node(nodes[name], known))
            elif name not in known:
                # Stands for the node where a loop comes back to it.
                known[name] = nodes[name].op
                waiting.append((name, True))
                waiting += [(_node(source), False) for source in reversed(nodes[name].input)]

    def _of_node(self, node: Any, known: Mapping[str, str]) -> list[Any]:
        attributes: dict[str, Any] = {
            name: self._of_attribute(value)
            for name, value in node.attr.items()
            if not name.startswith("_") and name not in _INCIDENTAL
        }
        if "shared_name" in node.attr:
            shared = node.attr["shared_name"].s.decode() or node.name
            attributes["resource"] = self._resources.setdefault(shared, len(self._resources))
        inputs = [_source(source, known) for source in node.input if not source.startswith("^")]
        after = sorted(known[_node(source)] for source in node.input if source.startswith("^"))
        return [node.op, attributes, inputs, after]

    def _of_attribute(self, value: Any) -> str:
        if value.HasField("func"):
            return self._of_function(value.func.name)
        if value.HasField("list") and value.list.func:
            return _sha([self._of_function(function.name) for function in value.list.func])
        return value.SerializeToString(deterministic=True).hex()


def _source(source: str, known: Mapping[str, str]) -> list[str]:
    """Digest of the node and which of its outputs is meant."""
    return [known[_node(source)], source.partition(":")[2] or "0"]
