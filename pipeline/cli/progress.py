"""Live progress: one display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from components.train.group.standing import Lines, Standing
from pipeline.cli.group_progress import clock, table
from pipeline.local.watcher import Step, Watcher

_HEARTBEAT_SECONDS = 15.0
_MARKS = {"ran": "[green]✓[/]", "cached": "[cyan]=[/]", "failed": "[red]✗[/]"}


class ConsoleWatcher(Watcher):
    """Shows the steps of a run and the progress of training.

    Args:
        console: where to write.
        live: the live display of a terminal; `None` writes lines.
    """

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console = console
        self._live = live
        self._last = time.monotonic()
        self._position = ""
        self._lines = Lines(_HEARTBEAT_SECONDS)

    def note(self, text: str) -> None:
        """Shows what is going on before the first step."""
        if self._live is not None:
            self._live.update(Spinner("dots", Text.from_markup(text)), refresh=True)
        else:
            self._console.print(text)

    def run_started(self, run_id: str) -> None:
        """Names the run, so that it can be found while it goes on."""
        self._console.print(f"run  {run_id}")

    def step_started(self, name: str, index: int, count: int) -> None:
        """A step begins."""
        self._position = f"{index + 1}/{count}"
        self._last = time.monotonic()
        if self._live is not None:
            self._live.update(Spinner("dots", f"{self._position} {name}"), refresh=True)

    def step_finished(self, step: Step) -> None:
        """A step has ended."""
        detail = (
            "cached"
            if step.state == "cached"
            else f"{step.seconds:6.1f} s  {step.peak_rss_bytes / 2**30:.1f} GiB"
        )
        self._console.print(f"{_MARKS[step.state]} {step.name:<11} {detail}")

    def training(
        self, step: int, steps_total: int, examples_per_second: float, eta_seconds: float, loss: float
    ) -> None:
        """Progress of training; a line now and then where there is no terminal."""
        text = (
            f"train {step}/{steps_total} steps, loss {loss:.4f}, "
            f"{examples_per_second:,.0f} examples/s, {clock(eta_seconds)} to go"
        )
        if self._live is not None:
            self._live.update(Spinner("dots", f"{self._position} {text}"))
        elif time.monotonic() - self._last >= _HEARTBEAT_SECONDS:
            self._last = time.monotonic()
            self._console.print(text)

    def group(self, standings: Sequence[Standing]) -> None:
        """Replicas of a group as one table; a line for each now and then where there is no terminal."""
        if self._live is not None:
            left = max((one.seconds_left for one in standings), default=0.0)
            title = f"{self._position} train {len(standings)} replicas"
            title += f", {clock(left)} to go" if left else ""
            self._live.update(Group(Spinner("dots", title), table(standings)))
            return
        for text in self._lines.due(standings):
            self._console.print(text)


@contextmanager
def watcher_for(console: Console) -> Iterator[ConsoleWatcher]:
    """A watcher that fits where `console` writes."""
    if not console.is_terminal:
        yield ConsoleWatcher(console, None)
        return
    # Stderr goes to the log file of each step; a redirected one would come back to the terminal.
    with Live(console=console, transient=True, refresh_per_second=8, redirect_stderr=False) as live:
        yield ConsoleWatcher(console, live)
