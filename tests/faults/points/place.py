"""A small project, and what must be true of it after whatever happened."""

from __future__ import annotations

import collections
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from components.push import manifest, registry
from pipeline.root import Root

STEPS = 12
CONFIG = """
name: data
task: binary
label: {column: late, classes: ['0', '1']}
data: {path: 'data/*.csv', max_bad_row_fraction: 0.1}
features: {size: {kind: numeric}, colour: {kind: categorical}}
train: {batch_size: 32, epochs: 2, checkpoint_every_steps: 3}
gate: {rules: [{metric: log_loss, better_than: prior}]}
"""


class Place:
    """Config, two CSV files with a bad row each, and a root.

    Args:
        directory: made if absent.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = Root(directory / ".tandem")
        (directory / "data").mkdir(parents=True, exist_ok=True)
        (directory / "config.yaml").write_text(CONFIG)
        for number in range(2):
            self.write_data(number)

    def write_data(self, number: int, rows: int = 300) -> None:
        """Rows of one file; equal numbers give equal rows."""
        values = [(row * 37 % 100, row) for row in range(number, 2 * rows, 2)]
        lines = [f"{size / 7:.2f},{'red' if row % 3 else 'blue'},{int(size > 50)}" for size, row in values]
        text = "\n".join(["size,colour,late", *lines, "far,red,1"])
        (self.directory / "data" / f"{number}.csv").write_text(text + "\n")

    def runs(self) -> list[Path]:
        return sorted(path.parent for path in self.root.runs.glob("*/config.yaml"))

    def summary(self) -> dict[str, Any]:
        return json.loads((self.runs()[-1] / "summary.json").read_text())

    def served(self) -> dict[int, Path]:
        """Versions in the serving directory, each found whole."""
        found = registry.directories(self.root.serving, "data")
        for directory in found.values():
            manifest.verify(directory)
        return found

    def executions(self) -> list[tuple[str, str]]:
        """`(type, state)` of each execution that the metadata store knows."""
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        from pipeline.local.metadata import connect

        with connect(self.root.metadata) as handle:
            return [
                (execution.type.rpartition(".")[2], mlmd.Execution.State.Name(execution.last_known_state))
                for execution in handle.store.get_executions()
            ]

    def outputs(self) -> dict[str, str]:
        """Digests of what does not hold a time or a path: examples, vocabularies, the model."""
        examples = hashlib.sha256()
        (directory,) = (self.root.artifacts / "ingest" / "examples").iterdir()
        for file in sorted(directory.glob("Split-*/*")):
            examples.update(file.name.encode() + file.read_bytes())
        return {"examples": examples.hexdigest(), "model": self.summary()["model_digest"]}

    def leftovers(self) -> list[str]:
        """Hidden and temporary files below the root."""
        names = [path.relative_to(self.root.path).as_posix() for path in self.root.path.rglob("*")]
        kept = r"(^|/)(\.push\.lock|\.system(/.*)?)$"
        hidden = r"(^|/)(\.[^/]+|[^/]*(unfinished|staging|partial|tmp)[^/]*)$"
        return sorted(name for name in names if re.search(hidden, name) and not re.search(kept, name))

    def assert_finished(self, version: int = 1) -> None:
        """A run that has gone on to its push, and did nothing twice."""
        assert self.summary()["status"] == "pushed"
        assert list(self.served()) == list(range(1, version + 1))
        executions = self.executions()
        assert {state for _, state in executions} <= {"COMPLETE", "CACHED", "FAILED"}
        completed = collections.Counter(kind for kind, state in executions if state == "COMPLETE")
        assert set(completed.values()) == {version}, completed
        assert len(completed) == STEPS
        assert self.leftovers() == []


def distinct(trace: Path) -> list[str]:
    """Patterns of the points that a run passed, in order, each once; numbers in names are left open."""
    found: dict[str, None] = {}
    for line in trace.read_text().splitlines():
        name, _, about = line.partition(" ")
        if not name.startswith("step."):
            about = re.sub(r"[0-9a-f]{16}|\d{8}-\d{6}-[0-9a-f]{4}|tmp\w{8}|\d+", "*", about)
        found[f"{name} {about}".rstrip()] = None
    return list(found)
