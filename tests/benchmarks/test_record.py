"""Figures: promises, what is stored, and which changes count."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as bench
from benchmarks import machine, record
from benchmarks.record import Figure, Record

ROOT = Path(__file__).resolve().parents[2]
MACHINE = {"cores": 2, "load": 0.5, "tfx": "1.21.0"}


def records(*figures: Figure, **facts: Any) -> record.Records:
    return {"demo": Record(figures, {**MACHINE, **facts}, "0123456789ab", "2026-01-02T03:04:05Z")}


@pytest.mark.parametrize(
    ("value", "better", "limit", "kept"),
    [
        (240.0, "lower", 240.0, True),
        (240.1, "lower", 240.0, False),
        (15.0, "higher", 15.0, True),
        (14.9, "higher", 15.0, False),
        (1e9, "lower", None, True),
        (math.nan, "lower", 240.0, False),
        (math.nan, "higher", 15.0, False),
    ],
)
def test_a_promise_is_kept_up_to_its_limit(
    value: float, better: Any, limit: float | None, kept: bool
) -> None:
    assert Figure("whole", value, "s", better, limit).kept is kept


def test_promises_that_are_not_kept_are_named() -> None:
    found = record.broken(
        records(
            Figure("whole", 250.0, "s", limit=240.0),
            Figure("again", 8.0, "s", limit=20.0),
            Figure("ingest", 12.5, "times", "higher", 15.0),
        )
    )
    assert found == [
        "demo: whole 250 s, promised at most 240",
        "demo: ingest 12.5 times, promised at least 15",
    ]


@pytest.mark.parametrize(
    ("old", "new", "better", "told"),
    [
        (4.0, 4.8, "higher", ""),
        (4.0, 4.9, "higher", "better"),
        (4.0, 3.1, "higher", "worse"),
        (4.0, 3.1, "lower", "better"),
        (4.0, 4.9, "lower", "worse"),
        (4.0, math.nan, "lower", "worse"),
        (-1.0, -1.5, "lower", "better"),
    ],
)
def test_a_ratio_has_moved_if_by_more_than_the_noise(old: float, new: float, better: Any, told: str) -> None:
    assert record.change(Figure("x", old, "times", better), Figure("x", new, "times", better)) == told


def test_seconds_are_shown_and_do_not_decide() -> None:
    assert record.change(Figure("x", 10.0, "s"), Figure("x", 100.0, "s")) == ""
    assert record.change(Figure("x", 1.0, "GiB"), Figure("x", 2.0, "GiB")) == "worse"


def test_the_noise_is_the_figure_s_own() -> None:
    old, new = (Figure("AUC", value, "", "higher", noise=0.005) for value in (0.7130, 0.7080))
    assert record.change(old, new) == "worse"
    assert record.change(dataclasses.replace(old, noise=0.2), dataclasses.replace(new, noise=0.2)) == ""


def test_every_figure_is_beside_its_stored_one() -> None:
    stored = records(Figure("whole", 80.0, "s"), Figure("ingest", 20.0, "times", "higher"), cores=4)
    now = records(
        Figure("whole", 100.0, "s", limit=240.0),
        Figure("ingest", 10.0, "times", "higher"),
        Figure("new", 2.0, "times"),
        load=9.0,
    )
    head, whole, ingest, new, other = record.comparison(stored, now)
    assert head.split() == ["figure", "unit", "stored", "now", "ratio", "promise"]
    assert whole.split() == ["demo:", "whole", "s", "80", "100", "1.25", "240"]
    assert ingest.split() == ["demo:", "ingest", "times", "20", "10", "0.50", "worse"]
    assert new.split() == ["demo:", "new", "times", "-", "2", "-"]
    assert other == "stored with cores 4, now 2"


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = records(Figure("whole", 80.25, "s", limit=240.0), Figure("AUC", 0.7, "", "higher", noise=0.005))
    path = tmp_path / "new" / "bench.json"
    record.write(written, path)
    assert record.read(path) == written
    assert record.read(tmp_path / "absent.json") == {}


def test_a_record_says_what_it_was_measured_on() -> None:
    begun = record.begin()
    assert begun.machine.keys() >= {"cores", "GiB", "load", "Python", *machine.LIBRARIES}
    assert begun.commit
    assert f"tfx {begun.machine['tfx']}" in machine.line()


# The command

Answers = dict[str, Any]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Answers:
    """Figures, or an error, of the benchmark of each module; a stored run of its own."""
    found: Answers = {}

    def apart(module: str, _arguments: Any) -> tuple[Figure, ...]:
        if isinstance(found[module], BaseException):
            raise found[module]
        return tuple(found[module])

    monkeypatch.setattr(bench, "apart", apart)
    monkeypatch.setattr(record, "STORED", tmp_path / "stored.json")
    monkeypatch.setattr(record, "begin", lambda: records()["demo"])
    return found


def run(tmp_path: Path, *words: str) -> int:
    return bench.main([*words, "--output", str(tmp_path / "bench.json")])


def test_status_is_of_promises_not_of_changes(
    answers: Answers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record.write(records(Figure("whole", 4.0, "times", "higher", 2.5)), record.STORED)
    answers["demo"] = [Figure("whole", 3.0, "times", "higher", 2.5)]
    assert run(tmp_path, "demo") == 0
    assert "worse" in capsys.readouterr().out
    answers["demo"] = [Figure("whole", 2.4, "times", "higher", 2.5)]
    assert run(tmp_path, "demo") == 1
    assert "not kept: demo: whole 2.4 times, promised at least 2.5" in capsys.readouterr().out
    assert record.read(tmp_path / "bench.json")["demo"].figures == tuple(answers["demo"])


def test_a_benchmark_that_fails_does_not_stop_the_others(
    answers: Answers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers["commands"] = SystemExit("no tandem here")
    answers["demo"] = [Figure("whole", 1.0, "s")]
    assert run(tmp_path, "commands", "demo") == 1
    assert "failed: commands: SystemExit: no tandem here" in capsys.readouterr().out
    assert list(record.read(tmp_path / "bench.json")) == ["demo"]


def test_store_replaces_the_benchmarks_that_ran(answers: Answers, tmp_path: Path) -> None:
    kept = Record((Figure("AUC", 0.7, ""),), MACHINE, "0123456789ab", "2026-01-01T00:00:00Z")
    record.write({"quality": kept, **records(Figure("whole", 9.0, "s"))}, record.STORED)
    answers["demo"] = [Figure("whole", 8.0, "s")]
    assert run(tmp_path, "demo") == 0
    assert record.read(record.STORED)["demo"].figures[0].value == 9.0
    assert run(tmp_path, "demo", "--store") == 0
    assert record.read(record.STORED) == {"quality": kept, **records(Figure("whole", 8.0, "s"))}


@pytest.mark.soak
def test_the_command_as_it_is_typed(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    command = [sys.executable, "-m", "benchmarks", "commands", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "failed:" not in done.stdout, done.stdout + done.stderr
    found = record.read(output)
    assert len(found["commands"].figures) == 4
    assert all(0 < figure.value < 60 for figure in found["commands"].figures)
    assert done.returncode == bool(record.broken(found))


def test_an_unknown_name_is_told(answers: Answers, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as error:
        run(tmp_path, "dmeo")
    assert error.value.code == 2
    assert answers == {}


def test_the_longest_run_only_when_they_are_named(answers: Answers, tmp_path: Path) -> None:
    answers |= {module: [Figure(module, 1.0, "s")] for module, _ in bench.BENCHMARKS.values()}
    assert run(tmp_path) == 0
    ran = record.read(tmp_path / "bench.json")
    assert set(ran) == set(bench.BENCHMARKS) - set(bench.LONG)
    assert run(tmp_path, "pronunciation/30") == 0
    assert set(record.read(tmp_path / "bench.json")) == {"pronunciation/30"}
