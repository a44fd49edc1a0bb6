"""`tandem noise`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.cli.options import ConfigArgument, JsonOption, RootOption, SetOption

FlipOption = Annotated[
    str, typer.Option("--flip", metavar="SHARES", help="Shares of labels to flip, with commas.")
]
SeedsOption = Annotated[int, typer.Option("--seeds", metavar="N", help="Trainings of each kind.")]
SearchOption = Annotated[
    bool, typer.Option("--search", help="Also search for temperatures on the validation split.")
]


def noise(
    config: ConfigArgument,
    flip: FlipOption = "0,0.1,0.2,0.4",
    seeds: SeedsOption = 3,
    search: SearchOption = False,
    root: RootOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """What wrong labels cost: logistic and bi-tempered loss on flipped labels, judged on true ones."""
    from rich.text import Text

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
    ensure_free(place.lock)
    console = console_for(as_json)
    try:
        with watcher_for(console) as watcher:
            watcher.note(f"[bold]{loaded.name}[/]: loading libraries")
            with quiet_stderr():
                from pipeline.noise.experiment import Experiment, execute, shares

            experiment = Experiment(shares(flip), seeds, search)
            found = execute(loaded, directory, place, experiment, watcher, watcher.note)
    except KeyboardInterrupt:
        raise interrupted("The same command goes on; trials that ended are kept.") from None
    if as_json:
        typer.echo(json.dumps(found.results, indent=2, sort_keys=True))
    else:
        from pipeline.report.noise_page import lines

        console.print(Text("\n".join(lines(found.results))))
    console.print(Text(f"report  {found.report_path}"))
