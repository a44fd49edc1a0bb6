"""What ML Metadata knows about the executions of a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import metadata

from trainer.errors import TandemError
from trainer.faults import point

_CACHED = mlmd.Execution.CACHED
_ACTIVE = (mlmd.Execution.NEW, mlmd.Execution.RUNNING)
_SUCCEEDED = (mlmd.Execution.COMPLETE, mlmd.Execution.CACHED)


@contextmanager
def connect(path: Path) -> Iterator[metadata.Metadata]:
    """A connection to the SQLite store at `path`.

    Raises:
        TandemError: `RUN-007` if it cannot be opened.
    """
    store = metadata.Metadata(metadata.sqlite_metadata_connection_config(str(path)))
    try:
        handle = store.__enter__()
    except (RuntimeError, errors.StatusError) as error:
        # The cause stands between the words of TFX and the SQL of a query.
        cause = str(error).partition(" query:  ")[0].rpartition(": ")[2]
        raise TandemError(
            "RUN-007",
            f"Expected a store of ML Metadata that can be opened. Received: {path}: {cause}",
            f"If the file is damaged, move {path.name} and artifacts/ out of {path.parent}: what "
            "is served, kept schemas and runs stay, and every step is computed again.",
        ) from error
    try:
        yield handle
    finally:
        store.__exit__(None, None, None)


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
            point("metadata.close_interrupted", execution.type)
            handle.store.put_executions([execution])
            closed.append(execution.type)
        if execution.last_known_state not in _SUCCEEDED:
            unfinished.add(str(execution.id))
    # Ingest works in `.<number>.<random>` beside its output.
    for pattern in ("*/*/*", "*/.system/*/*", "*/*/.*.*"):
        for place in artifacts.glob(pattern):
            if place.name.removeprefix(".").partition(".")[0] in unfinished:
                point("metadata.remove_unfinished")
                shutil.rmtree(place, ignore_errors=True)
    return closed
