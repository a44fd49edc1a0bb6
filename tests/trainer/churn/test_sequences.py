"""Models of sequences that decode together, step by step and as one served model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer import text_graph
from trainer.churn.ensemble import export_ensemble
from trainer.churn.sequences import MeanOfSequences
from trainer.export import TransformGraph
from trainer.export.sequence import SequenceServer, export_sequence_server
from trainer.loop import RunSpec
from trainer.models.sequence import build_sequence_model
from trainer.spec import (
    DecodingSpec,
    ModelSpec,
    SequenceFeatureSpec,
    SequenceModelSpec,
    StackSpec,
    TrainSpec,
)

STACK = StackSpec(units=16, heads=2, feed_forward=16)
LAYERS = SequenceModelSpec(
    embedding=16, encoder=STACK, decoder=STACK, dropout=0.0, decoding=DecodingSpec(beam=3, n_best=2)
)
WORDS = ("abc", "ea", "t", "hhce", "")


def network(features: SequenceFeatureSpec, seed: int, layers: SequenceModelSpec = LAYERS) -> Any:
    """A model whose weights are as far from 0 as trained ones."""
    model = build_sequence_model(features, layers, seed)
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(0.5 * rng.normal(size=variable.shape).astype(np.float32))
    return model


def request(column: str, text: str) -> bytes:
    example = tf.train.Example()
    example.features.feature[column].bytes_list.value.append(text.encode())
    return example.SerializeToString()


def answers(directory: Path, column: str) -> dict[str, Any]:
    model = tf.saved_model.load(str(directory))
    requests = tf.constant([request(column, text) for text in WORDS])
    return {
        name: value.numpy() for name, value in model.signatures["serving_default"](examples=requests).items()
    }


def exported(
    features: SequenceFeatureSpec, root: Path, layers: SequenceModelSpec
) -> tuple[list[Path], RunSpec]:
    """Two exported models and the specification of a run that could have made them."""
    graph = text_graph.write(root / "graph", features)
    members = []
    for seed in (1, 2):
        int8 = layers.quantisation != "none"
        model = network(features, seed, layers)
        server = SequenceServer(features, model, layers.decoding, 1.0, TransformGraph(graph), int8)
        members.append(root / f"member-{seed}")
        export_sequence_server(members[-1], features, server)
    return members, RunSpec(
        features=features,
        model=ModelSpec(sequence=layers),
        train=TrainSpec(),
        train_files=(),
        transform_graph_dir=str(graph),
        checkpoint_dir="",
        output_dir="",
        run_dir="",
    )


@pytest.mark.parametrize("kind", ["lstm", "transformer"])
def test_step_by_step_the_next_unit_has_the_mean_probability(kind: Any) -> None:
    features = text_graph.seq2seq()
    stack = dataclasses.replace(STACK, kind=kind)
    layers = dataclasses.replace(LAYERS, encoder=stack, decoder=stack)
    members = [network(features, seed, layers) for seed in (1, 2)]
    together = MeanOfSequences(members, 1.0)
    source, target = tf.constant([[4, 5, 6], [7, 8, 0]]), tf.constant([[1, 4, 5], [1, 6, 7]])
    expected = np.mean(
        [tf.nn.softmax(m({"source_ids": source, "target_in": target})).numpy() for m in members], axis=0
    )
    whole = np.exp(together({"source_ids": source, "target_in": target}).numpy())
    np.testing.assert_allclose(whole, expected, rtol=1e-5, atol=1e-7)
    memory = together.encode(source)
    cache = together.begin(memory, 2, 1, 4)
    for position in range(3):
        logits, cache, attention = together.step(memory, cache, target[:, position, None], position)
        np.testing.assert_allclose(np.exp(logits.numpy()[:, 0]), expected[:, position], rtol=1e-4, atol=1e-6)
        assert attention is not None
        np.testing.assert_allclose(attention.numpy().sum(-1), 1.0, rtol=1e-5)


def test_twice_one_model_is_that_model(tmp_path: Path) -> None:
    """Kernels are stored in 8 bits, all else in float32: both are read."""
    layers = dataclasses.replace(LAYERS, quantisation="aware")
    (one, two), spec = exported(text_graph.seq2seq(), tmp_path, layers)
    export_ensemble(spec, [one, one], tmp_path / "twice")
    count = export_ensemble(spec, [one, two], tmp_path / "both")
    alone, other, twice, both = (
        answers(place, "word") for place in (one, two, tmp_path / "twice", tmp_path / "both")
    )
    np.testing.assert_array_equal(twice["texts"], alone["texts"])
    np.testing.assert_allclose(twice["scores"], alone["scores"], rtol=1e-3, atol=1e-3)
    assert (both["scores"] != alone["scores"]).any()
    assert (both["scores"] != other["scores"]).any()
    size = sum(int(np.prod(v.shape)) for v in network(text_graph.seq2seq(), 1).trainable_variables)
    assert count == 2 * size


def test_of_a_language_model_the_probability_of_each_unit_is_the_mean(tmp_path: Path) -> None:
    features = text_graph.language_model()
    members, spec = exported(features, tmp_path, LAYERS)
    export_ensemble(spec, members, tmp_path / "both")
    model = tf.saved_model.load(str(tmp_path / "both"))
    found = model.signatures["serving_default"](examples=tf.constant([request("text", "ab")]))
    # Begin, a, b and the end: the vocabulary is "ab c".
    given, wanted = tf.constant([[1, 4, 5]]), [4, 5, 2]
    steps = np.mean([tf.nn.softmax(network(features, s)({"target_in": given})).numpy()[0] for s in (1, 2)], 0)
    expected = sum(np.log(steps[place, unit]) for place, unit in enumerate(wanted))
    assert found["log_probabilities"].numpy()[0, 0] == pytest.approx(expected, rel=1e-4)
    assert found["lengths"].numpy().tolist() == [[3]]
