"""A project with a clean run behind it, and what becomes of a poisoned span in it."""

from __future__ import annotations

import dataclasses
import io
import shutil
from pathlib import Path

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pandas as pd

from pipeline.config import load
from pipeline.execute import Result, execute
from pipeline.init import infer, to_yaml
from pipeline.local.failures import INTERRUPTED
from pipeline.local.watcher import Watcher
from pipeline.predict import predict
from pipeline.root import Root
from tests.faults.poisoned.poisons import DAY, Poison, clean
from tests.faults.poisoned.world import rows

# Part of an error's text, and what the table calls the rule.
RULES = {
    "minimum fraction": "more missing values than the schema allows",
    "Column is completely missing": "a column without any value",
    "not present in any examples": "a column without any value",
    "expected rows at different times": "rows of one time cannot be split by time",
    "Unexpected string values": "more unseen categories than the schema allows",
    "is the unit another one": "numbers far beyond all of the run before",
    "has become a copy of the label": "a copy of the label",
    "has few values only, ": "few values only in a column that varied",
    "frequent texts that the run before did not have": "frequent texts that are new",
    "expected at least 10 rows": "too few rows",
    "expected rows in the split": "a split without rows",
    "expected UTF-8 text": "not UTF-8",
    "expected rows of moderate length": "a row that is too long",
    "expected a whole, readable file": "a file that is cut off",
}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a poison: `stopped`, `refused`, `harmless` or `missed`, and by what."""

    verdict: str
    by: str = ""


class _ChecksOnly(Watcher):
    def step_started(self, name: str, index: int, count: int) -> None:  # noqa: ARG002
        if name == "transform":
            raise KeyboardInterrupt


class Project:
    """Config by `init`, the first span clean; `trained` runs whole, else as far as the checks."""

    def __init__(self, directory: Path, trained: bool) -> None:
        self._directory, self._trained = directory, trained
        first = directory / "first"
        first.mkdir()
        rows(1).to_csv(first / "span-1.csv", index=False)
        self._text = to_yaml(infer(first / "span-{SPAN}.*", "late", name="poisoned"), first)
        self._count = 0
        result = self._run(first, directory / "root", trained)
        self.first = result.summary["error"] if trained else stopped(result)
        assert self.first is None, self.first

    def _run(self, folder: Path, root: Path, whole: bool) -> Result:
        (folder / "config.yaml").write_text(self._text)
        watcher = Watcher() if whole else _ChecksOnly()
        return execute(load(folder / "config.yaml"), folder, Root(root), watcher)

    def second(self, poison: Poison | None, seed: int = 2) -> tuple[Result, Path]:
        """The second span's run, on a copy of what the first one left."""
        self._count += 1
        folder = self._directory / f"case-{self._count}"
        folder.mkdir()
        poison.write(folder) if poison else clean(seed).to_csv(folder / "span-2.csv", index=False)
        root = folder / "root"
        shutil.copytree(self._directory / "root", root)
        return self._run(folder, root, self._trained), root

    def loss(self, root: Path) -> float:
        """Log loss of the newest pushed model on many clean rows that no run has seen."""
        fresh = rows(99, 20_000, DAY)
        file, answers = root / "fresh.csv", io.BytesIO()
        fresh.to_csv(file, index=False)
        predict(root / "serving" / "poisoned", file, answers)
        answers.seek(0)
        p = np.clip(pd.read_csv(answers)["probability"].to_numpy(), 1e-7, 1 - 1e-7)
        return float(-np.where(fresh["late"] == 1, np.log(p), np.log1p(-p)).mean())


def named(message: str) -> str:
    """The table's name of the rule whose error a message holds."""
    return next(rule for part, rule in RULES.items() if part in message)


def stopped(result: Result) -> Outcome | None:
    """How the run was stopped before training; `None` if it was not."""
    error = result.summary["error"]
    if error is None or error["code"] == INTERRUPTED:
        return None
    return Outcome("stopped", f"`{error['code']}`: {named(error['message'])}")


def judge(result: Result, loss: float | None, worst_clean: float) -> Outcome:
    """What became of a poison that was trained on.

    Args:
        result: of the whole run.
        loss: of the pushed model, if one was pushed.
        worst_clean: the greatest loss that models of clean spans have.
    """
    before = stopped(result)
    if before is not None:
        return before
    if result.summary["status"] == "not_blessed":
        failed = [rule["rule"] for rule in result.summary["gate"] if rule["verdict"] == "fail"]
        return Outcome("refused", "the gate: " + ", ".join(f"`{rule}`" for rule in failed))
    assert loss is not None, result.summary["error"]
    return Outcome("harmless" if loss <= worst_clean else "missed")
