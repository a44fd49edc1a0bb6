"""`tandem schedule`."""

from __future__ import annotations

import dataclasses
import datetime
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.cluster import with_cluster
from pipeline.cli.options import ConfigArgument, JsonOption, RootOption, SetOption

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pipeline.config import Config
    from pipeline.kubeflow.api.client import Client
    from pipeline.kubeflow.api.connection import Options
    from pipeline.kubeflow.webhook import Event
    from trainer.errors import TandemError

DIFFERS = 4
NextOption = Annotated[int, typer.Option("--next", metavar="N", min=0, max=100, help="Starts to show.")]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Look back to here (ISO 8601) and tell all of it again."),
]
WebhookOption = Annotated[
    Path | None,
    typer.Option("--webhook-file", metavar="FILE", help="File with the URL; TANDEM_WEBHOOK_URL."),
]
app = typer.Typer(
    help="Periodic retraining on Kubeflow, as kubeflow.schedule declares it.", no_args_is_help=True
)


@app.command()
@with_cluster
def create(
    cluster: Options, config: ConfigArgument, overrides: SetOption = None, as_json: JsonOption = False
) -> None:
    """Make the cluster agree with the config; changes nothing if it does."""
    from pipeline.kubeflow.schedule import place, reconcile

    loaded = _starting(config, overrides)
    with _connected(cluster, loaded) as client:
        plan = place.planned(client, loaded, True, _upload(config, overrides, cluster))
        done = reconcile.reconcile(client, plan, _now())
        state = "starts runs" if plan.enabled else "is paused, kubeflow.schedule.enabled is false"
        _say(as_json, dataclasses.asdict(done), [f"schedule {plan.name}: {done.action}; it {state}"])


@app.command()
@with_cluster
def show(
    cluster: Options,
    config: ConfigArgument,
    overrides: SetOption = None,
    next_starts: NextOption = 5,
    as_json: JsonOption = False,
) -> None:
    """Show the schedule on the cluster, its next starts and its last runs."""
    from pipeline.kubeflow.schedule import show as shows

    loaded = _loaded(config, overrides)
    with _connected(cluster, loaded) as client:
        found = _found(client, loaded, _again("schedule create", config, overrides, cluster))
        described = [shows.describe(client, item, _now(), next_starts) for item in found]
    _say(as_json, described, [line for entry in described for line in _lines(entry)])


@app.command()
@with_cluster
def diff(
    cluster: Options, config: ConfigArgument, overrides: SetOption = None, as_json: JsonOption = False
) -> None:
    """Show in what the cluster differs from the config; exit status 0 if in nothing, 4 if it does."""
    from pipeline.kubeflow.api import recurring
    from pipeline.kubeflow.schedule import difference, place

    loaded = _declaring(config, overrides)
    with _connected(cluster, loaded) as client:
        plan = place.planned(client, loaded, False, _upload(config, overrides, cluster))
        found = recurring.named(client, plan.name)
    differs = [
        entry
        for item in found
        for entry in (*difference.differences(plan, item), *difference.enabled_difference(plan, item))
    ]
    if len(found) != 1:
        differs.insert(0, difference.Difference("schedules", "1", str(len(found))))
    lines = [f"{one.field}: {one.declared} in the config, {one.found} on the cluster" for one in differs]
    if differs:
        lines.append(f"next  {_again('schedule create', config, overrides, cluster)}")
    _say(as_json, [dataclasses.asdict(entry) for entry in differs], lines or ["no difference"])
    raise typer.Exit(DIFFERS if differs else 0)


@app.command()
@with_cluster
def pause(
    cluster: Options, config: ConfigArgument, overrides: SetOption = None, as_json: JsonOption = False
) -> None:
    """Start no more runs until `resume` or `create`; runs that have begun go on."""
    from pipeline.kubeflow.schedule import place, reconcile

    loaded = _loaded(config, overrides)
    with _connected(cluster, loaded) as client:
        _found(client, loaded, _again("schedule create", config, overrides, cluster))
        ids = reconcile.pause(client, place.name_of(loaded))
    _say(as_json, {"paused": ids}, [f"schedule {place.name_of(loaded)}: paused"])


@app.command()
@with_cluster
def resume(
    cluster: Options, config: ConfigArgument, overrides: SetOption = None, as_json: JsonOption = False
) -> None:
    """Start runs again, as the config declares; starts of the pause are left out unless catch_up is set."""
    from pipeline.kubeflow.schedule import place, reconcile

    loaded = _starting(config, overrides)
    with _connected(cluster, loaded) as client:
        _found(client, loaded, _again("schedule create", config, overrides, cluster))
        plan = dataclasses.replace(
            place.planned(client, loaded, True, _upload(config, overrides, cluster)), enabled=True
        )
        done = reconcile.reconcile(client, plan, _now())
        _say(as_json, dataclasses.asdict(done), [f"schedule {plan.name}: {done.action}; it starts runs"])


@app.command()
@with_cluster
def delete(
    cluster: Options, config: ConfigArgument, overrides: SetOption = None, as_json: JsonOption = False
) -> None:
    """Delete the schedule on the cluster; its runs and the pipeline stay."""
    from pipeline.kubeflow.schedule import place, reconcile

    loaded = _loaded(config, overrides)
    with _connected(cluster, loaded) as client:
        ids = reconcile.remove(client, place.name_of(loaded))
    done = "deleted" if ids else "there is none"
    _say(as_json, {"deleted": ids}, [f"schedule {place.name_of(loaded)}: {done}"])


@app.command()
@with_cluster
def check(
    cluster: Options,
    config: ConfigArgument,
    overrides: SetOption = None,
    since: SinceOption = None,
    webhook_file: WebhookOption = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the webhook of missed starts, failed runs and refused models, each once.

    The exit status is 0 if there is nothing new, 4 if there is.
    """
    from pipeline.kubeflow import webhook
    from pipeline.kubeflow.schedule import check as checks
    from pipeline.kubeflow.schedule.moments import moment
    from pipeline.root import Root

    loaded = _declaring(config, overrides)
    wanted = loaded.kubeflow.webhook
    url = _url(webhook_file) if wanted or webhook_file else None
    if wanted is not None and url is None:
        raise _no_url()
    place = Root.beside(config, root).path
    memory = checks.Memory(place, loaded.name)
    after = moment("--since", since)
    with _connected(cluster, loaded) as client:
        events, checked = checks.look(client, loaded, place, after or memory.checked(), _now())
    new: list[Event] = []
    for event in events:
        heard = wanted is None or event.kind in wanted.on
        if after is not None and url is not None and heard:
            webhook.send(url, event)
        if webhook.send_once(url if heard and after is None else None, event, place) or after is not None:
            new.append(event)
    memory.keep(checked)
    lines = [f"{event.kind}  {event.run_id}  {event.message}" for event in new]
    _say(as_json, [event.to_dict() for event in new], lines or ["nothing new"])
    raise typer.Exit(DIFFERS if new else 0)


def _loaded(config: Path, overrides: list[str] | None) -> Config:
    from pipeline.config import load

    return load(config, overrides or [])


def _declaring(config: Path, overrides: list[str] | None) -> Config:
    """A config whose schedule is sound, found out before anything is asked of the cluster."""
    from pipeline.kubeflow.schedule.plan import declared

    loaded = _loaded(config, overrides)
    declared(loaded)
    return loaded


def _starting(config: Path, overrides: list[str] | None) -> Config:
    """As `_declaring`, of a schedule that still starts runs."""
    from pipeline.kubeflow.schedule.moments import require_future

    loaded = _declaring(config, overrides)
    require_future(loaded.kubeflow.schedule.end if loaded.kubeflow.schedule else None, _now())
    return loaded


def _again(name: str, config: Path, overrides: list[str] | None, cluster: Options, *more: str) -> str:
    """A command on the same config and cluster, as a user types it."""
    from pipeline.cli.cluster import typed

    sets = [word for text in overrides or [] for word in ("--set", text)]
    return shlex.join(["tandem", *name.split(), str(config), *sets, *typed(cluster), *more])


def _upload(config: Path, overrides: list[str] | None, cluster: Options) -> str:
    return _again("deploy", config, overrides, cluster, "--no-run")


def _connected(cluster: Options, config: Config) -> AbstractContextManager[Client]:
    from pipeline.kubeflow.api.connection import connect

    return connect(cluster, config.kubeflow.namespace)


def _found(client: Client, config: Config, create: str) -> list[Any]:
    from pipeline.kubeflow.api import recurring
    from pipeline.kubeflow.schedule.place import name_of
    from trainer.errors import TandemError

    found = recurring.named(client, name_of(config))
    if not found:
        raise TandemError(
            "KFP-410",
            f"Expected a schedule {name_of(config)} on the cluster. Received: none.",
            f"Make it with {create}",
            exit_status=2,
        )
    return found


def _url(file: Path | None) -> str | None:
    from pipeline.kubeflow import webhook
    from trainer.errors import TandemError

    try:
        return webhook.url_from(file=file)
    except TandemError as error:
        if file is None:
            raise
        hint = f"Write the URL into {file}, or name another file with --webhook-file."
        raise TandemError(error.code, error.message, hint, error.exit_status) from None


def _no_url() -> TandemError:
    from trainer.errors import TandemError

    return TandemError(
        "KFP-411",
        "Expected the URL of kubeflow.webhook in TANDEM_WEBHOOK_URL. Received: none.",
        "Give the pod the secret of kubeflow.webhook, or name a file with --webhook-file.",
        exit_status=2,
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _say(as_json: bool, document: Any, lines: list[str]) -> None:
    typer.echo(json.dumps(document, indent=2, sort_keys=True) if as_json else "\n".join(lines))


def _lines(entry: dict[str, Any]) -> list[str]:
    when = entry["cron"] or f"every {entry['interval_seconds']} s"
    ended = f"has ended at {entry['end']}, starts no more runs" if entry["ended"] else "starts runs"
    state = ended if entry["enabled"] or entry["ended"] else "paused"
    lasts = f"{entry['start'] or 'now'} to {entry['end'] or 'always'}"
    starts = [f"{start['time']}  span {start['span']}" for start in entry["next"]]
    last = [f"{run['created']}  {run['state']}  {run['run_id']}" for run in entry["runs"]]
    rows = [
        ("when", f"{when} (UTC), {lasts}"),
        ("state", state),
        ("span", entry["span"]),
        ("version", entry["version"]),
        ("at one time", str(entry["max_concurrency"])),
        ("catch up", "yes" if entry["catch_up"] else "no"),
        *(("" if index else "next", text) for index, text in enumerate(starts)),
        *(("" if index else "runs", text) for index, text in enumerate(last)),
        ("link", entry["link"]),
    ]
    return [f"schedule {entry['name']}", *(f"  {name:<12} {value}" for name, value in rows)]
