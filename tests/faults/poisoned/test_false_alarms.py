"""Clean data like those of the run before are stopped at most once in a hundred times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pandas as pd
import pytest

from pipeline.init import infer
from tests.faults.poisoned.world import LABEL, Kept, rows

SIZES = (200, 1000, 4000)


def limits(frame: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The checks that `init` writes for these rows."""
    path = directory / f"{len(frame)}.csv"
    frame.to_csv(path, index=False)
    return infer(path, LABEL).config.check.model_dump(mode="json")


def messy(seed: int, count: int, day: int) -> pd.DataFrame:
    """Rows with gaps, heavy tails, rare flags, constants and flags like the label."""
    rng, frame = np.random.default_rng(seed + 10_000), rows(seed, count, day)
    return frame.assign(
        size=frame["size"].mask(rng.random(count) < 0.3),
        price=(rng.standard_cauchy(count)).round(3),
        visits=(rng.random(count) < 0.002).astype(float),
        flag=rng.permutation(frame["late"].to_numpy()).astype(str),
        colour=np.where(rng.random(count) < 0.01, "red", "blue"),
    )


def pairs(count: int, trials: int, seed: int) -> Iterator[tuple[pd.DataFrame, list[pd.DataFrame]]]:
    """A first span with later ones: disjoint spans of one distribution, and samples of one span's rows."""
    for kind in (rows, messy):
        yield kind(seed, count, 0), [kind(seed + 1 + trial, count, 10) for trial in range(trials)]
        whole = kind(seed, count, 0)
        drawn = [whole.sample(count, replace=True, random_state=seed + trial) for trial in range(trials)]
        yield whole, [sample.sort_values("at", kind="stable") for sample in drawn]


def alarms(directory: Path, firsts: int, trials: int) -> tuple[list[tuple[str, ...]], int]:
    """Errors of the spans that were stopped, and how many spans there were."""
    stopped, count = [], 0
    for size in SIZES:
        for seed in range(firsts):
            for first, later in pairs(size, trials, 1000 * (seed + 1)):
                kept = Kept(first, limits(first, directory))
                for frame in later:
                    errors = kept.examine(frame).errors
                    count += 1
                    stopped += [errors] if errors else []
    return stopped, count


def test_clean_spans_are_not_stopped(tmp_path: Path) -> None:
    stopped, count = alarms(tmp_path, firsts=1, trials=3)
    assert count == 36
    assert stopped == []


@pytest.mark.soak
def test_one_clean_span_in_a_hundred_is_stopped_at_most(tmp_path: Path) -> None:
    stopped, count = alarms(tmp_path, firsts=10, trials=6)
    assert count == 720
    assert len(stopped) <= count // 100, stopped
