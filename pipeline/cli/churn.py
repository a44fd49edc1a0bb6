"""`tandem churn`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.cli.options import ConfigArgument, JsonOption, RootOption, SetOption

RetrainsOption = Annotated[
    int, typer.Option("--retrains", metavar="N", help="Trainings of each kind, at least 2.")
]


def churn(
    config: ConfigArgument,
    retrains: RetrainsOption = 3,
    root: RootOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """How much predictions change when trained again: single, codistilled, and an ensemble of two."""
    from rich.text import Text

    from pipeline import kernels
    from pipeline.cli.dry_run import inputs
    from pipeline.cli.progress import watcher_for
    from pipeline.cli.quiet import quiet_stderr
    from pipeline.cli.run import console_for, interrupted
    from pipeline.config import load
    from pipeline.root import Root
    from pipeline.runs.lock import ensure_free

    loaded = load(config, overrides or [])
    directory, place = config.resolve().parent, Root.beside(config, root)
    inputs(loaded, directory)
    kernels.use(loaded)
    ensure_free(place.lock)
    console = console_for(as_json)
    try:
        with watcher_for(console) as watcher:
            watcher.note(f"[bold]{loaded.name}[/]: loading libraries")
            with quiet_stderr():
                from pipeline.churn.experiment import Experiment, execute

            found = execute(loaded, directory, place, Experiment(retrains), watcher, watcher.note)
    except KeyboardInterrupt:
        raise interrupted("The same command goes on; trainings that ended are kept.") from None
    if as_json:
        typer.echo(json.dumps(found.results, indent=2, sort_keys=True))
    else:
        from pipeline.report.churn_page import lines

        console.print(Text("\n".join(lines(found.results))))
    console.print(Text(f"report  {found.report_path}"))
