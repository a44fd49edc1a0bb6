"""What a replica that learns from sequences minimises."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.codistillation import by_hand
from tests.trainer.codistillation.mail import Post
from tests.trainer.loop.sequence.conftest import Train
from tests.trainer.sequences import PLAN, SMALL, features
from tests.trainer.sequences import own as own_plan
from trainer.codistillation import membership
from trainer.codistillation.peers import Peers
from trainer.codistillation.teacher import Teacher
from trainer.codistillation.teaching import Teaching
from trainer.data.sequence import SequenceBatch
from trainer.loop.averaging import WeightAverage
from trainer.loop.sequence.auxiliary import Auxiliary
from trainer.loop.sequence.objective import SequenceObjective
from trainer.loop.sequence.stepper import SequenceStepper
from trainer.models.sequence import build_sequence_model
from trainer.optimizers import build_sequence_optimizer
from trainer.spec import (
    AuxiliarySpec,
    BiTemperedSpec,
    CodistillationSpec,
    ReplicaSpec,
    SequenceTrainSpec,
)

SOURCE = np.array([[4, 5, 6, 0], [7, 8, 0, 0], [9, 0, 0, 0], [5, 5, 5, 5]], np.int32)
TARGET = np.array([[6, 5, 4], [8, 7, 0], [9, 0, 0], [4, 4, 0]], np.int32)
GIVEN = np.array([[1, 6, 5, 4], [1, 8, 7, 0], [1, 9, 0, 0], [1, 4, 4, 0]])
LABELS = np.array([[6, 5, 4, 2], [8, 7, 2, 0], [9, 2, 0, 0], [4, 4, 2, 0]])
# Of positions: the weight of the example, 0 after the end. The last example weighs nothing.
POSITIONS = np.array([[1, 1, 1, 1], [0.5, 0.5, 0.5, 0], [2, 2, 0, 0], [0, 0, 0, 0]])
ARRAYS = {"source_ids": SOURCE, "target_ids": TARGET, "weight": np.array([1, 0.5, 2, 0], np.float32)}


@pytest.fixture
def bfloat16() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


def build(seed: int = 1) -> Any:
    """A small model without dropout, whose weights are far from those it began with."""
    spec = dataclasses.replace(SMALL.sequence, dropout=0.0)
    model = build_sequence_model(features(), spec, seed)
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + rng.normal(size=variable.shape).astype(np.float32) * 0.3)
    return model


def stepper_of(
    own: Any, objective: SequenceObjective, jit: bool, auxiliary: AuxiliarySpec | None = None
) -> tuple[SequenceStepper, Teacher]:
    teacher = Teacher(Peers(build, (1, 2)), Teaching(weight=1.5, burn_in_steps=1, ramp_steps=2))
    optimizer = build_sequence_optimizer(own, SequenceTrainSpec(), 10)
    stepper = SequenceStepper(
        tf.distribute.get_strategy(),
        own,
        optimizer,
        WeightAverage([], 0.0),
        objective,
        Auxiliary(auxiliary or AuxiliarySpec(), 10),
        jit,
        teacher=teacher,
    )
    return stepper, teacher


def check(objective: SequenceObjective, jit: bool, tolerance: float = 2e-4) -> None:
    """Compares four steps, two of them with a peer, with the definition."""
    own, peer = build(1), build(2)
    stepper, teacher = stepper_of(own, objective, jit)
    inputs = {"source_ids": SOURCE, "target_in": GIVEN}
    spec, ids = objective.bi_tempered, features().target.size
    for step in range(5):
        if step == 1:
            teacher.peers.assign(2, {v.path: v.numpy() for v in peer.trainable_variables})
        share = min(step / 4, 1.0) if spec else 1.0
        t1, t2 = (1 + share * (spec.t1 - 1), 1 + share * (spec.t2 - 1)) if spec else (1.0, 1.0)
        logits = own(inputs, training=True).numpy()
        targets = by_hand.one_hot(LABELS, ids)
        loss = (POSITIONS * by_hand.loss("multiclass", targets, logits, t1, t2)).sum() / POSITIONS.sum()
        said = by_hand.said("multiclass", peer(inputs, training=False).numpy(), t2)
        taught = (POSITIONS * by_hand.loss("multiclass", said, logits, t1, t2)).sum() / POSITIONS.sum()
        found, total = stepper.train(SequenceBatch(step, ARRAYS, 4, 20))
        assert found[0] == pytest.approx(loss, rel=tolerance)
        assert total[0] == pytest.approx(loss + (0, 0, 0.75, 1.5, 1.5)[step] * taught, rel=tolerance)
        assert taught > 0.02
    assert [f.experimental_get_tracing_count() for f in stepper._functions.values()] == [1]


def test_the_term_is_that_of_the_positions_that_count() -> None:
    check(SequenceObjective(), jit=False)


def test_the_tempered_term_follows_the_temperatures_on_their_way_and_is_compiled() -> None:
    check(SequenceObjective(bi_tempered=BiTemperedSpec(0.6, 1.5), ramp_steps=4), jit=True)


def test_half_precision_teaches_too(bfloat16: None) -> None:
    del bfloat16
    check(SequenceObjective(), jit=False, tolerance=5e-3)


def test_the_second_task_is_not_taught() -> None:
    own = build(1)
    stepper, teacher = stepper_of(own, SequenceObjective(), False, AuxiliarySpec("language_model", 1.0, 1.0))
    teacher.peers.assign(1, {v.path: v.numpy() for v in build(2).trainable_variables})
    for step in range(4):
        inputs = {"source_ids": np.zeros((4, 1), np.int32), "target_in": GIVEN}
        logits = own(inputs, training=True).numpy()
        losses = by_hand.loss("multiclass", by_hand.one_hot(LABELS, features().target.size), logits)
        told, total = stepper.train(SequenceBatch(step, ARRAYS, 4, 20))
        assert len(told) == 0
        assert total[0] == pytest.approx((POSITIONS * losses).sum() / POSITIONS.sum(), rel=2e-4)


def test_steps_of_the_second_task_are_not_counted_as_taught(
    start: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post()
    monkeypatch.setattr(membership, "Exchange", lambda *told: post.box(told[2]))
    spec = CodistillationSpec(burn_in=0.0, ramp=0.0, exchange_every_steps=3)
    second = AuxiliarySpec("language_model", 0.5, 0.25)
    plan = dataclasses.replace(own_plan(auxiliary=second), epochs=1, codistillation=spec)
    for index in (0, 1):
        summary = start(plan, str(index), replica=ReplicaSpec(index, "group", "nowhere")).summary
    steps, auxiliary = summary["steps"], Auxiliary(second, summary["steps_planned"])
    taught = sum(not auxiliary.takes(step) for step in range(steps))
    assert 0 < taught < steps
    assert summary["codistillation"]["teaching_steps"] == taught
    assert summary["codistillation"]["peers"]["0"]["teaching_steps"] == taught


def test_replicas_of_shards_train_for_as_many_steps_and_teach(
    start: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post()
    monkeypatch.setattr(membership, "Exchange", lambda *told: post.box(told[2]))
    spec = CodistillationSpec(burn_in=0.0, exchange_every_steps=3, shared_data=0.2)
    plan = dataclasses.replace(PLAN, epochs=1, codistillation=spec)
    results = [start(plan, str(index), replica=ReplicaSpec(index, "group", "nowhere")) for index in (0, 1)]
    steps = results[0].summary["steps"]
    assert [result.summary["steps"] for result in results] == [steps, steps]
    assert results[0].summary["codistillation"]["teaching_steps"] == 0
    assert results[1].summary["codistillation"]["teaching_steps"] == steps - 1
    assert results[1].history[-1]["staleness_steps"] == {"0": 0}
    held = [sum(bucket["examples"] for bucket in r.summary["sequences"]["buckets"]) for r in results]
    assert sum(held) == 200 + 40
