"""Conditions that tie several fields together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pipeline.config.checks import codistillation, data, features, gate, kubeflow, label, sequences
from pipeline.config.checks.report import Report
from pipeline.config.problems import Path, Problem

__all__ = ["cross_field_problems"]


def cross_field_problems(values: dict[str, Any], wrong: Collection[Path] = ()) -> list[Problem]:
    """Every condition across fields that does not hold.

    Args:
        values: as `Config.model_dump(mode="json")`, or `fill` of unchecked values.
        wrong: paths whose values are known to be wrong; conditions on them are left out. Defaults to `()`.
    """
    report = Report(wrong)
    for room in (label, data, features, sequences, codistillation, gate, kubeflow):
        room.check(values, report)
    return report.problems
