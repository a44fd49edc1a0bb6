"""What the tests run in processes of their own."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import shutil
import sys
import time
from pathlib import Path

from place import NAME, Faults, Place

from components.push import lock, registry
from trainer.errors import TandemError


def sweep(root: Path, scenario: str, action: str) -> None:
    """Breaks off a push or rollback at its first, second, ... file operation, runs it again, checks."""
    faults = Faults()
    faults.skip_fsync = True
    models = Place(root / "models")
    for operation in range(1, 1000):
        place = Place(root / str(operation))
        (place.root).mkdir(parents=True)
        (place.root / "models").symlink_to(models.model(1).parent)
        models.model(2)
        before = {"first": [], "second": [1], "rollback": [1, 2]}[scenario]
        for version in before:
            place.push(version)
        if scenario == "rollback":
            run = functools.partial(place.rollback, version=2)
        else:
            run = functools.partial(place.push, 2, blessing=place.blessing(2))
        broken = _break_off(run, faults, operation, place.root, action)
        place.assert_whole()
        assert place.live() in (
            [[1, 2], [1]] if scenario == "rollback" else [before, [*before, len(before) + 1]]
        )
        if action != "kill":
            assert all(name.startswith(".staging-") for name in place.hidden()), place.hidden()
        result = run()
        place.assert_whole()
        if scenario == "rollback":
            assert (result.denied, result.served, place.live()) == ((2,), 1, [1]), operation
            assert place.statuses() == {1: "live", 2: "denied"}, operation
        else:
            assert result.pushed
            assert result.version == len(before) + 1, operation
            assert place.live() == [*before, len(before) + 1], operation
            assert place.statuses() == dict.fromkeys(place.live(), "live"), operation
            newest = registry.newest_blessed(place.serving, NAME, place.registry)
            assert newest is not None
            assert newest.version == result.version
        assert place.hidden() == [], operation
        shutil.rmtree(place.root)
        if not broken:
            sys.stdout.write(json.dumps({"operations": operation - 1}))
            return


def _break_off(run, faults, operation, root, action) -> bool:
    """Returns whether there was such an operation."""
    if action != "kill":
        code = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EROFS": errno.EROFS}[action]
        with faults.at(operation, root, code):
            received = ""
            try:
                run()
            except TandemError as error:
                received = error.code
            assert received in ("", "PUSH-004", "PUSH-005", "PUSH-006", "PUSH-007")
            return faults.count >= operation
    child = os.fork()
    if child == 0:
        with faults.at(operation, root, "kill"):
            run()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def pushes(root: Path, first: int, count: int, size: int) -> None:
    """Pushes `count` models one after the other and tells each version."""
    for seed in range(first, first + count):
        version = None
        while version is None:
            # Another process may push between the decision and this push.
            with contextlib.suppress(TandemError):
                version = Place(root).push(seed, size=size).version
        sys.stdout.write(f"{version}\n")
        sys.stdout.flush()


def one(root: Path, seed: int, size: int) -> None:
    """Pushes one model, after telling that it is about to."""
    place = Place(root)
    place.blessing(seed, size)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    place.push(seed, size=size)


def hold(root: Path) -> None:
    """Holds the lock until the process is ended."""
    with lock.hold(Place(root).serving / NAME):
        sys.stdout.write("held\n")
        sys.stdout.flush()
        time.sleep(60)


if __name__ == "__main__":
    task, target, *rest = sys.argv[1:]
    {"sweep": sweep, "pushes": pushes, "one": one, "hold": hold}[task](
        Path(target), *[int(value) if value.isdigit() else value for value in rest]
    )
