"""An ensemble that is served as one model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.churn.ensemble import export_ensemble
from trainer.export import HeadParameters, export_model
from trainer.loop import RunSpec
from trainer.spec import BiTemperedSpec, TrainSpec

HEADS = (HeadParameters(1.5, -0.2, 10.0, 2.0, 1.2), HeadParameters(0.7, 0.4, 10.0, 2.0, 1.2))


def spec_of(place: Any, features: Any, model: Any, train: TrainSpec, root: Path) -> RunSpec:
    """A run whose models are made elsewhere."""
    return RunSpec(
        features=features,
        model=model,
        train=train,
        train_files=(),
        transform_graph_dir=str(place.graph),
        checkpoint_dir=str(root),
        output_dir=str(root),
        run_dir=str(root),
    )


def served(directory: Path, requests: list[bytes]) -> dict[str, np.ndarray]:
    model = tf.saved_model.load(str(directory))
    found = model.signatures["serving_default"](examples=tf.constant(requests))
    return {name: value.numpy() for name, value in found.items()}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_it_answers_with_the_mean_of_its_members(place: Any, make: Any, tmp_path: Path, task: str) -> None:
    features = make.features(task)
    loss = "auto" if task == "regression" else "bi_tempered"
    heads = HEADS
    if task == "regression":
        heads = tuple(dataclasses.replace(head, temperature=1.0) for head in HEADS)
    train = TrainSpec(loss=loss, bi_tempered=BiTemperedSpec(t1=0.8, t2=1.2))
    members, models = [], []
    for seed, head in enumerate(heads):
        models.append(make.trained(task, seed))
        members.append(tmp_path / f"member-{seed}")
        export_model(members[-1], features, models[-1], place.graph, head)
    spec = spec_of(place, features, make.MODEL, train, tmp_path)
    count = export_ensemble(spec, members, tmp_path / "ensemble")
    assert count == sum(int(np.prod(v.shape)) for model in models for v in model.trainable_variables)
    requests = [make.serialize(row) for row in place.rows[:50]]
    output = "predictions" if task == "regression" else "probabilities"
    one, two = (served(member, requests)[output] for member in members)
    assert np.abs(one - two).max() > 0.1
    together = served(tmp_path / "ensemble", requests)[output]
    np.testing.assert_allclose(together, (one + two) / 2, rtol=1e-5, atol=1e-6)
