"""The dry run's process may end in any way; the gate gets a result or a reason."""

from __future__ import annotations

import sys

import pytest

from components.gate.dry_run import dry_run
from trainer.errors import TandemError


def _run(tmp_path, program, timeout_seconds=60.0):
    return dry_run(tmp_path, tmp_path, timeout_seconds, [sys.executable, "-c", "import sys; " + program])


def test_the_result_is_what_the_process_wrote(tmp_path):
    program = 'open(sys.argv[3], \'w\').write(\'{"requests": 3, "model": "%s"}\' % sys.argv[1])'
    assert _run(tmp_path, program) == ({"requests": 3, "model": str(tmp_path)}, "")


def test_the_process_finds_the_trainer(tmp_path):
    program = "import trainer.errors; open(sys.argv[3], 'w').write('{}')"
    assert _run(tmp_path, program) == ({}, "")


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("sys.exit('EXPORT-005: no model')", "ended with status 1: EXPORT-005: no model"),
        ("import os; os.kill(os.getpid(), 11)", "ended with status -11: no message"),
        ("pass", "left no readable result"),
        ("open(sys.argv[3], 'w').write('{\"requests\": ')", "left no readable result"),
        ("open(sys.argv[3], 'w').write('[]')", "not a mapping"),
    ],
)
def test_a_bad_end_is_a_reason(tmp_path, program, why):
    result, reason = _run(tmp_path, program)
    assert result is None
    assert why in reason


def test_a_process_that_takes_too_long_is_ended(tmp_path):
    assert _run(tmp_path, "import time; time.sleep(60)", 0.3) == (
        None,
        "the dry run took longer than 0.3 seconds",
    )


def test_a_program_that_is_not_there_says_nothing_about_the_model(tmp_path):
    with pytest.raises(TandemError, match=r"GATE-001.*No such file"):
        dry_run(tmp_path, tmp_path, 5.0, [str(tmp_path / "none")])


@pytest.mark.parametrize("signal", [2, 9, 15])
def test_a_process_that_somebody_ended_says_nothing_about_the_model(tmp_path, signal):
    with pytest.raises(TandemError, match=f"GATE-001.*status -{signal}"):
        _run(tmp_path, f"import os, signal as s; s.signal(2, s.SIG_DFL); os.kill(os.getpid(), {signal})")


def test_a_result_that_cannot_be_written_says_nothing_about_the_model(tmp_path):
    program = (
        "import importlib; module = importlib.import_module('trainer.export.dry_run'); "
        "module.dry_run = lambda *_: {}; sys.exit(module.main(['', '', '', sys.argv[3] + '/below/a.json']))"
    )
    with pytest.raises(TandemError, match=r"GATE-001.*status 74"):
        _run(tmp_path, "open(sys.argv[3], 'w').close(); " + program)
