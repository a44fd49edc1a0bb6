"""What is newest is told by attempt and step; no clock has a say."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.trainer.codistillation.exchange.place import manifest, publish, publisher, reader, same, weights
from trainer.codistillation.exchange.manifest import decode_manifest, encode_manifest

DECADE = 10 * 365 * 86400.0


def test_a_restart_from_an_older_step_is_newer(tmp_path: Path) -> None:
    peer = reader(tmp_path)
    publish(tmp_path, 250, 500)
    assert same(peer.look(), weights(500))
    restarted = publish(tmp_path, 300)
    assert restarted.attempt == 2
    found = peer.look()
    assert same(found, weights(300))
    assert found is not None
    assert (found.attempt, found.step) == (2, 300)
    assert same(reader(tmp_path).look(), weights(300))


@pytest.mark.parametrize(("before", "after"), [((250, 500), 250), ((250,), 500), ((250,), 250)])
@pytest.mark.parametrize("seen", [False, True])
def test_a_peer_whose_folder_was_emptied_is_heard_again(
    tmp_path: Path, before: tuple[int, ...], after: int, seen: bool
) -> None:
    publish(tmp_path, 9)
    publish(tmp_path, *before)
    peer = reader(tmp_path)
    assert same(peer.look(), weights(before[-1]))
    shutil.rmtree(tmp_path / "replica-0")
    if seen:
        assert peer.look() is None
    assert publish(tmp_path, after).attempt == 1
    found = peer.look()
    assert same(found, weights(after))
    assert found is not None
    assert (found.attempt, found.step) == (1, after)
    assert peer.look() is None


def test_a_folder_that_is_away_for_a_moment_brings_nothing_twice(tmp_path: Path) -> None:
    publish(tmp_path, 5, 10)
    peer = reader(tmp_path)
    assert same(peer.look(), weights(10))
    (tmp_path / "replica-0").rename(tmp_path / "aside")
    assert peer.look() is None
    (tmp_path / "aside").rename(tmp_path / "replica-0")
    assert peer.look() is None
    manifest(tmp_path, 10).unlink()
    assert peer.look() is None


def test_attempts_and_steps_are_numbers_not_texts(tmp_path: Path) -> None:
    for attempt in range(1, 12):
        replica = publish(tmp_path, 9)
        assert replica.attempt == attempt
    replica.publish(1_000_000_000_000, weights(4))
    found = reader(tmp_path).look()
    assert found is not None
    assert (found.attempt, found.step) == (11, 1_000_000_000_000)


def test_a_start_that_published_nothing_takes_no_attempt(tmp_path: Path) -> None:
    publisher(tmp_path).begin()
    assert publish(tmp_path, 5).attempt == 1


@pytest.mark.parametrize("drift", [-DECADE, 0.0, DECADE])
def test_clocks_may_be_decades_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drift: float) -> None:
    peer = reader(tmp_path)
    for number in range(1, 4):
        with monkeypatch.context() as patch:
            patch.setattr("time.time", lambda at=2e9 + number * drift: at)
            publish(tmp_path, 10 * number, 10 * number + 5)
        assert same(peer.look(), weights(10 * number + 5))
    (newest,) = (tmp_path / "replica-0").glob("manifest-000003-*35.json")
    assert json.loads(newest.read_bytes())["time"] == 2e9 + 3 * drift


def test_times_in_files_change_nothing_either(tmp_path: Path) -> None:
    publish(tmp_path, 5, 10)
    os.utime(manifest(tmp_path, 5), (4e9, 4e9))
    os.utime(manifest(tmp_path, 10), (1, 1))
    assert same(reader(tmp_path).look(), weights(10))


def test_the_end_of_a_training_is_told_though_its_step_was_published_before(tmp_path: Path) -> None:
    replica, peer = publish(tmp_path, 5), reader(tmp_path)
    assert same(peer.look(), weights(5))
    replica.publish(5, weights(5), finished=True)
    found = peer.look()
    assert same(found, weights(5))
    assert found is not None
    assert found.finished
    assert peer.look() is None
    assert peer.newest == (5, 1, True)
    assert peer.read.parts == 1


def test_another_groups_manifest_is_ignored_and_its_files_are_left_alone(tmp_path: Path) -> None:
    replica = publish(tmp_path, 5)
    path = manifest(tmp_path, 5)
    name = path.relative_to(tmp_path).as_posix()
    foreign = dataclasses.replace(decode_manifest(name, path.read_bytes()), group="h", attempt=7)
    (tmp_path / foreign.name).write_bytes(encode_manifest(foreign))
    assert same(reader(tmp_path).look(), weights(5))
    for step in (10, 15, 20):
        replica.publish(step, weights(step))
    assert same(reader(tmp_path).look(), weights(20))
    assert publish(tmp_path, 3).attempt == 8
    assert same(reader(tmp_path).look(), weights(3))
    assert same(reader(tmp_path, group="h").look(), weights(5))
