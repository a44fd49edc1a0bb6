"""`tandem deploy`."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.cluster import with_cluster
from pipeline.cli.options import ConfigArgument, JsonOption, RootOption, SetOption

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.config import Config
    from pipeline.kubeflow.api.client import Client
    from pipeline.kubeflow.api.connection import Options
    from pipeline.kubeflow.deploy.fetch import Fetched
    from pipeline.kubeflow.deploy.verdict import Verdict

PackageOption = Annotated[
    Path | None, typer.Option("--package", metavar="FILE", help="Compiled file; compiled anew when left out.")
]
NoRunOption = Annotated[bool, typer.Option("--no-run", help="Upload only.")]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Start the run and leave it.")]
WatchOption = Annotated[
    str | None, typer.Option("--watch", metavar="RUN", help="Watch a run that was started before, by its id.")
]
SpanOption = Annotated[
    str | None, typer.Option("--span", metavar="SPAN", help="Span to train on; the newest when left out.")
]
ReportOption = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Also write the report here.")
]


@with_cluster
def deploy(
    cluster: Options,
    config: ConfigArgument,
    package: PackageOption = None,
    no_run: NoRunOption = False,
    no_wait: NoWaitOption = False,
    watch: WatchOption = None,
    span: SpanOption = None,
    report: ReportOption = None,
    root: RootOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the pipeline on Kubeflow: upload, start, watch, fetch the report.

    The exit status is 0 if the model was pushed, 3 if the gate refused it, 1 if the run failed.
    """
    from rich.text import Text

    from pipeline.cli.cluster import typed
    from pipeline.cli.run import console_for, interrupted
    from pipeline.config import load
    from pipeline.kubeflow.api.connection import connect
    from pipeline.kubeflow.deploy import launch
    from pipeline.root import Root

    loaded = load(config, overrides or [])
    place = Root.beside(config, root)
    _refuse_together(no_run, no_wait, watch, package)
    if span is not None and watch is None:
        launch.require_span(loaded, span)
    console = console_for(as_json)
    again = ["tandem", "deploy", str(config), *(word for text in overrides or [] for word in ("--set", text))]
    again += [*(["--root", str(root)] if root else []), *typed(cluster)]
    run_id = watch or ""
    try:
        compiled = None if watch else _package(loaded, config, overrides or [], package, place, console)
        with connect(cluster, loaded.kubeflow.namespace) as client:
            if compiled is not None:
                uploaded = launch.upload(client, loaded, compiled)
                state = "uploaded" if uploaded.new else "unchanged"
                console.print(Text(f"version  {uploaded.version}  {state}"))
                if no_run:
                    _end(as_json, {"uploaded": dataclasses.asdict(uploaded)})
                    return
                run_id = launch.start(client, loaded, compiled, uploaded, span).run_id
            console.print(Text(f"run      {run_id}\nlink     {client.link(f'runs/details/{run_id}')}"))
            if no_wait:
                console.print(Text(f"next     {shlex.join([*again, '--watch', run_id])}"))
                _end(as_json, {"run_id": run_id, "link": client.link(f"runs/details/{run_id}")})
                return
            told = _follow(client, loaded, run_id, place, console)
    except KeyboardInterrupt:
        following = f"`{shlex.join([*again, '--watch', run_id])}` goes on watching."
        unknown = "If a run was started, it goes on; its page is in the UI."
        raise interrupted(f"The run goes on. {following}" if run_id else unknown) from None
    again += [*(["--package", str(package)] if package else []), *(["--span", span] if span else [])]
    _tell(told, run_id, report, as_json, console, again)


def _refuse_together(no_run: bool, no_wait: bool, watch: str | None, package: Path | None) -> None:
    from trainer.errors import TandemError

    given = [
        name for name, value in (("--watch", watch), ("--no-run", no_run), ("--no-wait", no_wait)) if value
    ]
    given += ["--package"] if watch and package else []
    if len(given) > 1:
        raise TandemError(
            "KFP-327",
            f"Expected one of these options. Received: {', '.join(given)}.",
            "Leave out all but one.",
            exit_status=2,
        )


def _package(
    config: Config, path: Path, overrides: list[str], package: Path | None, place: Any, console: Console
) -> Any:
    from pipeline.kubeflow.deploy import package as packages

    if package is None:
        console.print("compiling")
        output = place.path / "kubeflow" / "compiled" / f"{config.name}.yaml"
        content = packages.compiled(path, overrides, output)
    else:
        output, content = package, packages.read(package, path)
    return packages.parse(content, str(output), config.kubeflow.cache)


def _follow(
    client: Client, config: Config, run_id: str, place: Any, console: Console
) -> tuple[Verdict, Fetched]:
    from pipeline.kubeflow.deploy import fetch, launch, verdict, watch
    from pipeline.kubeflow.deploy.display import display_for

    with display_for(console) as display:
        run = watch.watch(client, run_id, display)
    directory = place.path / "kubeflow" / run_id
    fetched = fetch.fetch(client, config, launch.pipeline_of(config), run, directory)
    return verdict.judge(run, fetched, config.kubeflow.namespace), fetched


def _tell(
    told: tuple[Verdict, Fetched],
    run_id: str,
    report: Path | None,
    as_json: bool,
    console: Console,
    again: list[str],
) -> None:
    from rich.text import Text

    from pipeline.cli.failures import report_failure
    from trainer.storage import write_atomic

    verdict, fetched = told
    copied = fetched.report
    if report is not None and fetched.report is not None:
        write_atomic(report, fetched.report.read_bytes())
        copied = report
    if as_json:
        document = {
            "run_id": run_id,
            "status": verdict.status,
            "failures": [dataclasses.asdict(failure) for failure in verdict.failures],
            "summary": fetched.summary,
            "report": str(copied) if copied else None,
            "where": fetched.where,
        }
        typer.echo(json.dumps(document, indent=2, sort_keys=True))
    else:
        for line in _lines(verdict, fetched):
            console.print(Text(line))
    if verdict.error is not None:
        report_failure(verdict.error, following=shlex.join(again))
    # The error has told why it is unknown.
    reason = f" ({fetched.reason})" if fetched.reason and verdict.status != "unknown" else ""
    console.print(Text(f"report   {copied}" if copied else f"report   not fetched{reason}: {fetched.where}"))
    raise typer.Exit(verdict.exit_status)


def _lines(verdict: Verdict, fetched: Fetched) -> list[str]:
    from pipeline.kubeflow.deploy.verdict import broken_rules, refusal

    summary = fetched.summary or {}
    lines = [
        f"failed   {failure.step}" + (f"  pod {failure.pod}" if failure.pod else "") + _after(failure.message)
        for failure in verdict.failures
    ]
    if verdict.status == "pushed":
        lines.append(f"pushed   version {summary.get('pushed_version')}")
    if verdict.status == "not_blessed":
        lines.append(f"refused  {refusal(summary)}; nothing was pushed")
        for rule in broken_rules(summary):
            lines.append(f"  {rule.get('rule', '')}  {rule.get('reason', '')}".rstrip())
    return lines


def _after(text: str) -> str:
    return f"\n  {text}" if text else ""


def _end(as_json: bool, document: dict[str, Any]) -> None:
    if as_json:
        typer.echo(json.dumps(document, indent=2, sort_keys=True))
