"""A directory belongs to one group, and a replica to one process."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.codistillation.exchange.place import publish, publisher, reader, same, weights
from trainer.codistillation.exchange import Exchange
from trainer.codistillation.exchange.claim import claim
from trainer.codistillation.exchange.local import LocalStorage
from trainer.errors import TandemError

Start = Callable[..., subprocess.Popen[str]]


def test_a_second_group_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    first = publish(tmp_path, 5)
    for _ in range(2):
        with pytest.raises(TandemError, match=r"CODIST-001: .*group h\. Received: group=g") as told:
            Exchange(str(tmp_path), "h", 1, 2)
        assert told.value.exit_status == 2
    assert [path.name for path in (tmp_path / "replica-0").parent.iterdir()] != []
    assert not (tmp_path / "replica-1").exists()
    first.publish(10, weights(10))
    assert same(reader(tmp_path).look(), weights(10))
    assert json.loads((tmp_path / "group.json").read_text()) == {"format": 1, "group": "g"}


def test_of_two_groups_that_come_in_the_same_moment_one_gets_the_place(start: Start, tmp_path: Path) -> None:
    begin = time.time() + 1.5
    children = [start("claims", tmp_path, group, begin) for group in ("g", "h", "g", "h")]
    told = [child.communicate(timeout=60)[0] for child in children]
    assert all(child.returncode == 0 for child in children)
    winner = json.loads((tmp_path / "group.json").read_text())["group"]
    losing, winning = ("CODIST-001", "taken") if winner == "h" else ("taken", "CODIST-001")
    assert told == [losing, winning, losing, winning]
    assert [path.name for path in tmp_path.iterdir()] == ["group.json"]


def test_a_claim_that_was_cut_off_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("trainer.codistillation.exchange.claim._WAIT_SECONDS", 0.001)
    for torn in (b"", b'{"format"', b"[]", b'{"group": 5}'):
        (tmp_path / "group.json").write_bytes(torn)
        claim(LocalStorage(tmp_path), "g")
        with pytest.raises(TandemError, match="CODIST-001"):
            claim(LocalStorage(tmp_path), "h")
    assert caplog.text.count("written again") == 4


def test_a_claim_that_another_is_making_is_waited_for_though_it_is_not_seen_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, slept = LocalStorage(tmp_path), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            (tmp_path / "group.json").write_text('{"group": "g"}')

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr(storage, "create", lambda *_: False)
    with pytest.raises(TandemError, match="CODIST-001"):
        claim(storage, "h")
    assert slept == [0.1] * 3


def test_without_hard_links_a_claim_excludes_others_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    storage = LocalStorage(tmp_path)
    assert storage.create("group.json", b"first")
    assert not storage.create("group.json", b"second")
    assert (tmp_path / "group.json").read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("place", ["s3://bucket/x", "minio://bucket/x", "hdfs://x", "file:///x", "://x", ""])
def test_other_addresses_are_refused(place: str) -> None:
    with pytest.raises(TandemError, match="CODIST-003") as told:
        Exchange(place, "g", 0, 2)
    assert told.value.exit_status == 2
    assert repr(place) in told.value.message


def test_a_later_start_of_the_same_replica_replaces_the_earlier(tmp_path: Path) -> None:
    first = publish(tmp_path, 5, 10)
    second = publish(tmp_path, 7)
    for _ in range(2):
        with pytest.raises(TandemError, match="CODIST-002") as told:
            first.publish(15, weights(15))
    assert told.value.exit_status == 1
    second.publish(9, weights(9))
    found = reader(tmp_path).look()
    assert same(found, weights(9))
    assert found is not None
    assert found.attempt == 2


def test_of_two_that_started_in_the_same_moment_the_greater_token_goes_on(tmp_path: Path) -> None:
    pair = [publisher(tmp_path), publisher(tmp_path)]
    for replica in pair:
        replica.begin()
    lesser, greater = sorted(pair, key=lambda replica: replica.token)
    assert lesser.attempt == greater.attempt == 1
    lesser.publish(5, weights(1))
    # The same name, so it is written over.
    greater.publish(5, weights(2))
    with pytest.raises(TandemError, match="CODIST-002"):
        lesser.publish(10, weights(3))
    assert same(reader(tmp_path).look(), weights(2))
    greater.publish(10, weights(4))
    assert same(reader(tmp_path).look(), weights(4))


def test_two_processes_as_one_replica_end_as_one_and_peers_see_whole_weights_throughout(
    start: Start, tmp_path: Path
) -> None:
    first = start("replica", tmp_path, 60, 0.01)
    assert first.stdout is not None
    assert first.stdout.readline() == "ready\n"
    peer, seen = reader(tmp_path), []

    def look_until(attempt: int) -> None:
        end = time.time() + 30
        while time.time() < end and (not seen or seen[-1][0] < attempt):
            found = peer.look()
            if found is not None:
                assert (found.arrays["step"] == found.step).all()
                assert found.arrays["a"] == found.step
                seen.append((found.attempt, found.step))
            time.sleep(0.005)

    look_until(1)
    second = start("replica", tmp_path, 3, 0.01)
    look_until(2)
    outputs = [child.communicate(timeout=60)[0] for child in (first, second)]
    assert outputs[0].startswith("CODIST-002 ")
    assert outputs[1].startswith('ready\n{"attempt": 2')
    look_until(2)
    assert seen == sorted(seen)
    assert seen[0][0] == 1
    assert seen[-1][0] == 2
