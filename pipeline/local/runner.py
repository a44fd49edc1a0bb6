"""Runs a graph on this machine, step by step, with the launcher that TFX itself uses."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from absl import logging
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata as tfx_metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils

from pipeline.graph import Graph
from pipeline.local import logs, metadata
from pipeline.local.batches import use_large_batches
from pipeline.local.failures import as_tandem_error
from pipeline.local.interrupts import kept
from pipeline.local.memory import PeakMemory
from pipeline.local.watcher import State, Step, Watcher
from pipeline.root import Root
from pipeline.runs.store import Run
from trainer.errors import TandemError
from trainer.faults import point


@dataclasses.dataclass
class Outcome:
    """What a run came to.

    Args:
        steps: steps that were started, in order.
        outputs: URI by output name, by step.
        error: why the last step failed, if it did.
    """

    steps: list[Step] = dataclasses.field(default_factory=list)
    outputs: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    error: TandemError | None = None
    failed_step: str | None = None


def run_graph(
    graph: Graph,
    root: Root,
    run: Run,
    attempt: int,
    watcher: Watcher,
    outcome: Outcome,
    verbose: bool = False,
    last: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Runs every step in order; stops at the first that fails or is interrupted.

    Args:
        graph: what to run.
        root: the root, whose lock the caller holds.
        run: the run directory.
        attempt: counts the attempts at this run, from 1.
        watcher: told about each step.
        outcome: gets the steps as they end, so that nothing is lost whatever is raised between them.
        verbose: also log to the terminal. Defaults to `False`.
        last: step after which it ends. Defaults to `""`: the last of the graph.
        clock: seconds. Defaults to `time.monotonic`.
    """
    began = clock()
    use_large_batches()
    with logs.to_file(run.log_path("prepare"), verbose):
        ir = compiler.Compiler().compile(graph.pipeline)
        runtime_parameter_utils.substitute_runtime_parameter(
            ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: f"{run.run_id}.{attempt}"}
        )
        deployment = runner_utils.extract_local_deployment_config(ir)
        connection = tfx_metadata.sqlite_metadata_connection_config(str(root.metadata))
        root.path.mkdir(parents=True, exist_ok=True)
        with metadata.connect(root.metadata) as handle:
            for name in metadata.close_interrupted(handle, root.artifacts):
                run.event("interrupted_execution_closed", execution=name)
    nodes = [node.pipeline_node for node in ir.nodes]
    if last:
        nodes = nodes[: [node.node_info.id for node in nodes].index(last) + 1]
    for index, node in enumerate(nodes):
        name = node.node_info.id
        watcher.step_started(name, index, len(nodes))
        run.event("step_started", step=name)
        started = clock()
        state: State = "failed"
        with PeakMemory() as memory, logs.to_file(run.log_path(name), verbose):
            try:
                point("step.begin", name)
                with kept():
                    info = launcher.Launcher(
                        pipeline_node=node,
                        mlmd_connection=tfx_metadata.Metadata(connection),
                        pipeline_info=ir.pipeline_info,
                        pipeline_runtime_spec=ir.runtime_spec,
                        executor_spec=runner_utils.extract_executor_spec(deployment, name),
                        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
                    ).launch()
                if info is None:
                    raise TandemError("RUN-003", f"Expected the inputs of step {name}. Received: none")
                point("step.end", name)
                with metadata.connect(root.metadata) as handle:
                    state = "cached" if metadata.was_cached(handle, info.execution_id) else "ran"
                    outcome.outputs[name] = metadata.outputs(handle, info.execution_id)
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - all become the run's outcome
                logging.exception("Step %s failed.", name)
                outcome.error, outcome.failed_step = as_tandem_error(error, name), name
                if isinstance(error, KeyboardInterrupt):
                    # TFX tidies up after exceptions only.
                    with metadata.connect(root.metadata) as handle:
                        metadata.close_interrupted(handle, root.artifacts)
        step = Step(name, state, clock() - started, memory.peak_bytes, started - began)
        outcome.steps.append(step)
        places = {key: root.relative(uri) for key, uri in outcome.outputs.get(name, {}).items()}
        run.event("step_finished", step=name, state=state, seconds=round(step.seconds, 3), outputs=places)
        watcher.step_finished(step)
        if outcome.error is not None:
            break
