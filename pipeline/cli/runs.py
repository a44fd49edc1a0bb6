"""`tandem runs` and `tandem report`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import JsonOption, RootOption, RunArgument, existing_root

if TYPE_CHECKING:
    from pipeline.root import Root
    from pipeline.runs.store import Run

app = typer.Typer(help="List, show and compare runs.", no_args_is_help=True)

_HEADLINE = ("auc", "accuracy", "rmse")
_WIDTH = 200


def _find(root: Any, run_id: str | None) -> Run:
    from pipeline.runs.store import RunStore

    return RunStore(existing_root(root)).find(run_id)


def _current(run: Run, root: Root) -> dict[str, Any]:
    """The summary, with the status `running` or `damaged` where that is the case."""
    from pipeline.runs.lock import running
    from trainer.errors import TandemError

    try:
        summary = run.summary()
    except TandemError:
        return {"run_id": run.run_id, "status": "damaged"}
    return {**summary, "status": "running"} if running(root.lock) == run.run_id else summary


def _headline(metrics: dict[str, Any]) -> str:
    from pipeline.report.formats import finite

    candidate = metrics.get("candidate") or {}
    known = [(name, value) for name in _HEADLINE if (value := finite(candidate.get(name))) is not None]
    return f"{known[0][0]} {known[0][1]:.4f}" if known else ""


@app.command("list")
def list_runs(root: RootOption = None, as_json: JsonOption = False) -> None:
    """All runs, newest first."""
    from rich.console import Console
    from rich.table import Table

    from pipeline.report.formats import finite
    from pipeline.runs.store import RunStore

    place = existing_root(root)
    summaries = [_current(run, place) for run in reversed(RunStore(place).all())]
    if as_json:
        typer.echo(json.dumps(summaries, indent=2, sort_keys=True))
        return
    if not summaries:
        typer.echo(f"no runs in {place.runs}")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "pipeline", "status", "version", "seconds", "metric"):
        table.add_column(
            heading, no_wrap=True, justify="right" if heading in ("version", "seconds") else "left"
        )
    for summary in summaries:
        version, seconds = summary.get("pushed_version"), finite(summary.get("seconds"))
        table.add_row(
            summary["run_id"],
            summary.get("name") or "",
            summary.get("status") or "",
            "" if version is None else str(version),
            "" if seconds is None else f"{seconds:.0f}",
            _headline(summary.get("metrics") or {}),
        )
    # A narrow terminal wraps lines; a table of its width would cut run ids.
    Console(highlight=False, markup=False, width=_WIDTH, soft_wrap=True).print(table)


@app.command()
def show(run_id: RunArgument = None, root: RootOption = None, as_json: JsonOption = False) -> None:
    """How a run went."""
    from rich.console import Console

    from pipeline.report.terminal import summary_lines

    run = _find(root, run_id)
    if as_json:
        typer.echo(json.dumps(run.summary(), indent=2, sort_keys=True))
        return
    summary = run.summary()
    if error := summary.get("error"):
        summary["error"] = {**error, "log": str(run.directory / error["log"])}
    Console(highlight=False, soft_wrap=True).print(summary_lines({**(run.view() or {}), "summary": summary}))


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="RUN", help="Run id or its beginning.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="Run id or its beginning.")],
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Config fields, fingerprints and metrics in which two runs differ."""
    from pipeline.config import diff as difference
    from pipeline.config import load
    from pipeline.config.problems import visible

    runs = [_find(root, name) for name in (first, second)]
    changes = difference(*[load(run.config_path) for run in runs])
    rows = [("config", change.path, change.old, change.new) for change in changes]
    summaries = [run.summary() for run in runs]
    parts: list[tuple[str, list[dict[str, Any]]]] = [
        ("metric", [(s.get("metrics") or {}).get("candidate") or {} for s in summaries]),
        ("fingerprint", [s.get("fingerprints") or {} for s in summaries]),
        ("rows", [s.get("rows") or {} for s in summaries]),
    ]
    for kind, (old, new) in parts:
        rows += [
            (kind, key, old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)
        ]
    if as_json:
        keys = ("kind", "path", "old", "new")
        typer.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2, default=str))
        return
    if not rows:
        typer.echo("no difference")
    for kind, path, old, new in rows:
        typer.echo(visible(f"{kind:<11} {path}: {old} -> {new}"))


def report(
    run_id: RunArgument = None,
    root: RootOption = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the web browser.")] = False,
) -> None:
    """Write the report of a run again and say where it is."""
    from pipeline.report import page

    run = _find(root, run_id)
    view = run.view()
    if view is None:
        view = {"summary": run.summary(), "config_text": run.config_path.read_text()}
    page.write(view, run.report_path)
    typer.echo(str(run.report_path))
    if open_it:
        typer.launch(run.report_path.as_uri())
