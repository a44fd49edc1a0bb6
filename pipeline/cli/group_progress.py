"""The replicas of a group as a table that a terminal shows while they train."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from components.train.group.standing import Kind, Standing

_COLOURS: dict[Kind, str] = {"finished": "green", "restarting": "yellow", "late": "yellow"}
_COLOURS |= {"refused": "red", "lost": "red"}
_NONE = "–"


def clock(seconds: float) -> str:
    """Minutes and seconds.

    Example:
        >>> clock(125.4)
        '2:05'
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def table(standings: Sequence[Standing]) -> Table:
    """One row for each replica: state, step, rate, loss, staleness of its stalest peer, and restarts."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    made.add_column("replica", justify="right")
    made.add_column("state", min_width=len("restarting"))
    for title in ("step", "examples/s", "loss", "staleness", "restarts"):
        made.add_column(title, justify="right")
    for one in standings:
        colour = _COLOURS.get(one.kind)
        trains = one.kind == "training"
        made.add_row(
            str(one.index),
            f"[{colour}]{one.kind}[/]" if colour else one.kind,
            f"{one.step:,}/{one.steps:,}" if one.steps else _NONE,
            f"{one.examples_per_second:,.0f}" if trains and one.examples_per_second else _NONE,
            _NONE if one.loss is None else f"{one.loss:.4f}",
            _NONE if one.staleness_steps is None else f"{one.staleness_steps:,}",
            str(one.restarts),
        )
    return made
