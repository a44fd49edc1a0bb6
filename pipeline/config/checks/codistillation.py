"""A group of replicas: shares that fit into a training, weights that can teach, a usable directory."""

from __future__ import annotations

from typing import Any

from pipeline.config.checks.report import Report

_HERE = ("train", "codistillation")
_OBJECTS = "gs://"


def check(values: dict[str, Any], report: Report) -> None:
    """Whatever the config says of a group; nothing without one."""
    group = values["train"]["codistillation"]
    if group is None:
        return
    burn_in, ramp = group["burn_in"], group["ramp"]
    if None not in (burn_in, ramp) and burn_in + ramp >= 1:
        report.add(
            (*_HERE, "ramp"),
            f"expected less than 1 together with `burn_in`, {burn_in}: there is no step left to teach in.",
            ramp,
            depends=[(*_HERE, "burn_in")],
        )
    every, most = group["exchange_every_steps"], group["max_staleness_steps"]
    if None not in (every, most) and most < every:
        report.add(
            (*_HERE, "max_staleness_steps"),
            f"expected at least `exchange_every_steps`, {every}: weights would be too old before newer come.",
            most,
            depends=[(*_HERE, "exchange_every_steps")],
        )
    _directory(group["launch"]["directory"], report)


def _directory(directory: str | None, report: Report) -> None:
    where = (*_HERE, "launch", "directory")
    if directory is None:
        return
    if "://" in directory and not directory.startswith(_OBJECTS):
        message = "expected an absolute path or `gs://`; mount another object store and give its path."
        report.add(where, message, directory)
    elif directory.startswith(_OBJECTS) and not directory.removeprefix(_OBJECTS).strip("/"):
        report.add(where, "expected a bucket after `gs://`.", directory)
    elif "://" not in directory and not directory.startswith("/"):
        report.add(where, "expected an absolute path or `gs://`.", directory)
