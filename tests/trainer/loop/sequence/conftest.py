"""Files of small sequences, and trainings on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.trainer import reversed_words
from tests.trainer.reversed_words import TextPlace
from tests.trainer.sequences import PLAN, SMALL, features, own, pairs, write
from trainer.loop.sequence import SequenceResult, train_sequences
from trainer.spec import AuxiliarySpec, ModelSpec, SequenceFeatureSpec, SequenceModelSpec, TrainSpec

Train = Callable[..., SequenceResult]
TWO_TASKS = own(auxiliary=AuxiliarySpec("language_model", 0.5, 0.0))


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Arguments of `train_sequences`: 200 pairs to train on, 50 others."""
    place = tmp_path_factory.mktemp("data")
    return {
        "train_files": [str(write(place / "train", pairs(200)))],
        "validation_files": [str(write(place / "validation", pairs(50, seed=1)))],
    }


@pytest.fixture
def start(files: dict[str, list[str]], tmp_path: Path) -> Train:
    """`train_sequences` in directories below the temporary one."""

    def call(
        plan: TrainSpec = PLAN,
        place: str = "a",
        model: ModelSpec = SMALL,
        spec: SequenceFeatureSpec | None = None,
        **options: Any,
    ) -> SequenceResult:
        options = {"run_dir": tmp_path / place / "run", **files, **options}
        options.setdefault("checkpoint_dir", tmp_path / place / "checkpoints")
        return train_sequences(spec or features(), model, plan, **options)

    return call


@pytest.fixture(scope="session")
def unbroken(
    files: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[SequenceResult, Path]:
    """A training of two tasks in one go, and its directory."""
    place = tmp_path_factory.mktemp("unbroken")
    result = train_sequences(
        features(), SMALL, TWO_TASKS, **files, checkpoint_dir=place / "checkpoints", run_dir=place / "run"
    )
    return result, place


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> TextPlace:
    """A real transform graph of texts, with raw and transformed examples."""
    return reversed_words.build(tmp_path_factory.mktemp("words"))


def run_spec(
    place: TextPlace, root: Path, layers: SequenceModelSpec, plan: TrainSpec, **changes: Any
) -> dict[str, Any]:
    """JSON of a run that leaves everything below `root`."""
    return {
        "features": place.features.to_json(),
        "model": ModelSpec(sequence=layers).to_json(),
        "train": plan.to_json(),
        "train_files": [str(place.train)],
        "validation_files": [str(place.validation)],
        "transform_graph_dir": str(place.graph),
        "checkpoint_dir": str(root / "checkpoints"),
        "output_dir": str(root / "model"),
        "run_dir": str(root / "run"),
        **changes,
    }
