"""`make audit` tells clean, vulnerable and not reachable apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.audit import CLEAN, FOUND, UNKNOWN, verdict

SCRIPT = Path("tests/audit.py")
PIP_AUDIT = Path(".tools/audit/bin/pip-audit")
REQUIREMENTS = "absl-py==1.4.0 ; sys_platform == 'linux'\nnumpy==1.26.4\n    # via tandem\n"

GOOD: dict[str, Any] = {"name": "numpy", "version": "1.26.4", "vulns": []}
BAD: dict[str, Any] = {
    "name": "absl-py",
    "version": "1.4.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.4.1", "2.0"], "aliases": [], "description": ""}],
}
SKIPPED: dict[str, Any] = {"name": "absl-py", "skip_reason": "Dependency not found and could not be audited"}


def answer(*entries: dict[str, Any]) -> str:
    return json.dumps({"dependencies": entries, "fixes": []})


@pytest.mark.parametrize(
    ("given", "status", "told"),
    [
        (answer(GOOD, {**GOOD, "name": "absl-py"}), CLEAN, []),
        (answer(GOOD, BAD), FOUND, ["absl-py 1.4.0: PYSEC-1, fixed in 1.4.1, 2.0"]),
        (answer(GOOD, SKIPPED), UNKNOWN, ["1 of 2 dependencies could not be looked up"]),
        (answer(SKIPPED, SKIPPED), UNKNOWN, ["2 of 2 dependencies could not be looked up"]),
        (answer(GOOD), UNKNOWN, ["1 of 2 dependencies could not be looked up"]),
        (answer(), UNKNOWN, ["2 of 2 dependencies could not be looked up"]),
        (
            answer(BAD, {**SKIPPED, "name": "numpy"}),
            FOUND,
            ["absl-py 1.4.0: PYSEC-1, fixed in 1.4.1, 2.0", "1 of 2 dependencies could not be looked up"],
        ),
        ("", UNKNOWN, ["the advisory service gave no readable answer (JSONDecodeError)"]),
        ("[]", UNKNOWN, ["the advisory service gave no readable answer (TypeError)"]),
        ("{}", UNKNOWN, ["the advisory service gave no readable answer (KeyError)"]),
    ],
)
def test_an_answer_is_clean_only_if_every_dependency_was_looked_up(
    given: str, status: int, told: list[str]
) -> None:
    assert verdict(given, 2) == (status, told)


def run(command: list[str], environment: dict[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *command],
        input=REQUIREMENTS,
        text=True,
        capture_output=True,
        check=False,
        env=environment,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def stand_in(directory: Path, outputs: dict[str, str]) -> list[str]:
    """A command that answers by service, and refuses requirements that are not the pinned ones."""
    script = directory / "stand_in.py"
    script.write_text(
        "import sys\n"
        "values = dict(zip(sys.argv[1:], sys.argv[2:]))\n"
        "pinned = open(values['--requirement']).read().splitlines()\n"
        "assert [line.split('==')[0] for line in pinned] == ['absl-py', 'numpy'], pinned\n"
        f"sys.stdout.write({outputs!r}[values['--vulnerability-service']])\n"
        "sys.exit(1)\n"
    )
    return [sys.executable, str(script)]


@pytest.mark.parametrize(
    ("first", "second", "status", "told"),
    [
        (answer(GOOD, {**GOOD, "name": "absl-py"}), "", 0, "No known vulnerabilities."),
        (answer(GOOD, BAD), "", 1, "Known vulnerabilities"),
        ("", answer(GOOD, BAD), 1, "PYSEC-1"),
        (answer(SKIPPED, SKIPPED), answer(GOOD, {**GOOD, "name": "absl-py"}), 0, "No known vulnerabilities."),
        (answer(SKIPPED, SKIPPED), "", 2, "Not audited: the advisory service could not be reached"),
    ],
)
def test_the_exit_status_tells_the_outcome(
    tmp_path: Path, first: str, second: str, status: int, told: str
) -> None:
    code, output = run(stand_in(tmp_path, {"pypi": first, "osv": second}))
    assert code == status
    assert told in output


def test_a_command_that_is_not_there_is_not_audited() -> None:
    code, output = run(["./no-such-command"])
    assert code == 2
    assert "Not audited" in output


def test_without_requirements_nothing_is_audited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "REQUIREMENTS", "")
    code, output = run(["./no-such-command"])
    assert code == 2
    assert "expected pinned requirements" in output


@pytest.mark.skipif(not PIP_AUDIT.exists(), reason="`make audit` brings pip-audit")
def test_without_a_way_out_the_real_tool_says_that_it_was_not_reached() -> None:
    # Port 9 of this machine, where nothing listens, stands between the tool and every service.
    nowhere = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), "http://127.0.0.1:9")
    code, output = run([str(PIP_AUDIT)], {**os.environ, **nowhere, "NO_PROXY": "", "no_proxy": ""})
    assert code == 2, output
    assert "Not audited: the advisory service could not be reached" in output
