"""The exit handler: every run that ended is told of, once, also one that never began."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.kubeflow import webhook
from pipeline.kubeflow.webhook import URL_VARIABLE
from tests.pipeline.kubeflow.pods import FAILED, RUN, SUCCEEDED, Pods, outputs_of
from tests.pipeline.kubeflow.schedule.receiver import Receiver, receiving

Made = Callable[..., Pods]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A webhook, named by the environment as the secret does it."""
    monkeypatch.setattr(webhook, "_WAIT_SECONDS", 0.01)
    with receiving() as made:
        monkeypatch.setenv(URL_VARIABLE, made.url)
        yield made


def fail(pods: Pods) -> None:
    """A run whose first step does not find its rows."""
    (pods.volume / "data.csv").rename(pods.volume / "elsewhere.csv")
    assert pods.run("begin", span="") == 2


def texts(place: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in place.rglob("*") if path.is_file())


def test_a_failed_run_has_summary_and_report_with_the_error_of_its_step(
    pods: Made, receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    volume = pods()
    fail(volume)
    with caplog.at_level(logging.DEBUG):
        assert volume.run("finish", status=FAILED) == 0
    record = volume.record()
    summary = record.run.summary()
    assert summary["status"] == "failed"
    error = summary["error"]
    assert (error["code"], error["step"], error["log"]) == ("INGEST-002", "begin", "logs/begin.log")
    assert error["message"] == record.steps()["begin"]["error"]["message"]
    assert error["command"] == "tandem deploy CONFIG"
    assert summary["next_command"] == error["command"]
    assert [(step["name"], step["state"]) for step in summary["steps"]] == [("begin", "failed")]
    assert "INGEST-002" in (record.run.directory / error["log"]).read_text()
    assert "INGEST-002" in record.run.report_path.read_text()
    (message,) = receiver.messages
    assert (message["kind"], message["pipeline"], message["code"]) == ("failure", "small", "INGEST-002")
    assert message["run_id"] == record.run.run_id
    assert message["message"] == error["message"]
    output = capfd.readouterr()
    assert "s3cr3t" not in texts(volume.place) + caplog.text + output.out + output.err


def test_a_run_that_ended_before_its_first_step_is_told_too(pods: Made, receiver: Receiver) -> None:
    volume = pods()
    assert volume.run("finish", status=FAILED) == 0
    summary = volume.record().run.summary()
    assert (summary["status"], summary["error"]["code"], summary["error"]["step"]) == (
        "failed",
        "KFP-111",
        "",
    )
    assert "state FAILED pod train failed" in summary["error"]["message"]
    assert summary["steps"] == []
    assert volume.record().run.report_path.exists()
    assert [message["code"] for message in receiver.messages] == ["KFP-111"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"state": "FAILED", "error": {}}, "state FAILED"),
        ({"error": {"message": "m"}}, "state unknown m"),
        ("", "no report"),
        (None, "no report"),
        ("[]", "no report"),
    ],
)
def test_whatever_the_backend_says_of_a_run_without_a_report_it_failed(
    pods: Made, receiver: Receiver, status: object, told: str
) -> None:
    volume = pods("kubeflow.webhook=null")
    assert volume.run("finish", status=status) == 0
    summary = volume.record().run.summary()
    assert summary["error"]["message"] == f"Expected every step to end. Received: {told}"
    assert receiver.tries == 0


def test_a_step_that_was_killed_is_not_taken_for_one_that_ran(pods: Made) -> None:
    volume = pods()
    volume.begin()
    volume.record().run.event("step_started", step="train")
    assert volume.run("finish", status=FAILED) == 0
    summary = volume.record().run.summary()
    assert [step["name"] for step in summary["steps"]] == ["begin"]
    assert summary["error"]["code"] == "KFP-111"


def test_a_message_is_sent_once_however_often_the_step_runs(pods: Made, receiver: Receiver) -> None:
    volume = pods()
    fail(volume)
    for _ in range(3):
        assert volume.run("finish", status=FAILED) == 0
    assert (receiver.tries, len(receiver.messages)) == (1, 1)


def test_a_receiver_that_does_not_take_it_changes_nothing_and_is_asked_again(
    pods: Made, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    volume = pods()
    fail(volume)
    receiver.statuses = [404]
    with caplog.at_level(logging.DEBUG):
        assert volume.run("finish", status=FAILED) == 0
    assert "KFP-332" in caplog.text
    assert receiver.messages == []
    log = volume.record().run.log_path("finish").read_text()
    assert "The webhook was not sent" in log
    assert "s3cr3t" not in log + caplog.text
    assert volume.run("finish", status=FAILED) == 0
    assert len(receiver.messages) == 1


@pytest.mark.parametrize("text", ["s3cr3t", "ftp://h/s3cr3t"])
def test_a_url_that_is_none_is_told_without_showing_it(
    pods: Made, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    volume = pods()
    monkeypatch.setenv(URL_VARIABLE, text)
    assert volume.run("finish", status=FAILED) == 0
    log = volume.record().run.log_path("finish").read_text()
    assert "KFP-331" in log
    assert "s3cr3t" not in texts(volume.place)


def test_what_is_not_wanted_is_not_sent(pods: Made, receiver: Receiver) -> None:
    volume = pods("kubeflow.webhook.on=[refusal]")
    fail(volume)
    assert volume.run("finish", status=FAILED) == 0
    assert receiver.tries == 0
    assert volume.record().run.summary()["status"] == "failed"


def reported(volume: Pods, result: Any, pushed: bool) -> None:
    """A run whose report is written."""
    volume.begin()
    inputs = volume.report_inputs(outputs_of(result.run.directory.parents[1]))
    if not pushed:
        uri = inputs["pushed_model"]["artifacts"][0]["uri"]
        file = volume.local(uri) / "push.json"
        told = json.loads(file.read_text()) | {"pushed": False, "version": None, "reason": "the gate"}
        file.write_text(json.dumps(told))
    assert volume.run("report", artifacts=inputs) == 0


def test_a_run_that_went_well_is_left_as_it_is(
    pods: Made, receiver: Receiver, small_run: Callable[[str], Any]
) -> None:
    volume = pods()
    reported(volume, small_run("binary"), pushed=True)
    run = volume.record().run
    before = (run.directory / "summary.json").read_bytes(), run.report_path.read_bytes()
    assert volume.run("finish", status=SUCCEEDED) == 0
    assert ((run.directory / "summary.json").read_bytes(), run.report_path.read_bytes()) == before
    assert receiver.tries == 0


def test_a_refusal_is_sent_unless_it_is_not_wanted(
    pods: Made, receiver: Receiver, small_run: Callable[[str], Any]
) -> None:
    volume = pods()
    reported(volume, small_run("binary"), pushed=False)
    assert volume.run("finish", status=SUCCEEDED, webhook_on='["failure", "missed"]') == 0
    assert receiver.tries == 0
    for _ in range(2):
        assert volume.run("finish", status=SUCCEEDED) == 0
    (message,) = receiver.messages
    assert (message["kind"], message["code"]) == ("refusal", "")
    assert message["message"] == "the gate"
    assert message["run_id"].endswith(RUN)


def test_a_report_step_that_failed_after_its_summary_is_a_run_that_failed(
    pods: Made, receiver: Receiver, small_run: Callable[[str], Any], fault: Callable[[str], None]
) -> None:
    volume = pods()
    volume.begin()
    inputs = volume.report_inputs(outputs_of(small_run("binary").run.directory.parents[1]))
    fault("ENOSPC storage.open report.html")
    assert volume.run("report", artifacts=inputs) == 1
    fault("")
    assert volume.record().run.summary()["status"] == "pushed"
    assert volume.run("finish", status=FAILED) == 0
    error = volume.record().run.summary()["error"]
    assert (error["code"], error["step"]) == ("REPORT-900", "report")
    assert "REPORT-900" in volume.record().run.report_path.read_text()
    assert [message["code"] for message in receiver.messages] == ["REPORT-900"]


def test_a_report_step_that_was_killed_at_its_end_is_a_run_that_failed(
    pods: Made, receiver: Receiver, small_run: Callable[[str], Any]
) -> None:
    volume = pods()
    reported(volume, small_run("binary"), pushed=True)
    (volume.record().run.directory / "steps/report.json").unlink()
    for _ in range(2):
        assert volume.run("finish", status=FAILED) == 0
    assert volume.record().run.summary()["error"]["code"] == "KFP-111"
    assert len(receiver.messages) == 1


@pytest.mark.parametrize("file", ["summary.json", "report.html"])
def test_what_a_try_that_was_killed_did_not_write_is_written(
    pods: Made, receiver: Receiver, file: str
) -> None:
    volume = pods()
    assert volume.run("finish", status=FAILED) == 0
    path = volume.record().run.directory / file
    content = path.read_bytes()
    path.write_bytes(b"{") if file == "summary.json" else path.unlink()
    assert volume.run("finish", status=FAILED) == 0
    assert len(path.read_bytes()) == pytest.approx(len(content), abs=100)
    assert len(receiver.messages) == 1
