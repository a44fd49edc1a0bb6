"""Scoring files, on exported models."""

from __future__ import annotations

import gzip
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.train.files import READING
from pipeline.cli.models import predict as command
from pipeline.predict import predict, raw_columns, version_directory
from tests.components.score.sequences import models as sequence_models
from trainer import export
from trainer.data import LabelStatistics
from trainer.errors import TandemError
from trainer.spec import FeatureSpec
from trainer.storage import write_json

RAW = {"carrier": "string", "distance": "float", "dep time": "int64"}
TASKS: dict[str, tuple[dict[str, Any], LabelStatistics]] = {
    "binary": (
        {"num_classes": 1, "classes": ("no", "yes")},
        LabelStatistics(100, 100.0, 0.25, 0.1875, (75.0, 25.0)),
    ),
    "multiclass": (
        {"num_classes": 3, "classes": ("a", "b", "c")},
        LabelStatistics(1000, 1000.0, 0.0, 0.0, (200.0, 700.0, 100.0)),
    ),
    "regression": ({"num_classes": 1}, LabelStatistics(100, 100.0, 42.0, 4.0, ())),
}
FRAME = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "carrier": ["UA", "", "A\nA, new"],
        "distance": [1.5, np.nan, 3],
        "dep time": ["2024-01-01 10:00:00", "1704103200", ""],
    }
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A constant model for each task, as version 2 below a directory."""
    root = tmp_path_factory.mktemp("models")
    for task, (more, labels) in TASKS.items():
        version = root / task / "2"
        export.export_prior(version, FeatureSpec(task=task, raw=RAW, **more), labels)  # type: ignore[arg-type]
        write_json(version / READING, {"delimiter": ",", "null_values": ["", "NA"]})
    return root


def scored(model: Path, file: Path) -> pd.DataFrame:
    output = io.BytesIO()
    rows = predict(model, file, output)
    found = pd.read_csv(io.BytesIO(output.getvalue()))
    assert len(found) == rows
    return found


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_every_row_comes_back_with_its_prediction(models: Path, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"rows.{kind}"
    if kind == "parquet":
        FRAME.to_parquet(file, index=False)
    else:
        text = FRAME.to_csv(index=False).encode()
        file.write_bytes(gzip.compress(text) if kind == "csv.gz" else text)
    binary = scored(models / "binary", file)
    assert list(binary.columns) == [*FRAME.columns, "probability"]
    assert binary["carrier"].fillna("").tolist() == FRAME["carrier"].tolist()
    assert binary["probability"].tolist() == pytest.approx([0.25] * 3, abs=0.01)
    multiclass = scored(models / "multiclass", file)
    assert multiclass["predicted_class"].tolist() == ["b"] * 3
    assert multiclass["probability"].tolist() == pytest.approx([0.7] * 3, abs=0.01)
    assert scored(models / "regression", file)["prediction"].tolist() == pytest.approx([42.0] * 3)


def test_the_columns_of_a_model_are_known_by_name_and_type(models: Path) -> None:
    assert raw_columns(models / "binary" / "2") == {
        "carrier": "bytes",
        "dep time": "int64",
        "distance": "float",
    }


def test_the_greatest_version_is_taken_and_denied_ones_are_not(models: Path, tmp_path: Path) -> None:
    for name in ("9", "10", "11.denied", ".staging-12"):
        (tmp_path / name).mkdir()
    assert version_directory(tmp_path).name == "10"
    assert version_directory(models / "binary" / "2") == models / "binary" / "2"


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"drop": "distance"}, "PREDICT-003", r"without \['distance'\]"),
        ({"distance": ["1", "far", "2"]}, "PREDICT-004", "a number in column `distance`.*row=2.*'far'"),
        ({"dep time": ["noon", "", ""]}, "PREDICT-004", "a time in column `dep time`.*row=1.*'noon'"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    models: Path, tmp_path: Path, change: dict[str, Any], code: str, text: str
) -> None:
    dropped = change.pop("drop", None) if "drop" in change else None
    frame = FRAME.assign(**change).drop(columns=[dropped] if dropped else [])
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(TandemError, match=f"(?s){code}.*{text}") as refused:
        predict(models / "binary", tmp_path / "rows.csv", io.BytesIO())
    assert refused.value.exit_status == 2


def test_columns_of_the_file_keep_their_names_beside_those_that_are_added(
    models: Path, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    FRAME.assign(probability=[1, 2, 3], predicted_class="a", model_predicted_class="b").to_csv(
        file, index=False
    )
    written = scored(models / "multiclass", file)
    assert written["probability"].tolist() == [1, 2, 3]
    assert list(written.columns[-2:]) == ["model_model_predicted_class", "model_probability"]
    assert written["model_probability"].tolist() == pytest.approx([0.7] * 3, abs=0.01)


def test_a_damaged_version_is_not_used(models: Path, tmp_path: Path) -> None:
    import shutil

    version = tmp_path / "3"
    shutil.copytree(models / "binary" / "2", version)
    (version / "MANIFEST.json").write_text("{}")
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(TandemError, match="PUSH-004"):
        predict(version, tmp_path / "rows.csv", io.BytesIO())


def test_files_that_cannot_be_read_are_told(models: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"no parquet")
    (tmp_path / "empty.csv").write_bytes(b"")
    for name in ("rows.parquet", "empty.csv", "none.csv"):
        with pytest.raises(TandemError, match=rf"PREDICT-002.*{name}"):
            predict(models / "binary", tmp_path / name, io.BytesIO())
    with pytest.raises(TandemError, match="PREDICT-001"):
        predict(tmp_path, tmp_path / "empty.csv", io.BytesIO())


def test_a_file_is_read_as_the_files_of_the_training_were(models: Path, tmp_path: Path) -> None:
    version = tmp_path / "3"
    shutil.copytree(models / "binary" / "2", version)
    file = tmp_path / "rows.csv"
    file.write_text("carrier;distance;dep time\nUA;unknown;2024-01-01\n")
    with pytest.raises(TandemError, match="PREDICT-003"):
        predict(version, file, io.BytesIO())
    write_json(version / READING, {"delimiter": ";", "null_values": ["unknown"]})
    assert scored(version, file)["probability"].tolist() == pytest.approx([0.25], abs=0.01)
    (version / READING).unlink()
    with pytest.raises(TandemError, match="PREDICT-001"):
        predict(version, file, io.BytesIO())


@pytest.mark.parametrize(
    ("task", "added"),
    [
        ("binary", ["probability"]),
        ("multiclass", ["predicted_class", "probability"]),
        ("regression", ["prediction"]),
    ],
)
def test_a_file_without_rows_is_answered_with_the_columns(
    models: Path, tmp_path: Path, task: str, added: list[str]
) -> None:
    FRAME.head(0).to_csv(tmp_path / "none.csv", index=False)
    FRAME.head(0).astype(str).to_parquet(tmp_path / "none.parquet", index=False)
    for name in ("none.csv", "none.parquet"):
        found = scored(models / task, tmp_path / name)
        assert (list(found.columns), len(found)) == ([*FRAME.columns, *added], 0)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[1], [2, 3], []], "list"),
        ([{"a": 1}, {"a": 2}, None], "struct"),
        ([b"a", b"\xff", b"b"], "binary"),
    ],
)
def test_a_column_that_csv_cannot_hold_is_told(
    models: Path, tmp_path: Path, values: list[Any], kind: str
) -> None:
    FRAME.assign(tags=values).to_parquet(tmp_path / "rows.parquet", index=False)
    with pytest.raises(TandemError, match=rf"PREDICT-005.*with `tags` of type {kind}") as refused:
        predict(models / "binary", tmp_path / "rows.parquet", io.BytesIO())
    assert refused.value.exit_status == 2


@pytest.mark.parametrize("refusal", ["a column that CSV cannot hold", "a damaged file", "a row far below"])
def test_nothing_is_printed_before_a_file_is_refused(
    models: Path, tmp_path: Path, refusal: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "rows.parquet"
    if refusal == "a row far below":
        file = tmp_path / "rows.csv"
        distances = ["1.5"] * 20_000 + ["far"]
        file.write_text("carrier,distance,dep time\n" + "".join(f"UA,{text},\n" for text in distances))
    elif refusal == "a damaged file":
        FRAME.to_parquet(file, index=False, compression=None)
        whole = file.read_bytes()
        file.write_bytes(whole[:4] + b"\xff" * 200 + whole[204:])
    else:
        FRAME.assign(tags=[b"a", b"\xff", b"b"]).to_parquet(file, index=False)
    with pytest.raises(TandemError, match=r"PREDICT-00[245]"):
        command(models / "binary", file)
    assert capfdbinary.readouterr().out == b""


def test_predictions_are_printed_where_no_file_is_named(
    models: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "rows.csv"
    FRAME.to_csv(file, index=False)
    command(models / "regression", file)
    printed = pd.read_csv(io.BytesIO(capfdbinary.readouterr().out))
    assert printed["prediction"].tolist() == pytest.approx([42.0] * 3)


def test_a_column_that_occurs_twice_is_refused(models: Path, tmp_path: Path) -> None:
    file = tmp_path / "twice.csv"
    file.write_text("carrier,distance,dep time,carrier\nUA,1,2024-01-01,AA\n")
    with pytest.raises(TandemError, match=r"PREDICT-002.*carrier"):
        predict(models / "binary", file, io.BytesIO())


def test_sequences_come_back_with_their_best_text_in_the_order_of_the_file(tmp_path: Path) -> None:
    sequence_models.export(tmp_path / "1", {"a": "e"})
    write_json(tmp_path / "1" / READING, {"delimiter": ",", "null_values": [""]})
    words = ["cat", "z", "", "house", "a" * 60] * 150
    pd.DataFrame({"word": words, "status": "kept"}).to_csv(tmp_path / "rows.csv", index=False)
    found = scored(tmp_path, tmp_path / "rows.csv")
    assert list(found.columns) == ["word", "status", "prediction", "score", "model_status"]
    expected = ["C E T", "Z", "", "H O U S E", " ".join("E" * 60)] * 150
    assert found["prediction"].fillna("").tolist() == expected
    assert found["score"].tolist() == pytest.approx([-0.1 * len(word) for word in words], abs=1e-4)
    assert found["model_status"].tolist() == ["ok", "unknown", "ok", "ok", "ok"] * 150


def test_texts_come_back_with_their_probability(tmp_path: Path) -> None:
    _, model = sequence_models.language_model_prior(tmp_path, ["aab", "ab"])
    write_json(model / READING, {"delimiter": ",", "null_values": [""]})
    (tmp_path / "rows.csv").write_text("text,id\nab,1\n,2\nabababab,3\n")
    found = scored(model, tmp_path / "rows.csv")
    assert list(found.columns) == ["text", "id", "log_probability", "perplexity", "status"]
    assert found["status"].tolist() == ["ok", "empty", "truncated"]
    likelihood = np.log(4 * 3 * 3 / 13**3)
    assert found["log_probability"][0] == pytest.approx(likelihood)
    assert found["perplexity"][0] == pytest.approx(np.exp(-likelihood / 3))


def test_a_file_without_rows_is_answered_with_the_columns_of_sequences(tmp_path: Path) -> None:
    sequence_models.export(tmp_path / "1", {})
    write_json(tmp_path / "1" / READING, {"delimiter": ",", "null_values": [""]})
    (tmp_path / "rows.csv").write_text("word,id\n")
    found = scored(tmp_path, tmp_path / "rows.csv")
    assert list(found.columns) == ["word", "id", "prediction", "score", "status"]
