"""Resources of containers: quantities that Kubernetes takes, requests below limits, whole accelerators."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from pipeline.kubeflow.check.naming import is_qualified, quantity
from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.tree import File, Json

CODE = "KFP-035"
_COUNT = re.compile(r"[1-9][0-9]*")
# The backend reads the old fields, in CPUs and gigabytes, where the new ones are not set.
_UNITS = {"Cpu": Decimal(1), "Memory": Decimal(10**9)}


def problems(file: File) -> Iterator[Problem]:
    """Resources that a pod could not be made with, or that old and new backends would read differently."""
    for _, path, container in file.containers():
        resources = container.get("resources")
        if resources is not None:
            yield from _amounts(resources, (*path, "resources"))
            if "accelerator" in resources:
                yield from _accelerator(resources["accelerator"], (*path, "resources", "accelerator"))
    for task_path, policy in (
        (task.path, task.spec["retryPolicy"]) for _, task in file.tasks() if "retryPolicy" in task.spec
    ):
        count = policy.get("maxRetryCount", 0)
        if count < 1:
            yield Problem(CODE, (*task_path, "retryPolicy", "maxRetryCount"), "at least 1", received(count))


def _amounts(resources: Json, path: Path) -> Iterator[Problem]:
    amounts: dict[str, Decimal] = {}
    for what, unit in _UNITS.items():
        for limit in ("Request", "Limit"):
            name = f"resource{what}{limit}"
            if name in resources:
                amount = quantity(resources[name])
                if amount is None or amount <= 0:
                    expected = "a quantity above 0 such as `500m` or `8Gi`"
                    yield Problem(CODE, (*path, name), expected, received(resources[name]))
                else:
                    amounts[what + limit] = amount
            old = f"{what.lower()}{limit}"
            if old in resources and Decimal(str(resources[old])) * unit != amounts.get(what + limit):
                expected = f"the same as `{name}`, which newer backends read in its place"
                yield Problem(CODE, (*path, old), expected, received(resources[old]))
        request, most = amounts.get(f"{what}Request"), amounts.get(f"{what}Limit")
        if request is not None and most is not None and request > most:
            name = f"resource{what}Request"
            expected = f"at most the limit {resources[f'resource{what}Limit']}"
            yield Problem(CODE, (*path, name), expected, received(resources[name]))


def _accelerator(value: Json, path: Path) -> Iterator[Problem]:
    kind, count = value.get("resourceType", ""), value.get("resourceCount", "")
    if kind and ("/" not in kind or not is_qualified(kind)):
        expected = "the name of a resource such as `google.com/tpu`"
        yield Problem(CODE, (*path, "resourceType"), expected, received(kind))
    if count and not _COUNT.fullmatch(count):
        yield Problem(CODE, (*path, "resourceCount"), "a whole number above 0, as text", received(count))
    for old, new in (("type", kind), ("count", count)):
        if old in value and str(value[old]) != new:
            expected = f"the same as `resource{old.title()}`"
            yield Problem(CODE, (*path, old), expected, received(value[old]))
