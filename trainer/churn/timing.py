"""What models cost to serve, measured side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

ROUNDS = 31


def side_by_side(
    calls: Mapping[str, Callable[[], Any]],
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each call, round by round.

    In a round each is called once, and each round begins with another one, so that whatever else the machine
    does meanwhile falls on all alike. A first round, which prepares graphs and memory, does not count.

    Args:
        calls: by name.
        rounds: int, at least 1. Defaults to `31`.
        clock: seconds. Defaults to `time.perf_counter`.

    Returns:
        `rounds` times by name, in seconds.
    """
    names = list(calls)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        calls[name]()
    for start in range(rounds):
        for place in range(len(names)):
            name = names[(start + place) % len(names)]
            before = clock()
            calls[name]()
            taken[name].append(clock() - before)
    return taken
