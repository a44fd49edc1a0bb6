"""Progress of a simulation: one display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner

from pipeline.kubeflow.simulate.result import Watcher

if TYPE_CHECKING:
    from pipeline.kubeflow.simulate.result import TaskResult

_MARKS = {
    "ran": "[green]✓[/]",
    "cached": "[cyan]=[/]",
    "failed": "[red]✗[/]",
    "skipped": "[yellow]-[/]",
}


class ConsoleWatcher(Watcher):
    """Shows the tasks of a simulation.

    Args:
        console: where to write.
        live: the live display of a terminal; `None` writes lines.
    """

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console = console
        self._live = live
        self._running: dict[str, float] = {}
        self._count = self._ended = 0

    def run_started(self, run_id: str, count: int) -> None:
        """Names the run, so that its files can be found while it goes on."""
        self._count = count
        self._console.print(f"run  {run_id}")

    def task_started(self, name: str) -> None:
        """A task begins."""
        self._running[name] = time.monotonic()
        self._show()

    def task_finished(self, task: TaskResult) -> None:
        """A task has ended, or will not run."""
        self._running.pop(task.name, None)
        self._ended += 1
        detail = f"{task.seconds:6.1f} s" if task.state in ("ran", "failed") else task.state
        if task.attempts > 1:
            detail += f"  {task.attempts} attempts"
        if task.state == "skipped" and task.error:
            detail += f": {escape(task.error)}"
        self._console.print(f"{_MARKS[task.state]} {escape(task.name):<11} {detail}")
        self._show()

    def warning(self, name: str, text: str) -> None:
        """Something that the backend only warns of."""
        self._console.print(f"[yellow]![/] {escape(name):<11} {escape(text)}")

    def output(self, name: str, text: str) -> None:
        """A line that a task wrote."""
        self._console.print(f"[dim]{escape(name)}[/] {escape(text)}")

    def _show(self) -> None:
        if self._live is not None:
            text = f"{self._ended}/{self._count} {', '.join(self._running)}"
            self._live.update(Spinner("dots", text), refresh=True)


@contextmanager
def watcher_for(console: Console) -> Iterator[ConsoleWatcher]:
    """A watcher that fits where `console` writes."""
    if not console.is_terminal:
        yield ConsoleWatcher(console, None)
        return
    with Live(console=console, transient=True, refresh_per_second=8, redirect_stderr=False) as live:
        yield ConsoleWatcher(console, live)
