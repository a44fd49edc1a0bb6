"""What did not change is neither written nor read again; what nothing names is removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.codistillation.exchange.place import (
    manifest,
    part,
    publish,
    publisher,
    reader,
    same,
    weights,
)
from trainer.codistillation.exchange.local import LocalStorage
from trainer.codistillation.exchange.publisher import Publisher
from trainer.codistillation.exchange.reader import Reader

MEGABYTE = 1 << 20
SMALL = 3 * 2 * 4 + 2 * 4 + 8


class Counting(LocalStorage):
    """Notes each file that is read or written."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.calls: list[tuple[str, str]] = []

    def read(self, name: str) -> bytes | None:
        self.calls.append(("read", name))
        return super().read(name)

    def write(self, name: str, content: bytes) -> None:
        self.calls.append(("write", name))
        super().write(name, content)

    def parts(self) -> int:
        count = sum(name.endswith(".part") for _, name in self.calls)
        self.calls.clear()
        return count


def test_an_unchanged_table_is_neither_written_nor_read_again(tmp_path: Path) -> None:
    writing, reading = Counting(tmp_path), Counting(tmp_path)
    replica, peer = Publisher(writing, "g", 0), Reader(reading, "g", 0)
    for step, table, moved in ((1, 7, 2), (2, 7, 1), (3, 8, 2), (4, 8, 1)):
        replica.publish(step, weights(step, table))
        assert writing.parts() == moved, step
        assert same(peer.look(), weights(step, table))
        assert reading.parts() == moved, step
    replica.publish(5, weights(4, 8))
    assert same(peer.look(), weights(4, 8))
    assert (writing.parts(), reading.parts()) == (0, 0)
    assert (replica.written.publications, replica.written.parts, replica.written.unchanged) == (5, 6, 4)
    assert (peer.read.publications, peer.read.parts, peer.read.unchanged) == (5, 6, 4)
    assert peer.read.bytes == 2 * MEGABYTE + 4 * SMALL
    manifests = replica.written.bytes - peer.read.bytes
    assert 5 * 500 < manifests < 5 * 1500


@pytest.mark.parametrize("transfer", ["float16", "bfloat16"])
def test_sixteen_bits_halve_the_bytes_of_weights(tmp_path: Path, transfer: str) -> None:
    replica, peer = publisher(tmp_path, transfer=transfer), reader(tmp_path)
    table = {"table": weights(0, table=7)["table"].repeat(2, axis=1)}
    replica.publish(1, table)
    found = peer.look()
    assert found is not None
    assert peer.read.bytes == MEGABYTE
    assert found.arrays["table"].dtype == "float32"
    # Half of the last kept place: 11 or 8 bits.
    limit = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[transfer]
    gap = abs(found.arrays["table"] - table["table"])
    assert gap.max() > 0
    assert (gap <= limit * abs(table["table"]) + 1e-7).all()


def test_the_newest_two_publications_and_their_parts_are_kept(tmp_path: Path) -> None:
    publish(tmp_path, 5, 10, 15, 20)
    kept = {manifest(tmp_path, step) for step in (15, 20)} | {part(tmp_path, weights(s)) for s in (15, 20)}
    assert set((tmp_path / "replica-0").iterdir()) == kept


def test_a_part_of_a_kept_publication_outlives_those_that_shared_it(tmp_path: Path) -> None:
    replica = publisher(tmp_path)
    shared = part(tmp_path, {"table": weights(0, table=7)["table"]})
    for step in range(1, 6):
        replica.publish(step, weights(step, table=7))
        assert shared.exists()
    replica.publish(6, weights(6, table=8))
    assert same(reader(tmp_path).look(), weights(6, table=8))
    manifest(tmp_path, 6).unlink()
    assert same(reader(tmp_path).look(), weights(5, table=7))
    replica.publish(7, weights(7, table=8))
    replica.publish(8, weights(8, table=8))
    assert not shared.exists()


@pytest.mark.parametrize("keep", [2, 3])
def test_a_restart_removes_what_earlier_starts_left(tmp_path: Path, keep: int) -> None:
    publish(tmp_path, 5, 10)
    orphan = tmp_path / "replica-0" / f"{'0' * 64}.part"
    orphan.write_bytes(b"of a publication that was not finished")
    half = tmp_path / "replica-0" / ".x.part.abc.unfinished"
    half.write_bytes(b"half")
    restarted = publish(tmp_path, 7, keep=keep)
    assert not half.exists()
    assert not orphan.exists()
    assert same(reader(tmp_path).look(), weights(7))
    assert manifest(tmp_path, 10).exists()
    assert manifest(tmp_path, 5).exists() == (keep == 3)
    restarted.publish(9, weights(9))
    restarted.publish(11, weights(11))
    assert manifest(tmp_path, 10).exists() is False


def test_parts_that_this_process_does_not_know_are_left_to_whoever_is_writing_them(tmp_path: Path) -> None:
    replica = publish(tmp_path, 5)
    other = tmp_path / "replica-0" / f"{'0' * 64}.part"
    other.write_bytes(b"soon to be named by another process's manifest")
    replica.publish(10, weights(10))
    replica.publish(15, weights(15))
    assert other.exists()


@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_an_unchanged_part_that_was_lost_is_written_again(tmp_path: Path, damage: str) -> None:
    replica = publisher(tmp_path)
    replica.publish(1, weights(1, table=7))
    shared = part(tmp_path, {"table": weights(0, table=7)["table"]})
    if damage == "removed":
        shared.unlink()
    else:
        shared.write_bytes(shared.read_bytes()[:-1])
    assert reader(tmp_path).look() is None
    replica.publish(2, weights(2, table=7))
    assert same(reader(tmp_path).look(), weights(2, table=7))


def test_a_restart_writes_unchanged_parts_anew_whatever_became_of_them(tmp_path: Path) -> None:
    publish(tmp_path, 5)
    file = part(tmp_path, weights(5))
    file.write_bytes(bytes(len(file.read_bytes())))
    publish(tmp_path, 5)
    assert same(reader(tmp_path).look(), weights(5))


def test_damaged_manifests_do_not_count_among_the_kept(tmp_path: Path) -> None:
    replica = publish(tmp_path, 5, 10)
    manifest(tmp_path, 10).write_bytes(b"{}")
    replica.publish(15, weights(15))
    assert manifest(tmp_path, 5).exists()
    assert not manifest(tmp_path, 10).exists()
    manifest(tmp_path, 15).unlink()
    assert same(reader(tmp_path).look(), weights(5))
