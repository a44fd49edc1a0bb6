"""Log loss against the steps between two exchanges, as an SVG picture."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 360, 76, 28, 24, 52
INK, RULE, SINGLE, GROUP = "#24292f", "#d0d7de", "#57606a", "#1f6feb"
MARGIN = 0.1
"""Of the range of the losses, above and below."""


class Scale:
    """Where values lie: steps on a logarithmic scale, losses from the bottom up.

    Args:
        steps: the values across, at least two different ones.
        losses: every loss that is drawn.

    Example:
        >>> scale = Scale([1, 100], [0.4, 0.5])
        >>> scale.across(1), scale.across(100), scale.across(10)
        (76.0, 696.0, 386.0)
    """

    def __init__(self, steps: Sequence[int], losses: Sequence[float]) -> None:
        self._first, self._last = min(steps), max(steps)
        margin = MARGIN * (max(losses) - min(losses)) or 1e-3
        self.least, self.most = min(losses) - margin, max(losses) + margin

    def across(self, steps: int) -> float:
        """Distance from the left."""
        part = math.log(steps / self._first) / math.log(self._last / self._first)
        return round(LEFT + part * (WIDTH - LEFT - RIGHT), 1)

    def up(self, loss: float) -> float:
        """Distance from the top."""
        part = (loss - self.least) / (self.most - self.least)
        return round(HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM), 1)


def picture(single: Sequence[float], swept: Mapping[int, Sequence[float]]) -> str:
    """The picture as a document: a point for each training, a line through the means, single ones as a band.

    Args:
        single: losses of single trainings.
        swept: losses of groups by the steps between exchanges.
    """
    every = sorted(swept)
    scale = Scale(every, [*single, *(loss for losses in swept.values() for loss in losses)])
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" role="img">',
        "<title>Log loss against the steps between two exchanges</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *_axes(scale, every),
        *_single(scale, single),
    ]
    means = " ".join(f"{scale.across(n)},{scale.up(statistics.fmean(swept[n]))}" for n in every)
    lines.append(f'<polyline points="{means}" fill="none" stroke="{GROUP}" stroke-width="2"/>')
    for steps in every:
        x = scale.across(steps)
        lines += [
            f'<circle cx="{x}" cy="{scale.up(loss)}" r="4" fill="{GROUP}" fill-opacity="0.6"/>'
            for loss in swept[steps]
        ]
    right = f'x="{WIDTH - RIGHT}" y="{TOP - 12}" text-anchor="end"'
    lines.append(f'<text {right} fill="{GROUP}">codistilled, two replicas</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _axes(scale: Scale, every: Sequence[int]) -> Iterator[str]:
    for part in range(5):
        loss = scale.least + part / 4 * (scale.most - scale.least)
        y = scale.up(loss)
        yield f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="{RULE}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" fill="{INK}">{loss:.4f}</text>'
    for steps in every:
        x = scale.across(steps)
        yield f'<text x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="{INK}">{steps:,}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    told = "steps between two exchanges"
    yield f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle" fill="{INK}">{told}</text>'
    yield f'<text x="{LEFT - 56}" y="{TOP - 12}" fill="{INK}">log loss</text>'


def _single(scale: Scale, single: Sequence[float]) -> Iterator[str]:
    top, bottom, mean = scale.up(max(single)), scale.up(min(single)), scale.up(statistics.fmean(single))
    wide, right = WIDTH - LEFT - RIGHT, WIDTH - RIGHT
    size = f'width="{wide}" height="{round(bottom - top, 1)}"'
    yield f'<rect x="{LEFT}" y="{top}" {size} fill="{SINGLE}" fill-opacity="0.15"/>'
    yield f'<path d="M{LEFT} {mean}H{right}" stroke="{SINGLE}" stroke-dasharray="5 4"/>'
    yield f'<text x="{right - 6}" y="{mean - 6}" text-anchor="end" fill="{SINGLE}">single</text>'
