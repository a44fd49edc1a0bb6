"""A publisher that is killed anywhere leaves a readable directory, and its next start tidies up."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path


def test_a_kill_at_every_fault_point_leaves_whole_publications_only(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    child = start("kills", tmp_path)
    output, _ = child.communicate(timeout=120)
    assert child.returncode == 0
    told = json.loads(output)
    assert told["outcomes"] == [10, 15, 5, None]
    names = {point.partition(" ")[0] for point in told["points"]}
    assert names == {
        "exchange.create",
        "exchange.created",
        "exchange.remove",
        "storage.fsync_directory",
        "storage.open",
        "storage.replace",
        "storage.write",
    }
    # Of each of three publications: the manifest and its part, one table in all, four points for each file.
    assert len([point for point in told["points"] if point.startswith("storage.")]) >= 4 * 7
