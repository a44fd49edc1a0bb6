"""Executions that a killed process left running, in a real SQLite store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration.metadata import Metadata

from pipeline.local.metadata import close_interrupted, connect, outputs, was_cached


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Metadata]:
    with connect(tmp_path / "metadata.sqlite") as handle:
        yield handle


def execution(store: Metadata, state: int, kind: str = "train") -> int:
    type_id = store.store.put_execution_type(mlmd.ExecutionType(name=kind))
    (made,) = store.store.put_executions([mlmd.Execution(type_id=type_id, last_known_state=state)])
    return made


def places(artifacts: Path, number: int) -> list[Path]:
    """What a step of ours leaves while it runs."""
    made = [
        artifacts / "train" / "model" / str(number),
        artifacts / "train" / "model_run" / str(number),
        artifacts / "train" / ".system" / "executor_execution" / str(number),
    ]
    for place in made:
        place.mkdir(parents=True)
        (place / "half.bin").write_bytes(b"half")
    return made


def test_what_was_running_is_failed_and_its_half_written_outputs_are_gone(
    store: Metadata, tmp_path: Path
) -> None:
    states = {
        name: execution(store, getattr(mlmd.Execution, name))
        for name in ("COMPLETE", "RUNNING", "NEW", "FAILED", "CACHED")
    }
    made = {name: places(tmp_path / "artifacts", number) for name, number in states.items()}
    unrelated = tmp_path / "artifacts" / "train" / "model" / f"{states['RUNNING']}-notes"
    unrelated.mkdir()
    assert close_interrupted(store, tmp_path / "artifacts") == ["train", "train"]
    found = {e.id: mlmd.Execution.State.Name(e.last_known_state) for e in store.store.get_executions()}
    assert found == {
        states["COMPLETE"]: "COMPLETE",
        states["RUNNING"]: "FAILED",
        states["NEW"]: "FAILED",
        states["FAILED"]: "FAILED",
        states["CACHED"]: "CACHED",
    }
    for name, kept in (
        ("COMPLETE", True), ("RUNNING", False), ("NEW", False), ("FAILED", False), ("CACHED", True),
    ):  # fmt: skip
        assert [place.exists() for place in made[name]] == [kept] * 3, name
    assert unrelated.exists()
    assert close_interrupted(store, tmp_path / "artifacts") == []


def test_a_store_without_artifacts_has_nothing_to_close(store: Metadata, tmp_path: Path) -> None:
    assert close_interrupted(store, tmp_path / "none") == []


def test_outputs_are_told_by_channel_and_cached_executions_known(store: Metadata) -> None:
    type_id = store.store.put_artifact_type(mlmd.ArtifactType(name="Model"))
    ran, cached = execution(store, mlmd.Execution.COMPLETE), execution(store, mlmd.Execution.CACHED)
    (artifact,) = store.store.put_artifacts([mlmd.Artifact(type_id=type_id, uri="/models/7")])
    step = mlmd.Event.Path.Step(key="model")
    store.store.put_events(
        [
            mlmd.Event(
                artifact_id=artifact,
                execution_id=ran,
                type=mlmd.Event.OUTPUT,
                path=mlmd.Event.Path(steps=[step]),
            )
        ]
    )
    assert outputs(store, ran) == {"model": "/models/7"}
    assert not was_cached(store, ran)
    assert was_cached(store, cached)
