"""`tandem noise` and `tandem churn`: trainings of one config compared with each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import ConfigArgument, JsonOption, RootOption, SetOption

if TYPE_CHECKING:
    from pipeline.cli.progress import ConsoleWatcher
    from pipeline.comparison import Found
    from pipeline.config import Config
    from pipeline.root import Root

FlipOption = Annotated[
    str, typer.Option("--flip", metavar="SHARES", help="Shares of labels to flip, with commas.")
]
SeedsOption = Annotated[int, typer.Option("--seeds", metavar="N", help="Trainings of each kind.")]
SearchOption = Annotated[
    bool, typer.Option("--search", help="Also search for temperatures on the validation split.")
]
RetrainsOption = Annotated[
    int, typer.Option("--retrains", metavar="N", help="Trainings of each kind, at least 2.")
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
    from pipeline.noise.asked import Experiment, shares

    experiment = Experiment(shares(flip), seeds, search)

    def execute(loaded: Config, directory: Path, place: Root, watcher: ConsoleWatcher) -> Found:
        from pipeline.noise.experiment import execute

        return execute(loaded, directory, place, experiment, watcher, watcher.note)

    def lines(results: Mapping[str, Any]) -> list[str]:
        from pipeline.report.noise_page import lines

        return lines(results)

    _compared(config, root, overrides or [], as_json, experiment.check, execute, lines, "trials")


def churn(
    config: ConfigArgument,
    retrains: RetrainsOption = 3,
    root: RootOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """How much predictions change when trained again: single, codistilled, and an ensemble of two."""
    from pipeline.churn.asked import Experiment

    experiment = Experiment(retrains)

    def execute(loaded: Config, directory: Path, place: Root, watcher: ConsoleWatcher) -> Found:
        from pipeline.churn.experiment import execute

        return execute(loaded, directory, place, experiment, watcher, watcher.note)

    def lines(results: Mapping[str, Any]) -> list[str]:
        from pipeline.report.churn_page import lines

        return lines(results)

    _compared(
        config, root, overrides or [], as_json, lambda _: experiment.check(), execute, lines, "trainings"
    )


def _compared(
    config: Path,
    root: Path | None,
    overrides: list[str],
    as_json: bool,
    check: Callable[[Config], None],
    execute: Callable[[Config, Path, Root, ConsoleWatcher], Found],
    lines: Callable[[Mapping[str, Any]], list[str]],
    kept: str,
) -> None:
    """Checks the inputs, shows how the comparison goes on, and prints what it found."""
    from rich.text import Text

    from pipeline import kernels
    from pipeline.cli.dry_run import inputs
    from pipeline.cli.progress import watcher_for
    from pipeline.cli.quiet import quiet_stderr
    from pipeline.cli.run import console_for, interrupted
    from pipeline.config import load
    from pipeline.root import Root
    from pipeline.runs.lock import ensure_free

    loaded = load(config, overrides)
    check(loaded)
    directory, place = config.resolve().parent, Root.beside(config, root)
    inputs(loaded, directory)
    # Before anything loads TensorFlow.
    kernels.use(loaded)
    ensure_free(place.lock)
    console = console_for(as_json)
    try:
        with watcher_for(console) as watcher:
            watcher.note(f"[bold]{loaded.name}[/]: loading libraries")
            with quiet_stderr():
                import pipeline.comparison  # noqa: F401 - the libraries are loaded, quietly
            found = execute(loaded, directory, place, watcher)
    except KeyboardInterrupt:
        raise interrupted(f"The same command goes on; {kept} that ended are kept.") from None
    if as_json:
        typer.echo(json.dumps(found.results, indent=2, sort_keys=True))
    else:
        console.print(Text("\n".join(lines(found.results))))
    console.print(Text(f"report  {found.report_path}"))
