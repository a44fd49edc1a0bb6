"""Records meet full disks and killed processes: what was there stays, and the next line can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.watch import records
from tests.pipeline.watch.place import Place
from trainer import faults


@pytest.mark.parametrize("point", ["watch.append", "watch.appended"])
@pytest.mark.parametrize("action", ["ENOSPC", "EIO", "short", "raise"])
def test_a_record_that_fails_leaves_those_before_it_and_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, action: str
) -> None:
    place = Place(tmp_path)
    # Long enough that a file cut to half still holds it.
    records.append(place.run, {"step": 1, "about": "x" * 400})
    monkeypatch.setenv(faults.VARIABLE, f"{action} {point} *")
    faults.rearm()
    try:
        with pytest.raises((OSError, faults.InjectedError)):
            records.append(place.run, {"step": 2})
    finally:
        monkeypatch.delenv(faults.VARIABLE)
        faults.rearm()
    if action == "short":
        # Without a whole line the first is lost too; what follows is not.
        found = [entry["step"] for entry in records.read(place.run)]
        assert found in ([], [1])
    records.append(place.run, {"step": 3})
    steps = [entry["step"] for entry in records.read(place.run)]
    assert steps[-1] == 3
    assert action == "short" or steps[0] == 1
