"""The model of a training of sequences, with the weights of one checkpoint after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.checkpoints import Checkpoint
from trainer.errors import TandemError
from trainer.export import TransformGraph
from trainer.export.sequence import SequenceServer
from trainer.export.signatures import make_signatures
from trainer.loop.run_spec import RunSpec
from trainer.loop.sequence.objective import sequence_objective
from trainer.loop.sequence.training import specs
from trainer.models.sequence import build_sequence_model
from trainer.spec import SequenceFeatureSpec
from trainer.watch.loss import SplitLoss
from trainer.watch.weights import exported_weights


class Watched:
    """Answers as an export of the checkpoint would: averaged weights, rounded where the export rounds them.

    Graphs are made once and serve every checkpoint.

    Args:
        spec: what the training was told.

    Raises:
        TandemError: `DECODE-006` if it is not a training of sequences, `EXPORT-001` or `EXPORT-002` if the
            transform graph does not fit.
    """

    def __init__(self, spec: RunSpec) -> None:
        if not isinstance(spec.features, SequenceFeatureSpec):
            raise TandemError(
                "DECODE-006",
                "Only trainings of sequences can be watched. Received: features of a table",
                "Look at `history.json` of the training.",
                exit_status=2,
            )
        self.features = spec.features
        self._plan = spec.train
        layers, _ = specs(spec.model, spec.train)
        self._network = build_sequence_model(spec.features, layers, spec.train.seed)
        self._server = SequenceServer(
            spec.features,
            self._network,
            layers.decoding,
            sequence_objective(spec.train, 1).temperature,
            TransformGraph(spec.transform_graph_dir),
            layers.quantisation != "none",
        )
        self._serve = make_signatures(spec.features.raw, self._server.answer)["serving_default"]
        self._losses: dict[tuple[str, ...], SplitLoss] = {}

    @classmethod
    def from_json(cls, spec: dict[str, Any]) -> Watched:
        """As `Watched(RunSpec.from_json(spec))`."""
        return cls(RunSpec.from_json(spec))

    def take(self, checkpoint: Checkpoint) -> None:
        """Takes the weights that the checkpoint would be exported with.

        Raises:
            TandemError: `DECODE-004` if it is of another model.
        """
        self._server.weights.assign(exported_weights(checkpoint, self._network))

    def serve(self, examples: tf.Tensor) -> dict[str, Any]:
        """Outputs of the signature `serving_default` for serialized examples, string `(batch,)`."""
        found: dict[str, Any] = self._serve(examples=examples)
        return found

    def loss(self, files: Sequence[str | Path]) -> float:
        """The validation loss over TFRecord files of transformed examples, see `SplitLoss`."""
        key = tuple(str(file) for file in files)
        if key not in self._losses:
            self._losses[key] = SplitLoss(
                self.features, self._plan, self._network, self._server.weights, files
            )
        return self._losses[key]()
