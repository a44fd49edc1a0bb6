"""What ML Metadata knows about the executions of a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import metadata

_CACHED = mlmd.Execution.CACHED
_ACTIVE = (mlmd.Execution.NEW, mlmd.Execution.RUNNING)
_SUCCEEDED = (mlmd.Execution.COMPLETE, mlmd.Execution.CACHED)


@contextmanager
def connect(path: Path) -> Iterator[metadata.Metadata]:
    """A connection to the SQLite store at `path`."""
    with metadata.Metadata(metadata.sqlite_metadata_connection_config(str(path))) as handle:
        yield handle


def was_cached(handle: metadata.Metadata, execution_id: int) -> bool:
    """Whether an execution reused the outputs of an earlier one."""
    return handle.store.get_executions_by_id([execution_id])[0].last_known_state == _CACHED


def outputs(handle: metadata.Metadata, execution_id: int) -> dict[str, str]:
    """URI of each output of an execution, by channel name."""
    events = [
        event
        for event in handle.store.get_events_by_execution_ids([execution_id])
        if event.type == mlmd.Event.OUTPUT
    ]
    artifacts = {a.id: a for a in handle.store.get_artifacts_by_id([event.artifact_id for event in events])}
    return {event.path.steps[0].key: artifacts[event.artifact_id].uri for event in events}


def close_interrupted(handle: metadata.Metadata, artifacts: Path) -> list[str]:
    """Marks executions that a killed process left running as failed and removes what failed ones wrote.

    Outputs are not in the store before a step has succeeded, so partial ones are found by their place, which
    ends in the number of the execution. Only to be called by the holder of the root's lock: nothing else
    runs then.

    Args:
        handle: the store.
        artifacts: root of the outputs, `<step>/<output>/<execution>`.

    Returns:
        Type names of the executions that were closed.
    """
    closed, unfinished = [], set()
    for execution in handle.store.get_executions():
        if execution.last_known_state in _ACTIVE:
            execution.last_known_state = mlmd.Execution.FAILED
            handle.store.put_executions([execution])
            closed.append(execution.type)
        if execution.last_known_state not in _SUCCEEDED:
            unfinished.add(str(execution.id))
    for pattern in ("*/*/*", "*/.system/*/*"):
        for place in artifacts.glob(pattern):
            if place.name in unfinished:
                shutil.rmtree(place, ignore_errors=True)
    return closed
