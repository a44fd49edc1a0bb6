"""The same function over many tasks: here for one task, on Beam for several."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from trainer.errors import TandemError
from trainer.faults import point

T = TypeVar("T")


def _attempt(function: Callable[[T], dict[str, Any]], task: T, result: Path) -> None:
    """Runs one task and leaves its result or its error as JSON, so that Beam does not hide the error."""
    try:
        value: dict[str, Any] = {"result": function(task)}
    except TandemError as error:
        value = {"error": [error.code, error.message, error.hint, error.exit_status]}
    result.write_text(json.dumps(value))
    point("ingest.write_result", result, result)


def _run_on_beam(
    function: Callable[[T], dict[str, Any]], tasks: Sequence[T], results: list[Path], options: Sequence[str]
) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    own = [option for option in options if option != "--runner=FnApiRunner"]
    named = any(option.startswith("--runner") for option in own)
    runner = None if named else FnApiRunner()
    pipeline = beam.Pipeline(runner=runner, options=PipelineOptions(own))
    _ = (
        pipeline
        | "Tasks" >> beam.Create(list(zip(tasks, results, strict=True)), reshuffle=False)
        | "Spread" >> beam.Reshuffle()
        | "Run" >> beam.MapTuple(lambda task, result: _attempt(function, task, result))
    )
    pipeline.run().wait_until_finish()


def map_tasks(
    function: Callable[[T], dict[str, Any]], tasks: Sequence[T], directory: Path, options: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Runs `function` over `tasks`.

    One task runs in this process; several run as a Beam pipeline, on the in-process FnApiRunner unless
    `options` name another runner. Workers must see `directory` and the input files.

    Args:
        function: a function of a module, from a task to a dictionary of JSON values.
        tasks: values that can be pickled.
        directory: existing directory for results.
        options: Beam options as on a command line. Defaults to `()`.

    Returns:
        The results, in task order.

    Raises:
        TandemError: the error of the first task, in order, that failed.
    """
    if len(tasks) == 1:
        return [function(tasks[0])]
    results = [directory / f"result-{number:05d}.json" for number in range(len(tasks))]
    _run_on_beam(function, tasks, results, options)
    values = []
    for path in results:
        value = json.loads(path.read_text())
        if "error" in value:
            raise TandemError(*value["error"])
        values.append(value["result"])
        point("ingest.remove_result")
        path.unlink()
    return values
