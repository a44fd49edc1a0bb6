"""The order of versions and runs does not depend on the clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.root import Root
from pipeline.runs.history import previous_statistics
from pipeline.runs.store import RunStore

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
PUSHER = HERE.parent / "components" / "push" / "child.py"
HOUR = 3600
RUN = """
import sys
from pathlib import Path
from pipeline.root import Root
from pipeline.runs.store import RunStore, now
root, data = Root(Path(sys.argv[2])), sys.argv[3]
run = RunStore(root).create("name: small", root.path)
run.event("run_started", name="small", attempt=1)
statistics = root.artifacts / "statistics" / data
statistics.mkdir(parents=True)
run.write_summary({
    "run_id": run.run_id, "name": "small", "status": "pushed", "attempt": 1, "started": now(), "seconds": 1.0,
    "steps": [{"name": "check", "state": "ran"}], "fingerprints": {"data": data}, "metrics": {},
    "statistics_uri": root.relative(statistics), "rows": {"train": 1}, "pushed_version": 1,
})
sys.stdout.write(run.run_id)
"""


def shifted(seconds: int, *program: str | Path) -> str:
    """Output of a program whose clock is `seconds` ahead."""
    path = os.pathsep.join([str(PUSHER.parent), str(PROJECT)])
    done = subprocess.run(
        [sys.executable, str(HERE / "clock.py"), str(seconds), *map(str, program)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def test_the_clock_of_a_program_is_set_off() -> None:
    code = "import datetime, time; print(time.time(), datetime.datetime.now(datetime.UTC).timestamp())"
    here, there = (list(map(float, shifted(seconds, "-c", code).split())) for seconds in (0, -HOUR))
    assert here[0] == pytest.approx(here[1], abs=1)
    assert [a - b for a, b in zip(here, there, strict=True)] == pytest.approx([HOUR, HOUR], abs=60)


def test_versions_rise_while_the_clock_is_set_back(tmp_path: Path) -> None:
    from components.push import manifest, registry

    told = [
        shifted(-HOUR * back, PUSHER, "pushes", tmp_path, first, 2, 2000) for back, first in ((0, 1), (1, 5))
    ]
    assert [int(line) for text in told for line in text.split()] == [1, 2, 3, 4]
    newest = registry.newest_blessed(tmp_path / "serving", "demo", tmp_path / "registry")
    assert newest is not None
    assert newest.version == 4
    created = {
        version: manifest.read(path).created
        for version, path in registry.directories(tmp_path / "serving", "demo").items()
    }
    assert created[3] < created[2], "the clock was not set back"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, list[str]]:
    """Three runs, the clock set back an hour after the first; their ids in the order of their start."""
    place = Root(tmp_path_factory.mktemp("root") / ".tandem")
    return place, [
        shifted(at, "-c", RUN, place.path, data) for at, data in ((0, "a"), (-HOUR, "b"), (-HOUR, "c"))
    ]


@pytest.fixture(scope="module")
def same_second(tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, list[str]]:
    """Twenty runs that begin at once, one after the other."""
    place = Root(tmp_path_factory.mktemp("same") / ".tandem")
    return place, [RunStore(place).create("name: small", place.path).run_id for _ in range(20)]


def test_runs_are_in_the_order_of_their_start(root: tuple[Root, list[str]]) -> None:
    place, started = root
    assert [run.run_id for run in RunStore(place).all()] == started


def test_the_newest_run_is_found_after_the_clock_was_set_back(root: tuple[Root, list[str]]) -> None:
    place, started = root
    assert RunStore(place).find().run_id == started[-1]


def test_the_statistics_of_the_newest_run_count_after_the_clock_was_set_back(tmp_path: Path) -> None:
    place = Root(tmp_path)
    for at in (0, -HOUR):
        shifted(at, "-c", RUN, place.path, f"data-{at}")
    assert Path(previous_statistics(place, "small", "data-now")).name == f"data-{-HOUR}"


def test_runs_of_one_second_are_in_the_order_of_their_start(same_second: tuple[Root, list[str]]) -> None:
    place, started = same_second
    assert [run.run_id for run in RunStore(place).all()] == started
    assert len(set(started)) == len(started)


def test_runs_list_has_the_newest_first(root: tuple[Root, list[str]]) -> None:
    from typer.testing import CliRunner

    from pipeline.cli.app import app

    place, started = root
    outcome = CliRunner().invoke(app, ["runs", "list", "--json", "--root", str(place.path)])
    assert outcome.exit_code == 0, outcome.output
    assert [run["run_id"] for run in json.loads(outcome.stdout)] == started[::-1]
