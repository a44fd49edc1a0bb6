"""What a replica that learns from tables minimises, and what of it is left without peers."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.codistillation import by_hand
from tests.trainer.codistillation.mail import Message, Post
from trainer.checkpoints import CheckpointStore
from trainer.codistillation import membership
from trainer.codistillation.peers import Peers
from trainer.codistillation.teacher import Teacher
from trainer.codistillation.teaching import Teaching
from trainer.errors import TandemError
from trainer.loop import TrainResult, train
from trainer.loop.averaging import WeightAverage
from trainer.loop.objective import Objective
from trainer.loop.state import State
from trainer.loop.stepper import Stepper
from trainer.loop.stopping import EarlyStopping
from trainer.models import build_wide_deep
from trainer.optimizers import build_optimizer
from trainer.spec import (
    BiTemperedSpec,
    CodistillationSpec,
    DeepSpec,
    LinearSpec,
    ModelSpec,
    ReplicaSpec,
    TrainSpec,
)

ROWS = 32
MODEL = ModelSpec(deep=DeepSpec(hidden=(8,), dropout=0.0, learning_rate=0.01), linear=LinearSpec(weight=0.25))
TEACHING = Teaching(weight=2.0, burn_in_steps=1, ramp_steps=2)
CASES = [
    ("binary", None, False),
    ("binary", BiTemperedSpec(0.6, 1.6, 0.1, 0.5), True),
    ("multiclass", None, True),
    ("multiclass", BiTemperedSpec(0.6, 1.6, 0.1, 0.5), False),
    ("regression", None, False),
]


def scattered(model: keras.Model, seed: int) -> keras.Model:
    """The model with weights far from 0."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape).astype(np.float32) * 0.4)
    return model


def own_loss(objective: Objective, labels: Any, logits: Any, t1: float, t2: float) -> Any:
    task, spec = objective.task, objective.bi_tempered
    if task == "regression":
        return by_hand.loss(task, (labels - 1000.0)[:, None] / 50.0, logits)
    classes = 2 if task == "binary" else 3
    targets, share = by_hand.one_hot(labels, classes), spec.label_smoothing if spec else 0.0
    targets = (1 - share * classes / (classes - 1)) * targets + share / (classes - 1)
    return by_hand.loss(task, targets, logits, t1, t2)


@pytest.mark.parametrize(("task", "tempered", "jit"), CASES)
def test_the_total_is_the_own_loss_and_the_weighted_teaching_term(
    synthetic: ModuleType, task: str, tempered: BiTemperedSpec | None, jit: bool
) -> None:
    features = synthetic.features(task, weight=True)
    columns = synthetic.table(features, ROWS)
    columns["weight"][:5] = 0.0
    classes = {"binary": (0.5, 2.0), "multiclass": (0.5, 2.0, 1.0)}.get(task)
    objective = Objective(task, 1.5, classes, 1000.0, 50.0, tempered, 4 if tempered else 0)
    if task != "regression":
        objective = dataclasses.replace(objective, label_mean=0.0, label_deviation=1.0)
    own = scattered(build_wide_deep(features, MODEL, 1), 1)
    others = [scattered(build_wide_deep(features, MODEL, seed), seed) for seed in (2, 3)]
    optimizer = build_optimizer(own, MODEL.wide, MODEL.deep, "none", 9, MODEL.linear)
    teacher = Teacher(Peers(lambda: build_wide_deep(features, MODEL, 4), (1, 2)), TEACHING)
    stepper = Stepper(
        tf.distribute.get_strategy(),
        features,
        own,
        optimizer,
        WeightAverage([], 0.0),
        objective,
        ROWS,
        jit,
        teacher,
    )
    batch = {name: columns[name] for name in ("wide_ids", "deep_ids", "dense")}
    batch = {n: v.astype(np.int32) if v.dtype == np.int64 else v for n, v in batch.items()}
    label = columns["label"].astype(np.int32) if task == "multiclass" else columns["label"]
    block = {n: v[None] for n, v in {**batch, "label": label, "weight": columns["weight"]}.items()}
    weights = columns["weight"] * (np.take(classes, label.astype(int)) if classes else 1.0) / (ROWS * 1.5)
    said: list[Any] = []
    for step in range(6):
        if step == 2:
            teacher.peers.assign(2, {v.path: v.numpy() for v in others[1].trainable_variables})
            said = others[1:]
        if step == 4:
            teacher.peers.assign(1, {v.path: v.numpy() for v in others[0].trainable_variables})
            said = others
        logits = own(batch, training=True).numpy().astype(np.float64)
        joint, alone = np.split(logits, 2, axis=1)
        share = min(step / 4, 1.0) if tempered else 1.0
        t1, t2 = (1 + share * (tempered.t1 - 1), 1 + share * (tempered.t2 - 1)) if tempered else (1.0, 1.0)
        losses = [weights @ own_loss(objective, label, head, t1, t2) for head in (joint, alone)]
        # As the bi-tempered loss of tensors that happen to be 1: without the entropy of soft labels.
        taught = 0.0
        if said:
            mean = np.mean([by_hand.said(task, peer(batch).numpy(), t2) for peer in said], 0)
            taught = weights @ by_hand.loss(task, mean, joint, t1, t2)
        before = [peer.get_weights() for peer in teacher.peers._models]
        loss, total = stepper.train(block)
        if not (tempered and step == 0):
            assert loss[0] == pytest.approx(losses[0], rel=2e-4)
            expected = sum(losses) + (0.0, 0.0, 1.0, 2.0, 2.0, 2.0)[step] * taught
            assert total[0] == pytest.approx(expected, rel=2e-4)
            assert not said or taught > 0.01
        after = [peer.get_weights() for peer in teacher.peers._models]
        assert all(
            (a == b).all() for x, y in zip(before, after, strict=True) for a, b in zip(x, y, strict=True)
        )
    assert stepper._train.experimental_get_tracing_count() == 1


GROUP = CodistillationSpec(burn_in=0.0, ramp=0.2, exchange_every_steps=4, max_staleness_steps=100, weight=1.0)
PLAN = TrainSpec(batch_size=64, epochs=2, checkpoint_every_steps=7, weight_averaging=0.9)


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    """Mail in memory for all replicas."""
    post = Post()
    monkeypatch.setattr(membership, "Exchange", lambda *told: post.box(told[2]))
    return post


@pytest.fixture
def start(synthetic: ModuleType, tmp_path: Path) -> Any:
    """`train` of a replica, or of a single training, on 600 rows."""
    features = synthetic.features()
    files = synthetic.files(tmp_path, features, 600, 200)

    def call(name: str, index: int | None, plan: TrainSpec = PLAN, **options: Any) -> TrainResult:
        replica = None if index is None else ReplicaSpec(index, "group", str(tmp_path / "exchange"))
        group = dataclasses.replace(plan, codistillation=options.pop("group", GROUP)) if replica else plan
        return train(
            features,
            ModelSpec(deep=DeepSpec(hidden=(8,))),
            group,
            **files,
            checkpoint_dir=tmp_path / name,
            run_dir=tmp_path / name / "run",
            replica=replica,
            **options,
        )

    return call


def same(first: TrainResult, second: TrainResult) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(first.weights, second.weights, strict=True))


def test_the_first_replica_without_peers_is_the_single_training(
    start: Any, post: Post, tmp_path: Path
) -> None:
    single, replica = start("single", None), start("replica", 0)
    assert same(single, replica)
    told = ("step", "loss", "validation_loss")
    assert [[e[n] for n in told] for e in single.history] == [[e[n] for n in told] for e in replica.history]
    assert replica.summary["codistillation"]["teaching_steps"] == 0
    assert "codistillation" not in single.summary
    assert "staleness_steps" not in single.history[0]
    # Averages are kept, so they are published.
    last = post.sent[-1]
    assert (last.step, last.finished) == (replica.summary["steps"], True)
    assert [m.step for m in post.sent[:-1]] == list(range(4, last.step, 4))
    newest = CheckpointStore(tmp_path / "replica").latest()
    assert newest is not None
    kept = {name.partition(":")[2]: values for name, values in newest.tensors.items() if name[:5] == "model"}
    # Tables have no average.
    dense = [path for path in last.arrays if "table" not in path]
    averages = [values for name, values in newest.tensors.items() if ":average_" in name]
    expected = {**kept, **dict(zip(dense, averages, strict=True))}
    for path, values in last.arrays.items():
        assert (values == expected[path]).all(), path
        assert (path in dense) == (values != kept[path]).any(), path


def test_a_replica_learns_from_one_that_is_there_and_goes_on_after_it_was_stopped(
    start: Any, post: Post, tmp_path: Path
) -> None:
    first = start("first", 0)
    post.sent[:] = [post.sent[-1]]
    whole = start("second", 1)
    assert not same(first, whole)
    seen = whole.summary["codistillation"]
    steps = whole.summary["steps"]
    assert seen["teaching_steps"] == steps - 1
    assert seen["peers"]["0"]["taken"] == 1
    assert seen["peers"]["0"]["max_staleness_steps"] == -1
    assert whole.history[-1]["staleness_steps"] == {"0": 0}
    assert json.loads((tmp_path / "second" / "run" / "progress.json").read_text())["finished"]
    # Stopped and started again: the peer's weights arrive anew, the counts go on.
    post.sent[:] = post.sent[:1]

    def stop(step: int, *_: Any) -> None:
        if step >= 9:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        start("broken", 1, progress=stop)
    newest = CheckpointStore(tmp_path / "broken").latest()
    assert newest is not None
    assert newest.step == 7
    post.sent[:] = post.sent[:1]
    resumed = start("broken", 1)
    assert same(resumed, whole)
    assert resumed.summary["codistillation"]["teaching_steps"] == steps - 1
    # One that was finished hands its last weights on again, and trains no more.
    post.sent.clear()
    start("broken", 1)
    assert [(m.replica, m.step, m.finished) for m in post.sent] == [(1, steps, True)]
    with pytest.raises(TandemError, match="TRAIN-203"):
        start("broken", 0)


def test_a_peer_that_breaks_in_the_middle_hurts_nobody(start: Any, post: Post) -> None:
    start("first", 0)
    names = post.sent[-1].arrays
    broken = {name: np.full_like(values, np.nan) for name, values in names.items()}
    other = {name: values[..., None] for name, values in names.items()}
    post.sent[:] = [Message(0, 3, broken), Message(0, 4, other)]
    replica = start("second", 1, PLAN)
    assert replica.summary["codistillation"]["teaching_steps"] == 0
    assert replica.summary["codistillation"]["peers"]["0"]["refused"] == 1


@pytest.mark.parametrize("factor", [1e3, 1e8])
def test_a_peer_that_diverges_in_a_regression_stops_and_freezes_nobody(
    synthetic: ModuleType, tmp_path: Path, post: Post, factor: float
) -> None:
    features = synthetic.features("regression")
    files = synthetic.files(tmp_path, features, 600, 200)
    losses = []
    for index in (0, 1):
        result = train(
            features,
            ModelSpec(deep=DeepSpec(hidden=(8,))),
            dataclasses.replace(PLAN, codistillation=GROUP),
            **files,
            checkpoint_dir=tmp_path / str(index),
            run_dir=tmp_path / str(index) / "run",
            replica=ReplicaSpec(index, "group", "nowhere"),
        )
        losses.append(result.summary["best_validation_loss"])
        # AdaGrad and FTRL never forget.
        slots = [values for slots in result.slots for values in slots.values()]
        assert max(np.abs(values).max() for values in slots) < 1e6
        last = post.sent[-1]
        huge = {path: np.float32(factor) * values for path, values in last.arrays.items()}
        assert all(np.isfinite(values).all() for values in huge.values())
        post.sent[:] = [Message(0, last.step, huge)]
    seen = result.summary["codistillation"]
    assert seen["teaching_steps"] == result.summary["steps"] - 1
    assert losses[1] < 1.5 * losses[0]


def test_the_weights_of_a_state_are_copied_once_and_stay_as_they_were() -> None:
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(500_000, use_bias=False)(inputs))
    state = State("", model, None, WeightAverage([], 0.0), EarlyStopping(1, 0.0))
    state.weights()
    tracemalloc.start()
    (found,) = state.weights()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * found.nbytes
    before = found.copy()
    # In place, as a compiled step does.
    model.trainable_variables[0].value.assign_add(tf.ones((2, 500_000)))
    assert (found == before).all()


def test_a_warm_start_is_where_every_replica_begins(start: Any, post: Post) -> None:
    begun = []

    def initialise(model: keras.Model, *_: Any) -> dict[str, Any]:
        begun.append([variable.numpy() for variable in scattered(model, 5).trainable_variables])
        return {"from": "before"}

    plan = dataclasses.replace(PLAN, weight_averaging=0.0)
    group = dataclasses.replace(GROUP, exchange_every_steps=1)
    for index in (0, 1):
        result = start(f"warm-{index}", index, plan, initialise=initialise, origin="old", group=group)
        assert result.summary["warm_start"] == {"from": "before"}
        first = next(message for message in post.sent if message.replica == index)
        moved = {
            name: np.abs(values - before).max()
            for (name, values), before in zip(first.arrays.items(), begun[index], strict=True)
        }
        # FTRL makes weights of its slots, which `scattered` leaves as they are.
        del moved["wide/table"]
        assert first.step == 1
        assert max(moved.values()) < 0.02
    assert all((a == b).all() for a, b in zip(*begun, strict=True))


def test_replicas_see_their_shards_for_as_many_steps(start: Any, post: Post) -> None:
    del post
    disjoint = dataclasses.replace(GROUP, shared_data=0.0)
    results = [start(f"shard-{index}", index, group=disjoint) for index in (0, 1)]
    whole = start("whole", 0)
    assert [result.summary["steps"] for result in results] == [whole.summary["steps"]] * 2
    assert [len(r.history) for r in results] == [len(whole.history)] * 2


def test_a_replica_and_its_group_are_given_together(start: Any) -> None:
    with pytest.raises(TandemError, match="CODIST-020"):
        start("a", None, dataclasses.replace(PLAN, codistillation=GROUP))
    with pytest.raises(TandemError, match="CODIST-020"):
        start("a", 2)
