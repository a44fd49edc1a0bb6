"""Releases into an artifact and onto a volume."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.push import manifest
from components.release import record, volume
from components.release.release import Settings
from trainer.errors import TandemError
from trainer.faults import InjectedError

PROJECT = Path(__file__).resolve().parents[3]


def test_nothing_pushed_is_an_empty_release(releases):
    told = {"pushed": False, "version": None, "path": "", "digest": "", "reason": "the model is not blessed"}
    made = releases.release(told, "artifact", mirror="s3://never/asked")
    assert (made.released, made.reason) == (False, "the model is not blessed")
    assert list((releases.root / "release").iterdir()) == []


def test_an_artifact_holds_the_version_below_a_number(releases):
    made = releases.release(releases.push(1), "artifact")
    assert (made.released, made.version, made.path) == (True, 1, "")
    assert manifest.verify(releases.root / "release" / "1").digest == made.digest
    assert made.run_id == "run-1"
    # What a killed attempt left gives way.
    (releases.root / "release" / "1" / "left").write_text("")
    releases.release(releases.push(1), "artifact")
    manifest.verify(releases.root / "release" / "1")


def test_a_release_on_the_volume_is_a_copy_that_appears_once(releases):
    pushed = releases.push(1)
    made = releases.release(pushed)
    target = Path(made.path)
    assert target == releases.directory / f"1-{made.digest[:12]}"
    assert (target / "1" / "saved_model.pb").stat().st_nlink == 1
    stamp = (target / "1" / "saved_model.pb").stat().st_ino
    assert releases.release(pushed) == made
    assert (target / "1" / "saved_model.pb").stat().st_ino == stamp
    (target / "1" / "saved_model.pb").write_bytes(b"damaged")
    assert releases.release(pushed) == made
    manifest.verify(target / "1")


def test_old_releases_go_and_served_ones_stay(releases):
    made = [releases.release(releases.push(1))]
    name = Path(made[0].path).name
    volume.write_served(releases.directory, [name])
    made += [releases.release(releases.push(seed)) for seed in (2, 3, 4)]
    names = [Path(one.path).name for one in made]
    assert releases.names() == sorted([names[0], names[2], names[3]])
    volume.write_served(releases.directory, [names[3], names[2]])
    made.append(releases.release(releases.push(5)))
    assert releases.names() == sorted([names[2], names[3], Path(made[-1].path).name])


def test_nothing_is_removed_when_nobody_knows_what_is_served(releases):
    releases.release(releases.push(1))
    (releases.directory / volume.SERVED).write_text("{")
    for seed in (2, 3, 4):
        releases.release(releases.push(seed))
    assert len(releases.names()) == 4


def test_a_damaged_or_missing_version_is_not_released(releases):
    pushed = releases.push(1)
    with pytest.raises(TandemError, match="SERVE-003"):
        releases.release({**pushed, "digest": "of another model"})
    (releases.version(1) / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(TandemError, match="PUSH-004"):
        releases.release(pushed)
    releases.version(1).rename(releases.version(1).with_name("1.denied"))
    with pytest.raises(TandemError, match=r"SERVE-003.*taken back"):
        releases.release(pushed)
    assert not releases.directory.exists()


def test_a_late_step_does_not_go_back_behind_a_newer_push(releases):
    first = releases.push(1)
    releases.push(2)
    made = releases.release(first)
    assert (made.released, made.reason) == (False, "version 2 was pushed after version 1")


@pytest.mark.parametrize("storage", ["artifact", "volume"])
@pytest.mark.parametrize("action", ["raise", "ENOSPC", "EIO", "EROFS"])
@pytest.mark.parametrize(
    "point",
    [
        "storage.copy_tree", "storage.copy saved_model.pb", "release.rename", "release.collect",
        "release.remove_torn", "release.remove_left",
    ],
)  # fmt: skip
def test_a_fault_leaves_whole_releases_only(releases, fault, storage, action, point):
    if storage == "volume":
        for seed in (1, 2):
            releases.release(releases.push(seed))
        (releases.directory / ".staging-left").mkdir()
    else:
        (releases.root / "release" / "1").mkdir(parents=True)
    pushed = releases.push(3)
    fault(f"{action} {point}*")
    with contextlib.suppress(InjectedError, TandemError):
        releases.release(pushed, storage)
    fault("")
    if storage == "volume":
        for name in releases.names():
            if not name.startswith("."):
                manifest.verify(releases.directory / name / "1")
    made = releases.release(pushed, storage)
    place = Path(made.path) if storage == "volume" else releases.root / "release"
    assert manifest.verify(place / "1").version == pushed["version"]
    if storage == "volume":
        assert len(releases.names()) == 2


def test_a_full_disk_is_told(releases, fault):
    pushed = releases.push(1)
    fault("ENOSPC storage.copy saved_model.pb")
    with pytest.raises(TandemError, match=r"SERVE-004.*No space left"):
        releases.release(pushed)


@pytest.mark.parametrize("point", ["storage.copy saved_model.pb", "release.rename", "release.collect"])
def test_a_killed_release_is_finished_by_the_next(releases, point):
    for seed in (1, 2):
        releases.release(releases.push(seed))
    pushed = releases.push(3)
    program = """
import json, sys
from pathlib import Path
from tests.components.release.conftest import Releases
Releases(Path(sys.argv[1])).release(json.loads(sys.argv[2]))
"""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "TANDEM_FAULT": f"kill {point}*"}
    command = [sys.executable, "-c", program, str(releases.root), json.dumps(pushed)]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    for name in releases.names():
        if not name.startswith("."):
            manifest.verify(releases.directory / name / "1")
    made = releases.release(pushed)
    manifest.verify(Path(made.path) / "1")
    assert len(releases.names()) == 2


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", '{"storage": "disk"}', '{"storage": "volume"}', '{"storage": "none", "more": 1}',
        '{"storage": "artifact", "keep_releases": 1}', '{"storage": "artifact", "mirror": 3}',
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_refused(text):
    with pytest.raises(TandemError, match="SERVE-002") as caught:
        Settings.from_json(text)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("text", [None, "{", "[]", '{"released": 1, "name": "a"}', '{"name": "a"}'])
def test_a_record_that_cannot_be_read_is_told(tmp_path, text):
    if text is not None:
        (tmp_path / record.FILE_NAME).write_text(text)
    with pytest.raises(TandemError, match="SERVE-001"):
        record.read(tmp_path)
