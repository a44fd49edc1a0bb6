"""The curve: word error rate against minutes of training, as an SVG picture."""

from __future__ import annotations

import math
from collections.abc import Iterator

from benchmarks.pronunciation.points import PHONETISAURUS, PYTORCH, Point, Points

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 400, 60, 28, 24, 52
MINUTES = (1, 2, 5, 10, 20, 50, 100, 200)
FIRST, LAST = MINUTES[0], 240
COLOURS = {"Tandem": "#1f6feb", PYTORCH: "#bc4c00", PHONETISAURUS: "#57606a"}


def place(minutes: float, wer: float, highest: float) -> tuple[float, float]:
    """Where a point is: minutes on a logarithmic scale from 1 to 240, error from 0 at the bottom.

    Example:
        >>> place(1.0, 0.0, 60.0), place(240.0, 60.0, 60.0)
        ((60.0, 348.0), (696.0, 28.0))
    """
    across = math.log(max(minutes, FIRST) / FIRST) / math.log(LAST / FIRST)
    return (
        round(LEFT + across * (WIDTH - LEFT - RIGHT), 1),
        round(HEIGHT - BOTTOM - wer / highest * (HEIGHT - TOP - BOTTOM), 1),
    )


def picture(points: Points) -> str:
    """The curve as a document; a legend beside each point, and a line through the points of one system."""
    highest = 10 * math.ceil(max((point.score.wer for point in points.values()), default=50.0) / 10)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" role="img">',
        "<title>Word error rate against minutes of training</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *_axes(highest),
    ]
    for system, colour in COLOURS.items():
        own = [point for name, point in points.items() if name.startswith(system)]
        lines += _system(sorted(own, key=lambda point: point.seconds), colour, highest)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _axes(highest: int) -> Iterator[str]:
    for wer in range(0, highest + 1, 10):
        (left, y), (right, _) = place(FIRST, wer, highest), place(LAST, wer, highest)
        yield f'<path d="M{left} {y}H{right}" stroke="#d0d7de"/>'
        yield f'<text x="{left - 8}" y="{y + 4}" text-anchor="end" fill="#24292f">{wer}</text>'
    for minutes in MINUTES:
        x, y = place(minutes, 0, highest)
        yield f'<text x="{x}" y="{y + 18}" text-anchor="middle" fill="#24292f">{minutes}</text>'
    middle, bottom = (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12
    yield f'<text x="{middle}" y="{bottom}" text-anchor="middle" fill="#24292f">minutes of training</text>'
    yield f'<text x="{LEFT - 40}" y="{TOP - 12}" fill="#24292f">WER %</text>'


def _system(own: list[Point], colour: str, highest: int) -> Iterator[str]:
    places = [place(point.seconds / 60, point.score.wer, highest) for point in own]
    if len(places) > 1:
        path = " ".join(f"{x},{y}" for x, y in places)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for point, (x, y) in zip(own, places, strict=True):
        yield f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>'
        end = x > WIDTH * 0.7
        anchor, shift = ("end", -8) if end else ("start", 8)
        text = f"{point.name}: {point.score.wer:.1f}"
        yield f'<text x="{x + shift}" y="{y - 8}" text-anchor="{anchor}" fill="{colour}">{text}</text>'
