"""A group's replicas as pods: its files lie where they see them, a slice is of one host."""

from __future__ import annotations

import math
from pathlib import PurePosixPath
from typing import Any

from pipeline.config.checks.report import Report

_HERE = ("kubeflow", "codistillation")
_OF_STEPS = {"timeout_seconds": None, "retries": 0}


def check(values: dict[str, Any], report: Report) -> None:
    """Whatever the config says of the replicas' pods; called where it says something.

    Args:
        values: the config, every default filled in.
        report: takes the problems.
    """
    section, group = values["kubeflow"]["codistillation"], values["train"]["codistillation"]
    # Without a group, as when it is compared with one training, nothing of the section is used.
    if group is not None:
        _directory(group["launch"]["directory"], values["kubeflow"], report)
    for name, nothing in _OF_STEPS.items():
        given = section["pods"][name]
        if given != nothing:
            message = f"used for steps only; set `kubeflow.steps.train.{name}`."
            report.add((*_HERE, "pods", name), message, given)
    if section["tpu"] is not None:
        _slice(section, report)


def _directory(directory: str | None, kubeflow: dict[str, Any], report: Report) -> None:
    """Without a directory the files are on the state volume."""
    if directory is None or "://" in directory or not directory.startswith("/"):
        return
    mounts = [entry["path"] for entry in (kubeflow["state"], *(kubeflow["volumes"] or []))]
    if ".." in directory or not any(PurePosixPath(directory).is_relative_to(mount) for mount in mounts):
        message = (
            f"expected a directory below {' or '.join(f'`{mount}`' for mount in mounts)}: replicas are pods "
            "(`kubeflow.codistillation`) and see no other."
        )
        report.add(("train", "codistillation", "launch", "directory"), message, directory)


def _slice(section: dict[str, Any], report: Report) -> None:
    tpu = section["tpu"]
    if section["pods"]["accelerator"] is not None:
        message = "used without `tpu` only, which has chips of its own."
        report.add((*_HERE, "pods", "accelerator"), message, depends=[(*_HERE, "tpu")])
    if not isinstance(tpu["topology"], str) or not isinstance(tpu["chips"], int):
        return
    count = math.prod(int(part) for part in tpu["topology"].split("x") if part.isdigit())
    if count > tpu["chips"]:
        message = (
            f"expected at most the {tpu['chips']} chips of one host (`chips`), which is all that a replica "
            "drives. Use more replicas in place of larger slices."
        )
        report.add((*_HERE, "tpu", "topology"), message, tpu["topology"], depends=[(*_HERE, "tpu", "chips")])
