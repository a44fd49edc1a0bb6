"""Sections about the run itself: key figures, steps, sizes, serving times and lineage."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from pipeline.report import charts, comparison, data_section
from pipeline.report.formats import (
    count,
    finite,
    mapping,
    milliseconds,
    number,
    plain,
    plural,
    rows,
    seconds,
    size,
)

STATES = {"ran": "candidate", "cached": "prior", "failed": "bad"}


@dataclasses.dataclass(frozen=True)
class Figure:
    """A key figure: what it is, its value, and a remark with an outcome (`better`, `worse` or none)."""

    label: str
    value: str
    remark: str = ""
    outcome: str = ""


@dataclasses.dataclass(frozen=True)
class Step:
    """A step as text, with its piece of the timeline."""

    name: str
    state: str
    seconds: str
    memory: str
    bar: Markup


@dataclasses.dataclass(frozen=True)
class Fact:
    """A name, a value, and a bar if the value is one of several sizes."""

    name: str
    value: str
    bar: Markup = dataclasses.field(default_factory=Markup)


def steps(view: Mapping[str, Any]) -> tuple[list[Step], Markup]:
    """Steps on one timeline, and its axis; a step without `start_seconds` follows the one before."""
    summary = mapping(view.get("summary"))
    known = rows(summary.get("steps"))
    clock, spans = 0.0, []
    for entry in known:
        length = max(0.0, finite(entry.get("seconds")) or 0.0)
        start = finite(entry.get("start_seconds"))
        start = clock if start is None else max(0.0, start)
        spans.append((start, length))
        clock = max(clock, start + length)
    total = clock or 1.0
    made = [
        Step(
            name=str(entry.get("name") or "?"),
            state=str(entry.get("state") or "unknown"),
            seconds=seconds(entry.get("seconds")),
            memory=size(entry.get("peak_rss_bytes")),
            bar=charts.span_bar(start / total, length / total, STATES.get(str(entry.get("state")), "prior")),
        )
        for entry, (start, length) in zip(known, spans, strict=True)
    ]
    return made, charts.span_axis(seconds(total))


def _metric_figures(view: Mapping[str, Any]) -> list[Figure]:
    shown = []
    for one in list(comparison.overall(view).values())[:2]:
        if not one.hint or one.candidate is None:
            continue
        against, name = one.from_baseline, "baseline"
        if against.amount is None:
            against, name = one.from_prior, "prior"
        remark = one.hint
        if against.outcome == "same":
            remark = f"same as {name}"
        elif against.amount is not None:
            # The size of the change; the word says whether it is good.
            remark = f"{number(abs(against.amount))} {against.outcome} than {name}"
        shown.append(Figure(one.metric, number(one.candidate), remark, against.outcome))
    return shown


def _row_count(view: Mapping[str, Any]) -> tuple[float | None, str]:
    splits = data_section.splits(view)
    if splits:
        return sum(splits.values()), ", ".join(f"{count(value)} {name}" for name, value in splits.items())
    recorded = mapping(view.get("summary")).get("rows")
    if isinstance(recorded, Mapping):
        numbers = [value for raw in recorded.values() if (value := finite(raw)) is not None]
        return (sum(numbers) if numbers else None), ""
    return finite(recorded), ""


def figures(view: Mapping[str, Any]) -> list[Figure]:
    """What a reader wants to know first; only what is known."""
    summary = mapping(view.get("summary"))
    shown = _metric_figures(view)
    total, remark = _row_count(view)
    if total is not None:
        shown.append(Figure("rows", count(total), remark))
    duration = finite(summary.get("seconds"))
    known = rows(summary.get("steps"))
    if duration is not None:
        cached = sum(1 for entry in known if entry.get("state") == "cached")
        remark = f"{plural(len(known), 'step')}, {cached} cached" if known else ""
        shown.append(Figure("duration", seconds(duration), remark))
    peaks = [
        (peak, str(entry.get("name"))) for entry in known if (peak := finite(entry.get("peak_rss_bytes")))
    ]
    if peaks:
        peak, name = max(peaks, key=lambda item: item[0])
        shown.append(Figure("peak memory", size(peak), f"in {name}"))
    latency = finite(mapping(mapping(view.get("dry_run")).get("latency_ms")).get("p99"))
    model = finite(mapping(view.get("sizes")).get("model_bytes"))
    if latency is not None:
        remark = f"model of {size(model)}" if model is not None else "one request"
        shown.append(Figure("latency, p99", milliseconds(latency), remark))
    elif model is not None:
        shown.append(Figure("model", size(model)))
    return shown


def sizes(view: Mapping[str, Any]) -> list[Fact]:
    """Sizes on disk, the greatest as long as its track."""
    known = {
        name: value for name, raw in mapping(view.get("sizes")).items() if (value := finite(raw)) is not None
    }
    most = max(known.values(), default=0.0) or 1.0
    return [
        Fact(
            name.removesuffix("_bytes").replace("_", " "), size(value), charts.bar(value / most, "candidate")
        )
        for name, value in known.items()
    ]


def serving(view: Mapping[str, Any]) -> list[Fact]:
    """What the dry run found; only what is known."""
    found = mapping(view.get("dry_run"))
    single, batch = mapping(found.get("latency_ms")), mapping(found.get("batch_latency_ms"))
    facts = (
        ("requests answered", count, found.get("requests")),
        ("greatest difference from training", plain, found.get("max_abs_difference")),
        ("time to load", seconds, found.get("load_seconds")),
        ("one request, median", milliseconds, single.get("p50")),
        ("one request, p99", milliseconds, single.get("p99")),
        (f"{plain(batch.get('size'))} requests at once, median", milliseconds, batch.get("p50")),
        (f"{plain(batch.get('size'))} requests at once, p99", milliseconds, batch.get("p99")),
    )
    return [Fact(name, write(value)) for name, write, value in facts if finite(value) is not None]


def lineage(view: Mapping[str, Any]) -> dict[str, list[Fact]]:
    """What the model was made of: digests, fingerprints, artifacts, library versions."""
    recorded = mapping(view.get("lineage"))
    fingerprints = mapping(mapping(view.get("summary")).get("fingerprints"))
    digests = [
        Fact(label, str(recorded[key]))
        for key, label in (("digest", "candidate model"), ("baseline_digest", "baseline model"))
        if recorded.get(key)
    ]
    return {
        "digests": digests,
        "fingerprints": [
            Fact(str(name), str(value)) for name, value in fingerprints.items() if value is not None
        ],
        "versions": [
            Fact(str(name), str(value)) for name, value in mapping(recorded.get("versions")).items()
        ],
    }


def artifacts(view: Mapping[str, Any]) -> list[dict[str, str]]:
    """Artifacts with `step`, `name` and `uri`."""
    return [
        {key: str(entry.get(key) or "") for key in ("step", "name", "uri")}
        for entry in rows(mapping(view.get("lineage")).get("artifacts"))
    ]
