"""How a run on Kubeflow ended, for a user and for a shell."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pipeline.kubeflow.deploy import tasks
from pipeline.kubeflow.deploy.fetch import Fetched
from trainer.errors import TandemError

_EXIT_STATUS = {"pushed": 0, "not_blessed": 3}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The end of a run.

    Args:
        status: `pushed`, `not_blessed`, `failed` or `unknown`.
        exit_status: `0` pushed, `3` not blessed, `1` otherwise.
        error: what went wrong; `None` if pushed or refused.
        failures: the steps that failed.
    """

    status: str
    exit_status: int
    error: TandemError | None
    failures: tuple[tasks.Failure, ...] = ()


def refusal(summary: Mapping[str, Any]) -> str:
    """Why the model of a run was not pushed: the gate did not bless it, or push itself refused it.

    Args:
        summary: of the run, whose status is `not_blessed`.
    """
    push = summary.get("push")
    reason = push.get("reason") if isinstance(push, Mapping) else None
    return str(reason) if reason and not broken_rules(summary) else "the gate did not bless the model"


def broken_rules(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rules of the gate that the model broke."""
    rules = summary.get("gate") or []
    return [rule for rule in rules if isinstance(rule, Mapping) and rule.get("verdict") == "fail"]


def judge(run: Any, fetched: Fetched, namespace: str | None) -> Verdict:
    """The verdict on a run that has ended; one that cannot be known is no success.

    Args:
        run: the run.
        fetched: its summary and report.
        namespace: of its pods, for the command that shows a log.
    """
    summary = fetched.summary or {}
    if run.state == "SUCCEEDED":
        status = str(summary.get("status", "unknown"))
        if status in _EXIT_STATUS:
            return Verdict(status, _EXIT_STATUS[status], None)
        message = f"Expected a summary of the run that succeeded. Received: {fetched.reason or status}."
        hint = f"Whether it was pushed stands in {fetched.where}."
        return Verdict("unknown", 1, TandemError("KFP-324", message, hint))
    if run.state == "CANCELED":
        message = "Expected the run to end by itself. Received: it was terminated."
        return Verdict("failed", 1, TandemError("KFP-325", message))
    failed = tuple(tasks.failures(run))
    told = summary.get("error")
    if isinstance(told, dict) and told.get("code"):
        error = TandemError(str(told["code"]), str(told.get("message", "")), str(told.get("hint", "")))
        return Verdict("failed", 1, error, failed)
    first = failed[0] if failed else tasks.Failure("", tasks.message_of(run), "")
    place = f"step {first.step}" if first.step else "the run"
    message = f"Expected every step to succeed. Received: {place} failed" + (
        f": {first.message.rstrip('.')}." if first.message else "."
    )
    where = f" -n {namespace}" if namespace else ""
    log = f"kubectl logs{where} {first.pod} -c main" if first.pod else "on the page of the run"
    return Verdict("failed", 1, TandemError("KFP-326", message, f"Its log: {log}"), failed)
