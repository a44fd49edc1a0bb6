"""How a failure is told: code, cause, log file, next command."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from trainer.errors import TandemError


def report_failure(error: TandemError, log: str | None = None, following: str | None = None) -> int:
    """Writes the failure to stderr.

    Args:
        error: what went wrong.
        log: log file to look at. Defaults to none.
        following: the command that goes on. Defaults to none.

    Returns:
        The exit status.
    """
    from pipeline.config.problems import visible

    def shown(text: str) -> str:
        return escape(visible(text))

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]{escape(error.code)}[/] {shown(error.message.rstrip())}")
    if error.hint:
        console.print(f"  {shown(error.hint)}")
    if log:
        console.print(f"  log   {shown(log)}")
    if following:
        console.print(f"  next  [bold]{shown(following)}[/]")
    return error.exit_status
