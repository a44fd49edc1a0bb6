"""`tandem schedule` as a user types it, against a server."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from tests.pipeline.kubeflow.api.server import Fault, Server
from tests.pipeline.kubeflow.api.state import tick
from tests.pipeline.kubeflow.deploy.command import HEAVY, Ended, tandem
from tests.pipeline.kubeflow.schedule.planning import uploaded
from tests.pipeline.kubeflow.schedule.receiver import Receiver, receiving

DAY = datetime.timedelta(days=1)


@pytest.fixture
def run(config_file: Path, server: Server):
    """Runs a command of `tandem schedule` on the config with a schedule."""
    uploaded(server)
    config_file.write_text(
        config_file.read_text() + "  schedule: {cron: '0 3 * * *', span: '[[ScheduledTime.2006-01-02]]'}\n"
    )

    def call(name: str, *words: object, **variables: str) -> Ended:
        return tandem(
            config_file.parent, "schedule", name, config_file, "--host", server.url, *words, **variables
        )

    return call


@pytest.fixture
def receiver():
    """A webhook."""
    with receiving() as made:
        yield made


def test_create_diff_pause_resume_delete(server: Server, run) -> None:
    ended = run("diff")
    assert (ended.status, ended.out.splitlines()[0]) == (4, "schedules: 1 in the config, 0 on the cluster")
    assert "next  tandem schedule create" in ended.out
    assert f"--host {server.url}\n" in ended.out
    ended = run("create")
    assert (ended.status, ended.out) == (0, "schedule tandem-flights: created; it starts runs\n")
    assert not ended.modules & set(HEAVY)
    assert run("create", "--json").json()["action"] == "unchanged"
    assert (run("diff").status, run("diff").out) == (0, "no difference\n")
    ended = run("diff", "--set", "kubeflow.schedule.max_concurrency=2", "--json")
    assert ended.status == 4
    assert ended.json() == [{"field": "max_concurrency", "declared": "2", "found": "1"}]
    assert run("pause").out == "schedule tandem-flights: paused\n"
    assert server.state.enabled() == []
    assert "enabled: yes in the config, no on the cluster" in run("diff").out
    assert run("resume").out == "schedule tandem-flights: enabled; it starts runs\n"
    assert run("delete").out == "schedule tandem-flights: deleted\n"
    assert (run("delete").status, run("delete").out) == (0, "schedule tandem-flights: there is none\n")
    assert server.state.recurring_runs == []


def test_show_tells_the_next_starts_and_the_last_runs(server: Server, run) -> None:
    ended = run("show")
    assert (ended.status, ended.err.split()[0]) == (2, "KFP-410")
    assert "tandem schedule create" in ended.err
    run("create")
    (item,) = server.state.recurring_runs
    started = tick(server.state, item, datetime.datetime.now(datetime.UTC) + DAY, "FAILED")
    ended = run("show")
    tomorrow = datetime.datetime.now(datetime.UTC) + DAY
    assert ended.status == 0
    assert "  when         0 0 3 * * * (UTC), now to always" in ended.out
    assert "  version      newest" in ended.out
    assert f"FAILED  {started.run_id}" in ended.out
    (entry,) = run("show", "--json", "--next", "2").json()
    assert [start["time"][10:] for start in entry["next"]] == ["T03:00:00Z"] * 2
    assert all(start["span"] == start["time"][:10] for start in entry["next"])
    assert entry["next"][0]["time"] <= tomorrow.strftime("%Y-%m-%dT%H:%M:%SZ")
    run("pause")
    assert run("show", "--json").json()[0]["next"] == []


def test_check_tells_each_thing_once(server: Server, run, receiver: Receiver, tmp_path: Path) -> None:
    hook = ["--set", "kubeflow.webhook.secret=hook"]
    run("create")
    (item,) = server.state.recurring_runs
    now = datetime.datetime.now(datetime.UTC)
    item.created_at = now - 2 * DAY
    nights = [(now - days * DAY).replace(hour=3, minute=0, second=0, microsecond=0) for days in (2, 1, 0)]
    expected = [night for night in nights if item.created_at < night <= now - DAY / 24]
    failed = tick(server.state, item, expected[0], "FAILED")
    ended = run("check", *hook)
    assert (ended.status, ended.err.split()[0]) == (2, "KFP-411")
    receiver.statuses = [404]
    ended = run("check", *hook, TANDEM_WEBHOOK_URL=receiver.url)
    assert (ended.status, ended.err.split()[0]) == (1, "KFP-332")
    outputs = [ended]
    ended = run("check", *hook, TANDEM_WEBHOOK_URL=receiver.url)
    outputs.append(ended)
    assert ended.status == 4
    told = [(message["kind"], message["run_id"]) for message in receiver.messages]
    missed = [("missed", night.strftime("%Y-%m-%dT%H:%M:%SZ")) for night in expected[1:]]
    assert sorted(told) == sorted([*missed, ("failure", failed.run_id)])
    ended = run("check", *hook, TANDEM_WEBHOOK_URL=receiver.url)
    assert (ended.status, ended.out) == (0, "nothing new\n")
    assert len(receiver.messages) == len(told)
    since = (now - 2 * DAY).isoformat()
    assert run("check", *hook, "--since", since, TANDEM_WEBHOOK_URL=receiver.url).status == 4
    assert len(receiver.messages) == 2 * len(told)
    assert not any("s3cr3t" in ended.out + ended.err for ended in outputs)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "s3cr3t" in path.read_text()]


def test_check_says_only_what_the_config_asks_for(server: Server, run, receiver: Receiver) -> None:
    run("create")
    (item,) = server.state.recurring_runs
    tick(server.state, item, datetime.datetime.now(datetime.UTC), "FAILED")
    only = ["--set", "kubeflow.webhook={secret: hook, on: [missed]}"]
    ended = run("check", *only, TANDEM_WEBHOOK_URL=receiver.url)
    assert (ended.status, receiver.messages) == (4, [])
    assert "failure" in ended.out


@pytest.mark.parametrize(
    ("assignment", "code"),
    [
        ("cron='99 3 * * *'", "CONFIG-004"),
        ("start=soon", "CONFIG-004"),
        ("span='[[Index]]'", "CONFIG-004"),
        ("end='2026-01-31'", "KFP-403"),
    ],
)
def test_a_mistake_is_told_before_anything_is_asked(server: Server, run, assignment: str, code: str) -> None:
    ended = run("create", "--set", f"kubeflow.schedule.{assignment}")
    assert (ended.status, ended.err.split()[0]) == (2, code)
    assert server.calls == []


def test_create_survives_a_storm(server: Server, run) -> None:
    server.faults = [
        Fault("GET", 503, times=2),
        Fault("POST .*/experiments", drop="after"),
        Fault("POST .*/recurringruns$", drop="after"),
    ]
    assert run("create").status == 0
    assert len(server.state.recurring_runs) == len(server.state.enabled()) == 1


def test_the_next_command_names_the_same_config_and_cluster(
    server: Server, run, config_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("secret")
    words = ["--set", "kubeflow.schedule.max_concurrency=2", "--token-file", "token"]
    same = f"{config_file} --set kubeflow.schedule.max_concurrency=2 --host {server.url} --token-file token"
    assert f"next  tandem schedule create {same}\n" in run("diff", *words).out
    for name in ("show", "pause", "resume"):
        assert f"Make it with tandem schedule create {same}\n" in run(name, *words).err
    server.state.pipelines.clear()
    for name in ("create", "diff"):
        ended = run(name, *words)
        assert (ended.status, ended.err.split()[0]) == (2, "KFP-405")
        assert f"Upload it first: tandem deploy {same} --no-run" in ended.err


def test_a_schedule_that_has_ended_is_shown_told_and_not_resumed(server: Server, run) -> None:
    later = (datetime.datetime.now(datetime.UTC) + DAY).isoformat()
    run("create", "--set", f"kubeflow.schedule.end='{later}'")
    (item,) = server.state.recurring_runs
    assert run("show", "--json").json()[0]["ended"] is False
    item.created_at = datetime.datetime.now(datetime.UTC) - 2 * DAY
    item.trigger.cron_schedule.end_time = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
    (entry,) = run("show", "--json").json()
    assert (entry["ended"], entry["next"]) == (True, [])
    assert "  state        has ended at 2026-01-31T00:00:00Z, starts no more runs" in run("show").out
    passed = ["--set", "kubeflow.schedule.end='2026-01-31'"]
    ended = run("check", *passed)
    assert (ended.status, ended.out.split()[:2]) == (4, ["missed", "ended-2026-01-31T00:00:00Z"])
    assert run("check", *passed).out == "nothing new\n"
    ended = run("resume", *passed)
    assert (ended.status, ended.err.split()[0]) == (2, "KFP-403")
    assert "in the past" in ended.err


def test_options_of_check_that_are_wrong_are_named(run) -> None:
    ended = run("check", "--since", "yesterday")
    assert (ended.status, ended.err.split()[0]) == (2, "KFP-403")
    assert "Expected --since as a moment" in ended.err
    ended = run("check", "--webhook-file", "nofile")
    assert (ended.status, ended.err.split()[0]) == (2, "KFP-331")
    assert "Write the URL into nofile, or name another file with --webhook-file." in ended.err
