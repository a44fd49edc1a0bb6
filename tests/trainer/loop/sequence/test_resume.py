"""A training that is stopped or killed goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import trainer
from tests.trainer import sequences
from tests.trainer.loop.sequence.conftest import TWO_TASKS, Train
from tests.trainer.sequences import SMALL, features, own
from trainer.errors import TandemError
from trainer.loop.sequence import SequenceResult

TOLD = ("step", "loss", "validation_loss", "examples", "tokens", "validation_exact_match")


def same(first: SequenceResult, second: SequenceResult) -> bool:
    pairs = zip(first.weights, second.weights, strict=True)
    told = [[entry[name] for name in TOLD for entry in result.history] for result in (first, second)]
    return all(a.tobytes() == b.tobytes() for a, b in pairs) and told[0] == told[1]


class StopHereError(Exception):
    pass


@pytest.mark.parametrize("stops", [(9,), pytest.param((2, 5, 9), marks=pytest.mark.soak)])
def test_training_stopped_again_and_again_ends_with_the_same_bits(
    start: Train, unbroken: tuple[SequenceResult, Path], stops: tuple[int, ...]
) -> None:
    assert unbroken[0].summary["steps"] > 12
    for stop in stops:

        def progress(step: int, *_: Any, stop: int = stop) -> None:
            if step >= stop:
                raise StopHereError

        with pytest.raises(StopHereError):
            start(TWO_TASKS, progress=progress)
    assert same(start(TWO_TASKS), unbroken[0])


def test_a_killed_process_goes_on_with_the_same_bits(
    start: Train, files: dict[str, list[str]], unbroken: tuple[SequenceResult, Path], tmp_path: Path
) -> None:
    arguments = {
        "features": features().to_json(),
        "model": SMALL.to_json(),
        "plan": TWO_TASKS.to_json(),
        "checkpoint_dir": str(tmp_path / "a" / "checkpoints"),
        "run_dir": str(tmp_path / "a" / "run"),
        "kill_at_step": 8,
        **files,
    }
    (tmp_path / "arguments.json").write_text(json.dumps(arguments))
    root = str(Path(trainer.__file__).parents[1])
    child = subprocess.run(
        [sys.executable, str(sequences.__file__), str(tmp_path / "arguments.json")],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert child.returncode == -signal.SIGKILL
    assert list((tmp_path / "a" / "checkpoints").iterdir())
    assert same(start(TWO_TASKS), unbroken[0])


def test_a_checkpoint_of_another_training_is_refused(
    start: Train, unbroken: tuple[SequenceResult, Path]
) -> None:
    with pytest.raises(TandemError, match="TRAIN-203"):
        start(own(learning_rate=0.02), checkpoint_dir=unbroken[1] / "checkpoints")
