"""`tandem run` and `tandem resume`."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import ConfigArgument, JsonOption, RootOption, RunArgument, SetOption, existing_root

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.config import Config
    from pipeline.execute import Result
    from pipeline.root import Root
    from pipeline.runs.store import Run
    from trainer.errors import TandemError

VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Also show what libraries log.")]


def run(
    config: ConfigArgument,
    root: RootOption = None,
    overrides: SetOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check config and inputs, show the steps, run nothing.")
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run the pipeline: ingest, check, transform, train, evaluate, gate, push, report."""
    from pipeline.config import load
    from pipeline.root import Root

    loaded = load(config, overrides or [])
    place = Root.beside(config, root)
    if dry_run:
        _show_steps(loaded, config.resolve().parent, place, as_json)
        return
    typed = [str(config.resolve()), *(word for text in overrides or [] for word in ("--set", text))]
    _execute(loaded, config.resolve().parent, place, None, as_json, verbose, typed)


def resume(
    run_id: RunArgument = None,
    root: RootOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Go on with a run that failed or was killed; finished steps are not run again."""
    from pipeline.config import load
    from pipeline.runs.store import RunStore
    from trainer.errors import TandemError

    place = existing_root(root)
    found = RunStore(place).find(run_id)
    if found.on_kubeflow():
        raise TandemError(
            "RUN-009",
            f"Expected a run of this machine. Received: {found.run_id}, which ran on Kubeflow",
            "Run the pipeline again with `tandem deploy CONFIG`: finished steps come from its cache.",
            exit_status=2,
        )
    _execute(load(found.config_path), found.config_directory(), place, found, as_json, verbose)


def _show_steps(config: Config, directory: Path, root: Root, as_json: bool) -> None:
    from rich.console import Console

    from pipeline.cli.dry_run import describe

    described = describe(config, directory, root)
    if as_json:
        typer.echo(json.dumps(described, indent=2))
        return
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print(f"{config.name}: {config.task}, {len(config.features)} features, root {root.path}")
    for file in described["inputs"]:
        console.print(f"  input  {file}")
    for step in described["steps"]:
        console.print(f"  step   {step['name']:<11} {step['does']}")
    for rule in described["gate"]:
        console.print(f"  gate   {rule}")


def _execute(
    config: Config,
    directory: Path,
    root: Root,
    existing: Run | None,
    as_json: bool,
    verbose: bool,
    typed: Sequence[str] = (),
) -> None:
    from pipeline import kernels
    from pipeline.cli.dry_run import inputs
    from pipeline.cli.progress import watcher_for
    from pipeline.cli.quiet import quiet_stderr
    from pipeline.runs.lock import ensure_free
    from trainer.faults import point

    # Told before the libraries are loaded and a run is begun.
    inputs(config, directory)
    kernels.use(config)
    ensure_free(root.lock)
    point("root.create")
    root.path.mkdir(parents=True, exist_ok=True)
    console = console_for(as_json)
    try:
        with watcher_for(console) as watcher:
            watcher.note(f"[bold]{config.name}[/]: loading libraries")
            with quiet_stderr():
                from pipeline.execute import execute

            result = execute(config, directory, root, watcher, existing, verbose, typed)
    except KeyboardInterrupt:
        raise interrupted("`tandem resume` goes on with a run that had begun.") from None
    _show_result(result, console, as_json)
    raise typer.Exit(result.exit_status)


def interrupted(next_step: str) -> TandemError:
    """What a command ends with that a keyboard interrupt reached."""
    from trainer.errors import TandemError

    return TandemError("CLI-003", "Interrupted.", next_step, exit_status=130)


def console_for(as_json: bool) -> Console:
    """Where progress goes: standard output, or standard error beside JSON."""
    from rich.console import Console

    if as_json:
        # A copy: while a step runs, stderr itself goes to the step's log file.
        stderr = os.fdopen(os.dup(sys.stderr.fileno()), "w")
        return Console(highlight=False, soft_wrap=True, file=stderr)
    return Console(highlight=False, soft_wrap=True)


def _show_result(result: Result, console: Console, as_json: bool) -> None:
    from rich.text import Text

    from pipeline.cli.failures import report_failure
    from pipeline.report.terminal import summary_lines
    from trainer.errors import TandemError

    error = result.summary["error"]
    if as_json:
        typer.echo(json.dumps(result.summary, indent=2, sort_keys=True))
    elif error is None:
        console.print(summary_lines(result.view))
    if error is not None:
        log = result.run.directory / error["log"]
        report_failure(
            TandemError(error["code"], error["message"], error["hint"]),
            str(log) if log.exists() and result.summary["status"] == "failed" else None,
            error["command"],
        )
    if result.report_written:
        console.print(Text(f"report  {result.run.report_path}"))
    else:
        again = (
            f"tandem resume {result.run.run_id} --root {shlex.quote(str(result.run.directory.parents[1]))}"
        )
        console.print(Text(f"report  not written, see {result.run.log_path('report')}\nnext    {again}"))
