"""Decides whether the data may be trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.check.breaks import copies, row_count, strangers, strays, stuck
from components.check.drift import Statistics, distances, outliers


@dataclasses.dataclass(frozen=True)
class Findings:
    """What the checks found; `errors` stop the run."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    anomalies: tuple[Mapping[str, Any], ...]
    drift: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        return dataclasses.asdict(self)


def _anomalies(split: str, anomalies: anomalies_pb2.Anomalies) -> Iterable[dict[str, Any]]:
    for name, info in sorted(anomalies.anomaly_info.items()):
        yield {
            "column": name,
            "split": split,
            "severity": anomalies_pb2.AnomalyInfo.Severity.Name(info.severity).lower(),
            "short": info.short_description,
            "description": info.description,
        }


def _compare(
    kind: str, old: Statistics, new: Statistics, limit: float | None, passed: Collection[str]
) -> Iterable[dict[str, Any]]:
    found = [distance for distance in distances(old, new) if distance.column not in passed]
    for distance in sorted(found, key=lambda item: (-item.value, item.column)):
        verdict = "reported" if limit is None else "fail" if distance.value > limit else "pass"
        yield {
            "column": distance.column,
            "kind": kind,
            "measure": distance.measure,
            "value": distance.value,
            "limit": limit,
            "verdict": verdict,
        }


def examine(
    anomalies: Mapping[str, anomalies_pb2.Anomalies],
    statistics: Mapping[str, Statistics],
    previous: Statistics | None,
    check: Mapping[str, Any],
    label: str,
    time_column: str = "",
) -> Findings:
    """Collects anomalies, drift, skew, outliers and sizes.

    Args:
        anomalies: of the stock ExampleValidator, by split.
        statistics: of the stock StatisticsGen, by split; `train` and `eval` are needed.
        previous: statistics of the `train` split of the span before, or `None`.
        check: the `check` section of the configuration, and `texts`, columns of text, which differ from row
            to row: there is no drift of them. Defaults to none.
        label: label column; it must vary in the `train` split.
        time_column: column with the time of a row, which is no drift or skew when it goes on. Defaults to
            `""`: none.

    Returns:
        Everything found; error-level anomalies of `train` and `eval`, exceeded limits, too few rows in them,
        a constant label, and columns that broke since the span before are errors.
    """
    found = [entry for split, items in sorted(anomalies.items()) for entry in _anomalies(split, items)]
    # The validation split is a small share of the rows that training comes from: it differs by chance.
    errors = [
        f"column '{entry['column']}' of {entry['split']}: {entry['short']}: {entry['description']}"
        for entry in found
        if entry["severity"] == "error" and entry["split"] != "validation"
    ]
    warnings = []
    for split in ("train", "eval"):
        rows = _rows(statistics, split)
        if rows < check["min_rows"]:
            errors.append(f"split {split}: expected at least {check['min_rows']} rows. Received: rows={rows}")
    rows = _rows(statistics, "validation")
    if 0 < rows < check["min_rows"]:
        warnings.append(
            f"split validation: expected none or at least {check['min_rows']} rows. Received: rows={rows}. "
            "When training stops, and a calibration, are a matter of chance"
        )
    drift: list[dict[str, Any]] = []
    passed = {time_column, *check.get("texts", ())}
    if "train" in statistics and "eval" in statistics:
        limit = check["drift"]["skew"]
        drift += _compare("skew", statistics["train"], statistics["eval"], limit, passed)
    if "train" in statistics and previous is not None:
        limit = check["drift"]["drift"]
        drift += _compare("drift", previous, statistics["train"], limit, passed)
    errors += [
        f"column '{entry['column']}': {entry['kind']} {entry['value']:.3f} ({entry['measure']}) is above "
        f"the limit {entry['limit']:g}"
        for entry in drift
        if entry["verdict"] == "fail"
    ]
    if check["breaks"] and "train" in statistics and "eval" in statistics and previous is not None:
        splits = statistics["train"], statistics["eval"]
        errors += _broken(previous, splits, check, label, passed)
    if "train" in statistics:
        errors += _constant_label(statistics["train"], label)
        warnings += [
            f"column '{name}': {value:g} lies far outside its quartiles {low:g} to {high:g}"
            for name, value, low, high in outliers(statistics["train"], check["outlier_iqr"])
            if name != label
        ]
    return Findings(tuple(errors), tuple(warnings), tuple(found), tuple(drift))


def _broken(
    previous: Statistics,
    splits: tuple[Statistics, Statistics],
    check: Mapping[str, Any],
    label: str,
    passed: Collection[str],
) -> Iterable[str]:
    train = splits[0]
    for name, share, edge in strays(previous, train, check["outlier_iqr"], label):
        if name not in passed:
            yield (
                f"column '{name}': {share:.0%} of the numbers lie at {edge:g} and further out, far beyond "
                "all that the run before had; is the unit another one?"
            )
    for name, values in stuck(previous, train):
        if name != label and name not in passed:
            yield (
                f"column '{name}' has few values only, {', '.join(values[:3])}{', ...' * (len(values) > 3)}; "
                f"none had 1/{2 * len(values)} of the rows before"
            )
    for name, share in strangers(previous, train, check["min_domain_mass"]):
        if name not in passed:
            yield (
                f"column '{name}': {share:.0%} of the rows have frequent texts that the run before did not "
                f"have; expected at most {1 - check['min_domain_mass']:.0%}"
            )
    for name in copies(previous, splits, label):
        if name not in passed:
            yield f"column '{name}' has become a copy of the label '{label}', which no served row can have"


def _rows(statistics: Mapping[str, Statistics], split: str) -> int:
    return row_count(statistics[split]) if split in statistics else 0


def _constant_label(train: Statistics, label: str) -> list[str]:
    for dataset in train.datasets:
        for feature in dataset.features:
            if (feature.name or feature.path.step[0]) == label and feature.HasField("num_stats"):
                numbers = feature.num_stats
                if numbers.min == numbers.max:
                    return [f"label '{label}' has one value only in the train split: {numbers.min:g}"]
    return []
