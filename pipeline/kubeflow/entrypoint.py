"""What runs in the container of a step: `python -m pipeline.kubeflow.entrypoint`.

Called by the launcher of Kubeflow Pipelines with the invocation as JSON. It tells TFX's executor what that
understands, runs it, and tells the launcher what that understands. It also keeps the record of the run.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from components.train.group.settings import VARIABLE as GROUP_LAUNCH
from pipeline.kubeflow.context import Context, enter
from pipeline.kubeflow.encoding import decode
from pipeline.kubeflow.pod import Pod, run_of
from pipeline.kubeflow.translate import executor_input, executor_output, merge_metadata
from trainer.errors import TandemError
from trainer.faults import point
from trainer.storage import write_atomic

if TYPE_CHECKING:
    from pipeline.kubeflow.record import Record

Json = dict[str, Any]

BEGIN, FINISH = "begin", "finish"
CHECKPOINTS = "checkpoint_root"
RUN_VARIABLE = "TANDEM_RUN_ID"


def _arguments(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m pipeline.kubeflow.entrypoint", allow_abbrev=False)
    parser.add_argument("--step", required=True, help="name of the step")
    parser.add_argument("--state", default="", help="root on the state volume; empty for none")
    parser.add_argument("--fingerprint", default="", help="of sources and libraries; part of the cache key")
    parser.add_argument("--sources", default="", help="digest of the step's sources when it was compiled")
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}")
    parser.add_argument("--json_serialized_outputs_spec_args", default="{}")
    return parser.parse_known_args(argv)


def run(argv: Sequence[str]) -> int:
    """Runs a step.

    Args:
        argv: the arguments of the container; what it does not know goes to Beam.

    Returns:
        The exit status: `0`, or that of the error.
    """
    options, beam = _arguments(argv)
    told = json.loads(options.json_serialized_invocation_args)
    inputs_spec = json.loads(options.json_serialized_inputs_spec_args)
    outputs_spec = json.loads(options.json_serialized_outputs_spec_args)
    pod = Pod.here()
    _place_group(pod)
    _require_sources(options.step, options.sources)
    asked = told.get("outputs", {}).get("artifacts", {})
    outputs = {
        name: asked[name]["artifacts"][0]["uri"]
        for name in outputs_spec.get("artifacts", {})
        if asked.get(name, {}).get("artifacts")
    }
    parameters = told.get("inputs", {}).get("parameterValues", {})
    run_id = str(parameters.get("run") or "") or run_of(list(outputs.values()), options.step)
    context = Context(options.step, run_id, pod, outputs)
    enter(context)
    os.environ[RUN_VARIABLE] = run_id
    record = _record(options, run_id, pod, parameters)
    translated = executor_input(told, inputs_spec, outputs_spec, pod)
    given = translated["inputs"]["parameterValues"]
    if CHECKPOINTS in given:
        # Two runs at one time must not train in one directory; a retried step goes on in its own.
        given[CHECKPOINTS] = f"{given[CHECKPOINTS]}/{run_id}"
    if record is None:
        _execute(options, beam, translated, told, outputs_spec, context)
        return 0
    return _recorded(options, beam, translated, told, outputs_spec, context, record)


def _place_group(pod: Pod) -> None:
    """Tells where the shared directory of a group really is."""
    if GROUP_LAUNCH in os.environ:
        os.environ[GROUP_LAUNCH] = pod.inside(os.environ[GROUP_LAUNCH])


def _require_sources(step: str, compiled: str) -> None:
    """Refuses an image of other sources: the backend's cache would keep its results under those of the file.

    Raises:
        TandemError: `KFP-107`.
    """
    if not compiled:
        return
    from pipeline.fingerprint import source_fingerprint

    here = source_fingerprint(step)
    if here != compiled:
        raise TandemError(
            "KFP-107",
            f"Expected an image with the sources of step {step} that the file was compiled from, "
            f"{compiled}. Received: {here}",
            "Build the image and compile the file from one version (`make images`, `tandem compile`).",
            exit_status=2,
        )


def _record(options: argparse.Namespace, run_id: str, pod: Pod, parameters: Json) -> Record | None:
    from pipeline.kubeflow.record import Record
    from pipeline.root import Root

    if not options.state:
        return None
    root = Root(Path(pod.path(options.state)))
    if not root.path.is_dir():
        raise TandemError(
            "KFP-105",
            f"Expected the state volume at {options.state}. Received: nothing is mounted there",
            "Make the claim (`kubectl apply -k kubernetes/overlays/...`) and set `kubeflow.state`.",
        )
    if options.step == BEGIN:
        return Record.begin(root, run_id, decode(parameters["config"]))
    try:
        return Record.find(root, run_id)
    except TandemError:
        if options.step != FINISH:
            raise
        # The run ended before its first step began.
        return Record.begin(root, run_id, decode(parameters["config"]))


def _recorded(
    options: argparse.Namespace,
    beam: list[str],
    translated: Json,
    told: Json,
    outputs_spec: Json,
    context: Context,
    record: Record,
) -> int:
    """Runs the step with its log, and records how it ended."""
    from pipeline.local.failures import as_tandem_error
    from pipeline.local.interrupts import kept
    from pipeline.local.logs import to_file
    from pipeline.local.memory import PeakMemory

    began, status = time.monotonic(), 0
    entry: Json = {"state": "ran", "outputs": context.outputs, "attempt_log": f"logs/{context.step}.log"}
    record.run.event("step_started", step=context.step)
    with PeakMemory() as memory, to_file(record.run.log_path(context.step), verbose=True):
        try:
            with kept():
                _execute(options, beam, translated, told, outputs_spec, context)
            record.keep(context.step, _places(translated))
        except (Exception, KeyboardInterrupt) as caught:
            logging.getLogger(__name__).exception("Step %s failed.", context.step)
            stopped = isinstance(caught, KeyboardInterrupt)
            error = _stopped(context.step) if stopped else as_tandem_error(caught, context.step)
            status = error.exit_status or 1
            entry |= {
                "state": "failed",
                "error": {"code": error.code, "message": error.message, "hint": error.hint},
            }
            sys.stderr.write(f"{error}\n")
    entry |= {"seconds": round(time.monotonic() - began, 3), "peak_rss_bytes": memory.peak_bytes}
    record.write_step(context.step, entry)
    record.run.event("step_finished", step=context.step, state=entry["state"], seconds=entry["seconds"])
    return status


def _stopped(step: str) -> TandemError:
    return TandemError(
        "KFP-108",
        f"Expected step {step} to end by itself. Received: it was stopped from outside: a timeout, an "
        "eviction or a termination of the run",
        f"Raise `kubeflow.steps.{step}.timeout_seconds` if need be; run again with `tandem deploy CONFIG`.",
        exit_status=130,
    )


def _places(translated: Json) -> dict[str, str]:
    artifacts = translated["outputs"]["artifacts"]
    return {name: entry["artifacts"][0]["uri"] for name, entry in artifacts.items() if entry["artifacts"]}


def _execute(
    options: argparse.Namespace,
    beam: list[str],
    translated: Json,
    told: Json,
    outputs_spec: Json,
    context: Context,
) -> None:
    """Runs TFX's executor and rewrites what it wrote for the launcher."""
    from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
    from tfx.utils import import_utils

    from pipeline.local.batches import use_large_batches

    use_large_batches()
    file = Path(translated["outputs"]["outputFile"])
    point("entrypoint.prepare", context.step)
    file.parent.mkdir(parents=True, exist_ok=True)
    # The stock executor takes what lies there for the word of a driver.
    file.unlink(missing_ok=True)
    for place in _places(translated).values():
        Path(place).parent.mkdir(parents=True, exist_ok=True)
    arguments = argparse.Namespace(
        executor_class_path=options.executor_class_path,
        json_serialized_invocation_args=json.dumps(translated),
        json_serialized_inputs_spec_args=options.json_serialized_inputs_spec_args,
    )
    driven: Json = {}
    if issubclass(import_utils.import_class_by_path(options.executor_class_path), BaseExampleGenExecutor):
        driven = _drive(arguments, file)
    kubeflow_v2_run_executor._run_executor(arguments, beam)  # the container's own main does this
    for place in _places(translated).values():
        # Where nothing was to be written, such as the blessing of an evaluation without thresholds.
        if not Path(place).exists():
            Path(place).mkdir()
    written = json.loads(file.read_text()) if file.exists() else {}
    output = executor_output(written, told, outputs_spec, context.pod, context.moved)
    output = merge_metadata(output, driven)
    write_atomic(file, json.dumps(output, sort_keys=True))


def _drive(arguments: argparse.Namespace, file: Path) -> Json:
    """Runs the driver of a FileBasedExampleGen, which the backend never calls; the executor reads its file.

    Returns:
        The `ExecutorOutput` of the driver, as JSON; empty for an ExampleGen that reads no files.
    """
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2
    from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver

    if "input_base" not in json.loads(arguments.json_serialized_inputs_spec_args).get("parameters", {}):
        return {}
    invocation, spec = pipeline_spec_pb2.ExecutorInput(), pipeline_spec_pb2.ComponentInputsSpec()
    json_format.Parse(arguments.json_serialized_invocation_args, invocation)
    json_format.Parse(arguments.json_serialized_inputs_spec_args, spec)
    driver._run_driver(invocation, spec)  # its own main does this
    return dict(json.loads(file.read_text()))


def _unforeseen(error: Exception) -> TandemError:
    return TandemError(
        "KFP-106",
        f"Expected to read what the step is told and to keep its record. Received: {type(error).__name__}: "
        f"{str(error)[:500]}",
        "Look for space and permissions on the state volume; the pod's log has the whole trace.",
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs a step and ends the process at once: threads of libraries that outlive it can crash at exit."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    # A stopped step is told as interrupted, where the launcher lives to hand the signal on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        status = run(sys.argv[1:] if argv is None else argv)
    except TandemError as error:
        sys.stderr.write(f"{error}\n")
        status = error.exit_status or 1
    except SystemExit as ended:
        # Wrong arguments: the parser has said so.
        status = ended.code if isinstance(ended.code, int) else 1
    except KeyboardInterrupt:
        sys.stderr.write("The step was stopped outside of its executor.\n")
        status = 130
    except Exception as error:
        logging.getLogger(__name__).exception("The step failed outside of its executor.")
        sys.stderr.write(f"{_unforeseen(error)}\n")
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
