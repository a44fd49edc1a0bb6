"""Trainings that start from another: they learn faster, and go on exactly after a stop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from trainer.loop import TrainResult, train
from trainer.models import build_wide_deep
from trainer.spec import DeepSpec, ModelSpec, TrainSpec
from trainer.warm_start import Inputs, Origin, begin, capture, write

MODEL = ModelSpec(deep=DeepSpec(hidden=(16,)))
TOKENS = {"carrier": ["a", "b", "c", "d", "e"]}


class Trainings:
    """Trainings on the same files, each in a directory of its own."""

    def __init__(self, directory: Path, synthetic: ModuleType) -> None:
        self.directory, self.features = directory, synthetic.features()
        self.files = synthetic.files(directory, self.features)
        self.origin = Origin(str(directory / "state"), "d" * 64)

    def run(self, name: str, epochs: float, warm: bool, seed: int = 1, **options: Any) -> TrainResult:
        def initialise(model: Any, optimizer: Any, mean: float, deviation: float) -> dict[str, Any]:
            meaning = Inputs(TOKENS, {}, mean, deviation)
            return begin(model, optimizer, self.features, meaning, self.origin, "keep")

        plan = TrainSpec(
            batch_size=64, epochs=epochs, seed=seed, checkpoint_every_steps=7, weight_averaging=0.9
        )
        place = self.directory / name
        if warm:
            options = {"initialise": initialise, "origin": self.origin.digest, **options}
        return train(
            self.features, MODEL, plan, **self.files,
            checkpoint_dir=place / "checkpoints", run_dir=place / "run", **options,
        )  # fmt: skip


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory, synthetic: ModuleType) -> Trainings:
    made = Trainings(tmp_path_factory.mktemp("trainings"), synthetic)
    result = made.run("first", epochs=4, warm=False)
    model = build_wide_deep(made.features, MODEL, 1)
    for variable, value in zip(model.trainable_variables, result.weights, strict=True):
        variable.assign(value)
    write(Path(made.origin.file), capture(model, made.features, Inputs(TOKENS), result.slots))
    return made


def test_after_a_few_steps_the_validation_loss_is_lower_than_from_initial_weights(
    trainings: Trainings,
) -> None:
    cold = trainings.run("cold", epochs=0.2, warm=False, seed=2)
    warm = trainings.run("warm", epochs=0.2, warm=True, seed=2)
    losses = [result.history[0]["validation_loss"] for result in (cold, warm)]
    assert [result.history[0]["step"] for result in (cold, warm)] == [6, 6]
    assert losses[1] < losses[0] - 0.02
    assert cold.summary["warm_start"] is None
    report = warm.summary["warm_start"]
    assert (report["from"], report["reason"]) == ("d" * 64, "")
    assert (report["rows_taken"], report["rows_fresh"]) == (81 + 31, 0)


class StopHereError(Exception):
    pass


def test_a_stopped_training_goes_on_with_the_same_bits_and_its_report(trainings: Trainings) -> None:
    unbroken = trainings.run("unbroken", epochs=1, warm=True)

    def stop(step: int, *_: float) -> None:
        if step >= 20:
            raise StopHereError

    with pytest.raises(StopHereError):
        trainings.run("stopped", epochs=1, warm=True, progress=stop)

    def not_again(*_: Any) -> dict[str, Any]:
        raise AssertionError

    resumed = trainings.run("stopped", epochs=1, warm=True, initialise=not_again)
    assert resumed.summary["warm_start"] == unbroken.summary["warm_start"]
    for one, other in zip(unbroken.weights, resumed.weights, strict=True):
        assert one.tobytes() == other.tobytes()
    for one, other in zip(unbroken.slots, resumed.slots, strict=True):
        assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_checkpoints_of_a_start_from_another_model_are_another_training(trainings: Trainings) -> None:
    trainings.run("changed", epochs=0.1, warm=True)
    with pytest.raises(Exception, match="TRAIN-203"):
        trainings.run("changed", epochs=0.1, warm=True, origin="e" * 64)


REPLICAS = """
import json, sys
import numpy as np, tensorflow as tf
from trainer.models import build_wide_deep
from trainer.optimizers import build_optimizer
from trainer.spec import FeatureSpec, ModelSpec
from trainer.warm_start import Inputs, Origin, begin

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
features, spec, tokens, file = map(json.loads, sys.argv[1:])
features, spec = FeatureSpec.from_json(features), ModelSpec.from_json(spec)
results = []
for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    with strategy.scope():
        model = build_wide_deep(features, spec, 5)
        optimizer = build_optimizer(model, spec.wide, spec.deep)
        report = begin(model, optimizer, features, Inputs(tokens), Origin(file, "d"), "decay")
        assert report["reason"] == "", report
    every = [v.value for v in [*model.trainable_variables, *optimizer.variables]]
    results.append([[part.numpy() for part in strategy.experimental_local_results(v)] for v in every])
alone, both = results
assert len(both[0]) == 2
print(all(np.array_equal(part, one[0]) for one, two in zip(alone, both) for part in two))
"""


def test_both_replicas_start_from_the_same_state(trainings: Trainings) -> None:
    told = [trainings.features.to_json(), MODEL.to_json(), TOKENS, trainings.origin.file]
    done = subprocess.run(
        [sys.executable, "-c", REPLICAS, *map(json.dumps, told)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["True"]
