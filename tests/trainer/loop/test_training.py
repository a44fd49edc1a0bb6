"""Training: it learns, it stops, it goes on exactly where it was killed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import trainer
from trainer.checkpoints import CheckpointStore
from trainer.data import TrainingOrder
from trainer.errors import TandemError
from trainer.loop import TrainResult, loop, train, training
from trainer.spec import DeepSpec, EarlyStoppingSpec, FeatureSpec, LinearSpec, ModelSpec, TrainSpec

PLAN = TrainSpec(batch_size=64, epochs=3, checkpoint_every_steps=7, weight_averaging=0.99, calibrate=True)
MODEL = ModelSpec(deep=DeepSpec(hidden=(16,), embedding_dropout=0.1, embedding_l2=1e-4))
STEPS = 93
Train = Callable[..., TrainResult]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def start(synthetic: ModuleType, data: Path, tmp_path: Path) -> Train:
    """`train` on files of a task, in directories below the temporary one."""

    def call(
        task: str = "binary",
        plan: TrainSpec = PLAN,
        checkpoint_dir: str | Path = "checkpoints",
        model: ModelSpec = MODEL,
        rows: tuple[int, int] = (2000, 500),
        **options: Any,
    ) -> TrainResult:
        spec: FeatureSpec = synthetic.features(task)
        directory = data / f"{task}-{rows[0]}-{rows[1]}"
        if not directory.exists():
            directory.mkdir()
            synthetic.files(directory, spec, *rows)
        options.setdefault("train_files", sorted(directory.glob("train-*")))
        options.setdefault("validation_files", sorted(directory.glob("validation-*")))
        options.setdefault("run_dir", tmp_path / "run")
        return train(spec, model, plan, checkpoint_dir=tmp_path / checkpoint_dir, **options)

    return call


@pytest.fixture(scope="module")
def unbroken(synthetic: ModuleType, data: Path) -> tuple[TrainResult, Path]:
    """A training of `PLAN` in one go, and its directory."""
    directory = data / "binary-2000-500"
    directory.mkdir(exist_ok=True)
    files = synthetic.files(directory, synthetic.features())
    place = data / "unbroken"
    result = train(
        synthetic.features(),
        MODEL,
        PLAN,
        **files,
        checkpoint_dir=place / "checkpoints",
        run_dir=place / "run",
    )
    return result, place


def same(first: TrainResult, second: TrainResult) -> bool:
    pairs = zip(first.weights, second.weights, strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs) and first.parameters == second.parameters


class StopHereError(Exception):
    pass


def scalars(run_dir: Path) -> dict[str, list[tuple[int, float]]]:
    """Step and value of what TensorBoard shows, by tag."""
    found: dict[str, list[tuple[int, float]]] = {}
    for path in (run_dir / "tensorboard").glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, float(tf.make_ndarray(value.tensor))))
    return found


def test_training_stopped_again_and_again_ends_with_the_same_bits(
    start: Train, unbroken: tuple[TrainResult, Path], tmp_path: Path
) -> None:
    for stop in (6, 8, 31, 60):

        def progress(step: int, *_: float, stop: int = stop) -> None:
            if step >= stop:
                raise StopHereError

        with pytest.raises(StopHereError):
            start(progress=progress)
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    resumed = start()
    assert list((tmp_path / "checkpoints").glob("*.corrupt"))
    assert same(unbroken[0], resumed)
    for name in ("step", "epoch", "examples", "loss", "validation_loss"):
        assert [e[name] for e in resumed.history] == [e[name] for e in unbroken[0].history]
    assert [entry["step"] for entry in resumed.history] == [16, 31, 46, 62, 78, 93]


@pytest.mark.parametrize("moment", ["in a step", "in a checkpoint"])
def test_killed_training_ends_with_the_same_bits(
    start: Train,
    unbroken: tuple[TrainResult, Path],
    synthetic: ModuleType,
    data: Path,
    tmp_path: Path,
    moment: str,
) -> None:
    at_step, at_fsync = 999, 7
    if moment == "in a step":
        at_step, at_fsync = int(np.random.default_rng().integers(8, STEPS)), 999
    splits = data / "binary-2000-500"
    root = Path(trainer.__file__).parents[1]
    arguments = {
        "features": synthetic.features().to_json(),
        "model": MODEL.to_json(),
        "plan": PLAN.to_json(),
        "train_files": [str(path) for path in sorted(splits.glob("train-*"))],
        "validation_files": [str(splits / "validation-0")],
        "checkpoint_dir": str(tmp_path / "killed"),
        "run_dir": str(tmp_path / "run"),
        "kill_at_step": at_step,
        "kill_at_fsync": at_fsync,
    }
    (tmp_path / "arguments.json").write_text(json.dumps(arguments))
    child = subprocess.run(
        [sys.executable, synthetic.__file__, str(tmp_path / "arguments.json")],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, f"{at_step=}: {child.stderr[-2000:]}"
    assert CheckpointStore(tmp_path / "killed").latest() is not None, f"{at_step=}"
    seen: list[int] = []
    resumed = start(checkpoint_dir="killed", progress=lambda step, *_: seen.append(step))
    assert all(step > 7 for step in seen), f"the first checkpoint was not used, {at_step=}"
    assert same(unbroken[0], resumed), f"{at_step=}"


def test_a_finished_training_takes_no_further_step(start: Train, unbroken: tuple[TrainResult, Path]) -> None:
    seen: list[int] = []
    place = unbroken[1] / "checkpoints"
    plan = dataclasses.replace(PLAN, checkpoint_every_steps=11)
    again = start(plan=plan, checkpoint_dir=place, progress=lambda step, *_: seen.append(step))
    assert same(unbroken[0], again)
    assert seen == []


def test_a_checkpoint_of_another_training_is_refused(
    start: Train, unbroken: tuple[TrainResult, Path]
) -> None:
    with pytest.raises(TandemError, match="TRAIN-203"):
        start(plan=dataclasses.replace(PLAN, seed=2), checkpoint_dir=unbroken[1] / "checkpoints")


def test_a_checkpoint_of_another_batch_is_refused(start: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = dataclasses.replace(PLAN, batch_size=65, epochs=0.5)
    start(plan=plan)

    def on_two_devices(rows: int, batch_size: int, seed: int, _: int) -> TrainingOrder:
        return TrainingOrder(rows, batch_size, seed, replicas=2)

    monkeypatch.setattr(training, "TrainingOrder", on_two_devices)
    with pytest.raises(TandemError, match="TRAIN-203"):
        start(plan=plan)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_task_learns(start: Train, task: str) -> None:
    plan = TrainSpec(batch_size=64, epochs=6, evaluations_per_epoch=1)
    result = start(task, plan)
    losses = [entry["validation_loss"] for entry in result.history]
    prior = {"binary": np.log(2.0), "multiclass": np.log(3.0), "regression": 1.0}[task]
    assert min(losses) < 0.9 * prior
    assert result.summary["exported_step"] == result.history[int(np.argmin(losses))]["step"]
    assert result.summary["best_validation_loss"] == min(losses)
    if task == "regression":
        assert result.parameters.label_mean == pytest.approx(1000.0, abs=10)
        assert result.parameters.label_deviation == pytest.approx(60.0, abs=15)


def test_streaming_learns_what_memory_learns(start: Train) -> None:
    plan = dataclasses.replace(PLAN, epochs=1, weight_averaging=0.0, calibrate=False)
    held = start(plan=plan, checkpoint_dir="a")
    streamed = start(plan=plan, checkpoint_dir="b", memory_bytes=0)
    assert not same(held, streamed)
    assert streamed.history[-1]["validation_loss"] == pytest.approx(
        held.history[-1]["validation_loss"], abs=0.02
    )
    assert same(streamed, start(plan=plan, checkpoint_dir="c", memory_bytes=0))


def test_early_stopping_keeps_the_best_weights(start: Train) -> None:
    overfit = ModelSpec(deep=DeepSpec(hidden=(64,), learning_rate=0.3, dropout=0.0))
    stopping = EarlyStoppingSpec(patience=2)
    plan = TrainSpec(batch_size=32, epochs=50, early_stopping=stopping)
    result = start(plan=plan, model=overfit, rows=(300, 300))
    losses = [entry["validation_loss"] for entry in result.history]
    assert result.summary["stopped_early"]
    assert len(losses) == int(np.argmin(losses)) + 3
    unstopped = dataclasses.replace(plan, early_stopping=EarlyStoppingSpec(enabled=False), epochs=3)
    last = start(plan=unstopped, model=overfit, rows=(300, 300), checkpoint_dir="b")
    assert last.summary["exported_step"] == last.summary["steps"] == 27


def test_without_a_validation_split_it_says_so_and_trains_on(
    start: Train, caplog: pytest.LogCaptureFixture
) -> None:
    result = start(rows=(200, 0))
    assert "No validation split" in caplog.text
    assert [entry["validation_loss"] for entry in result.history] == [None] * 6
    assert result.parameters.scale == 1.0
    assert result.summary["exported_step"] == 9


def test_fewer_rows_than_a_batch_shrink_the_batch(start: Train) -> None:
    result = start(plan=dataclasses.replace(PLAN, batch_size=512, epochs=4), rows=(10, 3))
    assert result.summary["batch_size"] == 10
    assert result.summary["steps"] == 4


def test_the_bias_starts_at_the_log_odds(start: Train) -> None:
    seen: list[np.ndarray] = []
    labels = start(
        plan=dataclasses.replace(PLAN, epochs=0.05),
        initialise=lambda model, *_: seen.append(model.get_layer("logits").bias.numpy()),
    ).labels
    assert seen[0] == pytest.approx([np.log(labels.mean / (1 - labels.mean))], abs=0.01)
    assert abs(seen[0][0]) > 0.05


def test_class_weights_move_the_predictions_and_calibration_moves_them_back(
    start: Train, synthetic: ModuleType, tmp_path: Path
) -> None:
    spec = synthetic.features()
    columns = synthetic.table(spec, 4000)
    keep = (columns["label"] == 0) | (np.arange(4000) % 10 == 0)
    rare = [synthetic.write(tmp_path / "rare", {name: values[keep] for name, values in columns.items()})]
    plan = TrainSpec(batch_size=64, epochs=3, class_weights="balanced", calibrate=True)
    result = start(plan=plan, train_files=rare, validation_files=rare)
    assert result.labels.mean == pytest.approx(0.09, abs=0.03)
    # Balancing lifts the odds by the ratio of the classes, about ten; calibration takes that off again.
    assert result.parameters.shift == pytest.approx(-np.log(10.0), abs=0.5)


def test_class_weights_that_silence_the_validation_split_are_refused(
    start: Train, synthetic: ModuleType, tmp_path: Path
) -> None:
    columns = synthetic.table(synthetic.features(), 300)
    files = {}
    for split, label in (("train", 0.0), ("validation", 1.0)):
        labels = np.full(300, label, np.float32)
        files[f"{split}_files"] = [synthetic.write(tmp_path / split, {**columns, "label": labels})]
    with pytest.raises(TandemError, match=r"TRAIN-303.*validation rows.*\(0.5, 0.0\)") as raised:
        start(plan=dataclasses.replace(PLAN, class_weights="balanced"), **files)
    assert "data.split" in raised.value.hint
    assert not (tmp_path / "checkpoints").exists()


def test_a_linear_model_that_diverges_is_told_by_its_rate(start: Train) -> None:
    wild = dataclasses.replace(MODEL, linear=LinearSpec(weight=0.4, learning_rate=3e37, l1=0.0, l2=0.0))
    with pytest.raises(TandemError, match="TRAIN-401: The training loss") as raised:
        start(model=wild)
    assert "model.linear.learning_rate (3e+37)" in raised.value.hint


def test_a_loss_that_is_not_finite_names_the_step_and_leaves_no_checkpoint(
    start: Train, tmp_path: Path
) -> None:
    wild = ModelSpec(deep=DeepSpec(hidden=(16, 16), learning_rate=1e30))
    with pytest.raises(TandemError, match="TRAIN-401") as raised:
        start(model=wild)
    assert "at step " in str(raised.value)
    assert "learning_rate (1e+30)" in raised.value.hint
    assert not list(tmp_path.glob("checkpoints/*"))


def test_history_and_tensorboard_hold_the_evaluations(unbroken: tuple[TrainResult, Path]) -> None:
    result, place = unbroken
    history = json.loads((place / "run" / "history.json").read_text())
    assert history == result.history
    assert set(history[0]) == {
        "step", "epoch", "examples", "loss", "validation_loss", "examples_per_second", "seconds",
    }  # fmt: skip
    assert history[-1]["examples"] == 93 * 64
    written = scalars(place / "run")
    assert [step for step, _ in written["validation/loss"]] == [entry["step"] for entry in history]
    assert {"train/loss", "examples_per_second", "learning_rate/ftrl", "learning_rate/adagrad"} <= set(
        written
    )


def test_after_a_resume_tensorboard_holds_the_evaluations_before(start: Train, tmp_path: Path) -> None:
    def progress(step: int, *_: float) -> None:
        if step >= 40:
            raise StopHereError

    with pytest.raises(StopHereError):
        start(progress=progress, run_dir=tmp_path / "first")
    resumed = start(run_dir=tmp_path / "second")
    history = [(entry["step"], entry["validation_loss"]) for entry in resumed.history]
    assert history[0][0] == 16
    written = scalars(tmp_path / "second")
    assert [step for step, _ in written["validation/loss"]] == [step for step, _ in history]
    assert [value for _, value in written["validation/loss"]] == pytest.approx([loss for _, loss in history])
    assert [step for step, _ in written["examples_per_second"]] == [step for step, _ in history]
    assert written["train/loss"][0][0] == 16


def test_the_speed_is_that_of_the_steps_and_the_history_tells_where_the_time_went(
    start: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A step takes 1 s, tracing the first block 60 s, an evaluation 100 s, a checkpoint (each 7 steps) 50 s.
    now, traced = [1000.0], []
    steps, evaluation, save = training.Stepper.train, training.Stepper.evaluate, CheckpointStore.save

    def slow_steps(self: Any, block: Any) -> Any:
        now[0] += len(block["label"]) + (0.0 if traced else 60.0)
        traced.append(True)
        return steps(self, block)

    def slow_evaluation(self: Any, *arguments: Any) -> Any:
        now[0] += 100.0
        return evaluation(self, *arguments)

    def slow_save(self: Any, checkpoint: Any) -> Any:
        now[0] += 50.0
        return save(self, checkpoint)

    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(training.Stepper, "train", slow_steps)
    monkeypatch.setattr(training.Stepper, "evaluate", slow_evaluation)
    monkeypatch.setattr(CheckpointStore, "save", slow_save)
    seen: list[tuple[int, float, float]] = []
    plan = dataclasses.replace(PLAN, calibrate=False, epochs=1)
    result = start(plan=plan, progress=lambda step, _, rate, eta, __: seen.append((step, rate, eta)))
    assert seen[0][0] == 14, "the first block tells nothing about the speed"
    for step, rate, eta_seconds in seen:
        assert (rate, eta_seconds) == pytest.approx((64.0, 31.0 - step))
    # Step 16: 60 + 16 + two checkpoints. From there to step 31: 15 + an evaluation + two checkpoints.
    assert [(e["step"], e["seconds"]) for e in result.history] == [(16, 176.0), (31, 391.0)]
    rates = [entry["examples_per_second"] for entry in result.history]
    assert rates == pytest.approx([16 * 64 / 176, 15 * 64 / 215])
    assert result.summary["seconds"] == 491.0
    assert result.summary["examples_per_second"] == pytest.approx(31 * 64 / 491)


def test_weight_averages_are_exported_instead_of_the_last_weights(start: Train) -> None:
    off = dataclasses.replace(PLAN, early_stopping=EarlyStoppingSpec(enabled=False), calibrate=False)
    averaged = start(plan=off, checkpoint_dir="a")
    last = start(plan=dataclasses.replace(off, weight_averaging=0.0), checkpoint_dir="b")
    different = [not np.array_equal(a, b) for a, b in zip(averaged.weights, last.weights, strict=True)]
    # Tables are not averaged, dense weights are.
    shapes = [weight.shape for weight in last.weights]
    tables = {(81, 1), (31, 4)}
    assert [shape in tables for shape in shapes] == [not changed for changed in different]


def test_a_compiled_step_learns_what_a_plain_one_learns(start: Train) -> None:
    plan = dataclasses.replace(PLAN, epochs=1)
    plain = start(plan=plan, checkpoint_dir="plain")
    compiled = start(plan=dataclasses.replace(plan, jit_compile=True), checkpoint_dir="compiled")
    assert compiled.history[-1]["validation_loss"] == pytest.approx(
        plain.history[-1]["validation_loss"], rel=2e-3
    )
