"""`tandem experiments`: list, show, diff."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.cli.options import JsonOption

app = typer.Typer(help="Named settings to build a config upon.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of an experiment.")]


@app.command("list")
def list_experiments(as_json: JsonOption = False) -> None:
    """All experiments with task, description and paper."""
    from rich.console import Console
    from rich.table import Table

    from pipeline.experiments import describe, names

    found = [describe(name) for name in names()]
    if as_json:
        entries = [
            {"name": e.name, "task": e.task, "description": e.description, "paper": e.paper} for e in found
        ]
        typer.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("experiment", "task", "what it is", "paper"):
        table.add_column(heading, no_wrap=True)
    for entry in found:
        table.add_row(entry.name, entry.task, entry.summary, entry.paper)
    # A narrow terminal wraps lines; a table of its width would cut names.
    Console(highlight=False, markup=False, width=240, soft_wrap=True).print(table)


@app.command()
def show(name: NameArgument) -> None:
    """Write the values of an experiment as YAML, as a config file would hold them."""
    from pipeline.config.text import render
    from pipeline.experiments import base, describe

    entry = describe(name)
    comments = [f"# {line}".rstrip() for line in (*entry.description.splitlines(), entry.paper)]
    typer.echo("\n".join(comments))
    typer.echo(render(base(name)), nl=False)


@app.command()
def diff(
    first: NameArgument,
    second: Annotated[str, typer.Argument(metavar="NAME", help="Experiment to compare with.")],
    as_json: JsonOption = False,
) -> None:
    """Values in which two experiments differ."""
    from pipeline.config.difference import changes
    from pipeline.config.problems import visible
    from pipeline.experiments import base

    found = changes(base(first), base(second))
    if as_json:
        typer.echo(json.dumps([{"path": c.path, "old": c.old, "new": c.new} for c in found], indent=2))
        return
    if not found:
        typer.echo("no difference")
    for change in found:
        typer.echo(visible(f"{change.path}: {change.old} -> {change.new}"))
