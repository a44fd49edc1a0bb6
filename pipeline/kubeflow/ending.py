"""Summary and report of a run on Kubeflow, from its record."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.push.outcome import read as read_push
from pipeline.config import Config
from pipeline.kubeflow.record import Record
from pipeline.outcome import complete, shown
from pipeline.report import page
from pipeline.runs.history import previous_statistics
from pipeline.runs.store import now

Json = dict[str, Any]

REPORT = "report"
"""The step that calls this when every other one has ended."""


def conclude(
    record: Record,
    config: Config,
    config_text: str,
    steps: Sequence[str],
    outputs: Mapping[str, Mapping[str, str]],
    uris: Mapping[str, Mapping[str, str]],
    fingerprints: Mapping[str, str],
    failure: str = "",
) -> Json:
    """Writes `summary.json`, `view.json` and `report.html` of the run.

    Args:
        record: of the run.
        config: the config.
        config_text: the same as text.
        steps: names of all steps that a run has, in order.
        outputs: local directory by output by step.
        uris: address by output by step, for the lineage.
        fingerprints: of the sources and libraries of each step.
        failure: what the backend says of a failed run. Defaults to `""`: it succeeded.

    Returns:
        The summary.
    """
    told, prints = record.steps(), {**fingerprints, **record.digests()}
    if not failure:
        # What is left is of an attempt at this very step that failed before.
        told.pop(REPORT, None)
    failed = next((step for step in steps if told.get(step, {}).get("state") == "failed"), None)
    # Of a run that did not end nobody knows which steps were cached and which never began.
    cached = set() if failure else set(steps) - {REPORT}
    started = next(
        (event["time"] for event in record.run.events() if event.get("event") == "run_created"), now()
    )
    summary: Json = {
        "run_id": record.run.run_id,
        "name": config.name,
        "task": config.task,
        "started": started,
        "finished": now(),
        "seconds": _seconds_since(started),
        "attempt": 1,
        "steps": _steps(steps, told, cached),
        "fingerprints": prints,
        **_status(outputs, told, failed, failure),
    }
    previous = previous_statistics(record.root, config.name, prints.get("data", ""))
    view = shown(config, config_text, record.root, outputs, summary, previous)
    complete(summary, view, outputs, record.root)
    if "lineage" in view:
        view["lineage"]["artifacts"] = [
            {"step": step, "name": name, "uri": uri}
            for step, made in uris.items()
            for name, uri in sorted(made.items())
        ]
    summary["next_command"] = _next_command(summary, config, record)
    record.run.write_summary(summary)
    record.run.event("run_finished", status=summary["status"])
    record.run.write_view(view)
    page.write(view, record.run.report_path)
    return summary


def _seconds_since(started: str) -> float:
    began = datetime.datetime.fromisoformat(started)
    return round((datetime.datetime.now(datetime.UTC) - began).total_seconds(), 3)


def _steps(steps: Sequence[str], told: Mapping[str, Json], cached: Collection[str]) -> list[Json]:
    """Steps that ran as recorded, and those that were taken from the cache."""
    listed = []
    for step in steps:
        if step in told:
            entry = told[step]
            listed.append(
                {
                    "name": step,
                    "state": entry["state"],
                    "seconds": entry.get("seconds", 0.0),
                    "peak_rss_bytes": entry.get("peak_rss_bytes", 0),
                }
            )
        elif step in cached:
            listed.append({"name": step, "state": "cached", "seconds": 0.0, "peak_rss_bytes": 0})
    return listed


def _status(
    outputs: Mapping[str, Mapping[str, str]],
    told: Mapping[str, Json],
    failed: str | None,
    failure: str,
) -> Json:
    if failed is None and not failure:
        push = read_push(Path(outputs["push"]["pushed_model"]))
        status = "pushed" if push["pushed"] else "not_blessed"
        return {"status": status, "error": None, "pushed_version": push["version"], "push": push}
    error = told.get(failed or "", {}).get("error") or {
        "code": "KFP-111",
        "message": f"Expected every step to end. Received: {failure}",
        "hint": "The backend's page of the run shows which pod did not.",
    }
    return {
        "status": "failed",
        "error": {
            **error,
            "step": failed or "",
            "log": f"logs/{failed}.log" if failed else "",
            "command": "tandem deploy CONFIG",
        },
        "pushed_version": None,
    }


def _next_command(summary: Json, config: Config, record: Record) -> str:
    if summary["error"]:
        return str(summary["error"]["command"])
    if summary["status"] == "pushed":
        served = record.root.serving_of(config.push.directory, record.root.path) / config.name
        return f"tandem predict {served} FILE"
    return f"tandem gate explain {record.run.run_id} --root {record.root.path}"
