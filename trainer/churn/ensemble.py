"""An ensemble as one served model: the mean of the probabilities of its members."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.churn.sequences import MeanOfSequences
from trainer.export import TransformGraph
from trainer.export.head import Head, HeadParameters
from trainer.export.sequence import SequenceServer, export_sequence_server
from trainer.export.serving import save
from trainer.export.signatures import make_signatures
from trainer.loop import RunSpec
from trainer.loop.sequence.objective import sequence_objective
from trainer.loop.sequence.training import specs
from trainer.models import build_wide_deep
from trainer.models.sequence import build_sequence_model
from trainer.quantisation.rounding import dequantise
from trainer.spec import FeatureSpec, SequenceFeatureSpec


class TableEnsemble(tf.Module):
    """Answers raw rows with the mean prediction of its members, which share one transform graph.

    Args:
        features: the features.
        networks: trained models, from transformed features to logits.
        heads: of each model.
        transform: the transform graph of their training.
    """

    def __init__(
        self,
        features: FeatureSpec,
        networks: Sequence[keras.Model],
        heads: Sequence[Head],
        transform: TransformGraph,
    ) -> None:
        super().__init__(name="ensemble")
        transform.require(features.raw)
        self.transform = transform
        self.heads = list(heads)
        # The tensors of the models, not the Keras objects: their traces would be saved as well.
        self.weights = [[variable.value for variable in network.trainable_variables] for network in networks]
        self._output = "predictions" if features.task == "regression" else "probabilities"
        pairs, output = tuple(zip(networks, heads, strict=True)), self._output
        self._each: Callable[..., list[Any]] = lambda columns: [
            head(network({name: columns[name] for name in network.input}, training=False))[output]
            for network, head in pairs
        ]

    def answer(self, raw: Mapping[str, Any], rows: Any) -> dict[str, Any]:
        """`probabilities`, or `predictions` of a regression, from sparse raw features; see `Server`."""
        found = self._each(self.transform(raw, rows))
        return {self._output: tf.add_n(found) / float(len(found))}


def export_ensemble(spec: RunSpec, members: Sequence[Path], output_dir: Path) -> int:
    """Exports the mean of trained models as one SavedModel with the signatures of any other.

    Of tables the probabilities of the classes, or the predicted numbers, are averaged; of sequences the
    probabilities of the next unit, at every step of the search.

    Args:
        spec: of one of their trainings; the members may differ from it in their seeds alone.
        members: SavedModels of at least one training.
        output_dir: where the SavedModel goes; replaced if it exists.

    Returns:
        Number of its weights, all members together.

    Raises:
        TandemError: `EXPORT-001`, `EXPORT-002`, `EXPORT-004`.
    """
    loaded = [tf.saved_model.load(str(member)) for member in members]
    transform = TransformGraph(spec.transform_graph_dir)
    if isinstance(spec.features, SequenceFeatureSpec):
        return _sequences(spec, spec.features, loaded, transform, output_dir)
    tempered = spec.train.bi_tempered if spec.train.loss == "bi_tempered" else None
    networks, heads = [], []
    for member in loaded:
        network = build_wide_deep(spec.features, spec.model, spec.train.seed)
        _assign(network, [value.numpy() for value in member.weights])
        networks.append(network)
        numbers = {
            name: float(getattr(member.head, name).numpy())
            for name in ("scale", "shift", "label_mean", "label_deviation")
        }
        heads.append(
            Head(spec.features, HeadParameters(**numbers, temperature=tempered.t2 if tempered else 1.0))
        )
    ensemble = TableEnsemble(spec.features, networks, heads, transform)
    save(ensemble, make_signatures(spec.features.raw, ensemble.answer), spec.features.raw, output_dir)
    return sum(_parameters(network) for network in networks)


def _sequences(
    spec: RunSpec,
    features: SequenceFeatureSpec,
    loaded: Sequence[Any],
    transform: TransformGraph,
    output_dir: Path,
) -> int:
    layers, _ = specs(spec.model, spec.train)
    networks = []
    for member in loaded:
        network = build_sequence_model(features, layers, spec.train.seed)
        _assign(network, _stored(member.weights, len(network.trainable_variables)))
        networks.append(network)
    temperature = sequence_objective(spec.train, 1).temperature
    together: Any = MeanOfSequences(networks, temperature)
    int8 = layers.quantisation != "none"
    export_sequence_server(
        output_dir, features, SequenceServer(features, together, layers.decoding, 1.0, transform, int8)
    )
    return sum(_parameters(network) for network in networks)


def _stored(weights: Any, count: int) -> list[NDArray[Any]]:
    """Values of a loaded `trainer.quantisation.StoredWeights`, in the order of the variables."""
    found = []
    for key in (f"w{index}" for index in range(count)):
        if key in weights.floats:
            found.append(weights.floats[key].numpy())
        else:
            found.append(np.asarray(dequantise(weights.integers[key], weights.scales[key])))
    return found


def _assign(network: keras.Model, values: Sequence[NDArray[Any]]) -> None:
    for variable, value in zip(network.trainable_variables, values, strict=True):
        variable.assign(value)


def _parameters(network: keras.Model) -> int:
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
