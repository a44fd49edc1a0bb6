"""Runs on one span after another, and on data that is refused first, as far as the check."""

from __future__ import annotations

from pathlib import Path

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pandas as pd

from components.schema.core import KeptSchemas
from pipeline.config import parse
from pipeline.execute import Result, execute
from pipeline.local.watcher import Watcher
from pipeline.root import Root

CONFIG = """
name: data
task: binary
label: {column: late, classes: ['0', '1']}
data: {path: 'span-{SPAN}.csv', time_column: time, split: {by: time}}
features: {time: {kind: timestamp}, size: {kind: numeric}, colour: {kind: categorical}}
check: {drift: {drift: 0.1, skew: 0.1}}
gate: {rules: [{metric: log_loss, better_than: prior}]}
"""


class BeforeTransform(Watcher):
    """Ends a run once its data are checked."""

    def step_started(self, name: str, index: int, count: int) -> None:  # noqa: ARG002
        if name == "transform":
            raise KeyboardInterrupt


def span(directory: Path, number: int, size: float = 0.0, colour: str = "red", labels: int = 2) -> None:
    rng, rows = np.random.default_rng(number), 1000
    frame = pd.DataFrame(
        {
            "time": number * 1_000_000 + np.arange(rows),
            "size": rng.normal(size, 1, rows).round(3),
            "colour": rng.choice([colour, "blue"], rows),
            "late": rng.integers(0, labels, rows),
        }
    )
    frame.to_csv(directory / f"span-{number}.csv", index=False)


def checked(directory: Path, number: int) -> Result:
    config = parse(CONFIG)
    config = config.model_copy(update={"data": config.data.model_copy(update={"span": number})})
    return execute(config, directory, Root(directory / ".tandem"), BeforeTransform())


def last_step(result: Result) -> tuple[str, str]:
    step = result.summary["steps"][-1]
    return step["name"], step["state"]


def said(result: Result) -> str:
    assert result.summary["error"]["code"] == "DATA-001"
    return str(result.summary["error"]["message"])


def test_a_span_is_compared_with_the_one_before(tmp_path: Path) -> None:
    span(tmp_path, 1)
    span(tmp_path, 2)
    span(tmp_path, 3, size=2.0)
    for number in (1, 2):
        assert last_step(checked(tmp_path, number)) == ("check", "ran")
    assert "column 'size': drift" in said(checked(tmp_path, 3))


def test_refused_data_leave_no_schema_and_are_judged_by_the_one_kept_later(tmp_path: Path) -> None:
    span(tmp_path, 1, colour="mauve", labels=1)
    span(tmp_path, 2, colour="red")
    kept = KeptSchemas(tmp_path / ".tandem" / "schema" / "data")
    assert "mauve" not in said(checked(tmp_path, 1))
    assert kept.read(1) is None
    assert last_step(checked(tmp_path, 2)) == ("check", "ran")
    assert [sorted(domain.value) for domain in kept.read(1).string_domain] == [["blue", "red"]]
    assert "mauve" in said(checked(tmp_path, 1))
    again = checked(tmp_path, 2)
    assert {step["state"] for step in again.summary["steps"]} == {"cached"}
