"""What the pods of a pipeline on Kubeflow get, and its schedule."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from pipeline.config.checks.report import Report
from pipeline.config.kubeflow import Step
from pipeline.config.problems import Path

_HERE = ("kubeflow",)


def check(values: dict[str, Any], report: Report) -> None:
    """Known steps, mounts that do not hide each other, one kind of schedule."""
    section = values["kubeflow"]
    known = typing.get_args(Step)
    for name, settings in (section["steps"] or {}).items():
        where: Path = (*_HERE, "steps", name)
        if name not in known:
            report.add(where, f"expected a step: {', '.join(known)}.", name, (str(name), known))
        _tolerations(where, settings, report)
    _tolerations((*_HERE, "defaults"), section["defaults"], report)
    _mounts(section, report)
    schedule = section["schedule"]
    if schedule is not None:
        where = (*_HERE, "schedule")
        if (schedule["cron"] is None) == (schedule["interval_seconds"] is None):
            report.add(
                where,
                "expected one of `cron` and `interval_seconds`.",
                depends=[(*where, "cron"), (*where, "interval_seconds")],
            )
    service = values["push"]["kserve"]
    if service is not None and service["canary_percent"] is not None and service["mode"] != "serverless":
        report.add(
            ("push", "kserve", "canary_percent"),
            "used with `mode: serverless` only, which splits traffic.",
            service["canary_percent"],
            depends=[("push", "kserve", "mode")],
        )


def _tolerations(where: Path, settings: Mapping[str, Any] | None, report: Report) -> None:
    for index, taint in enumerate((settings or {}).get("tolerations") or []):
        if taint["operator"] == "Exists" and taint["value"]:
            report.add(
                (*where, "tolerations", index, "value"), "used with `operator: Equal` only.", taint["value"]
            )
        if taint["operator"] == "Equal" and not taint["key"]:
            report.add((*where, "tolerations", index, "key"), "expected the key of the taint.", taint["key"])


def _mounts(section: Mapping[str, Any], report: Report) -> None:
    """Two mounts at one place, or one above another, would hide files."""
    places: list[tuple[Path, str]] = [((*_HERE, "state", "path"), section["state"]["path"])]
    for kind in ("volumes", "secrets"):
        for index, entry in enumerate(section[kind] or []):
            if entry["path"] is not None:
                places.append(((*_HERE, kind, index, "path"), entry["path"]))
    taken = ["/gcs", "/s3", "/minio", "/kfp-launcher", "/tmp", "/dev", "/proc", "/sys", "/etc", "/usr"]
    for where, place in places:
        if not isinstance(place, str):
            continue
        hidden = next((other for other in taken if _overlap(place, other)), None)
        if hidden is not None:
            report.add(where, f"expected a place of its own; `{hidden}` is in use.", place)
        taken.append(place)


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")
