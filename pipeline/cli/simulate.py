"""`tandem simulate`."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import JsonOption

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.kubeflow.simulate import Outcome
    from trainer.errors import TandemError

_CODE = re.compile(r"([A-Z]+-[0-9]{3}): (.+)")
DEFAULT_ROOT = ".tandem-simulation"


class BackendName(StrEnum):
    """Versions of the backend whose input differs."""

    OLD = "old"
    NEW = "new"


def simulate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Compiled pipeline (YAML).")],
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="DIR", help=f"Where all is kept; {DEFAULT_ROOT} beside the file."),
    ] = None,
    container: Annotated[
        bool, typer.Option("--container", help="Run containers by Docker in place of processes.")
    ] = False,
    image: Annotated[
        str, typer.Option("--image", metavar="IMAGE", help="With --container: this image for every task.")
    ] = "",
    backend: Annotated[
        BackendName, typer.Option("--backend", help="Version of the backend.")
    ] = BackendName.NEW,
    parameters: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the run.")
    ] = None,
    volumes: Annotated[
        list[str] | None, typer.Option("--volume", metavar="CLAIM=DIR", help="Directory of a claim.")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--put",
            metavar="FILE",
            help="Copy a file or directory, such as the data, to the state volume.",
        ),
    ] = None,
    secrets: Annotated[
        list[str] | None, typer.Option("--secret", metavar="NAME.KEY=VALUE", help="Value of a secret.")
    ] = None,
    config_maps: Annotated[
        list[str] | None,
        typer.Option("--config-map", metavar="NAME.KEY=VALUE", help="Value of a config map."),
    ] = None,
    pipeline_root: Annotated[
        str, typer.Option("--pipeline-root", metavar="URI", help="Where artifacts go (gs, s3, minio).")
    ] = "",
    parallel: Annotated[
        int, typer.Option("--parallel", metavar="N", min=0, help="Most tasks at a time; 0 for all cores.")
    ] = 0,
    as_json: JsonOption = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also show what tasks write.")] = False,
) -> None:
    """Run a compiled pipeline task by task as Kubeflow Pipelines would, without a cluster."""
    from pipeline.cli.run import console_for, interrupted
    from pipeline.cli.simulate_progress import watcher_for
    from pipeline.kubeflow import simulate as room

    options = room.Options(
        root=root or file.resolve().parent / DEFAULT_ROOT,
        parameters=_pairs(parameters, "--param NAME=VALUE"),
        backend=backend.value,
        container=container,
        image=image,
        pipeline_root=pipeline_root,
        volumes={name: Path(place) for name, place in _pairs(volumes, "--volume CLAIM=DIR").items()},
        secrets=_keys(secrets, "--secret NAME.KEY=VALUE"),
        config_maps=_keys(config_maps, "--config-map NAME.KEY=VALUE"),
        files=files or (),
        parallel=parallel,
        follow=verbose,
    )
    _check(file)
    console = console_for(as_json)
    with watcher_for(console) as watcher:
        outcome = room.simulate(file, options, watcher)
    if outcome.interrupted:
        raise interrupted("Simulate it again; tasks that ended are reused where their cache allows it.")
    if as_json:
        typer.echo(json.dumps(outcome.to_dict(), indent=2, sort_keys=True))
    _show(outcome, console, as_json)
    raise typer.Exit(outcome.exit_status)


def _check(file: Path) -> None:
    """Holds a file of Tandem to the strict checks; what others compiled only has to be runnable."""
    from pipeline.kubeflow import check
    from pipeline.kubeflow.simulate.document import load
    from pipeline.kubeflow.simulate.processes import ENTRYPOINT

    executors = load(file).deployment.executors.values()
    if any(ENTRYPOINT in (*one.container.command, *one.container.args) for one in executors):
        check.load(file)


def _bad(usage: str, text: str) -> TandemError:
    from trainer.errors import TandemError

    # The name may be told; what follows it may be a secret.
    shown = text.partition("=")[0]
    return TandemError("KFP-205", f"Expected {usage}. Received: {shown}", "Correct it.", exit_status=2)


def _pairs(given: list[str] | None, usage: str) -> dict[str, str]:
    pairs = {}
    for text in given or []:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise _bad(usage, text)
        pairs[name] = value
    return pairs


def _keys(given: list[str] | None, usage: str) -> dict[str, dict[str, str]]:
    objects: dict[str, dict[str, str]] = {}
    for path, value in _pairs(given, usage).items():
        name, separator, key = path.partition(".")
        if not separator or not name or not key:
            raise _bad(usage, path)
        objects.setdefault(name, {})[key] = value
    return objects


def _show(outcome: Outcome, console: Console, as_json: bool) -> None:
    from rich.text import Text

    from pipeline.cli.failures import report_failure

    states = [task.state for task in outcome.tasks]
    counts = ", ".join(
        f"{states.count(state)} {state}"
        for state in ("ran", "cached", "failed", "skipped")
        if state in states
    )
    console.print(Text(f"{counts} in {outcome.seconds:.1f} s"))
    if not as_json and outcome.summary is not None:
        console.print(Text(f"status  {outcome.summary.get('status', 'unknown')}"))
        for line in _reasons(outcome.summary):
            console.print(Text(f"  {line}"))
    for task in outcome.failed:
        report_failure(_told(task.name, task.error, task.log), task.log or None)
    report = outcome.root / "objects" / outcome.run_root.replace("://", "/") / "report" / "report.html"
    if report.exists():
        console.print(Text(f"report  {report}"))
    console.print(Text(f"result  {outcome.root / 'result.json'}"))


def _reasons(summary: dict[str, Any]) -> list[str]:
    """Why nothing was pushed, if the run went well."""
    if summary.get("status") != "not_blessed":
        return []
    failed = [entry for entry in summary.get("gate") or [] if entry.get("verdict") == "fail"]
    told = [f"✗ {entry['rule']}  {entry['slice']}: {entry['reason']}" for entry in failed]
    return told or [str((summary.get("push") or {}).get("reason") or "the model is not blessed")]


def _told(name: str, text: str, log: str) -> TandemError:
    """The error that the step itself told last, or what the backend saw of it."""
    from trainer.errors import TandemError

    if "DeadlineExceeded" in text:
        return TandemError("KFP-206", f"Expected step {name} to end in time. Received: {text}")
    lines = Path(log).read_text(errors="replace").splitlines() if log and Path(log).exists() else []
    found = _CODE.match(next((line for line in reversed(lines) if line.strip()), ""))
    if found:
        return TandemError(found[1], f"In step {name}: {found[2]}")
    return TandemError("KFP-206", f"Expected every task to succeed. Received: {name}: {text}")
