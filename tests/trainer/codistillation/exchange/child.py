"""What the tests run in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from tests.trainer.codistillation.exchange.place import publisher, reader, same, weights
from trainer import faults
from trainer.codistillation.exchange import Exchange
from trainer.errors import TandemError

STEPS = (5, 10, 15)


class At:
    """Acts at the n-th point that is passed, from 0, and counts them."""

    def __init__(self, number: int) -> None:
        self.passed: list[str] = []
        self._number = number

    def reached(self, place: str, written: Path | None) -> None:
        self.passed.append(place)
        if len(self.passed) == self._number + 1:
            # Half of the file is in the kernel's hands: more than a kill alone would show.
            if written is not None:
                os.truncate(written, written.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)


def kills(root: Path) -> None:
    """Kills a publisher at each point in turn and looks at what it leaves."""
    # A kill does not lose what the kernel has, and waiting for the disk takes most of the time.
    os.fsync = lambda _: None
    points, number, outcomes = [], 0, set()
    while True:
        place = root / str(number)
        process = os.fork()
        if not process:
            _publish_until_killed(place, root, number)
        _, status = os.waitpid(process, 0)
        if not os.WIFSIGNALED(status):
            points = json.loads((root / "points").read_text())
            break
        told = sorted(int(step.name) for step in (root / "published").iterdir())
        found = reader(place).look()
        # What was published in full can be read, and what was on its way either whole or not at all.
        following = [step for step in STEPS if step not in told][:1]
        allowed = [max(told, default=None), *following]
        assert (found.step if found else None) in allowed, (number, told, found)
        assert found is None or same(found, weights(found.step, table=1)), number
        outcomes.add(found.step if found else None)
        # The next start puts everything in order.
        restarted = publisher(place)
        restarted.publish(7, weights(7, table=1))
        restarted.publish(8, weights(8, table=1))
        assert same(reader(place).look(), weights(8, table=1)), number
        files = sorted(path.name for path in place.rglob("*") if path.is_file())
        assert [name.rpartition(".")[2] for name in files if name != "group.json"].count("part") == 3, files
        assert len(files) == 6, files
        number += 1
    sys.stdout.write(json.dumps({"points": points, "outcomes": sorted(outcomes, key=str)}))


def _publish_until_killed(place: Path, root: Path, number: int) -> None:
    done = root / "published"
    done.mkdir(exist_ok=True)
    for path in done.iterdir():
        path.unlink()
    at = faults._fault = At(number)
    replica = publisher(place)
    for step in STEPS:
        replica.publish(step, weights(step, table=1))
        (done / str(step)).touch()
    (root / "points").write_text(json.dumps(at.passed))
    os._exit(0)


def claims(place: str, group: str, start: float) -> None:
    """Takes a place at a given moment; says whether it could."""
    time.sleep(max(0.0, start - time.time()))
    try:
        Exchange(place, group, 0, 2).close()
    except TandemError as error:
        sys.stdout.write(error.code)
    else:
        sys.stdout.write("taken")


def replica(place: str, seconds: float, pause: float) -> None:
    """Publishes all the time as replica 0, until the time is over or another process has replaced it."""
    exchange, end, step = Exchange(place, "g", 0, 2), time.time() + seconds, 0
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        while time.time() < end:
            step += 1
            exchange.publish(step, {"step": np.full(300_000, step, np.float32), "a": np.array(step)})
            time.sleep(pause)
    except TandemError as error:
        sys.stdout.write(error.code + " ")
    exchange.close()
    sys.stdout.write(json.dumps(exchange.statistics()))


def writes(place: Path, publications: int) -> None:
    """Publishes as replica 0 without a pause, so often at least, and until there is a file `enough`."""
    replica, step, end = publisher(place), 0, time.monotonic() + 120
    while step < publications or (not (place / "enough").exists() and time.monotonic() < end):
        step += 1
        replica.publish(step, {"step": np.full(300_000, step, np.float32), "a": np.array(step)})


if __name__ == "__main__":
    name, *given = sys.argv[1:]
    if name == "kills":
        kills(Path(given[0]))
    elif name == "claims":
        claims(given[0], given[1], float(given[2]))
    elif name == "writes":
        writes(Path(given[0]), int(given[1]))
    else:
        replica(given[0], float(given[1]), float(given[2]))
