"""A broken schedule is a problem of the config, found where it is read."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from pipeline.config.problems import ConfigError, path_text
from tests.pipeline.kubeflow.deploy.command import HEAVY, PROJECT
from tests.pipeline.kubeflow.schedule.planning import config

CHECK = """
import sys
from pipeline.config import parse
from tests.pipeline.kubeflow.fixtures import CONFIG
parse(CONFIG, ["kubeflow.schedule={cron: '0 3 * * *', span: '[[ScheduledTime]]', end: '2026-01-31'}"])
sys.stdout.write(" ".join(sys.modules))
"""


@pytest.mark.parametrize(
    ("schedule", "where", "told"),
    [
        ({"cron": "'0 3 * *'"}, "cron", "expected six fields.*4 fields.*Write second"),
        ({"cron": "'99 3 * * *'"}, "cron", "'99' in field minute"),
        ({"cron": "'0 0 3 30 2 *'"}, "cron", "does not come within five years"),
        ({"span": "'[[Index]]'"}, "span", "does not replace"),
        ({"span": "latest"}, "span", "neither a number nor a macro"),
        ({"start": "soon"}, "start", "start='soon'"),
        ({"end": "'2026-13-01'"}, "end", "end='2026-13-01'"),
        ({"start": "'2026-02-01'", "end": "'2026-01-01'"}, "end", "not after start='2026-02-01'"),
        ({"start": "soon", "end": "'2026-01-01'"}, "start", "start='soon'"),
    ],
)
def test_a_broken_schedule_is_refused_where_it_is(schedule: dict[str, Any], where: str, told: str) -> None:
    with pytest.raises(ConfigError, match=rf"(?s){told}") as refused:
        config(**schedule)
    paths = [path_text(problem.path) for problem in refused.value.problems]
    assert paths == [f"kubeflow.schedule.{where}"]


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        config(cron="'@daily'", span="x", start="soon", end="later")
    assert [problem.path[-1] for problem in refused.value.problems] == ["cron", "span", "start", "end"]


def test_a_value_of_another_kind_is_told_once() -> None:
    with pytest.raises(ConfigError) as refused:
        config(cron="7", span="[[ScheduledTime]]", start="'2026-01-01'")
    assert sorted(problem.path[2] for problem in refused.value.problems) == ["cron", "span"]


@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"cron": "'0 0 3 * * mon-fri'", "start": "'2026-01-31'", "end": "'2026-01-31T00:00:01Z'"},
        {"cron": None, "interval_seconds": 3600, "span": "'7'"},
        {"span": "\"{{$.scheduledTime.strftime('%Y-%m-%d')}}\"", "end": "'2020-01-01'"},
    ],
)
def test_a_sound_schedule_is_accepted_also_once_it_has_ended(schedule: dict[str, Any]) -> None:
    assert config(**schedule).kubeflow.schedule is not None


def test_the_check_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    roots = {name.partition(".")[0] for name in done.stdout.split()}
    # The fixtures themselves take the client.
    assert not roots & set(HEAVY)
