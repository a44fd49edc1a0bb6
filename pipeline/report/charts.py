"""The charts of the report: pure functions from numbers to SVG.

A chart is either labelled (title, description and, beside it, a table of its numbers) or hidden from
assistive technology because it stands in the row of a table that holds its numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from markupsafe import Markup

from pipeline.report.svg import (
    columns_path,
    element,
    extent,
    hidden,
    labelled,
    line_path,
    marker,
    outline_path,
    percent,
    tick_labels,
    ticks,
)

Point = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Series:
    """One line or group of marks.

    Args:
        name: as in the legend.
        class_: CSS class that gives the colour.
        points: `(x, y)` in the units of the data, finite.
        shape: of the marks, `circle` or `diamond`. Defaults to `"circle"`.
    """

    name: str
    class_: str
    points: tuple[Point, ...]
    shape: str = "circle"


@dataclasses.dataclass(frozen=True)
class Scale:
    """A linear scale from `[low, high]` to `[0, 1]`."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5


def thinned(points: Sequence[Point], most: int = 300) -> list[Point]:
    """At most about `most` points; of each stretch its lowest and highest, so that no spike is lost."""
    if len(points) <= most:
        return list(points)
    stretch = -(-2 * len(points) // most)
    kept: list[Point] = [points[0]]
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        kept.extend(sorted({min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}))
    kept.append(points[-1])
    return sorted(set(kept))


def _labelled_ticks(scale: Scale, most: int) -> list[tuple[float, str]]:
    values = ticks(scale.low, scale.high, most)
    return list(zip(values, tick_labels(values), strict=True))


def _frame(x: Scale, y: Scale, x_label: str) -> list[Markup]:
    parts: list[Markup] = []
    for value, label in _labelled_ticks(y, 5):
        height = percent(1 - y(value))
        parts.append(element("line", x1="0", x2="100%", y1=height, y2=height, class_="rule"))
        parts.append(element("text", label, x="-8", y=height, dy="0.32em", class_="tick end"))
    for value, label in _labelled_ticks(x, 5):
        parts.append(element("text", label, x=percent(x(value)), y="100%", dy="18", class_="tick mid"))
    parts.append(element("text", x_label, x="50%", y="100%", dy="36", class_="tick mid"))
    return parts


def line_chart(
    key: str,
    title: str,
    description: str,
    series: Sequence[Series],
    x_label: str,
    highlight: Point | None = None,
    highlight_label: str = "",
    from_zero: bool = False,
) -> Markup:
    """Lines over a common horizontal axis.

    Args:
        key: prefix of the element ids, unique in the page.
        title: what the chart shows, in a few words.
        description: what a reader should see in it, as a sentence.
        series: the lines; those without points are left out.
        x_label: name of the horizontal axis.
        highlight: a point to mark, in the units of the data. Defaults to `None`.
        highlight_label: text beside the marked point. Defaults to `""`.
        from_zero: the vertical axis starts at 0. Defaults to `False`.

    Returns:
        An `<svg>`; empty markup if no series has a point.
    """
    drawn = [one for one in series if one.points]
    if not drawn:
        return Markup("")
    first, last = extent((px for one in drawn for px, _ in one.points), 0.0)
    x = Scale(0.0 if 0 < first < 0.3 * last else first, last)
    low, high = extent((py for one in drawn for _, py in one.points), 0.08)
    y = Scale(min(0.0, low) if from_zero and low >= 0 else (0.0 if from_zero else low), high)
    parts = _frame(x, y, x_label)
    for one in drawn:
        points = [(x(px), y(py)) for px, py in thinned(one.points)]
        parts.append(
            line_path(points, one.class_) if len(points) > 1 else marker("circle", *points[0], one.class_)
        )
    if highlight is not None:
        left, height = x(highlight[0]), y(highlight[1])
        side = ("-8", "end") if left > 0.6 else ("8", "start")
        parts.append(element("line", x1=percent(left), x2=percent(left), y1="0", y2="100%", class_="guide"))
        parts.append(marker("circle", left, height, drawn[-1].class_))
        parts.append(
            element(
                "text", highlight_label, x=percent(left), y="0", dx=side[0], dy="9", class_=f"note {side[1]}"
            )
        )
    return labelled(key, title, description, *parts, class_="chart plot")


def reliability_chart(
    key: str, title: str, description: str, series: Sequence[Series], x_label: str, unit: bool
) -> Markup:
    """Mean prediction against mean label, with the diagonal of a calibrated model.

    Args:
        key: prefix of the element ids, unique in the page.
        title: what the chart shows, in a few words.
        description: what a reader should see in it, as a sentence.
        series: one for each model.
        x_label: name of the horizontal axis.
        unit: both axes run over `[0, 1]`; otherwise over the range of the data.

    Returns:
        An `<svg>`; empty markup if no series has a point.
    """
    drawn = [one for one in series if one.points]
    if not drawn:
        return Markup("")
    bounds = (
        (0.0, 1.0)
        if unit
        else extent((value for one in drawn for point in one.points for value in point), 0.04)
    )
    axis = Scale(*bounds)
    parts = _frame(axis, axis, x_label)
    parts.append(element("line", x1="0", y1="100%", x2="100%", y2="0", class_="guide"))
    for one in reversed(drawn):
        points = [(axis(px), axis(py)) for px, py in one.points]
        if len(points) > 1:
            parts.append(line_path(points, f"{one.class_} faint"))
        parts += [marker(one.shape, *point, one.class_, radius=5.0) for point in points]
    return labelled(key, title, description, *parts, class_="chart square")


def histogram(
    key: str,
    title: str,
    description: str,
    counts: Sequence[float],
    low: str,
    high: str,
    baseline: Sequence[float] = (),
) -> Markup:
    """Columns of counts with the two ends of their range written below.

    Args:
        key: prefix of the element ids, unique in the page.
        title: what the chart shows, in a few words.
        description: what a reader should see in it, as a sentence.
        counts: of bins of equal width.
        low: lower end of the range, as text.
        high: upper end of the range, as text.
        baseline: counts of the same bins, to the same scale, as a line over their tops. Defaults to `()`.

    Returns:
        An `<svg>`; empty markup without counts.
    """
    if not counts:
        return Markup("")
    highest = max([*counts, *baseline])
    drawn = [columns_path(counts, "fill candidate", highest=highest)]
    if any(baseline):
        drawn.append(outline_path(baseline, "baseline", highest))
    drawn += [
        element("line", x1="0", x2="100%", y1="100%", y2="100%", class_="rule"),
        element("text", low, x="0", y="100%", dy="16", class_="tick"),
        element("text", high, x="100%", y="100%", dy="16", class_="tick end"),
    ]
    return labelled(key, title, description, *drawn, class_="chart low")


def spark(counts: Sequence[float]) -> Markup:
    """A small histogram without axes."""
    return hidden(columns_path(counts, "fill prior"), class_="spark") if counts else Markup("")


def bar(fraction: float, class_: str, limit: float | None = None) -> Markup:
    """A horizontal bar of a fraction of its track, with a mark where a limit lies."""
    parts = [element("rect", width=percent(fraction), height="100%", class_=f"fill {class_}")]
    if limit is not None:
        at = percent(limit)
        parts.append(element("line", x1=at, x2=at, y1="-3", y2="11", class_="limit"))
    return hidden(*parts, class_="bar")


def span_bar(start: float, length: float, class_: str) -> Markup:
    """A piece of a timeline; at least two pixels wide, since every step took some time."""
    width = max(0.004, min(1.0, length))
    return hidden(
        element("line", x1="0", x2="100%", y1="50%", y2="50%", class_="rule"),
        element(
            "rect",
            x=percent(min(start, 1 - width)),
            width=percent(width),
            height="100%",
            rx=2,
            class_=f"fill {class_}",
        ),
        class_="bar timeline",
    )


def span_axis(end: str) -> Markup:
    """The two ends of a timeline, for the head of its column."""
    return hidden(
        element("text", "0", x="0", y="9", class_="tick origin"),
        element("text", end, x="100%", y="9", class_="tick end"),
        class_="dots axis",
    )


@dataclasses.dataclass(frozen=True)
class Dot:
    """One value of a dot plot with its interval; `None` is not drawn."""

    value: float | None
    lower: float | None = None
    upper: float | None = None


def dot_row(scale: Scale, candidate: Dot, baseline: Dot, reference: float | None) -> Markup:
    """One row of a dot plot: the baseline as a diamond, the candidate as a circle, intervals as bars, the
    candidate over all rows as an upright line."""
    parts: list[Markup] = []
    if reference is not None:
        at = percent(scale(reference))
        parts.append(element("line", x1=at, x2=at, y1="-8", y2="28", class_="guide"))
    for dot, class_, shape in ((baseline, "baseline", "diamond"), (candidate, "candidate", "circle")):
        if dot.value is None:
            continue
        if dot.lower is not None and dot.upper is not None:
            parts.append(
                element(
                    "line",
                    x1=percent(scale(dot.lower)),
                    x2=percent(scale(dot.upper)),
                    y1="50%",
                    y2="50%",
                    class_=f"interval {class_}",
                )
            )
        parts.append(marker(shape, scale(dot.value), 0.5, class_, radius=4.5))
    return hidden(*parts, class_="dots")


def dot_axis(scale: Scale) -> Markup:
    """The axis of a dot plot, for the head of its column."""
    marks = [
        element("text", label, x=percent(scale(value)), y="9", class_="tick mid")
        for value, label in _labelled_ticks(scale, 4)
    ]
    return hidden(*marks, class_="dots axis")
