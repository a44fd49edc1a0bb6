"""How a run shows the replicas of a group, on a terminal and elsewhere."""

from __future__ import annotations

import io

from rich.console import Console

from components.train.group.standing import Lines, Standing
from pipeline.cli.group_progress import table
from pipeline.cli.progress import ConsoleWatcher, watcher_for

TRAINS = Standing(0, "training", 0, 1500, 10_000, 12345.6, 125.0, 0.25, 250)
DIED = Standing(1, "restarting", 2, 900, 10_000, 9999.0, 300.0, 0.3)
WAITS = Standing(2, "waiting")


def console(terminal: bool) -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, force_terminal=terminal, width=100, highlight=False), output


def test_the_table_has_a_row_for_each_replica() -> None:
    target, output = console(terminal=False)
    target.print(table([TRAINS, DIED, WAITS]))
    rows = [line.split() for line in output.getvalue().splitlines()]
    assert rows == [
        ["replica", "state", "step", "examples/s", "loss", "staleness", "restarts"],
        ["0", "training", "1,500/10,000", "12,346", "0.2500", "250", "0"],
        ["1", "restarting", "900/10,000", "–", "0.3000", "–", "2"],
        ["2", "waiting", "–", "–", "–", "–", "0"],
    ]


def test_a_terminal_has_one_display_of_all_replicas() -> None:
    target, output = console(terminal=True)
    with watcher_for(target) as watcher:
        watcher.step_started("train", 6, 12)
        watcher.group([TRAINS, DIED, WAITS])
    text = output.getvalue()
    assert "7/12 train 3 replicas, 5:00 to go" in text
    assert "1,500/10,000" in text
    # The display is taken away at the end.
    assert text.endswith("\x1b[2K")


def test_elsewhere_each_replica_has_a_line_now_and_then_and_when_it_changes() -> None:
    now = 100.0
    target, output = console(terminal=False)
    watcher = ConsoleWatcher(target, None)
    watcher._lines = Lines(15.0, lambda: now)

    def told(*standings: Standing) -> list[str]:
        before = len(output.getvalue())
        watcher.group(standings)
        return output.getvalue()[before:].splitlines()

    first = "replica 0 training: step 1,500 of 10,000, loss 0.2500, 12,346 examples/s, staleness 250"
    second = "replica 1 restarting: step 900 of 10,000, loss 0.3000, restarts 2"
    assert told(TRAINS, DIED) == [first, second]
    now = 114.0
    assert told(TRAINS, DIED) == []
    assert told(TRAINS, Standing(1, "starting", 3)) == ["replica 1 starting: restarts 3"]
    now = 115.0
    assert told(TRAINS, Standing(1, "starting", 3)) == [first, "replica 1 starting: restarts 3"]
    now = 116.0
    assert told(TRAINS, Standing(1, "starting", 3)) == []
