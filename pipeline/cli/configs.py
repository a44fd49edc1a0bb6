"""`tandem config`: schema, show, diff."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import ConfigArgument, JsonOption, SetOption

app = typer.Typer(help="Look at configs.", no_args_is_help=True)


@app.command()
def schema() -> None:
    """Write the JSON Schema of configs, for editors."""
    from pipeline.config import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command()
def show(config: ConfigArgument, overrides: SetOption = None) -> None:
    """Write a config with every default filled in."""
    from pipeline.config import dump, load

    typer.echo(dump(load(config, overrides or [])), nl=False)


@app.command()
def diff(
    first: ConfigArgument,
    second: Annotated[Path, typer.Argument(metavar="CONFIG", help="Config file to compare with.")],
    as_json: JsonOption = False,
) -> None:
    """Fields in which two configs differ."""
    from pipeline.config import diff as difference
    from pipeline.config import load
    from pipeline.config.problems import visible

    changes = difference(load(first), load(second))
    if as_json:
        typer.echo(
            json.dumps([{"path": c.path, "old": c.old, "new": c.new} for c in changes], indent=2, default=str)
        )
        return
    if not changes:
        typer.echo("no difference")
    for change in changes:
        typer.echo(visible(f"{change.path}: {change.old} -> {change.new}"))
