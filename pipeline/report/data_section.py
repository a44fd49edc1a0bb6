"""The section about the data: splits, bad rows, columns, anomalies, drift and skew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from pipeline.report import charts
from pipeline.report.formats import ABSENT, count, finite, mapping, moment, plain, rows, share

GROUP = 50
MANY_COLUMNS = 100
MOST_VALUES, FEW_VALUES = 10, 5
SPLITS = ("train", "validation", "eval")


@dataclasses.dataclass(frozen=True)
class Column:
    """One column as text, with its charts."""

    name: str
    kind: str
    missing: str
    flagged: bool
    distinct: str
    summary: str
    spark: Markup
    chart: Markup
    facts: tuple[tuple[str, str], ...]
    top: tuple[tuple[str, str, str, Markup], ...]


@dataclasses.dataclass(frozen=True)
class Distance:
    """A distance between two distributions, as text, with its bar."""

    column: str
    kind: str
    measure: str
    value: str
    limit: str
    verdict: str
    bar: Markup


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """A departure from the schema, as text; severity `error` is for what stops the run, and only for that."""

    column: str
    split: str
    severity: str
    short: str
    description: str


def splits(view: Mapping[str, Any]) -> dict[str, float]:
    """Rows by split: train, validation, eval, then any other."""
    recorded = mapping(mapping(view.get("data")).get("splits"))
    return {
        name: value
        for name in dict.fromkeys([*SPLITS, *recorded])
        if (value := finite(recorded.get(name))) is not None
    }


def anomalies(view: Mapping[str, Any]) -> list[Anomaly]:
    """Where the data departs from the schema, what stops the run first."""

    def severity(entry: Mapping[str, Any]) -> str:
        recorded = str(entry.get("severity") or "unknown").lower()
        return "warning" if recorded == "error" and entry.get("stops") is False else recorded

    found = [
        Anomaly(
            str(entry.get("column")),
            str(entry.get("split") or ABSENT),
            severity(entry),
            str(entry.get("short") or ""),
            str(entry.get("description") or ""),
        )
        for entry in rows(mapping(view.get("data")).get("anomalies"))
    ]
    return sorted(found, key=lambda one: one.severity != "error")


def _missing(entry: Mapping[str, Any]) -> dict[str, float]:
    recorded = mapping(entry.get("missing_fraction"))
    return {str(split): value for split, raw in recorded.items() if (value := finite(raw)) is not None}


def _bins(entry: Mapping[str, Any]) -> list[tuple[float, float, float]]:
    found = []
    for cell in rows(entry.get("histogram")):
        low, high, number_of = (finite(cell.get(key)) for key in ("low", "high", "count"))
        if low is not None and high is not None and number_of is not None and number_of >= 0:
            found.append((low, high, number_of))
    return found


def _described(name: str, bins: list[tuple[float, float, float]], write: Callable[[Any], str]) -> str:
    total = sum(number_of for _, _, number_of in bins)
    low, high, most = max(bins, key=lambda cell: cell[2])
    part = share(most / total) if total else ABSENT
    return (
        f"{len(bins)} bins from {write(bins[0][0])} to {write(bins[-1][1])}; the fullest, {part} of the "
        f"values of {name}, lies between {write(low)} and {write(high)}."
    )


def _most(missing: Mapping[str, float]) -> str:
    """The share of missing values, or the greatest of the splits if they differ."""
    shown = {share(value) for value in missing.values()}
    if not shown:
        return ABSENT
    return shown.pop() if len(shown) == 1 else f"≤ {share(max(missing.values()))}"


def _top(entry: Mapping[str, Any]) -> list[tuple[str, float]]:
    return [
        (str(cell.get("value")), number_of)
        for cell in rows(entry.get("top_values"))
        if (number_of := finite(cell.get("count"))) is not None
    ]


def _column(index: int, entry: Mapping[str, Any], total: float, flagged: bool, most_values: int) -> Column:
    name = str(entry.get("name") if entry.get("name") is not None else "?")
    missing, bins = _missing(entry), _bins(entry)
    top = _top(entry)[:most_values]
    present = total * (1 - missing.get("train", 0.0))
    counts = [number_of for _, _, number_of in bins] or [number_of for _, number_of in top]
    write = moment if entry.get("kind") == "timestamp" else plain
    summary = ""
    if finite(entry.get("min")) is not None and finite(entry.get("max")) is not None:
        summary = f"{write(entry.get('min'))} to {write(entry.get('max'))}"
    elif top:
        summary = ", ".join(value for value, _ in top[:3])
    facts = [(f"missing, {split}", share(value)) for split, value in missing.items()]
    facts += [
        (key, plain(entry.get(key)) if key == "std" else write(entry.get(key)))
        for key in ("mean", "std", "min", "median", "max")
        if finite(entry.get(key)) is not None
    ]
    if finite(entry.get("zeros")) is not None:
        facts.append(("zeros", count(entry.get("zeros"))))
    kind = " · ".join(dict.fromkeys(str(entry[key]) for key in ("kind", "type") if entry.get(key)))
    chart = Markup("")
    if bins:
        chart = charts.histogram(
            f"column-{index}",
            f"Distribution of {name}",
            _described(name, bins, write),
            counts,
            write(bins[0][0]),
            write(bins[-1][1]),
        )
    return Column(
        name=name,
        kind=kind,
        missing=_most(missing),
        flagged=flagged,
        distinct=count(entry.get("distinct")),
        summary=summary,
        spark=charts.spark(counts),
        chart=chart,
        facts=tuple(facts),
        top=tuple(
            (
                value,
                count(number_of),
                share(number_of / present) if present >= number_of > 0 else ABSENT,
                charts.bar(number_of / max(cell for _, cell in top), "prior"),
            )
            for value, number_of in top
            if number_of > 0
        ),
    )


def columns(view: Mapping[str, Any]) -> list[list[Column]]:
    """Columns in groups of 50, in the order of the view."""
    data = mapping(view.get("data"))
    total = splits(view).get("train", 0.0)
    named = {str(entry.get("column")) for entry in rows(data.get("anomalies"))}
    entries = rows(data.get("columns"))
    most = MOST_VALUES if len(entries) <= MANY_COLUMNS else FEW_VALUES
    made = [
        _column(index, entry, total, str(entry.get("name")) in named, most)
        for index, entry in enumerate(entries)
    ]
    return [made[start : start + GROUP] for start in range(0, len(made), GROUP)]


def distances(view: Mapping[str, Any]) -> list[Distance]:
    """Drift and skew, failed ones first, then the greatest distance; both measures lie in `[0, 1]`."""
    entries = rows(mapping(view.get("data")).get("drift"))
    scale = max(
        [
            value
            for entry in entries
            for key in ("value", "limit")
            if (value := finite(entry.get(key))) is not None
        ],
        default=1.0,
    )
    scale = scale or 1.0

    def order(entry: Mapping[str, Any]) -> tuple[bool, float]:
        return entry.get("verdict") != "fail", -(finite(entry.get("value")) or 0.0)

    found = []
    for entry in sorted(entries, key=order):
        value, limit = finite(entry.get("value")), finite(entry.get("limit"))
        verdict = str(entry.get("verdict") or ("reported" if limit is None else "unknown"))
        found.append(
            Distance(
                column=str(entry.get("column")),
                kind=str(entry.get("kind") or ""),
                measure=str(entry.get("measure") or ""),
                value=plain(value),
                limit=plain(limit),
                verdict=verdict,
                bar=charts.bar(
                    (value or 0.0) / scale,
                    "bad" if verdict == "fail" else "prior",
                    None if limit is None else limit / scale,
                ),
            )
        )
    return found
