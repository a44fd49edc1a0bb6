"""The picture of attention: a row for each unit that was written, a column for each that was read."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from pipeline.report.svg import element, labelled, percent, short

_ROW = 22
_LONGEST_UPRIGHT = 2


def heat_map(
    key: str, title: str, source: Sequence[str], units: Sequence[str], weights: Sequence[Sequence[float]]
) -> Markup:
    """Weights as squares, the greater the stronger the colour.

    Args:
        key: tells this chart from others on the page.
        title: of the chart.
        source: units that were read.
        units: units that were written.
        weights: a row for each of `units`, a value in `[0, 1]` for each of `source`.

    Returns:
        The drawing; its description names the source unit that each written unit looks at most.
    """
    rows, columns = len(units), len(source)
    cells = [
        element(
            "rect",
            x=percent(column / columns),
            y=percent(row / rows),
            width=percent(1 / columns),
            height=percent(1 / rows),
            fill_opacity=short(min(1.0, max(0.0, value))),
            class_="fill candidate",
        )
        for row, line in enumerate(weights[:rows])
        for column, value in enumerate(line[:columns])
        if value >= 0.01
    ]
    slanted = max(map(len, source), default=0) > _LONGEST_UPRIGHT
    heads = [_head((column + 0.5) / columns, unit, slanted) for column, unit in enumerate(source)]
    names = [
        element("text", unit, x=-8, y=percent((row + 0.5) / rows), dy="0.35em", class_="tick end")
        for row, unit in enumerate(units)
    ]
    frame = element("rect", width="100%", height="100%", class_="frame")
    strongest = ", ".join(f"{unit} from {read}" for unit, read, _ in strongest_of(source, units, weights))
    class_ = "chart heat slanted" if slanted else "chart heat"
    description = f"Attention, strongest: {strongest}."
    return labelled(key, title, description, frame, *cells, *heads, *names, class_=class_, height=rows * _ROW)


def _head(place: float, unit: str, slanted: bool) -> Markup:
    if not slanted:
        return element("text", unit, x=percent(place), y=-8, class_="tick mid")
    text = element("text", unit, class_="tick", transform="translate(2 -6) rotate(-50)")
    return element("svg", text, x=percent(place), y=0, class_="over")


def strongest_of(
    source: Sequence[str], units: Sequence[str], weights: Sequence[Sequence[float]]
) -> list[tuple[str, str, float]]:
    """For each written unit the one that it looks at most, with the weight.

    Example:
        >>> strongest_of(["c", "a"], ["K", "AE"], [[0.9, 0.1], [0.3, 0.7]])
        [('K', 'c', 0.9), ('AE', 'a', 0.7)]
    """
    found = []
    for unit, line in zip(units, weights, strict=False):
        best = max(range(len(line)), key=lambda column: line[column])
        found.append((unit, source[best], line[best]))
    return found
