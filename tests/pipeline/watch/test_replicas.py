"""Of a group of replicas the first one is watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.watch.training import Training
from tests.pipeline.watch.place import CONFIG, Place


@pytest.mark.parametrize("shared", [False, True])
def test_the_checkpoints_of_the_first_replica_are_those_of_the_training(tmp_path: Path, shared: bool) -> None:
    directory = f"{{directory: {tmp_path / 'shared'}}}" if shared else "{}"
    text = f"{CONFIG}train: {{codistillation: {{launch: {directory}}}}}\n"
    place = Place(tmp_path, text)
    training = place.training()
    base = tmp_path / "shared" / training.name if shared else training
    assert Training(place.run, place.root).checkpoints() == base / "replica-0"
