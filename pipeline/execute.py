"""A run from config to summary and report."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import logging

from components.push.outcome import read as read_push
from components.train.files import CHECKPOINTS
from components.train.group import layout
from components.train.group.outcome import exchange_of
from components.train.group.settings import Settings, launched_with
from components.train.progress import shown_by
from pipeline import plan
from pipeline.config import Config, dump
from pipeline.graph import build
from pipeline.local import logs
from pipeline.local.failures import as_tandem_error
from pipeline.local.runner import Outcome, run_graph
from pipeline.local.watcher import Watcher
from pipeline.outcome import complete
from pipeline.outcome import shown as outcome_view
from pipeline.report import page
from pipeline.root import Root
from pipeline.runs.history import previous_statistics
from pipeline.runs.lock import exclusive
from pipeline.runs.store import Run, RunStore, now
from trainer.checkpoints import discard
from trainer.errors import TandemError
from trainer.spec import LaunchSpec
from trainer.storage import remove_unfinished

EXIT_STATUS = {"pushed": 0, "not_blessed": 3}


@dataclasses.dataclass(frozen=True)
class Result:
    """How a run ended.

    Args:
        run: its directory.
        summary: content of `summary.json`.
        view: what the report shows.
        exit_status: `0` pushed, `3` not blessed, `2` bad config or data, `1` failure, `130` interrupted.
        report_written: whether the report is on disk; it decides nothing else.
    """

    run: Run
    summary: dict[str, Any]
    view: dict[str, Any]
    exit_status: int
    report_written: bool


def execute(
    config: Config,
    config_directory: Path,
    root: Root,
    watcher: Watcher,
    run: Run | None = None,
    verbose: bool = False,
    typed: Sequence[str] = (),
) -> Result:
    """Runs a pipeline, or goes on with a run, and writes its summary and report whatever happens.

    Args:
        config: the configuration.
        config_directory: directory that relative paths in it refer to.
        root: where everything is kept.
        watcher: told about each step.
        run: a run to go on with. Defaults to `None`: a new one.
        verbose: also log to the terminal. Defaults to `False`.
        typed: config file and options that a new run is started with. Defaults to `()`.

    Raises:
        TandemError: `RUN-004` if another run works on this root.
    """
    with exclusive(root.lock, f"run of {config.name}") as works_on:
        text = dump(config)
        if run is None:
            run = RunStore(root).create(text, config_directory, typed)
        works_on(run.run_id)
        watcher.run_started(run.run_id)
        for directory in (run.directory, *(root.schema / config.name).glob("*")):
            remove_unfinished(directory)
        attempt = 1 + sum(event["event"] == "run_started" for event in run.events())
        run.event("run_started", name=config.name, attempt=attempt)
        began, started = time.monotonic(), now()
        fingerprints: dict[str, str] = {}
        outcome = Outcome()
        previous = ""
        push: dict[str, Any] = {}
        try:
            with logs.to_file(run.log_path("prepare"), verbose):
                graph = build(config, config_directory, root)
                fingerprints = graph.fingerprints
                previous = previous_statistics(root, config.name, fingerprints["data"])
            launch = LaunchSpec.from_json(plan.launch(config) or {})
            settings = Settings(launch, run.log_path("train").parent)
            with shown_by(watcher.training, watcher.group), launched_with(settings):
                run_graph(graph, root, run, attempt, watcher, outcome, verbose)
            if outcome.error is None:
                push = read_push(Path(outcome.outputs["push"]["pushed_model"]))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - all become the run's outcome
            step = outcome.steps[-1].name if outcome.steps else "prepare"
            outcome.error, outcome.failed_step = as_tandem_error(error, step), step
            with logs.to_file(run.log_path(step), verbose):
                logging.exception("The run failed outside of its steps.")
        _discard_checkpoints(outcome, root.checkpoints / config.name)
        summary = {
            "run_id": run.run_id,
            "name": config.name,
            "task": config.task,
            "started": started,
            "finished": now(),
            "seconds": round(time.monotonic() - began, 3),
            "attempt": attempt,
            "steps": [step.to_dict() for step in outcome.steps],
            "fingerprints": fingerprints,
            **_status(outcome, run, root, push),
        }
        with logs.to_file(run.log_path("report"), verbose):
            shown = outcome_view(config, text, root, outcome.outputs, summary, previous)
            complete(summary, shown, outcome.outputs, root)
            summary["next_command"] = _next_command(summary, config, config_directory, root)
            # The summary first: it tells what happened even where the rest cannot be written.
            run.write_summary(summary)
            run.event("run_finished", status=summary["status"])
            written = _write_report(run, shown)
    status = outcome.error.exit_status if outcome.error else EXIT_STATUS[summary["status"]]
    return Result(run, summary, shown, status, written)


def _discard_checkpoints(outcome: Outcome, directory: Path) -> None:
    """Removes those of this run's training, whose model is safe; other runs go on from theirs."""
    model_run = outcome.outputs.get("train", {}).get("model_run")
    with contextlib.suppress(OSError, ValueError):
        if model_run and (name := (Path(model_run) / CHECKPOINTS).read_text()):
            discard(directory / name)
            if exchange := exchange_of(Path(model_run)):
                layout.discard(exchange)


def _write_report(run: Run, shown: dict[str, Any]) -> bool:
    try:
        run.write_view(shown)
        page.write(shown, run.report_path)
    except Exception:  # noqa: BLE001 - the run itself is over and told
        logging.exception("The report could not be written.")
        return False
    return True


def _status(outcome: Outcome, run: Run, root: Root, push: dict[str, Any]) -> dict[str, Any]:
    if outcome.error is not None:
        error = outcome.error
        return {
            "status": "failed",
            "error": {
                "code": error.code,
                "step": outcome.failed_step,
                "message": error.message,
                "hint": error.hint,
                "log": str(run.log_path(outcome.failed_step or "prepare").relative_to(run.directory)),
                "command": _command_after(error, run, root),
            },
            "pushed_version": None,
        }
    status = "pushed" if push["pushed"] else "not_blessed"
    return {"status": status, "error": None, "pushed_version": push["version"], "push": push}


def _command_after(error: TandemError, run: Run, root: Root) -> str:
    """A config that was refused is read anew after its correction; everything else goes on as it was."""
    file, *options = run.typed() or ("",)
    if error.exit_status != 2 or not file:
        return f"tandem resume {run.run_id} --root {_typed(root.path)}"
    return " ".join(
        ["tandem run", _typed(Path(file)), *map(shlex.quote, options), "--root", _typed(root.path)]
    )


def _next_command(summary: dict[str, Any], config: Config, directory: Path, root: Root) -> str:
    if summary["error"]:
        return str(summary["error"]["command"])
    if summary["status"] == "pushed":
        served = root.serving_of(config.push.directory, directory) / config.name
        return f"tandem predict {_typed(served)} FILE"
    return f"tandem gate explain {summary['run_id']} --root {_typed(root.path)}"


def _typed(path: Path) -> str:
    """A path as a user would type it here: relative if it lies below, quoted if need be."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
