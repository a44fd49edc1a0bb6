"""A disk that is full, broken or gone costs news and nothing else."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.codistillation.exchange.place import publisher, reader, same, weights
from trainer.codistillation.exchange import Exchange
from trainer.codistillation.exchange.local import LocalStorage
from trainer.errors import TandemError

POINTS = (
    "storage.open *.part",
    "storage.write *.part",
    "storage.replace *.part",
    "storage.fsync_directory *",
    "storage.open manifest-*",
    "storage.write manifest-*",
    "storage.replace manifest-*",
)


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 15
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.parametrize("action", ["ENOSPC", "EIO", "EROFS", "short", "raise"])
@pytest.mark.parametrize("point", POINTS)
def test_a_failing_disk_is_no_matter_for_the_caller_and_tried_again(
    tmp_path: Path, fault: Callable[[str], None], caplog: pytest.LogCaptureFixture, action: str, point: str
) -> None:
    exchange = Exchange(str(tmp_path), "g", 0, 2)

    def settled(number: int) -> bool:
        told = exchange.statistics()
        return told["publications_written"] + told["publications_failed"] == number

    exchange.publish(5, weights(5))
    until(lambda: settled(1))
    fault(f"{action} {point}")
    exchange.publish(10, weights(10))
    until(lambda: settled(2))
    told = exchange.statistics()
    assert (told["publications_written"], told["publications_failed"]) == (1, 1)
    assert "Step 10 is not published" in caplog.text
    assert same(reader(tmp_path).look(), weights(5))
    exchange.publish(15, weights(15))
    exchange.close()
    told = exchange.statistics()
    assert (told["publications_written"], told["publications_failed"]) == (2, 1)
    assert same(reader(tmp_path).look(), weights(15))
    # What the failed publication left is gone.
    assert len(list((tmp_path / "replica-0").iterdir())) == 4


def test_a_disk_that_stays_full_is_lived_with_until_there_is_room(
    tmp_path: Path, fault: Callable[[str], None]
) -> None:
    fault("ENOSPC* *")
    exchange = Exchange(str(tmp_path / "deep"), "g", 0, 2)
    for number, step in enumerate((5, 10, 15), 1):
        exchange.publish(step, weights(step))
        until(lambda number=number: exchange.statistics()["publications_failed"] == number)
    assert exchange.statistics()["attempt"] is None
    fault("")
    exchange.publish(20, weights(20))
    exchange.close()
    assert exchange.statistics()["attempt"] == 1
    assert same(reader(tmp_path / "deep").look(), weights(20))


def test_a_collection_that_fails_does_not_undo_the_publication(
    tmp_path: Path, fault: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    replica = publisher(tmp_path)
    for step in (5, 10):
        replica.publish(step, weights(step))
    fault("EIO exchange.remove *")
    replica.publish(15, weights(15))
    assert "Old publications stay" in caplog.text
    assert replica.written.publications == 3
    replica.publish(20, weights(20))
    assert same(reader(tmp_path).look(), weights(20))
    assert len(list((tmp_path / "replica-0").iterdir())) == 4


def test_a_directory_that_vanishes_and_comes_back_is_used_again(tmp_path: Path) -> None:
    place, aside = tmp_path / "mount", tmp_path / "aside"
    own, peer = (Exchange(str(place), "g", index, 2, poll_seconds=0.01) for index in (0, 1))
    own.publish(5, weights(5))
    until(lambda: peer.statistics()["publications_read"] == 1)
    place.rename(aside)
    place.write_text("no directory")
    own.publish(10, weights(10))
    until(lambda: own.statistics()["publications_failed"] == 1)
    until(lambda: peer.statistics()["looks_failed"] > 2)
    place.unlink()
    aside.rename(place)
    own.publish(15, weights(15))
    until(lambda: peer.statistics()["publications_read"] == 2)
    assert [found.step for found in peer.arrived()] == [15]
    own.close()
    peer.close()


@pytest.mark.parametrize("point", ["exchange.create", "exchange.created", "exchange.create_directly"])
def test_a_claim_that_fails_is_made_by_the_next_call(
    tmp_path: Path, fault: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    if point == "exchange.create_directly":

        def refuse(*_: object) -> None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    replica = publisher(tmp_path)
    fault(f"EIO {point} group.json")
    with pytest.raises(OSError, match="Input/output"):
        replica.begin()
    assert list(tmp_path.iterdir()) == []
    replica.publish(5, weights(5))
    assert same(reader(tmp_path).look(), weights(5))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["group.json", "replica-0"]


def test_a_slow_disk_does_not_hold_up_the_caller(tmp_path: Path, fault: Callable[[str], None]) -> None:
    own, peer = Exchange(str(tmp_path), "g", 0, 2), Exchange(str(tmp_path), "g", 1, 2, poll_seconds=0.01)
    arrays = [weights(step, table=step) for step in range(20)]
    fault("slow *")
    handed_over = []
    for step, given in enumerate(arrays):
        started = time.perf_counter()
        own.publish(step, given)
        handed_over.append(time.perf_counter() - started)
        time.sleep(0.02)
    # Writing one takes twelve points of 50 ms each; the whole loop takes less than one second.
    assert sorted(handed_over)[10] < 0.02
    until(lambda: own.statistics()["publications_written"] >= 1)
    fault("")
    own.close()
    told = own.statistics()
    assert told["publications_written"] + told["publications_skipped"] == 20
    assert told["publications_skipped"] >= 15
    assert told["seconds_writing"] > 0.5
    until(lambda: peer.statistics()["peers"].get("0", {}).get("step") == 19)
    assert same(peer.arrived()[-1], arrays[19])
    peer.close()


def test_a_mount_that_hangs_from_the_start_holds_the_training_up_for_moments_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free, create = threading.Event(), LocalStorage.create

    def hang(self: LocalStorage, name: str, content: bytes) -> bool:
        free.wait(30)
        return create(self, name, content)

    monkeypatch.setattr(LocalStorage, "create", hang)
    started = time.monotonic()
    exchange = Exchange(str(tmp_path), "g", 0, 2, begin_seconds=0.1)
    exchange.publish(5, weights(5))
    assert exchange.arrived() == []
    assert time.monotonic() - started < 5
    assert "has not answered for 0.1 s" in caplog.text
    assert exchange.statistics()["attempt"] is None
    free.set()
    exchange.close()
    assert same(reader(tmp_path).look(), weights(5))


def test_a_place_of_another_group_that_answers_late_is_told_at_the_next_publication(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "group.json").write_text('{"group": "h"}')
    free, read = threading.Event(), LocalStorage.read

    def hang(self: LocalStorage, name: str) -> bytes | None:
        free.wait(30)
        return read(self, name)

    monkeypatch.setattr(LocalStorage, "read", hang)
    exchange = Exchange(str(tmp_path), "g", 0, 2, begin_seconds=0.0)
    free.set()
    until(lambda: exchange.error)
    with pytest.raises(TandemError, match="CODIST-001"):
        exchange.publish(5, weights(5))
    exchange.close()
    assert [path.name for path in tmp_path.iterdir()] == ["group.json"]


def test_a_disk_that_hangs_is_left_behind_by_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    exchange, free = Exchange(str(tmp_path), "g", 0, 2), threading.Event()
    monkeypatch.setattr("os.fsync", lambda _: free.wait(30))
    exchange.publish(5, weights(5))
    started = time.monotonic()
    exchange.close(seconds=0.2)
    assert time.monotonic() - started < 5
    assert "had 0.2 s to end. Left behind: exchange-writer" in caplog.text
    free.set()
    exchange.close()
    assert same(reader(tmp_path).look(), weights(5))
