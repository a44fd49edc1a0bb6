"""Many rounds of push and rollback under a reader that never waits."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from components.push import manifest, registry
from trainer import storage
from trainer.errors import TandemError

ROUNDS = 100


class Reader(threading.Thread):
    """Polls as a model server does: lists, takes the greatest number, loads every file of it."""

    def __init__(self, root: Path, denied: set[int]) -> None:
        super().__init__()
        self.root, self._denied = root, denied
        self.seen: list[int] = []
        self.problems: list[str] = []
        self.polls = 0
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            # Before the listing: a version denied by then must not be served any more.
            denied = max(self._denied, default=0)
            versions = [int(name) for name in os.listdir(self.root) if name.isdecimal()]  # noqa: PTH208
            if not versions:
                self.problems.append("no version is served")
            else:
                self._load(max(versions), denied)
            self.polls += 1

    def _load(self, version: int, denied: int) -> None:
        if version <= denied and version != 1:
            self.problems.append(f"version {version} is served after its rollback")
        try:
            contents = manifest.verify(self.root / str(version))
            if contents.version != version:
                self.problems.append(f"version {version} holds {contents.version}")
        except TandemError as error:
            # It may have been taken back while it was read, as a whole: then it is not there any more.
            if (self.root / str(version)).exists():
                self.problems.append(str(error))
        if not self.seen or self.seen[-1] != version:
            self.seen.append(version)

    def stop(self) -> None:
        self._stopping.set()
        self.join()


def test_rounds_of_push_and_rollback_under_a_polling_reader(place, monkeypatch):
    # What is durable is another test's matter; here thousands of waits for the disk say nothing.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    first = place.push(0)
    before = storage.list_tree(first.path)
    denied: set[int] = set()
    reader = Reader(place.serving / "demo", denied)
    reader.start()
    try:
        for number in range(1, ROUNDS + 1):
            pushed = place.push(number)
            assert pushed.version == number + 1
            assert registry.served_version(place.serving, "demo") == number + 1
            rolled = place.rollback()
            denied.add(number + 1)
            polls = reader.polls
            assert (rolled.denied, rolled.served) == ((number + 1,), 1)
            # One poll may have begun before the rollback ended; the next one serves the version before.
            while reader.polls < polls + 2 and reader.is_alive():
                time.sleep(0)
            assert reader.seen[-1] == 1
    finally:
        reader.stop()
    assert reader.problems == []
    assert reader.polls >= 2 * ROUNDS
    assert len(reader.seen) > 1, "the reader saw no version but the first"
    assert place.live() == [1]
    assert place.denied() == list(range(2, ROUNDS + 2))
    assert place.statuses() == {1: "live", **dict.fromkeys(range(2, ROUNDS + 2), "denied")}
    assert storage.list_tree(first.path) == before
    assert place.hidden() == []


def test_a_gap_a_torn_version_and_one_served_too_long_would_be_noticed(place):
    place.push(0)
    place.push(1)
    root = place.serving / "demo"

    def problems(denied: set[int]) -> list[str]:
        reader = Reader(root, denied)
        reader.start()
        while reader.polls < 2:
            time.sleep(0)
        reader.stop()
        return reader.problems

    assert problems(set()) == []
    assert "served after its rollback" in problems({2})[0]
    (root / "2" / "assets" / "vocabulary.txt").write_text("torn")
    assert "PUSH-004" in problems(set())[0]
    for version in (1, 2):
        (root / str(version)).rename(root / f"{version}.denied")
    assert problems(set())[0] == "no version is served"


def test_two_pushes_in_one_second_are_two_versions(place, monkeypatch):
    monkeypatch.setattr(registry, "utc_now", lambda: "2026-01-01T00:00:00+00:00")
    assert [place.push(seed).version for seed in (1, 2, 1)] == [1, 2, 1]
    created = [manifest.read(path).created for path in registry.directories(place.serving, "demo").values()]
    assert created == ["2026-01-01T00:00:00+00:00"] * 2
    assert place.statuses() == {1: "live", 2: "live"}


@pytest.mark.soak
def test_rounds_with_every_write_on_disk(place):
    place.push(0)
    denied: set[int] = set()
    reader = Reader(place.serving / "demo", denied)
    reader.start()
    try:
        for number in range(1, ROUNDS + 1):
            place.push(number, size=200_000)
            place.rollback()
            denied.add(number + 1)
    finally:
        reader.stop()
    assert reader.problems == []
    assert place.live() == [1]
