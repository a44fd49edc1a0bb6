"""Progress of a run on a cluster: a line for each step that changes, and one live line on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from pipeline.kubeflow.deploy.tasks import Task

_HEARTBEAT_SECONDS = 60.0
_MARKS = {
    "SUCCEEDED": ("✓", "green"),
    "SKIPPED": ("=", "cyan"),
    "FAILED": ("✗", "red"),
    "CANCELED": ("✗", "yellow"),
    "RUNNING": ("·", "dim"),
}


class ConsoleDisplay:
    """Shows a run on a console.

    Args:
        console: where to write.
        live: the live display of a terminal; `None` writes lines.
    """

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console = console
        self._live = live
        self._said = time.monotonic()

    def step(self, task: Task) -> None:
        """Writes a line for a step that has begun or ended; on a terminal the live line shows what runs."""
        if task.state not in _MARKS or (task.state == "RUNNING" and self._live is not None):
            return
        mark, style = _MARKS[task.state]
        detail = f"{task.seconds:6.1f} s" if task.seconds is not None else task.state.lower()
        self._write(Text.assemble((mark, style), f" {task.name:<11} {detail}"))

    def state(self, state: str, running: list[str]) -> None:
        """Shows what runs; a line now and then where there is no terminal."""
        text = f"{state.lower()}: {', '.join(running)}" if running else state.lower()
        if self._live is not None:
            self._live.update(Spinner("dots", Text(text)), refresh=True)
        elif time.monotonic() - self._said >= _HEARTBEAT_SECONDS:
            self._write(Text(text))

    def note(self, text: str) -> None:
        """Writes a line."""
        self._write(Text(text))

    def _write(self, text: Text) -> None:
        self._said = time.monotonic()
        self._console.print(text)


@contextmanager
def display_for(console: Console) -> Iterator[ConsoleDisplay]:
    """A display that fits where `console` writes."""
    if not console.is_terminal:
        yield ConsoleDisplay(console, None)
        return
    with Live(console=console, transient=True, refresh_per_second=8) as live:
        yield ConsoleDisplay(console, live)
