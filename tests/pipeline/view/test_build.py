"""What the report is told, from the files that steps leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from pipeline.config import Config, parse
from pipeline.root import Root
from pipeline.view import build
from pipeline.view.build import view
from pipeline.view.columns import columns

CONFIG = """
name: data
task: binary
label: {column: late, classes: ['0', '1']}
data: {path: data.csv, keep: [note], weight_column: w}
features: {size: {kind: numeric}, colour: {kind: categorical}, gone: {kind: numeric}}
gate: {rules: [{metric: log_loss, better_than: prior}]}
"""


@pytest.fixture(scope="module")
def config() -> Config:
    return parse(CONFIG)


def frame(rows: int, missing: int) -> pd.DataFrame:
    size = np.arange(rows, dtype=np.float32)
    size[:missing] = np.nan
    return pd.DataFrame(
        {
            "size": size,
            "colour": ["red", "red", "blue", "green"] * (rows // 4),
            "late": np.arange(rows) % 2,
            "w": np.ones(rows, np.float32),
            "note": ["x"] * rows,
        }
    )


def summary() -> dict[str, Any]:
    return {"run_id": "r", "fingerprints": {"data": "d"}}


def made(config: Config, root: Path, outputs: dict[str, dict[str, str]]) -> dict[str, Any]:
    return view(config, CONFIG, Root(root), outputs, summary(), "")


def test_columns_come_in_the_order_asked_for_with_what_is_missing_where() -> None:
    statistics = {
        "train": tfdv.generate_statistics_from_dataframe(frame(100, 25)),
        "eval": tfdv.generate_statistics_from_dataframe(frame(40, 0)),
        "validation": statistics_pb2.DatasetFeatureStatisticsList(),
    }
    size, colour, gone = columns(statistics, {"size": "numeric", "colour": "categorical", "gone": "numeric"})
    assert (size["type"], size["missing_fraction"]) == ("number", {"train": 0.25, "eval": 0.0})
    assert (size["min"], size["max"], size["mean"]) == (25, 99, pytest.approx(62))
    assert sum(bucket["count"] for bucket in size["histogram"]) == pytest.approx(75)
    assert (colour["type"], colour["distinct"]) == ("text", 3)
    assert colour["top_values"][0] == {"value": "red", "count": 50}
    assert gone["type"] == "empty"
    assert gone["missing_fraction"] == {"train": 1.0, "eval": 1.0}


def test_a_run_that_came_to_nothing_still_has_a_view(config: Config, tmp_path: Path) -> None:
    found = made(config, tmp_path, {})
    assert found["summary"]["run_id"] == "r"
    assert (found["training"], found["metrics"], found["gate"]) == (None, None, None)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_what_the_steps_left_is_gathered(config: Config, tmp_path: Path) -> None:
    places = {
        name: tmp_path / "artifacts" / name
        for name in ("examples", "statistics", "anomalies", "run", "model", "blessing", "scores")
    }
    for place in places.values():
        place.mkdir(parents=True)
    report = {"rows": {"train": 100, "eval": 40}, "bad": 30, "unlabelled": 2, "spans": [7]}
    (places["examples"] / "ingest.json").write_text(json.dumps(report))
    (places["examples"] / "dead_letter.jsonl").write_text(
        "".join(json.dumps({"line": line}) + "\n" for line in range(30))
    )
    for split, rows in (("train", 100), ("eval", 40)):
        for name, file, content in (
            (
                "statistics",
                "FeatureStats.pb",
                tfdv.generate_statistics_from_dataframe(frame(rows, 0)).SerializeToString(),
            ),
            ("anomalies", "SchemaDiff.pb", anomalies_pb2.Anomalies().SerializeToString()),
        ):
            (places[name] / f"Split-{split}").mkdir()
            (places[name] / f"Split-{split}" / file).write_bytes(content)
    (places["run"] / "training.json").write_text('{"parameters": 5}')
    (places["run"] / "history.json").write_text('[{"step": 1, "loss": 0.5}]')
    (places["model"] / "Format-Serving").mkdir()
    (places["model"] / "Format-Serving" / "weights").write_bytes(b"12345")
    (places["blessing"] / "gate.json").write_text(
        '{"blessed": true, "model_digest": "abc", "baseline": {"is_prior": true}, "verdicts": []}'
    )
    nothing = {"equal_weight": [], "equal_width": []}
    (places["scores"] / "score.json").write_text(
        json.dumps({"calibration": {"candidate": nothing, "baseline": nothing}})
    )
    found = made(
        config,
        tmp_path,
        {
            "ingest": {"examples": str(places["examples"]), "report": str(places["examples"])},
            "statistics": {"statistics": str(places["statistics"])},
            "validator": {"anomalies": str(places["anomalies"])},
            "train": {"model": str(places["model"]), "model_run": str(places["run"])},
            "score": {"scores": str(places["scores"])},
            "gate": {"blessing": str(places["blessing"])},
        },
    )
    data = found["data"]
    assert (data["splits"], data["bad_rows"], data["unlabelled"]) == (report["rows"], 30, 2)
    assert [letter["line"] for letter in data["dead_letter"]] == list(range(20))
    assert [(column["name"], column["kind"]) for column in data["columns"]] == [
        ("late", "label"), ("size", "numeric"), ("colour", "categorical"), ("gone", "numeric"),
        ("note", "kept"), ("w", "weight"),
    ]  # fmt: skip
    assert {entry["kind"] for entry in data["drift"]} == {"skew"}
    assert found["training"] == {"parameters": 5, "history": [{"step": 1, "loss": 0.5}]}
    assert found["sizes"]["model_bytes"] == 5
    assert found["lineage"]["digest"] == "abc"
    assert found["lineage"]["baseline_digest"] is None
    assert {"step": "gate", "name": "blessing", "uri": "artifacts/blessing"} in found["lineage"]["artifacts"]
    assert found["metrics"] is None
    assert found["calibration"] == {"candidate": {"equal_weight": [], "equal_width": []}}


def test_the_digest_of_the_baseline_and_why_it_cannot_be_read_come_from_the_gate(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lineage(**baseline: Any) -> dict[str, Any]:
        (tmp_path / "gate.json").write_text(json.dumps({"model_digest": "abc", "baseline": baseline}))
        found: dict[str, Any] = made(config, tmp_path, {"gate": {"blessing": str(tmp_path)}})["lineage"]
        return found

    assert lineage(is_prior=False, version=2, model_digest="def")["baseline_digest"] == "def"
    assert lineage(is_prior=True, version=0, model_digest="")["baseline_digest"] is None
    problem = {"is_prior": True, "version": 2, "unreadable": "", "incomparable": "column b is gone"}
    monkeypatch.setattr(build, "metrics_view", lambda _: {"candidate": {}})
    assert lineage(**problem) is not None
    found = made(config, tmp_path, {"gate": {"blessing": str(tmp_path)}})
    assert found["metrics"]["baseline_problem"] == "column b is gone"


def test_only_errors_of_the_splits_that_are_judged_stop_the_run(config: Config, tmp_path: Path) -> None:
    found = anomalies_pb2.Anomalies()
    found.anomaly_info["colour"].severity = anomalies_pb2.AnomalyInfo.ERROR
    found.anomaly_info["note"].severity = anomalies_pb2.AnomalyInfo.WARNING
    statistics = tfdv.generate_statistics_from_dataframe(frame(40, 0)).SerializeToString()
    for split in ("train", "validation", "eval"):
        for name, content in (("FeatureStats.pb", statistics), ("SchemaDiff.pb", found.SerializeToString())):
            place = tmp_path / f"Split-{split}" / name
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)
    outputs = {"statistics": {"statistics": str(tmp_path)}, "validator": {"anomalies": str(tmp_path)}}
    shown = {
        (entry["split"], entry["column"]): entry["stops"]
        for entry in made(config, tmp_path, outputs)["data"]["anomalies"]
    }
    assert {key for key, stops in shown.items() if stops} == {("train", "colour"), ("eval", "colour")}
    assert len(shown) == 6


def test_sequences_come_with_kinds_of_units_and_without_vocabularies(config: Config, tmp_path: Path) -> None:
    run, scores = tmp_path / "run", tmp_path / "scores"
    run.mkdir()
    scores.mkdir()
    sides = {
        side: {"column": side, "kind": kind, "units": ["a", "b"], "max_length": 9}
        for side, kind in (("source", "letters"), ("target", "tokens"))
    }
    training = {"feature_spec": {"task": "seq2seq", **sides}, "prior": {"units": [0] * 9}, "steps": 3}
    (run / "training.json").write_text(json.dumps(training))
    score = {"samples": {"worst": [], "random": []}, "sources": 4, "by_length": [], "baseline_digest": "d"}
    (scores / "score.json").write_text(json.dumps(score))
    outputs = {"train": {"model_run": str(run)}, "score": {"scores": str(scores)}}
    found = made(config, tmp_path, outputs)
    assert found["sequences"] == {
        "kinds": {"source": "letters", "target": "tokens"},
        "samples": {"worst": [], "random": []},
        "sources": 4,
        "by_length": [],
    }
    assert "prior" not in found["training"]
    assert found["training"]["feature_spec"]["source"]["units"] == 2
    assert found["training"]["steps"] == 3
    (scores / "score.json").write_text(json.dumps({"rows": 4}))
    assert "sequences" not in made(config, tmp_path, outputs)
