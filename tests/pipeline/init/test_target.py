"""The label: what is a class, what is missing, and what the user is told of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.ingest.parsing import to_index
from pipeline.config import load
from pipeline.init import Inference, infer, to_yaml
from trainer.errors import TandemError


def inferred(folder: Path, counts: dict[str, int]) -> Inference:
    """Inference from a file whose label `y` has each text so many times, beside a column of noise."""
    labels = [text for text, count in counts.items() for _ in range(count)]
    rng = np.random.default_rng(1)
    rows = "".join(
        f'{x:.5f},"{text}"\n' for x, text in zip(rng.normal(size=len(labels)), labels, strict=True)
    )
    (folder / "rows.csv").write_text("x,y\n" + rows)
    return infer(folder / "rows.csv", "y")


@pytest.mark.parametrize(
    ("counts", "classes", "missing"),
    [
        ({"None": 200, "Mild": 120, "Severe": 80}, ["Mild", "None", "Severe"], ""),
        ({"None": 390, "Sick": 10}, ["None", "Sick"], ""),
        ({"NA": 20, "EU": 190, "US": 190}, ["EU", "NA", "US"], ""),
        (
            {"NA": 19, "EU": 190, "US": 191},
            ["EU", "US"],
            "4.75% of the rows, which are left out ('NA' 4.75%)",
        ),
        ({"None": 100, "True": 200, "False": 100}, ["False", "True"], "('None' 25.00%)"),
        ({"NA": 100, "": 20, "0": 180, "1": 100}, ["0", "1"], "30.00% of the rows, which are left out (no v"),
        ({"?": 80, "0": 200, "1": 120}, ["0", "1"], "('?' 20.00%)"),
        ({" ": 100, "a": 200, "b": 100}, ["b", "a"], "(' ' 25.00%)"),
        ({"": 100, "a": 150, "b": 150}, ["a", "b"], "(no value 25.00%)"),
    ],
)
def test_null_texts_are_classes_beside_words_and_missing_beside_numbers_and_are_told(
    tmp_path: Path, counts: dict[str, int], classes: list[str], missing: str
) -> None:
    found = inferred(tmp_path, counts)
    (tmp_path / "rows.yaml").write_text(to_yaml(found, tmp_path))
    config = load(tmp_path / "rows.yaml")
    assert sorted(config.label.classes) == sorted(classes)
    told = [warning for warning in found.warnings if "the label is missing" in warning]
    assert len(told) == bool(missing)
    assert missing in " ".join(told)
    kept = [warning for warning in found.warnings if "is taken as a class" in warning]
    assert len(kept) == sum(text in ("None", "NA") for text in classes)
    # What ingest makes of the same texts under the written config.
    index, unknown = to_index(pa.array(list(counts)), config.label.classes, config.data.null_values, "y")
    assert not unknown.any()
    assert [config.label.classes[i] for i in index.drop_null().to_pylist()] == [
        text for text in counts if text in classes
    ]


def test_marks_of_missing_numbers_are_found_in_the_label(tmp_path: Path) -> None:
    prices = {f"{100 + i / 7:.2f}": 1 for i in range(960)}
    found = inferred(tmp_path, prices | {" ?": 40})
    assert found.config.task == "regression"
    # Ingest looks for them in numbers without the white space.
    assert {" ?", "?"} <= set(found.config.data.null_values)
    assert any("4.00% of the rows, which are left out (' ?' 4.00%)" in text for text in found.warnings)
    assert not any("label.classes" in text for text in found.warnings)


@pytest.mark.parametrize("text", ["on request", "inf", "1e99"])
def test_a_label_of_numbers_with_other_texts_is_refused_by_naming_them(tmp_path: Path, text: str) -> None:
    with pytest.raises(TandemError, match=f"numbers but for '{text}'") as caught:
        inferred(tmp_path, {f"{100 + i / 7:.2f}": 1 for i in range(600)} | {text: 30})
    assert caught.value.code == "INIT-010"


def test_a_constant_label_beside_missing_ones_names_both(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match=r"always '1' \('NA' are taken for missing values\)") as caught:
        inferred(tmp_path, {"1": 30, "NA": 30})
    assert caught.value.code == "INIT-006"


@pytest.mark.parametrize(
    ("counts", "pairs"),
    [
        ({"True": 50, "true": 50, "False": 50, "false": 50}, ["'True', 'true'", "'False', 'false'"]),
        ({"on time": 80, "on time ": 20, "late": 50}, ["'on time', 'on time '"]),
        ({"0": 80, "1": 50, "1.0": 50}, ["'1', '1.0'"]),
        ({"a": 50, "b": 50, "c": 50}, []),
    ],
)
def test_spellings_of_one_label_are_told(tmp_path: Path, counts: dict[str, int], pairs: list[str]) -> None:
    told = [warning for warning in inferred(tmp_path, counts).warnings if "different spellings" in warning]
    assert len(told) == len(pairs)
    assert all(any(pair in warning for warning in told) for pair in pairs)


def test_a_class_that_a_split_may_lack_is_told(tmp_path: Path) -> None:
    told = "fewer than 10 rows have the label '1'"
    assert any(told in warning for warning in inferred(tmp_path, {"0": 500, "1": 9}).warnings)
    assert not any(told in warning for warning in inferred(tmp_path, {"0": 500, "1": 10}).warnings)


def test_nan_in_a_label_of_parquet_is_missing(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    amount = np.where(np.arange(400) % 10 == 0, np.nan, rng.normal(size=400))
    table = {"x": rng.normal(size=400), "half": np.float16(rng.integers(0, 2, 400)), "amount": amount}
    pq.write_table(pa.table(table), tmp_path / "rows.parquet")
    found = infer(tmp_path / "rows.parquet", "amount")
    assert found.config.task == "regression"
    assert any("10.00% of the rows, which are left out (no value" in text for text in found.warnings)
    assert infer(tmp_path / "rows.parquet", "half").config.label.classes == ["0", "1"]
