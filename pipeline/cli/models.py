"""`tandem gate`, `tandem rollback` and `tandem predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import RootOption, RunArgument, existing_root

gate_app = typer.Typer(help="Why a model was pushed or refused.", no_args_is_help=True)


@gate_app.command("explain")
def explain(run_id: RunArgument = None, root: RootOption = None) -> None:
    """Every rule of the gate with value, limit and verdict."""
    from components.gate.report import explain as text
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
    typer.echo(text(gate))


def rollback(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Served model; the only one.")] = None,
    root: RootOption = None,
) -> None:
    """Deny the newest pushed version, so that the one before is served."""
    from components.push.registry import served_version
    from components.push.rollback import rollback as roll
    from trainer.errors import TandemError

    place = existing_root(root)
    names = sorted(path.name for path in place.serving.iterdir()) if place.serving.is_dir() else []
    if name is None and len(names) == 1:
        name = names[0]
    if name not in names:
        raise TandemError(
            "PUSH-020",
            f"Expected the name of a served model. Received: {name}; served: {', '.join(names) or 'none'}",
            "Give one of these names.",
            exit_status=2,
        )
    # Named, so that a repeated command never takes back a second version.
    result = roll(place.serving, name, place.registry, version=served_version(place.serving, name))
    denied = ", ".join(map(str, result.denied))
    typer.echo(f"{name}: denied version {denied}, version {result.served} is served")


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
    import sys

    from pipeline.predict import predict as score

    if output is None:
        score(model, data, sys.stdout.buffer)
        return
    temporary = output.with_name(f".{output.name}.partial")
    try:
        with temporary.open("wb") as file:
            rows = score(model, data, file)
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)
    typer.echo(f"{rows} rows in {output}")
