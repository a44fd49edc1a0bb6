"""A push or rollback that is broken off anywhere leaves whole versions, and its repetition ends it."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time

import pytest

from components.push import manifest, registry
from trainer.errors import TandemError


def _finish(process) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


@pytest.mark.parametrize("action", ["kill", "ENOSPC"])
@pytest.mark.parametrize(("scenario", "least"), [("second", 60), ("rollback", 20)])
def test_fault_at_each_file_operation_leaves_a_whole_version(start, tmp_path, scenario, action, least):
    output = _finish(start("sweep", tmp_path, scenario, action))
    assert json.loads(output)["operations"] >= least


@pytest.mark.soak
@pytest.mark.parametrize("action", ["kill", "ENOSPC", "EIO", "EROFS"])
@pytest.mark.parametrize("scenario", ["first", "second", "rollback"])
def test_every_fault_at_each_file_operation(start, tmp_path, scenario, action, request):
    if "soak" not in request.config.getoption("markexpr"):
        pytest.skip("long sweep")
    _finish(start("sweep", tmp_path, scenario, action))


def test_kill_at_random_moments_then_retry_makes_exactly_one_version(start, place):
    size, chance, cut_off = 3_000_000, random.Random(5), 0
    for seed in range(1, 9):
        before = place.live()
        process = start("one", place.root, seed, size)
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.06))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        cut_off += process.returncode == -signal.SIGKILL
        place.assert_whole()
        assert place.live() in (before, [*before, len(before) + 1])
        result = place.push(seed, size=size)
        place.assert_whole()
        assert place.live() == [*before, len(before) + 1] == [*before, result.version]
        assert place.hidden() == []
    assert cut_off > 0


def test_short_write_is_an_error_and_nothing_is_visible(place, monkeypatch):
    place.push(1)
    blessing = place.blessing(2)

    def copy_half(reader, writer, block):
        writer.write(reader.read()[: block // 2][:-1])

    monkeypatch.setattr("trainer.storage.shutil.copyfileobj", copy_half)
    with pytest.raises(TandemError, match="PUSH-004"):
        place.push(2, blessing=blessing)
    monkeypatch.undo()
    assert (place.live(), place.hidden()) == ([1], [])
    assert place.push(2).version == 2


def test_two_processes_that_push_at_once_get_distinct_rising_versions(start, place):
    children = [start("pushes", place.root, first, 5, 2000) for first in (100, 200)]
    numbers = [[int(line) for line in _finish(child).split()] for child in children]
    assert sorted(numbers[0] + numbers[1]) == list(range(1, 11))
    assert all(found == sorted(found) for found in numbers)
    place.assert_whole()
    assert place.statuses() == dict.fromkeys(range(1, 11), "live")


def test_the_loser_is_told_who_holds_the_lock_and_a_dead_holder_is_taken_over(start, place, caplog):
    (place.serving / "demo").mkdir(parents=True)
    (place.serving / "demo" / ".push.lock").write_text('{"pid": 1}')
    holder = start("hold", place.root)
    holder.stdout.readline()
    with pytest.raises(TandemError) as caught:
        place.push(1, wait_seconds=0.1)
    assert caught.value.code == "PUSH-002"
    assert f"process {holder.pid} on {os.uname().nodename}" in caught.value.message
    assert place.live() == []
    holder.kill()
    holder.communicate()
    with caplog.at_level("WARNING", logger="absl"):
        assert place.push(1).version == 1
    assert f"process {holder.pid}" in caplog.text
    caplog.clear()
    place.push(2)
    assert "Taking over" not in caplog.text


def test_versions_rise_when_the_clock_is_set_back(place, monkeypatch):
    assert place.push(1).version == 1
    monkeypatch.setattr(registry, "utc_now", lambda: "1999-01-01T00:00:00+00:00")
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert place.push(2).version == 2
    assert registry.newest_blessed(place.serving, "demo", place.registry).version == 2


def test_a_reader_never_sees_a_torn_version_nor_none(place):
    """A reader lists and checks the newest version all the time while versions come."""
    place.push(0)
    stop, loads, failures = threading.Event(), [0], []

    def read() -> None:
        while not stop.is_set():
            try:
                newest = registry.served_version(place.serving, "demo")
                manifest.verify(place.serving / "demo" / str(newest))
            except (TandemError, OSError) as error:
                failures.append(error)
            loads[0] += 1

    reader = threading.Thread(target=read)
    reader.start()
    seed = 0
    while seed < 12 or loads[0] < 1000:
        seed += 1
        place.push(seed)
    stop.set()
    reader.join()
    assert failures == []
    assert loads[0] >= 1000
