"""`tandem deploy` as a user types it, against a server."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import kfp_server_api as kfp
import pytest

from pipeline.kubeflow.spans import require_typed
from tests.pipeline.kubeflow.api.server import Fault, Server
from tests.pipeline.kubeflow.deploy.command import HEAVY, command, environment, tandem
from tests.pipeline.kubeflow.deploy.running import detail, failed_training, leave, script

SECRET = "eyJhbGciOi.secret-token.c2ln"
DONE = [detail("ingest", "SUCCEEDED"), detail("train", "SUCCEEDED"), detail("push", "SUCCEEDED")]


@pytest.fixture
def words(config_file: Path, package_file: Path, server: Server) -> list[object]:
    """The words of a plain deploy."""
    return ["deploy", config_file, "--package", package_file, "--host", server.url]


def ends(server: Server, state: str, tasks: list, **summary: object) -> Callable[[object], None]:
    """A run that ends so, and leaves its report once it has."""
    told = script(("RUNNING", [detail("ingest", "RUNNING")]), (state, tasks))

    def advance(run) -> None:
        told(run)
        if summary:
            leave(server.state, run.run_id, **summary)

    return advance


def test_a_pushed_model_ends_with_0_and_the_report_here(server: Server, words, tmp_path: Path) -> None:
    server.state.advance = ends(server, "SUCCEEDED", DONE, status="pushed", pushed_version=7, error=None)
    ended = tandem(tmp_path, *words, "--report", "copy.html", "--span", "5")
    assert (ended.status, ended.err) == (0, "")
    (run,) = server.state.runs
    assert run.runtime_config.parameters == {"span": "5"}
    assert run.runtime_config.pipeline_root == "s3://bucket/root"
    assert server.state.experiments[0].display_name == "flights"
    assert f"run      {run.run_id}" in ended.out
    assert f"link     {server.url}/#/runs/details/{run.run_id}" in ended.out
    assert "· ingest      running" in ended.out
    assert "✓ train         90.0 s" in ended.out
    assert "pushed   version 7" in ended.out
    kept = tmp_path / ".tandem" / "kubeflow" / run.run_id
    assert (kept / "report.html").read_text() == (tmp_path / "copy.html").read_text()
    assert (kept / "summary.json").exists()
    assert not ended.modules & set(HEAVY)


def test_a_refused_model_ends_with_3(server: Server, words, tmp_path: Path) -> None:
    gate = [{"verdict": "fail", "rule": "auc >= 0.9", "reason": "0.7"}, {"verdict": "pass", "rule": "x"}]
    server.state.advance = ends(server, "SUCCEEDED", DONE, status="not_blessed", gate=gate)
    ended = tandem(tmp_path, *words, "--json")
    assert (ended.status, ended.json()["status"]) == (3, "not_blessed")
    ended = tandem(tmp_path, *words)
    assert "refused  the gate did not bless the model; nothing was pushed\n  auc >= 0.9  0.7" in ended.out
    # The very same file is there once.
    assert len(server.state.versions) == 1
    assert "unchanged" in ended.out


def test_a_model_that_the_gate_blessed_and_push_refused_is_told_with_the_reason(
    server: Server, words, tmp_path: Path
) -> None:
    push = {"pushed": False, "reason": "version 3 with the same digest was denied"}
    gate = [{"verdict": "pass", "rule": "auc >= 0.5"}]
    server.state.advance = ends(server, "SUCCEEDED", DONE, status="not_blessed", gate=gate, push=push)
    ended = tandem(tmp_path, *words)
    assert ended.status == 3
    assert "refused  version 3 with the same digest was denied; nothing was pushed\n" in ended.out
    assert "did not bless" not in ended.out


def test_a_failed_run_names_step_message_pod_and_next_command(server: Server, words, tmp_path: Path) -> None:
    server.state.advance = ends(server, "FAILED", failed_training())
    ended = tandem(tmp_path, *words)
    assert ended.status == 1
    assert "failed   train  pod flights-train-impl-3\n  main: Error (exit code 1): out of memory" in ended.out
    assert ended.err.startswith("KFP-326 Expected every step to succeed. Received: step train failed: main")
    assert "kubectl logs flights-train-impl-3 -c main" in ended.err
    assert f"next  tandem deploy {words[1]} --host {server.url} --package {words[3]}" in ended.err
    where = f"s3://bucket/root/tandem-flights/{server.state.runs[0].run_id}/report"
    assert "report   not fetched (KFP-309" in ended.out
    assert f"{where} and, on claim tandem, runs/*-" in ended.out


def test_the_error_of_the_step_itself_is_told_where_the_report_has_it(server, words, tmp_path: Path) -> None:
    error = {"code": "DATA-003", "message": "Expected a column.", "hint": "Correct the data."}
    server.state.advance = ends(server, "FAILED", failed_training(), status="failed", error=error)
    ended = tandem(tmp_path, *words, "--json")
    assert ended.err.splitlines()[-4:-1] == [
        "DATA-003 Expected a column.",
        "  Correct the data.",
        f"  next  tandem deploy {words[1]} --host {server.url} --package {words[3]}",
    ]
    assert ended.json()["failures"][0]["pod"] == "flights-train-impl-3"


def test_a_verdict_that_cannot_be_known_is_no_success(server: Server, words, tmp_path: Path) -> None:
    server.state.advance = ends(server, "SUCCEEDED", DONE)
    ended = tandem(tmp_path, *words)
    assert ended.status == 1
    assert "KFP-324 Expected a summary of the run that succeeded." in ended.err
    assert "stands in s3://bucket/root/tandem-flights/" in ended.err


def test_upload_only_and_leave_and_watch(server: Server, words, tmp_path: Path) -> None:
    ended = tandem(tmp_path, *words, "--no-run", "--json")
    assert (ended.status, ended.json()["uploaded"]["new"]) == (0, True)
    assert server.state.runs == []
    ended = tandem(tmp_path, *words, "--no-wait")
    (run,) = server.state.runs
    following = f"tandem deploy {words[1]} --host {server.url} --watch {run.run_id}"
    assert f"next     {following}" in ended.out
    server.state.advance = ends(server, "SUCCEEDED", DONE, status="pushed", pushed_version=1)
    assert tandem(tmp_path, *following.split()[1:]).status == 0
    assert len(server.state.runs) == 1


def test_an_interrupt_leaves_the_run_and_says_how_to_go_on(server: Server, words, tmp_path: Path) -> None:
    server.state.advance = script(("RUNNING", [detail("train", "RUNNING")]))
    process = subprocess.Popen(
        command(*words),
        cwd=tmp_path,
        env=environment(tmp_path, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while server.made("GET .*/runs/") < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    (run,) = server.state.runs
    assert "CLI-003 Interrupted." in err
    assert f"`tandem deploy {words[1]} --host {server.url} --watch {run.run_id}` goes on watching." in err
    assert server.made("terminate|DELETE") == 0


def test_a_run_is_started_once_through_a_storm(server: Server, words, tmp_path: Path) -> None:
    server.faults = [
        Fault("GET .*/healthz", 503, times=2),
        Fault("POST .*/pipelines$", drop="after"),
        Fault("upload_version", 502),
        Fault("POST .*/runs", drop="after"),
        Fault("GET .*/runs/", 503, times=2),
    ]
    server.state.advance = ends(server, "SUCCEEDED", DONE, status="pushed", pushed_version=1)
    assert tandem(tmp_path, *words).status == 0
    state = server.state
    assert [len(items) for items in (state.pipelines, state.versions, state.experiments, state.runs)] == [
        1
    ] * 4


def test_the_token_is_sent_and_shows_nowhere(server: Server, words, tmp_path: Path) -> None:
    server.token = SECRET
    (tmp_path / "token").write_text(SECRET)
    refused = tandem(tmp_path, *words)
    assert (refused.status, refused.err.split()[0]) == (2, "KFP-301")
    assert "--token-file" in refused.err
    server.state.advance = ends(server, "FAILED", failed_training(), status="failed", error=None)
    server.faults = [Fault("POST .*/experiments", 401, body=f"bad token {SECRET}")]
    outputs = [tandem(tmp_path, *words, "--token-file", "token") for _ in range(2)]
    outputs.append(tandem(tmp_path, *words, KF_PIPELINES_SA_TOKEN_PATH="token"))
    assert [ended.status for ended in outputs] == [2, 1, 1]
    assert "bad token ***" in outputs[0].err
    assert not any(SECRET in text for ended in outputs for text in (ended.out, ended.err))
    (tmp_path / "token").unlink()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET in path.read_text()]
    assert f"Bearer {SECRET}" in server.authorizations


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--no-run", "--no-wait"], "KFP-327"),
        (["--watch", "1"], "KFP-327"),
        (["--host", "ftp://a"], "KFP-310"),
        (["--set", "name=other"], "KFP-322"),
        (["--package", "config.yaml"], "KFP-321"),
        (["--package", "absent.yaml"], "KFP-328"),
        (["--package", "."], "KFP-328"),
        (["--token-file", "absent"], "KFP-311"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_started(server, words, tmp_path: Path, more, code: str) -> None:
    ended = tandem(tmp_path, *words, *more)
    assert (ended.status, ended.err.split()[0]) == (2, code)
    assert "Traceback" not in ended.err
    assert server.state.runs == []


def test_a_span_that_the_pipeline_does_not_take_is_refused(words, package_file: Path) -> None:
    package_file.write_text(package_file.read_text().replace("span:", "other:"))
    ended = tandem(package_file.parent, *words, "--span", "5")
    assert (ended.status, ended.err.split()[0]) == (2, "KFP-323")


@pytest.mark.parametrize(
    ("span", "hint"),
    [
        ("latest", "Leave --span out"),
        ("2026-13-01", "Leave --span out"),
        ("2026-01-31 at three", "Leave --span out"),
        ("", "Leave --span out"),
        ("1969-12-31", "Leave --span out"),
        ("[[ScheduledTime.2006-01-02]]", "kubeflow.schedule.span only"),
        ("{{$.scheduledTime.strftime('%Y-%m-%d')}}", "kubeflow.schedule.span only"),
    ],
)
def test_a_text_that_is_no_span_is_refused_before_anything_is_asked(
    server: Server, words, tmp_path: Path, span: str, hint: str
) -> None:
    ended = tandem(tmp_path, *words, "--span", span)
    assert (ended.status, ended.err.split()[0]) == (2, "KFP-110")
    assert hint in ended.err
    assert server.calls == []
    assert not ended.modules & set(HEAVY)


@pytest.mark.parametrize("span", ["7", "2026-01-31", "2026-01-31T03:00:00Z", "2026-01-31t03:00:00.5+09:00"])
def test_numbers_dates_and_moments_are_spans(span: str) -> None:
    require_typed(span)


def test_a_span_for_data_without_spans_is_refused_before_anything_is_asked(
    server: Server, words, tmp_path: Path
) -> None:
    for path in ("flights.csv", "{YYYY}-{MM}-{DD}.csv", "{SPAN:3}.csv"):
        ended = tandem(tmp_path, *words, "--set", f"data.path='{path}'", "--span", "5", "--no-wait")
        taken = "{" in path
        assert ended.status == (0 if taken else 2), ended.err
        assert ended.err.split()[:1] == ([] if taken else ["KFP-323"])
        assert (server.calls != []) is taken


def test_options_that_exclude_each_other_and_an_absent_file_have_a_hint(words, tmp_path: Path) -> None:
    assert "Leave out all but one." in tandem(tmp_path, *words, "--no-run", "--no-wait").err
    ended = tandem(tmp_path, *words, "--package", "absent.yaml")
    assert f"`tandem compile {words[1]} -o absent.yaml`" in ended.err


def test_a_page_at_the_address_is_told(server: Server, words, tmp_path: Path) -> None:
    server.faults = [Fault("healthz", 200, body="<html>login</html>", kind="text/html")]
    ended = tandem(tmp_path, *words)
    assert (ended.status, ended.err.split()[0]) == (2, "KFP-309")


def test_settings_of_the_config_reach_the_run(server: Server, words, tmp_path: Path) -> None:
    server.state.multi_user = True
    sets = ["namespace=mine", "experiment=nightly", "service_account=trainer", "cache=false"]
    options = [word for text in sets for word in ("--set", f"kubeflow.{text}")]
    ended = tandem(tmp_path, *words, *options, "--no-wait")
    assert ended.status == 0, ended.err
    (run,), (experiment,) = server.state.runs, server.state.experiments
    assert (experiment.display_name, experiment.namespace) == ("nightly", "mine")
    assert run.service_account == "trainer"
    spec = server.state.versions[0].pipeline_spec
    assert spec["root"]["dag"]["tasks"]["train"] == {}
    assert isinstance(run, kfp.V2beta1Run)
