"""A run with a fault at one point after the other: it goes on each time and ends as if nothing had been."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.faults.points.place import Place

# A run succeeds without these, and says how they are written again.
SPARED = re.compile(r"storage\.\w+ (view\.json|report\.html)|checkpoint\.discard")


def short_form(points: list[str]) -> list[str]:
    """One point of each name, and every end of a step."""
    first = {point.partition(" ")[0]: point for point in reversed(points)}
    return [point for point in points if point in first.values() or point.startswith("step.end ")]


def sweep(tandem, place: Place, points: list[str], action: str) -> None:
    """Lets each run meet a fault at the next point; the command that it names is the one that goes on."""
    command = ["run", "config.yaml"]
    for point in points:
        ended = tandem(place.directory, *command, fault=f"{action} {point}")
        told = (action, point, command, ended)
        assert "Traceback" not in ended.err, told
        place.served()
        if ended.status == 0:
            assert SPARED.fullmatch(point), told
            if "storage" in point:
                (again,) = re.findall(r"^next    tandem (.+)$", ended.out, re.M)
                command = shlex.split(again)
            continue
        if ended.status < 0:
            assert action == "kill", told
            command = ["resume"] if place.runs() else ["run", "config.yaml"]
            continue
        assert re.match(r"[A-Z]+-\d{3} ", ended.err), told
        logs = re.findall(r"^  log   (.+)$", ended.err, re.M)
        assert all(Path(log).is_file() for log in logs), told
        command = ended.next_command()
    assert tandem(place.directory, *command).status == 0
    place.assert_finished()


@pytest.mark.parametrize("action", ["kill", "ENOSPC"])
def test_a_run_that_fails_at_one_point_after_the_other_ends_with_the_same_model(
    tandem, unbroken, tmp_path, action
) -> None:
    place = Place(tmp_path)
    sweep(tandem, place, short_form(unbroken[1]), action)
    assert place.outputs() == unbroken[0].outputs()


@pytest.mark.soak
@pytest.mark.parametrize("action", ["kill", "raise", "ENOSPC", "ENOSPC*", "EIO", "EROFS", "short"])
def test_a_run_that_fails_at_every_point_ends_with_the_same_model(tandem, unbroken, tmp_path, action) -> None:
    place = Place(tmp_path)
    sweep(tandem, place, unbroken[1], action)
    assert place.outputs() == unbroken[0].outputs()


# Parts of a second after which steps are killed whose files stock components and libraries write.
DELAYS = {"statistics": [0.2], "transform": [0.2, 1.0, 2.0], "train": [0.5, 1.5], "evaluate": [0.3, 1.0]}


def test_a_run_killed_inside_of_its_long_steps_ends_with_the_same_model(tandem, unbroken, tmp_path) -> None:
    place = Place(tmp_path)
    command = ["run", "config.yaml"]
    for step, delays in DELAYS.items():
        for delay in delays:
            ended = tandem(tmp_path, *command, fault=f"kill+{delay} step.begin {step}")
            assert ended.status == -9, (step, delay, ended)
            command = ["resume"]
    assert tandem(tmp_path, "resume").status == 0
    place.assert_finished()
    assert place.outputs() == unbroken[0].outputs()


@pytest.mark.soak
def test_a_slow_disk_changes_nothing(tandem, unbroken, tmp_path) -> None:
    place = Place(tmp_path)
    assert tandem(tmp_path, "run", "config.yaml", fault="slow *").status == 0
    place.assert_finished()
    assert place.outputs() == unbroken[0].outputs()
