"""Hand over, take what is there, never wait; and no thread outlives it."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.codistillation.exchange.place import publish, reader, same, weights
from trainer.codistillation.exchange import Exchange, Publication
from trainer.codistillation.exchange.reader import Reader
from trainer.errors import TandemError


def until(true: Callable[[], Any]) -> Any:
    end = time.monotonic() + 15
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.002)
    return found


def exchange(place: Path, index: int, replicas: int = 2, **options: Any) -> Exchange:
    return Exchange(str(place), "g", index, replicas, **{"poll_seconds": 0.01, **options})


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("exchange")}


def test_three_replicas_receive_each_others_weights_and_not_their_own(tmp_path: Path) -> None:
    group = [exchange(tmp_path, index, 3) for index in range(3)]
    assert [replica.arrived() for replica in group] == [[], [], []]
    for index, replica in enumerate(group):
        replica.publish(index, weights(index))
    for index, replica in enumerate(group):
        found: list[Publication] = []
        until(lambda found=found, replica=replica: found.extend(replica.arrived()) or len(found) == 2)
        assert {publication.replica for publication in found} == {0, 1, 2} - {index}
        assert all(same(publication, weights(publication.replica)) for publication in found)
        assert replica.arrived() == []
    for replica in group:
        replica.close()


def test_only_the_newest_of_a_peer_is_handed_on(tmp_path: Path) -> None:
    own, peer = exchange(tmp_path, 0), exchange(tmp_path, 1)
    for number, step in enumerate((5, 10), 1):
        own.publish(step, weights(step))
        until(lambda number=number: peer.statistics()["publications_read"] == number)
    assert [publication.step for publication in peer.arrived()] == [10]
    own.close()
    peer.close()


def test_what_waits_is_replaced_by_what_is_newer_and_the_last_is_always_written(tmp_path: Path) -> None:
    own = exchange(tmp_path, 0)
    for step in range(200):
        own.publish(step, weights(step))
    own.publish(200, weights(200), finished=True)
    own.close()
    told = own.statistics()
    assert told["publications_written"] + told["publications_skipped"] == 201
    assert told["publications_skipped"] > 100
    found = reader(tmp_path).look()
    assert same(found, weights(200))
    assert found is not None
    assert found.finished


def test_handing_over_copies_no_array(tmp_path: Path) -> None:
    own, array = exchange(tmp_path, 0), np.zeros(1 << 23, np.float32)
    array[-1] = 1
    seconds = []
    for step in range(5):
        started = time.perf_counter()
        own.publish(step, {"a": array})
        seconds.append(time.perf_counter() - started)
    # Copying 32 MiB takes several milliseconds.
    assert min(seconds) < 0.002
    own.close()
    found = reader(tmp_path).look()
    assert found is not None
    assert found.step == 4
    assert found.arrays["a"][-1] == 1


@pytest.mark.parametrize("published", [False, True])
def test_no_thread_survives_close(tmp_path: Path, published: bool) -> None:
    assert threads() == set()
    own = exchange(tmp_path, 0, poll_seconds=60)
    assert threads() == {"exchange-writer", "exchange-reader"}
    if published:
        own.publish(5, weights(5))
    started = time.monotonic()
    own.close()
    own.close()
    assert time.monotonic() - started < 10
    assert threads() == set()
    assert same(reader(tmp_path).look(), weights(5)) == published
    with pytest.raises(ValueError, match="close"):
        own.publish(10, weights(10))


def test_weights_that_were_written_are_let_go(tmp_path: Path) -> None:
    own, array = exchange(tmp_path, 0), np.zeros(1000, np.float32)
    held = weakref.ref(array)
    own.publish(5, {"a": array})
    del array
    until(lambda: own.statistics()["publications_written"] == 1)
    until(lambda: gc.collect() is not None and held() is None)
    own.close()


def test_no_further_peer_is_looked_at_while_it_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, begun, free = [], threading.Event(), threading.Event()

    def look(self: Reader) -> None:
        looked.append(self._peer)
        begun.set()
        free.wait(30)

    monkeypatch.setattr(Reader, "look", look)
    own = exchange(tmp_path, 0, 9)
    assert begun.wait(15)
    own.close(0.0)
    free.set()
    own.close()
    assert looked == [1]


def test_a_process_that_never_closes_ends_all_the_same(tmp_path: Path) -> None:
    code = (
        "import sys; from trainer.codistillation.exchange import Exchange; "
        "Exchange(sys.argv[1], 'g', 0, 2); sys.exit('tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0


def test_a_replaced_process_is_told_at_its_next_publication(tmp_path: Path) -> None:
    own = exchange(tmp_path, 0)
    own.publish(5, weights(5))
    until(lambda: own.statistics()["publications_written"] == 1)
    publish(tmp_path, 3)
    own.publish(10, weights(10))

    def told() -> bool:
        try:
            own.publish(15, weights(15))
        except TandemError as error:
            return error.code == "CODIST-002"
        return False

    until(told)
    with pytest.raises(TandemError, match="CODIST-002"):
        own.publish(20, weights(20))
    own.close()
    assert same(reader(tmp_path).look(), weights(3))


def test_a_process_that_was_replaced_before_its_last_publication_is_told_after_close(tmp_path: Path) -> None:
    own = exchange(tmp_path, 0)
    own.publish(5, weights(5))
    until(lambda: own.statistics()["publications_written"] == 1)
    publish(tmp_path, 3)
    own.publish(10, weights(10), finished=True)
    own.close()
    assert own.error is not None
    assert own.error.code == "CODIST-002"
    assert same(reader(tmp_path).look(), weights(3))


def test_statistics_are_json_and_add_up(tmp_path: Path) -> None:
    own, peer = exchange(tmp_path, 0), exchange(tmp_path, 1)
    for number, step in enumerate((5, 10), 1):
        own.publish(step, weights(step, table=1), finished=step == 10)
        until(lambda number=number: peer.statistics()["publications_read"] == number)
    own.close()
    peer.close()
    told, read = (json.loads(json.dumps(replica.statistics())) for replica in (own, peer))
    assert told.pop("seconds_writing") > 0
    assert read.pop("seconds_reading") > 0
    parts = 2 * 40 + 4 * (1 << 18)
    manifests = told.pop("bytes_written") - parts
    assert 1000 < manifests < 3000
    assert (
        told.items()
        >= {
            "attempt": 1,
            "publications_written": 2,
            "publications_failed": 0,
            "publications_skipped": 0,
            "parts_written": 3,
            "parts_kept": 1,
            "publications_read": 0,
            "peers": {},
        }.items()
    )
    assert (
        read.items()
        >= {
            "publications_read": 2,
            "publications_refused": 0,
            "looks_failed": 0,
            "parts_read": 3,
            "bytes_read": parts,
            "publications_written": 0,
            "peers": {"0": {"step": 10, "attempt": 1, "finished": True}},
        }.items()
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"index": 2}, "index=2"),
        ({"index": -1}, "index=-1"),
        ({"index": 0, "replicas": 1}, "replicas=1"),
        ({"transfer": "int8"}, "transfer='int8'"),
        ({"poll_seconds": 0.0}, "poll_seconds=0.0"),
        ({"keep": 1}, "keep=1"),
    ],
)
def test_arguments_out_of_their_range_are_refused(
    tmp_path: Path, arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        Exchange(**{"place": str(tmp_path), "group": "g", "index": 0, "replicas": 2, **arguments})
    assert list(tmp_path.iterdir()) == []
    assert threads() == set()


def test_arrays_that_hold_no_numbers_are_refused_at_once(tmp_path: Path) -> None:
    own = exchange(tmp_path, 0)
    with pytest.raises(ValueError, match="dtype=str"):
        own.publish(5, {"words": np.array(["a"])})
    own.close()
    assert own.statistics()["publications_failed"] == 0
