"""Run directories: `runs/<run id>/` with the frozen config, events, logs, summary and report."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.root import Root
from trainer.errors import TandemError
from trainer.faults import point
from trainer.storage import write_atomic, write_json

CONFIG, SUMMARY, VIEW, REPORT, EVENTS, LOGS = (
    "config.yaml",
    "summary.json",
    "view.json",
    "report.html",
    "events.jsonl",
    "logs",
)
_STAMP = "%Y%m%d-%H%M%S"
_KINDS: dict[str, type] = {
    "run_id": str,
    "name": str,
    "status": str,
    "attempt": int,
    "steps": list,
    "metrics": dict,
    "fingerprints": dict,
    "rows": dict,
    "statistics_uri": str,
}


def now() -> str:
    """UTC time as ISO 8601 with seconds."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Run:
    """One run directory.

    Args:
        directory: `runs/<run id>`.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def run_id(self) -> str:
        """Name of the directory."""
        return self.directory.name

    @property
    def config_path(self) -> Path:
        """The frozen config."""
        return self.directory / CONFIG

    @property
    def report_path(self) -> Path:
        """The report."""
        return self.directory / REPORT

    def log_path(self, step: str) -> Path:
        """Log file of a step."""
        return self.directory / LOGS / f"{step}.log"

    def event(self, kind: str, **values: Any) -> None:
        """Appends one line to `events.jsonl`, below a line that a killed process did not end."""
        line = json.dumps({"time": now(), "event": kind, **values}, sort_keys=True).encode()
        point("run.event", kind)
        with (self.directory / EVENTS).open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line + b"\n")
        point("run.event_written", kind, self.directory / EVENTS)

    def events(self) -> list[dict[str, Any]]:
        """Events in order; a torn last line is left out."""
        path = self.directory / EVENTS
        found = []
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                found.append(event)
        return found

    def config_directory(self) -> Path:
        """The directory that relative paths in the frozen config refer to.

        Raises:
            TandemError: `RUN-005` if the run does not say.
        """
        try:
            return Path(self._created()["config_directory"])
        except (LookupError, TypeError) as error:
            raise TandemError(
                "RUN-005",
                f"Expected the event run_created in run {self.run_id}. Received: none",
                "Start a new run with `tandem run`.",
            ) from error

    def typed(self) -> tuple[str, ...]:
        """Config file and options that the run was started with; empty if that is not known."""
        typed = self._created().get("typed")
        return tuple(map(str, typed)) if isinstance(typed, list) else ()

    def on_kubeflow(self) -> bool:
        """Whether the steps of the run were pods."""
        return self._created().get("on") == "kubeflow"

    def _created(self) -> dict[str, Any]:
        return next((event for event in self.events() if event.get("event") == "run_created"), {})

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Writes `summary.json`."""
        write_json(self.directory / SUMMARY, summary)

    def write_view(self, view: dict[str, Any]) -> None:
        """Writes what the report shows, so that it can be made again without any library."""
        # Not sorted: metrics are shown in the order in which they were computed.
        write_atomic(self.directory / VIEW, json.dumps(view, allow_nan=False) + "\n")

    def summary(self) -> dict[str, Any]:
        """The summary; of a run whose last attempt was killed, what is known and the status `interrupted`.

        Raises:
            TandemError: `RUN-002` if `summary.json` is damaged.
        """
        path = self.directory / SUMMARY
        attempts = [event for event in self.events() if event.get("event") == "run_started"]
        if not path.exists():
            return {
                "run_id": self.run_id,
                "name": attempts[0].get("name") if attempts else None,
                "status": "interrupted",
                "started": attempts[0].get("time") if attempts else None,
                "steps": [],
                "metrics": {},
            }
        summary = {"run_id": self.run_id, **self._read(path, _check_summary)}
        killed = len(attempts) > (summary.get("attempt") or len(attempts))
        return {**summary, "status": "interrupted"} if killed else summary

    def view(self) -> dict[str, Any] | None:
        """What the report shows, or `None` if the run did not get so far."""
        path = self.directory / VIEW
        return self._read(path) if path.exists() else None

    def _read(self, path: Path, check: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
        try:
            value = json.loads(path.read_text())
            if not isinstance(value, dict):
                raise ValueError(f"a {type(value).__name__} in place of an object")
            if check is not None:
                check(value)
            return value
        except (ValueError, RecursionError) as error:
            raise TandemError(
                "RUN-002",
                f"Expected JSON in {path.name} of run {self.run_id}. Received: {error}",
                f"Run `tandem resume {self.run_id}` to write it again.",
            ) from error


def _check_summary(summary: dict[str, Any]) -> None:
    """Raises `ValueError` for a key that holds something else than whoever reads a summary relies on."""
    metrics = summary.get("metrics", {})
    places = [(summary, _KINDS)]
    if isinstance(metrics, dict):
        places.append((metrics, dict.fromkeys(("candidate", "baseline", "prior"), dict)))
    if isinstance(summary.get("steps"), list):
        places += [(step, {"name": str, "state": str}) for step in summary["steps"]]
    for holder, kinds in places:
        for key, kind in kinds.items():
            if not isinstance(holder, dict) or not isinstance(holder.get(key, kind()), kind):
                raise ValueError(f"{key} is no {kind.__name__}")
    if not all({"name", "state"} <= step.keys() for step in summary.get("steps", [])):
        raise ValueError("a step without name and state")


class RunStore:
    """All runs of a root.

    Args:
        root: the root.
    """

    def __init__(self, root: Root) -> None:
        self._root = root

    def create(self, config_text: str, config_directory: Path, typed: Sequence[str] = ()) -> Run:
        """A new run with its frozen config.

        Args:
            config_text: the config.
            config_directory: directory that relative paths in it refer to.
            typed: config file and options of `tandem run`, to type them again. Defaults to `()`.
        """
        self._remove_unfinished()
        run = Run(self._root.runs / f"{self._next_stamp()}-{secrets.token_hex(2)}")
        point("run.create")
        (run.directory / LOGS).mkdir(parents=True)
        run.event("run_created", config_directory=str(config_directory), typed=list(typed))
        # Last: a directory without it is no run.
        write_atomic(run.config_path, config_text)
        return run

    def _remove_unfinished(self) -> None:
        """Removes what killed processes left before there was a config; the caller holds the root's lock."""
        for directory in self._root.runs.glob("????????-??????-????"):
            if directory.is_dir() and not (directory / CONFIG).exists():
                point("run.remove_unfinished")
                shutil.rmtree(directory)

    def _next_stamp(self) -> str:
        """The second it is, or the one after the newest run's: run ids rise, whatever the clock does."""
        moment = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        for run in reversed(self.all()):
            with contextlib.suppress(ValueError):
                newest = datetime.datetime.strptime(run.run_id[:15], _STAMP)
                moment = max(moment, newest + datetime.timedelta(seconds=1))
                break
        return moment.strftime(_STAMP)

    def all(self) -> list[Run]:
        """Runs, oldest first."""
        if not self._root.runs.is_dir():
            return []
        return [Run(path) for path in sorted(self._root.runs.iterdir()) if (path / CONFIG).exists()]

    def summaries(self) -> Iterator[tuple[Run, dict[str, Any]]]:
        """Runs with their summaries, newest first; those with a damaged summary are left out."""
        for run in reversed(self.all()):
            try:
                summary = run.summary()
            except TandemError:
                continue
            yield run, summary

    def find(self, run_id: str | None = None) -> Run:
        """A run by id or unique beginning of it; the newest one by default.

        Raises:
            TandemError: `RUN-001` if there is no such run.
        """
        runs = self.all()
        if not runs:
            raise TandemError(
                "RUN-001",
                f"Expected a run in {self._root.runs}. Received: none",
                "Start one with `tandem run CONFIG`.",
                exit_status=2,
            )
        if run_id is None:
            return runs[-1]
        # Kubeflow names a run by what follows the time.
        after = len("YYYYMMDD-hhmmss-")
        found = [run for run in runs if run_id and run.run_id.startswith(run_id)]
        found = found or [run for run in runs if len(run_id) > 3 and run.run_id[after:].startswith(run_id)]
        exact = [run for run in found if run.run_id == run_id]
        if len(exact or found) != 1:
            known = ", ".join(run.run_id for run in (found or runs)[-5:])
            raise TandemError(
                "RUN-001",
                f"Expected the id of one run. Received: {run_id}, which {len(found) or 'no'} runs match; "
                f"newest: {known}",
                f"List them with `tandem runs list --root {self._root.path}`.",
                exit_status=2,
            )
        return (exact or found)[0]
