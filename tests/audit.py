"""Looks the locked dependencies up in an advisory service: `python tests/audit.py PIP_AUDIT < requirements`.

Exit status: 0 nothing known against any of them, 1 known vulnerabilities, 2 not every one could be looked up.
Run by `make audit`; never by the test suite, since its answer changes while the code stays the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

CLEAN, FOUND, UNKNOWN = 0, 1, 2
SERVICES = ("pypi", "osv")
_SECONDS = 600


def verdict(answer: str, wanted: int) -> tuple[int, list[str]]:
    """What an answer of `pip-audit --format json` comes to.

    A dependency that was passed over counts as unknown: without a reachable service pip-audit passes over all
    of them and calls that clean.

    Args:
        answer: its standard output.
        wanted: how many dependencies were asked about.

    Returns:
        The exit status and the lines that tell why.
    """
    try:
        entries = json.loads(answer)["dependencies"]
        audited = [entry for entry in entries if "skip_reason" not in entry]
        found = [(entry, vulnerability) for entry in audited for vulnerability in entry["vulns"]]
        lines = [
            f"{entry['name']} {entry['version']}: {vulnerability['id']}, "
            f"fixed in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
            for entry, vulnerability in found
        ]
    except (ValueError, LookupError, TypeError) as error:
        return UNKNOWN, [f"the advisory service gave no readable answer ({type(error).__name__})"]
    if len(audited) < wanted:
        lines.append(f"{wanted - len(audited)} of {wanted} dependencies could not be looked up")
    if found:
        return FOUND, lines
    return (UNKNOWN if len(audited) < wanted else CLEAN), lines


def ask(
    pip_audit: Sequence[str], requirements: Path, service: str, environment: Mapping[str, str] | None = None
) -> str:
    """Standard output of pip-audit; empty when it did not run or took too long."""
    try:
        done = subprocess.run(
            [*pip_audit, "--requirement", str(requirements), "--disable-pip", "--no-deps",
             "--progress-spinner", "off", "--format", "json", "--vulnerability-service", service],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=_SECONDS, check=False,
            env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def audit(
    pip_audit: Sequence[str], requirements: str, environment: Mapping[str, str] | None = None
) -> tuple[int, list[str]]:
    """Asks one service after the other until one knows every dependency.

    Args:
        pip_audit: its command.
        requirements: pinned, one a line.
        environment: of the command; that of this process by default.

    Returns:
        The exit status and the lines to show.
    """
    pinned = [line for line in requirements.splitlines() if "==" in line]
    if not pinned:
        return UNKNOWN, ["expected pinned requirements on standard input. Received: none"]
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text("\n".join(pinned) + "\n")
        for service in SERVICES:
            status, told = verdict(ask(pip_audit, file, service, environment), len(pinned))
            if status != UNKNOWN:
                return status, told
            lines += [f"{service}: {line}" for line in told]
    return UNKNOWN, lines


_WORDS = {
    CLEAN: "No known vulnerabilities.",
    FOUND: "Known vulnerabilities: raise the versions in pyproject.toml and run `uv lock`.",
    UNKNOWN: "Not audited: the advisory service could not be reached, so nothing is known.",
}


def main(arguments: Sequence[str]) -> int:
    """Audits the requirements on standard input and tells the outcome."""
    status, lines = audit(arguments, sys.stdin.read())
    sys.stdout.write("\n".join([*lines, _WORDS[status]]) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
