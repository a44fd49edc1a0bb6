"""What a run came to: a summary is complete whatever the view lacks, and a view is JSON whatever broke."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import load
from pipeline.outcome import complete, shown
from pipeline.root import Root
from tests.pipeline.kubeflow.pods import outputs_of

EMPTY = {
    "rows": {},
    "spans": [],
    "metrics": {"candidate": {}, "baseline": {}, "prior": {}, "slices": []},
    "gate": [],
    "model_digest": None,
    "statistics_uri": "",
}


@pytest.mark.parametrize(
    "view", [{}, {"data": None, "gate": None, "metrics": None}, {"data": {"ingest": None}, "metrics": {}}]
)
def test_a_run_that_got_nowhere_has_every_key(view: dict[str, Any]) -> None:
    summary: dict[str, Any] = {"run_id": "x"}
    complete(summary, view, {}, Root(Path("/root")))
    assert summary == {"run_id": "x"} | EMPTY


def test_what_the_view_shows_is_in_the_summary() -> None:
    summary: dict[str, Any] = {}
    view = {
        "data": {"splits": {"train": 8, "eval": 2}, "ingest": {"spans": [3, 4]}},
        "metrics": {
            "candidate": {"overall": {"auc": 0.75}, "slices": [{"slice": "a"}]},
            "baseline": {"overall": {"auc": 0.5}, "slices": [{"slice": "b"}]},
            "prior": {"auc": 0.5},
        },
        "gate": {"verdicts": [{"verdict": "pass"}], "model_digest": "d"},
    }
    outputs = {"statistics": {"statistics": "/root/runs/1/kept/statistics"}}
    complete(summary, view, outputs, Root(Path("/root")))
    assert summary == {
        "rows": {"train": 8, "eval": 2},
        "spans": [3, 4],
        "metrics": {
            "candidate": {"auc": 0.75},
            "baseline": {"auc": 0.5},
            "prior": {"auc": 0.5},
            "slices": [{"slice": "a"}],
        },
        "gate": [{"verdict": "pass"}],
        "model_digest": "d",
        "statistics_uri": "runs/1/kept/statistics",
    }


def test_statistics_elsewhere_keep_their_place() -> None:
    summary: dict[str, Any] = {}
    complete(summary, {}, {"statistics": {"statistics": "/pod/statistics"}}, Root(Path("/root")))
    assert summary["statistics_uri"] == "/pod/statistics"


def test_numbers_that_json_does_not_have_are_left_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    summary = {"seconds": math.nan}
    deep = {"a": [1.5, math.nan, {"b": -math.inf, "c": "NaN"}], "d": True, "summary": summary}
    monkeypatch.setattr("pipeline.outcome.view", lambda *_: deep)
    found = shown(None, "", Root(Path("/root")), {}, summary, "")  # type: ignore[arg-type]
    assert found["a"] == [1.5, None, {"b": None, "c": "NaN"}]
    assert found["d"] is True
    # It is completed later, so it must stay the same object.
    assert found["summary"] is summary


def test_the_outputs_of_a_real_run_give_its_own_summary(small_run: Callable[[str], Any]) -> None:
    result = small_run("binary")
    root = Root(result.run.directory.parents[1])
    config = load(root.path.parent / "config.yaml")
    summary = {key: value for key, value in result.summary.items() if key not in EMPTY}
    outputs = outputs_of(root.path)
    found = shown(config, "name: small", root, outputs, summary, "")
    complete(summary, found, outputs, root)
    assert {key: summary[key] for key in EMPTY} == {key: result.summary[key] for key in EMPTY}
    json.dumps(found, allow_nan=False)
    assert "incomplete" not in json.dumps(found["data"])


def test_a_damaged_output_makes_a_report_that_says_so(
    small_run: Callable[[str], Any], tmp_path: Path
) -> None:
    result = small_run("binary")
    root = Root(result.run.directory.parents[1])
    config = load(root.path.parent / "config.yaml")
    (tmp_path / "ingest.json").write_text("{")
    outputs = outputs_of(root.path) | {"ingest": {"report": str(tmp_path)}}
    summary: dict[str, Any] = {"run_id": "x"}
    found = shown(config, "name: small", root, outputs, summary, "")
    (warning,) = found["data"]["warnings"]
    assert warning.startswith("The report is incomplete: JSONDecodeError")
    assert (found["summary"], found["config_text"]) == (summary, "name: small")
    complete(summary, found, outputs, root)
    assert (summary["rows"], summary["gate"]) == ({}, [])
    assert summary["statistics_uri"].startswith("artifacts/statistics/")
