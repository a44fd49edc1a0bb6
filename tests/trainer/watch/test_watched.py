"""A checkpoint answers as the model that is exported from it, and has the loss that the training found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer import reversed_words
from tests.trainer.reversed_words import TextPlace, request
from trainer.checkpoints import checkpoints_in, read_checkpoint
from trainer.errors import TandemError
from trainer.loop import RunSpec, run
from trainer.spec import (
    DecodingSpec,
    EarlyStoppingSpec,
    FeatureSpec,
    ModelSpec,
    SequenceModelSpec,
    SequenceTrainSpec,
    StackSpec,
    TrainSpec,
)
from trainer.watch import Watched


def told(place: TextPlace, root: Path, quantisation: Any) -> RunSpec:
    """A training of a few steps that exports its last weights, with a checkpoint before them."""
    layers = SequenceModelSpec(
        embedding=16,
        encoder=StackSpec(units=16),
        decoder=StackSpec(units=16),
        quantisation=quantisation,
        decoding=DecodingSpec(beam=1, n_best=1),
    )
    plan = TrainSpec(
        epochs=1,
        evaluations_per_epoch=1,
        weight_averaging=0.9,
        checkpoint_every_steps=2,
        early_stopping=EarlyStoppingSpec(enabled=False),
        sequence=SequenceTrainSpec(batch_tokens=1200, learning_rate=0.01),
    )
    return RunSpec(
        features=place.features,
        model=ModelSpec(sequence=layers),
        train=plan,
        train_files=(str(place.train),),
        validation_files=(str(place.validation),),
        transform_graph_dir=str(place.graph),
        checkpoint_dir=str(root / "checkpoints"),
        output_dir=str(root / "model"),
        run_dir=str(root / "run"),
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> TextPlace:
    return reversed_words.build(tmp_path_factory.mktemp("words"), count=600)


@pytest.mark.parametrize("quantisation", [pytest.param("none", marks=pytest.mark.soak), "aware"])
def test_checkpoints_answer_as_the_exports_of_them(
    place: TextPlace, tmp_path: Path, quantisation: str
) -> None:
    spec = told(place, tmp_path, quantisation)
    run(spec)
    # As a file holds it.
    watched = Watched.from_json(json.loads(json.dumps(spec.to_json())))
    requests = tf.constant([request(word) for word in place.words[:20]])
    answers = []
    for _, path in checkpoints_in(spec.checkpoint_dir):
        watched.take(read_checkpoint(path))
        answers.append({name: value.numpy() for name, value in watched.serve(requests).items()})
    served = tf.saved_model.load(str(tmp_path / "model" / "Format-Serving"))
    expected = served.signatures["serving_default"](examples=requests)
    assert (answers[-1]["texts"] == expected["texts"].numpy()).all()
    np.testing.assert_allclose(answers[-1]["scores"], expected["scores"], rtol=1e-5, atol=1e-5)
    assert (answers[0]["scores"] != answers[-1]["scores"]).any()
    last = json.loads((tmp_path / "run" / "history.json").read_text())[-1]
    np.testing.assert_allclose(watched.loss([place.validation]), last["validation_loss"], rtol=1e-5)


def test_a_training_of_tables_is_refused(place: TextPlace, tmp_path: Path) -> None:
    spec = told(place, tmp_path, "none").to_json()
    table = FeatureSpec("regression", 1, dense=("x",), raw={"x": "float"}).to_json()
    with pytest.raises(TandemError, match="DECODE-006"):
        Watched.from_json({**spec, "features": table})
