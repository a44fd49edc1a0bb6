"""A peer reads while the publisher writes and collects as fast as it can."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.codistillation.exchange.place import part, publish, publisher, reader, same, weights
from trainer.codistillation.exchange.local import LocalStorage
from trainer.codistillation.exchange.reader import Reader


def test_a_reader_that_races_the_collector_sees_whole_weights_and_refuses_none(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    child = start("writes", tmp_path, 30)
    peer, steps = reader(tmp_path), []
    while child.poll() is None:
        found = peer.look()
        if found is not None:
            assert (found.arrays["step"] == found.step).all()
            steps.append(found.step)
        if len(steps) > 5:
            (tmp_path / "enough").touch()
        time.sleep(0.001)
    assert child.returncode == 0
    assert len(steps) > 5
    assert steps == sorted(set(steps))
    assert peer.read.refused == 0
    assert len(list((tmp_path / "replica-0").iterdir())) == 2 * 3


class Late(LocalStorage):
    """Lets the publisher go on between a reader's look at the folder and its reading of files."""

    def __init__(self, place: Path, between: Callable[[str], None]) -> None:
        super().__init__(place)
        self._between = between

    def read(self, name: str) -> bytes | None:
        self._between(name)
        return super().read(name)


@pytest.mark.parametrize("kind", [".json", ".part"])
def test_a_publication_that_is_collected_while_it_is_read_is_left_for_the_newest(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    replica, steps = publish(tmp_path, 5), iter((10, 15, 20, 25))

    def between(name: str) -> None:
        if name.endswith(kind):
            for step in steps:
                replica.publish(step, weights(step))

    peer = Reader(Late(tmp_path, between), "g", 0)
    assert same(peer.look(), weights(25))
    assert peer.read.refused == 0
    assert caplog.text == ""


def test_a_table_is_read_once_though_the_publication_with_it_is_replaced_meanwhile(tmp_path: Path) -> None:
    table = part(tmp_path, {"table": weights(0, table=1)["table"]}).name
    # Parts are read in the order of their names, and the table shall be first.
    step = next(step for step in range(99) if part(tmp_path, weights(step)).name > table)
    replica, read, following = publisher(tmp_path), [], iter((100, 101, 102))
    replica.publish(step, weights(step, table=1))

    def between(name: str) -> None:
        read.append(name.rpartition("/")[2])
        if name.endswith(".part") and read[-1] != table:
            for later in following:
                replica.publish(later, weights(later, table=1))

    peer = Reader(Late(tmp_path, between), "g", 0)
    assert same(peer.look(), weights(102, table=1))
    assert read.count(table) == 1
    assert (peer.read.parts, peer.read.unchanged, peer.read.refused) == (2, 1, 0)
    assert peer._tried == {}


def test_a_reader_that_is_always_too_late_gives_up_until_the_next_look(tmp_path: Path) -> None:
    replica = publish(tmp_path, 1)

    def between(name: str) -> None:
        if name.endswith(".part"):
            for _ in range(2):
                step = replica.written.publications + 1
                replica.publish(step, {"a": np.array(step)})

    assert Reader(Late(tmp_path, between), "g", 0).look() is None
    assert same(reader(tmp_path).look(), {"a": np.array(replica.written.publications)})
