"""What the pods of a pipeline on Kubeflow get, and its schedule."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.config.checks import group_pods
from pipeline.config.checks.report import Report
from pipeline.config.kubeflow import Step
from pipeline.config.problems import Path
from pipeline.kubeflow.check.naming import quantity
from pipeline.kubeflow.schedule import cron, macros, moments
from trainer.errors import TandemError

_HERE = ("kubeflow",)
RESERVED = (
    "HOME",
    "TMPDIR",
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_ENABLE_ONEDNN_OPTS",
    "TANDEM_GROUP_LAUNCH",
    "TANDEM_GROUP_PODS",
    "TANDEM_WEBHOOK_URL",
)
"""Variables that a secret must not set."""


def check(values: dict[str, Any], report: Report) -> None:
    """Known steps, mounts that do not hide each other, one kind of schedule."""
    section = values["kubeflow"]
    known = typing.get_args(Step)
    for name, settings in (section["steps"] or {}).items():
        where: Path = (*_HERE, "steps", name)
        if name not in known:
            report.add(where, f"expected a step: {', '.join(known)}.", name, (str(name), known))
        _tolerations(where, settings, report)
        _amounts(where, {**section["defaults"], **_given(settings)}, report)
        _variables(where, settings, section, report)
    _tolerations((*_HERE, "defaults"), section["defaults"], report)
    _amounts((*_HERE, "defaults"), section["defaults"], report)
    _variables((*_HERE, "defaults"), section["defaults"], section, report)
    replicas = section["codistillation"]
    if replicas is not None:
        where = (*_HERE, "codistillation", "pods")
        _tolerations(where, replicas["pods"], report)
        _amounts(where, {**section["defaults"], **_given(replicas["pods"])}, report)
        _variables(where, replicas["pods"], section, report)
        group_pods.check(values, report)
    _mounts(section, report)
    _names(section, report)
    schedule = section["schedule"]
    if schedule is not None:
        where = (*_HERE, "schedule")
        if (schedule["cron"] is None) == (schedule["interval_seconds"] is None):
            report.add(
                where,
                "expected one of `cron` and `interval_seconds`.",
                depends=[(*where, "cron"), (*where, "interval_seconds")],
            )
        _schedule(where, schedule, report)
    service = values["push"]["kserve"]
    if service is not None and service["canary_percent"] is not None and service["mode"] != "serverless":
        report.add(
            ("push", "kserve", "canary_percent"),
            "used with `mode: serverless` only, which splits traffic.",
            service["canary_percent"],
            depends=[("push", "kserve", "mode")],
        )


def _schedule(where: Path, schedule: Mapping[str, Any], report: Report) -> None:
    """What the backend would refuse or never start a run for; an end that has passed is no mistake here."""
    reads: dict[str, Callable[[str], object]] = {
        "cron": cron.parse,
        "span": macros.layout_of,
        "start": functools.partial(moments.moment, "start"),
        "end": functools.partial(moments.moment, "end"),
    }
    sound = {key for key in reads if isinstance(schedule[key], str)}
    sound -= {key for key in reads if key in sound and _refused(where, key, reads[key], schedule, report)}
    if {"start", "end"} <= sound:
        _refused(where, "end", functools.partial(moments.require_order, schedule["start"]), schedule, report)


def _refused(
    where: Path, key: str, read: Callable[[str], object], schedule: Mapping[str, Any], report: Report
) -> bool:
    try:
        read(schedule[key])
    except TandemError as error:
        message = error.message.replace(f"Expected kubeflow.schedule.{key} as", "expected", 1)
        report.add((*where, key), f"{message} {error.hint}".rstrip())
        return True
    return False


def _tolerations(where: Path, settings: Mapping[str, Any] | None, report: Report) -> None:
    taints = (settings or {}).get("tolerations") or []
    for index, taint in enumerate(taints):
        if taint in taints[:index]:
            report.add((*where, "tolerations", index), "expected every taint once.", taint)
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
    taken = ["/gcs", "/s3", "/minio", "/kfp-launcher", "/.local", "/.cache", "/.config", "/tmp", "/dev"]
    taken += ["/proc", "/sys", "/etc", "/usr"]
    for where, place in places:
        if not isinstance(place, str):
            continue
        if {".", ".."} & set(place.split("/")):
            report.add(where, "expected a path without `.` and `..`.", place)
        hidden = next((other for other in taken if _overlap(place, other)), None)
        if hidden is not None:
            report.add(where, f"expected a place of its own; `{hidden}` is in use.", place)
        taken.append(place)


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def _given(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (settings or {}).items() if value is not None}


def _amounts(where: Path, settings: Mapping[str, Any], report: Report) -> None:
    """Quantities above 0, requests at most their limits."""
    for name in ("cpu", "memory"):
        found = {}
        for key in (name, f"{name}_limit"):
            text = settings.get(key)
            found[key] = quantity(text) if isinstance(text, str) else None
            if text is not None and found[key] == 0:
                report.add((*where, key), "expected more than 0.", text)
        request, most = found[name], found[f"{name}_limit"]
        if request is not None and most is not None and request > most:
            message = f"expected at most `{name}_limit`, {settings[f'{name}_limit']}."
            report.add((*where, name), message, settings[name])


def _variables(
    where: Path, settings: Mapping[str, Any] | None, section: Mapping[str, Any], report: Report
) -> None:
    """A variable comes from one place."""
    secret = {name for entry in section["secrets"] or [] for name in entry["env"] or {}}
    for name in sorted(secret & set((settings or {}).get("env") or {})):
        report.add((*where, "env", name), "expected a variable that no secret sets.", name)


def _names(section: Mapping[str, Any], report: Report) -> None:
    """A volume has the name of its claim or secret, so these differ; a secret is listed once."""
    taken = {section["state"]["claim"]}
    for index, entry in enumerate(section["volumes"] or []):
        if entry["claim"] in taken:
            report.add((*_HERE, "volumes", index, "claim"), "expected each claim once.", entry["claim"])
        taken.add(entry["claim"])
    for index, name in enumerate(section["image_pull_secrets"] or []):
        if name in section["image_pull_secrets"][:index]:
            report.add((*_HERE, "image_pull_secrets", index), "expected each secret once.", name)
    secrets: set[str] = set()
    for index, entry in enumerate(section["secrets"] or []):
        if entry["name"] in secrets:
            report.add((*_HERE, "secrets", index, "name"), "expected each secret once.", entry["name"])
        if entry["path"] is not None and entry["name"] in taken:
            message = "expected another name than that of a claim: both name a volume."
            report.add((*_HERE, "secrets", index, "name"), message, entry["name"])
        secrets.add(entry["name"])
        if entry["path"] is None and not entry["env"]:
            report.add(
                (*_HERE, "secrets", index), "expected `env` or `path`: what the steps get of it.", entry
            )
    used: dict[str, str] = {}
    for index, entry in enumerate(section["secrets"] or []):
        for name in entry["env"] or {}:
            if name in RESERVED:
                report.add((*_HERE, "secrets", index, "env", name), "set by the pipeline itself.", name)
            if name in used:
                report.add((*_HERE, "secrets", index, "env", name), "expected each variable once.", name)
            used[name] = entry["name"]
