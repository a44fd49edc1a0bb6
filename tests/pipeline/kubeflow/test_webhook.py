"""Messages arrive once, and the URL stays a secret."""

from __future__ import annotations

import logging
import socket
import traceback
from pathlib import Path

import pytest

from pipeline.kubeflow import webhook
from pipeline.kubeflow.webhook import Event, send, send_once, url_from
from tests.pipeline.kubeflow.schedule.receiver import Receiver, receiving
from trainer.errors import TandemError

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
EVENT = Event("failure", "flights", UUID, "Step train failed", "TRAIN-900", "https://ui/#/runs/details/1")


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch):
    """A webhook."""
    monkeypatch.setattr(webhook, "_WAIT_SECONDS", 0.01)
    with receiving() as made:
        yield made


def test_a_message_has_text_and_fields(receiver: Receiver) -> None:
    send(receiver.url, EVENT)
    (message,) = receiver.messages
    link = "https://ui/#/runs/details/1"
    assert message.pop("text") == f"flights failed: {UUID}\nTRAIN-900 Step train failed\n{link}"
    assert message == {
        "kind": "failure",
        "pipeline": "flights",
        "run_id": UUID,
        "message": "Step train failed",
        "code": "TRAIN-900",
        "link": link,
    }


def test_a_receiver_that_stumbles_is_tried_again(receiver: Receiver) -> None:
    receiver.statuses = [503, 429, 500]
    send(receiver.url, EVENT)
    assert len(receiver.messages) == 1


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (400, 1), (302, 1), (503, 4)])
def test_a_message_that_is_not_taken_is_told_without_the_url(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, status: int, tries: int
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.statuses = [status] * 9
    with pytest.raises(TandemError, match=rf"KFP-332.*status {status}") as failed:
        send(receiver.url, EVENT)
    assert receiver.tries == tries
    told = "".join(traceback.format_exception(failed.value)) + caplog.text
    assert "s3cr3t" not in told
    assert "127.0.0.1" not in told


def test_nobody_there_is_told_without_the_url() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TandemError, match=r"KFP-332.*no connection, Connection refused") as failed:
        send(f"http://127.0.0.1:{port}/s3cr3t", EVENT, attempts=1)
    assert str(port) not in "".join(traceback.format_exception(failed.value))


def test_one_that_never_answers_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(TandemError, match=r"KFP-332.*nothing in 0\.2 s"):
            send(url, EVENT, attempts=1, timeout_seconds=0.2)


def test_the_same_event_is_sent_once_whoever_sees_it(receiver: Receiver, tmp_path: Path) -> None:
    directory = Event("failure", "flights", f"20260131-030002-{UUID}", "The step says more")
    assert send_once(receiver.url, directory, tmp_path)
    assert not send_once(receiver.url, EVENT, tmp_path)
    assert send_once(receiver.url, Event("refusal", "flights", UUID, "other kind"), tmp_path)
    assert send_once(receiver.url, Event("failure", "other", UUID, "other pipeline"), tmp_path)
    assert len(receiver.messages) == 3


def test_a_message_that_was_not_taken_is_sent_the_next_time(receiver: Receiver, tmp_path: Path) -> None:
    receiver.statuses = [404]
    with pytest.raises(TandemError, match="KFP-332"):
        send_once(receiver.url, EVENT, tmp_path)
    assert send_once(receiver.url, EVENT, tmp_path)
    kept = [path.read_text() for path in tmp_path.rglob("*.json")]
    assert len(kept) == 1
    assert "s3cr3t" not in kept[0]


def test_the_url_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://hooks.example.com/a\n")
    assert url_from({}, tmp_path / "url") == "https://hooks.example.com/a"
    assert url_from({"TANDEM_WEBHOOK_URL": "http://b"}) == "http://b"
    assert url_from({}) is None


@pytest.mark.parametrize(
    "text", ["s3cr3t", "ftp://a/s3cr3t", "https://", "https://a/s3 cr3t", "http://a:b/s3cr3t"]
)
def test_what_is_no_url_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(TandemError, match=rf"KFP-331.*a text of {len(text)} characters") as refused:
        url_from({"TANDEM_WEBHOOK_URL": text})
    assert "s3cr3t" not in "".join(traceback.format_exception(refused.value))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match=r"KFP-331.*cannot be read"):
        url_from({}, tmp_path / "none")
