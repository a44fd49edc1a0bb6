"""`tandem init` and `tandem schema`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import ConfigArgument, RootOption

schema_app = typer.Typer(help="Review the kept schema of a pipeline.", no_args_is_help=True)


def init(
    label: Annotated[str, typer.Option("--label", metavar="COL", help="Column to predict.")],
    data: Annotated[
        Path | None, typer.Argument(metavar="DATA", help="CSV or Parquet file, directory or glob.")
    ] = None,
    lines: Annotated[
        list[str] | None,
        typer.Option(
            "--lines",
            metavar="COL=FILE",
            help="In place of DATA, once for each column: file, directory or glob of parallel lines.",
        ),
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="COL", help="Time of a row; splits go by time.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Config file to write; NAME.yaml.")
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option("--experiment", metavar="NAME", help="Build on one of `tandem experiments list`."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="seq2seq or language_model, where the label is a text."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="COL", help="Text that a label of texts is made from.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Infer a working config from data with a label column."""
    from rich.console import Console
    from rich.markup import escape

    from pipeline.init import default_name, infer, infer_lines, named_files, to_yaml
    from trainer.errors import TandemError
    from trainer.storage import write_atomic

    _check_form(data, lines, time)
    named = named_files(lines or [])
    name = default_name(str(data) if data is not None else next(iter(named.values())))
    target = output or Path(f"{name}.yaml")
    if target.is_dir():
        raise TandemError(
            "INIT-020",
            f"Expected a file to write. Received: {target}, which is a directory",
            f"Name the file too, such as -o {target / f'{name}.yaml'}.",
            exit_status=2,
        )
    if target.exists() and not force:
        raise TandemError(
            "INIT-020",
            f"Expected a new file. Received: {target}, which exists",
            "Name another one with -o, or replace it with --force.",
            exit_status=2,
        )
    if experiment is not None:
        from pipeline.experiments import describe, with_experiment

        # Before the data is read, not after it.
        describe(experiment)
    if data is not None:
        inference = infer(data, label, time, name, task, source)
    else:
        inference = infer_lines(named, label, name, task, source)
    text = to_yaml(inference, target.resolve().parent)
    write_atomic(target, with_experiment(text, experiment) if experiment is not None else text)
    console = Console(highlight=False, soft_wrap=True)
    config = inference.config
    console.print(f"[bold]{escape(str(target))}[/]: {config.task}, {len(config.features)} features")
    for note in inference.notes:
        console.print(f"  note     {escape(note)}")
    for warning in inference.warnings:
        console.print(f"  [yellow]warning[/]  {escape(warning)}")
    console.print(f"next  [bold]tandem run {escape(shlex.quote(str(target)))}[/]")


def _check_form(data: Path | None, lines: list[str] | None, time: str | None) -> None:
    """Refuses everything but DATA alone, or `--lines` without DATA and `--time`."""
    from pipeline.init.errors import init_error

    if data is None and not lines:
        raise init_error(
            "INIT-012",
            "expected DATA, or --lines COL=FILE for each file of parallel lines. Received: neither.",
            "Such as tandem init data.csv --label COL.",
        )
    if data is not None and lines:
        raise init_error(
            "INIT-012",
            f"expected DATA or --lines, not both. Received: DATA={str(data)!r}, --lines {lines[0]}.",
            "--lines stands before each file: --lines de=train.de --lines en=train.en.",
        )
    if lines and time is not None:
        raise init_error(
            "INIT-012",
            f"expected no time of parallel lines, which are split by their texts. Received: --time {time}.",
            "Leave it out; docs/config.md has `data.split` to change the split in the config.",
        )


@schema_app.command()
def diff(config: ConfigArgument, root: RootOption = None) -> None:
    """What the newest data would change in the kept schema."""
    from pipeline.cli.quiet import quiet_stderr

    with quiet_stderr():
        from pipeline.schema_review import changes

        lines = changes(config, root)
    typer.echo("\n".join(lines) if lines else "no difference")


@schema_app.command()
def accept(config: ConfigArgument, root: RootOption = None) -> None:
    """Keep the schema of the newest data as the next version."""
    from pipeline.cli.quiet import quiet_stderr

    with quiet_stderr():
        from pipeline.schema_review import accept as keep

        version, is_new = keep(config, root)
    typer.echo(f"kept as version {version}" if is_new else f"no difference from version {version}")
