"""What the steps of a run on Kubeflow leave on the state volume, for its report and for later runs."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config import parse
from pipeline.root import Root
from pipeline.runs.store import CONFIG, LOGS, Run
from trainer.errors import TandemError
from trainer.faults import point
from trainer.storage import remove_unfinished, write_atomic, write_json

DIGESTS = "digests.json"

# Outputs that the report shows; the others are large, and only their addresses are recorded.
KEPT: Mapping[str, tuple[str, ...]] = {
    "ingest": ("report",),
    "statistics": ("statistics",),
    "validator": ("anomalies",),
    "train": ("model_run",),
    "evaluate": ("evaluation",),
    "gate": ("blessing",),
    "push": ("pushed_model",),
}


class Record:
    """The run directory of a run on Kubeflow: `runs/<stamp>-<run uuid>`.

    Args:
        root: the root on the state volume.
        run: its run directory.
    """

    def __init__(self, root: Root, run: Run) -> None:
        self.root = root
        self.run = run

    @classmethod
    def find(cls, root: Root, uuid: str) -> Record:
        """The record that the first step of the run made.

        Raises:
            TandemError: `KFP-104` if there is none.
        """
        found = sorted(path for path in root.runs.glob(f"*-{uuid}") if (path / CONFIG).exists())
        if not found:
            raise TandemError(
                "KFP-104",
                f"Expected run {uuid} on the state volume at {root.path}. Received: no such run",
                "Every step must mount the same claim, `kubeflow.state.claim`; compile and deploy again.",
            )
        return cls(root, Run(found[0]))

    @classmethod
    def begin(cls, root: Root, uuid: str, config_text: str) -> Record:
        """The record of a run that begins, or begins again after its first step was retried."""
        try:
            record = cls.find(root, uuid)
            record.tidy()
            return record
        except TandemError:
            stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
            run = Run(root.runs / f"{stamp}-{uuid}")
            point("record.begin")
            # Of a first step that was killed before there was a config.
            for left in root.runs.glob(f"*-{uuid}"):
                shutil.rmtree(left)
            (run.directory / LOGS).mkdir(parents=True, exist_ok=True)
            run.event("run_created", config_directory=str(root.path), typed=[], on="kubeflow")
            run.event("run_started", name=parse(config_text).name, attempt=1)
            # Last: a directory without it is no run.
            write_atomic(run.config_path, config_text)
            return cls(root, run)

    @property
    def kept(self) -> Path:
        """Copies of the outputs that the report shows, `<step>/<output>`."""
        return self.run.directory / "kept"

    def keep(self, step: str, outputs: Mapping[str, str]) -> None:
        """Copies what the report shows of a step's outputs; what was kept before is replaced.

        Args:
            step: the step.
            outputs: local directory by output.
        """
        for name in KEPT.get(step, ()):
            source, target = Path(outputs.get(name, "")), self.kept / step / name
            if not outputs.get(name) or not source.exists():
                continue
            part = target.with_name(f".{name}.part")
            point("record.keep", step)
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(source, part)
            shutil.rmtree(target, ignore_errors=True)
            part.rename(target)

    def tidy(self) -> None:
        """Removes what killed steps left unfinished; no other step of the run may be at work."""
        for directory in (self.run.directory, self.run.directory / "steps"):
            remove_unfinished(directory)
        for part in self.kept.glob("*/.*.part"):
            point("record.tidy")
            shutil.rmtree(part)

    def kept_outputs(self) -> dict[str, dict[str, str]]:
        """Local directory by output by step, of what was kept."""
        return {
            step: {name: str(self.kept / step / name) for name in names if (self.kept / step / name).exists()}
            for step, names in KEPT.items()
        }

    def write_digests(self, digests: Mapping[str, str]) -> None:
        """Records the digests `data` and `run` of what the run found when it began."""
        write_json(self.run.directory / DIGESTS, dict(digests))

    def digests(self) -> dict[str, str]:
        """What `write_digests` wrote; empty if the run did not get so far."""
        try:
            return dict(json.loads((self.run.directory / DIGESTS).read_bytes()))
        except (OSError, ValueError, TypeError, RecursionError):
            return {}

    def write_step(self, step: str, told: Mapping[str, Any]) -> None:
        """Records how a step ended."""
        write_json(self.run.directory / "steps" / f"{step}.json", {"name": step, **told})

    def steps(self) -> dict[str, dict[str, Any]]:
        """How the steps that ran ended, by name; a damaged record is left out."""
        found = {}
        for path in sorted((self.run.directory / "steps").glob("*.json")):
            try:
                told = json.loads(path.read_bytes())
            except (OSError, ValueError, RecursionError):
                continue
            if isinstance(told, dict) and isinstance(told.get("state"), str):
                found[path.stem] = told
        return found
