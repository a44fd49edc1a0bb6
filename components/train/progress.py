"""Where the progress of training goes: set by whoever shows it, a log line now and then otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from absl import logging

from components.train.group.standing import GroupProgress, Lines, Standing
from trainer.loop import Heartbeat, Progress

_receivers: list[Progress] = []
_group_receivers: list[GroupProgress] = []


class GroupHeartbeat:
    """A log line for each replica now and then: the default of groups."""

    def __init__(self) -> None:
        self._lines = Lines()

    def __call__(self, standings: Sequence[Standing]) -> None:
        """Logs the lines that are due."""
        for told in self._lines.due(standings):
            logging.info("%s", told)


def current() -> Progress:
    """The receiver set last, or a heartbeat in the log."""
    return _receivers[-1] if _receivers else Heartbeat()


def current_group() -> GroupProgress:
    """The receiver of groups set last, or a heartbeat in the log."""
    return _group_receivers[-1] if _group_receivers else GroupHeartbeat()


@contextmanager
def shown_by(receiver: Progress, group: GroupProgress | None = None) -> Iterator[None]:
    """Sends the progress of trainings in this process to receivers while the block runs.

    Args:
        receiver: of a single training.
        group: of a group. Defaults to `None`: that of before.
    """
    _receivers.append(receiver)
    if group is not None:
        _group_receivers.append(group)
    try:
        yield
    finally:
        _receivers.remove(receiver)
        if group is not None:
            _group_receivers.remove(group)
