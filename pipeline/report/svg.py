"""SVG in small pure pieces.

Charts have no `viewBox` of their own: positions are per cent and lengths of text are pixels, so that one
drawing fits a phone and a desktop with letters of one size. Every value is escaped.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

Value = str | float | int | None


def element(name: str, /, *children: str | Markup, **attributes: Value) -> Markup:
    """One element; text is escaped, `None` attributes are left out, `class_` and `stroke_width` become
    `class` and `stroke-width`."""
    parts = [Markup("<") + name]
    for key, value in attributes.items():
        if value is not None:
            text = short(value) if isinstance(value, float) else value
            parts.append(Markup(' {}="{}"').format(Markup(key.rstrip("_").replace("_", "-")), text))
    if not children:
        return Markup("").join([*parts, Markup("/>")])
    content = Markup("").join(escape(child) for child in children)
    return Markup("").join([*parts, Markup(">"), content, Markup("</{}>").format(Markup(name))])


def short(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def percent(fraction: float) -> str:
    """A position in `[0, 1]` as per cent; positions outside are drawn on the edge."""
    return short(100 * min(1.0, max(0.0, fraction))) + "%"


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers (1, 2, 2.5 or 5 times a power of ten) inside `[low, high]`, at most `most + 1`.

    Example:
        >>> ticks(0.0, 1.0), ticks(3.1, 9.7, 3)
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [5.0, 7.5])
    """
    if not math.isfinite(high - low) or high <= low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) + 0.0 for index in range(first, last + 1)]


def extent(values: Iterable[float], margin: float = 0.05) -> tuple[float, float]:
    """Least and greatest of `values`, widened by `margin` of their distance; never empty."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    pad = (high - low) * margin if high > low else abs(low) * 0.05 or 0.5
    return low - pad, high + pad


def tick_labels(values: Sequence[float]) -> list[str]:
    """Ticks without needless digits, and with as many as tell each from the next.

    Example:
        >>> tick_labels([0.0, 0.25, 0.5]), tick_labels([20000, 40000]), tick_labels([0.706, 0.70605])
        (['0', '0.25', '0.5'], ['20k', '40k'], ['0.706', '0.70605'])
    """
    step = min((abs(after - before) for before, after in itertools.pairwise(values)), default=math.inf)
    digits = 4
    while digits < 12 and any(abs(float(f"{value:.{digits}g}") - value) > step / 100 for value in values):
        digits += 1
    return [_tick_label(value, digits) for value in values]


def _tick_label(value: float, digits: int) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            divisor = 1e3 if unit == "k" else limit
            return f"{value / divisor:.{digits}g}{unit}".replace("-", "−")
    return f"{value:.{digits}g}".replace("-", "−")


def stretched(*children: Markup) -> Markup:
    """Children drawn in a square of 100 by 100 that is stretched over the whole chart."""
    return element(
        "svg", *children, viewBox="0 0 100 100", preserveAspectRatio="none", width="100%", height="100%"
    )


def line_path(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    """A line through `points`, both coordinates fractions of the chart, y upwards."""
    steps = "L".join(f"{short(100 * x)} {short(100 * (1 - y))}" for x, y in points)
    return stretched(
        element("path", d="M" + steps, class_=f"line {class_}", vector_effect="non-scaling-stroke")
    )


def columns_path(counts: Sequence[float], class_: str, gap: float = 0.12, highest: float = 0.0) -> Markup:
    """One column for each of `counts`, as one path; the chart is as high as the greatest, or as `highest`."""
    highest = max([highest, *counts])
    if highest <= 0:
        return stretched(element("path", d="M0 100h100", class_="line rule"))
    width = 100 / len(counts)
    parts = []
    for index, value in enumerate(counts):
        if value > 0:
            # A column of few rows keeps a visible foot: not to be seen is for "none", which interpolated
            # counts of less than half a row are, too.
            height = max(2.5 if value >= 0.5 else 0.0, 100 * value / highest)
            left = width * (index + gap / 2)
            parts.append(f"M{short(left)} 100v-{short(height)}h{short(width * (1 - gap))}V100z")
    return stretched(element("path", d="".join(parts), class_=class_))


def outline_path(counts: Sequence[float], class_: str, highest: float) -> Markup:
    """The tops of the columns of `counts` as one stepped line, `highest` as high as the chart."""
    width = short(100 / len(counts))
    steps = "".join(f"V{short(100 - 100 * value / highest)}h{width}" for value in counts)
    return stretched(
        element("path", d=f"M0 100{steps}V100", class_=f"line {class_}", vector_effect="non-scaling-stroke")
    )


def marker(shape: str, x: float, y: float, class_: str, radius: float = 4.0) -> Markup:
    """A mark at a fraction of the chart, y upwards: `circle` or `diamond`."""
    if shape == "circle":
        return element("circle", cx=percent(x), cy=percent(1 - y), r=radius, class_=f"mark {class_}")
    reach = short(radius * 1.2)
    path = f"M0-{reach}L{reach} 0L0 {reach}L-{reach} 0z"
    return element(
        "svg",
        element("path", d=path, class_=f"mark {class_}"),
        x=percent(x),
        y=percent(1 - y),
        class_="over",
    )


def labelled(
    key: str, title: str, description: str, *children: Markup, class_: str, height: int | None = None
) -> Markup:
    """A chart that says in words what it shows; `height` in pixels where its style gives none."""
    return element(
        "svg",
        element("title", title, id=f"chart-{key}-title"),
        element("desc", description, id=f"chart-{key}-desc"),
        *children,
        role="img",
        aria_labelledby=f"chart-{key}-title chart-{key}-desc",
        class_=class_,
        height=height,
    )


def hidden(*children: Markup, class_: str) -> Markup:
    """A drawing whose numbers stand beside it as text."""
    return element("svg", *children, aria_hidden="true", class_=class_)
