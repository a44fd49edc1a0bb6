"""`tandem gate`, `tandem rollback` and `tandem predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import RootOption, RunArgument, existing_root

if TYPE_CHECKING:
    from pipeline.root import Root

gate_app = typer.Typer(help="Why a model was pushed or refused.", no_args_is_help=True)


@gate_app.command("explain")
def explain(run_id: RunArgument = None, root: RootOption = None) -> None:
    """Every rule of the gate with value, limit and verdict."""
    from components.gate.report import explain as text
    from pipeline.config.problems import visible
    from pipeline.runs.store import RunStore
    from trainer.errors import TandemError

    run = RunStore(existing_root(root)).find(run_id)
    gate = (run.view() or {}).get("gate")
    if not gate:
        raise TandemError(
            "GATE-020",
            f"Expected a run that reached its gate. Received: run {run.run_id}, "
            f"status {run.summary()['status']}",
            f"Look at it with `tandem runs show {run.run_id}`.",
            exit_status=2,
        )
    push = run.summary().get("push") or {}
    typer.echo(visible(text(gate)))
    if gate.get("blessed") and not push.get("pushed", True):
        typer.echo(f"Not pushed all the same: {push.get('reason')}.")


def rollback(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Served model; the only one.")] = None,
    root: RootOption = None,
) -> None:
    """Deny the newest pushed version, so that the one before is served."""
    from components.push.rollback import rollback as roll
    from trainer.errors import TandemError

    place = existing_root(root)
    serving = _serving_directories(place)
    if name is None and len(serving) == 1:
        (name,) = serving
    if not serving:
        raise TandemError(
            "PUSH-020",
            f"Expected a pushed model. Received: none of the runs in {place.runs} pushed one",
            "Push one with `tandem run CONFIG`.",
            exit_status=2,
        )
    if name is None or name not in serving:
        raise TandemError(
            "PUSH-020",
            "Expected the name of a served model. "
            f"Received: {name or 'no name'}; known: {', '.join(serving)}",
            "Give one of these names.",
            exit_status=2,
        )
    result = roll(serving[name], name, place.registry)
    denied = ", ".join(map(str, result.denied))
    if result.already:
        typer.echo(
            f"{name}: version {denied} was denied already, version {result.served} is served; repeat the "
            "command to take that one back too"
        )
    else:
        typer.echo(f"{name}: denied version {denied}, version {result.served} is served")


def _serving_directories(root: Root) -> dict[str, Path]:
    """Where the newest run of each pipeline that was ever pushed serves it from, by name."""
    from pipeline.config import load
    from pipeline.runs.store import RunStore
    from trainer.errors import TandemError

    found = {}
    for run in RunStore(root).all():
        try:
            config = load(run.config_path)
        except TandemError:
            # A config of an earlier release; the newer runs tell.
            continue
        serving = root.serving_of(config.push.directory, run.config_directory())
        if (serving / config.name).is_dir():
            found[config.name] = serving
    return found


def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A pushed version, or the directory above it.")
    ],
    data: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV or Parquet file with the feature columns.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="CSV file to write; standard output."),
    ] = None,
) -> None:
    """Score a file with a pushed model; predictions are added as columns."""
    import shutil
    import sys
    import tempfile

    from pipeline.cli.quiet import quiet_stderr
    from trainer.faults import point

    with quiet_stderr():
        from pipeline.predict import predict as score

        if output is None:
            # What is piped on is all of the file or nothing: a row far below may be refused.
            with tempfile.TemporaryFile() as whole:
                score(model, data, whole)
                whole.seek(0)
                shutil.copyfileobj(whole, sys.stdout.buffer)
            return
        temporary = output.with_name(f".{output.name}.partial")
        try:
            point("predict.open")
            with temporary.open("wb") as file:
                rows = score(model, data, file)
            point("predict.write", written=temporary)
            temporary.replace(output)
        finally:
            temporary.unlink(missing_ok=True)
    typer.echo(f"{rows} rows in {output}")
