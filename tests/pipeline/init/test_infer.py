"""From a file of rows to a config that loads, whatever the file is like."""

from __future__ import annotations

import bz2
import csv
import datetime
import decimal
import gzip
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Config, load
from pipeline.init import Inference, infer, to_yaml
from trainer.errors import TandemError

Rows = Iterable[Sequence[Any]]


def write(path: Path, header: Sequence[str], rows: Rows, delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def reloaded(found: Inference, folder: Path) -> Config:
    """The config after a round trip through the commented text."""
    path = folder / "config.yaml"
    path.write_text(to_yaml(found, folder))
    return load(path)


def simple(count: int = 400, seed: int = 1) -> list[list[Any]]:
    dice = random.Random(seed)
    rows = []
    for _ in range(count):
        x, colour = dice.gauss(0, 1), dice.choice(["red", "green", "blue"])
        rows.append([f"{x:.4f}", colour, int(x + dice.gauss(0, 2) + (colour == "red") > 0)])
    return rows


HEADER = ["x", "colour", "y"]


def test_a_plain_file_gives_a_complete_config(tmp_path: Path) -> None:
    path = write(tmp_path / "Some Rows.csv", HEADER, simple())
    found = infer(path, "y")
    config = reloaded(found, tmp_path)
    assert (config.name, config.task, config.label.classes) == ("some-rows", "binary", ["0", "1"])
    assert {name: feature.kind for name, feature in config.features.items()} == {
        "x": "numeric", "colour": "categorical",
    }  # fmt: skip
    assert config.data.path == "Some Rows.csv"
    assert [rule.metric for rule in config.gate.rules] == ["log_loss", "calibration"]
    assert config == found.config.model_copy(update={"data": config.data})


def test_the_data_path_is_relative_to_the_written_file(tmp_path: Path) -> None:
    path = write(tmp_path / "rows" / "a.csv", HEADER, simple())
    (tmp_path / "configs").mkdir()
    config = reloaded(infer(path, "y", name="named"), tmp_path / "configs")
    assert config.data.path == "../rows/a.csv"
    assert config.name == "named"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_told_apart(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path / "rows.txt", HEADER, simple(), delimiter)
    config = reloaded(infer(path, "y"), tmp_path)
    assert config.data.delimiter == delimiter
    assert set(config.features) == {"x", "colour"}


def test_compressed_directories_globs_and_spans_are_read(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.csv", HEADER, simple()).read_bytes()
    (tmp_path / "d" / "1").mkdir(parents=True)
    (tmp_path / "d" / "2").mkdir()
    (tmp_path / "d" / "README.txt").write_text("Rows of two days.\n")
    (tmp_path / "d" / "1" / "rows.csv.gz").write_bytes(gzip.compress(plain))
    (tmp_path / "d" / "2" / "rows.csv.bz2").write_bytes(bz2.compress(plain))
    (tmp_path / "d" / "_notes.csv").write_text("a\n1\n")
    for path, rows in [
        ("d", 800),
        ("d/*/rows.csv.*", 800),
        ("d/{SPAN}/rows.csv.gz", 400),
        ("d/2/rows.csv.bz2", 400),
    ]:
        found = infer(f"{tmp_path}/{path}", "y")
        assert found.rows == rows
        assert reloaded(found, tmp_path).data.path == path


def test_parquet_types_are_used(tmp_path: Path) -> None:
    dice = random.Random(2)
    start = datetime.datetime(2020, 1, 1)
    count = 2000
    table = pa.table({
        "when": [start + datetime.timedelta(hours=i) for i in range(count)],
        "flag": [dice.choice([True, False, None]) for _ in range(count)],
        "day": pa.array([i % 300 for i in range(count)], pa.date32()),
        "many": [[1, 2]] * count,
        "kind": pa.array([dice.choice("abc") for _ in range(count)]).dictionary_encode(),
        "amount": [dice.random() if i % 5 else None for i in range(count)],
        "full": [dice.random() for _ in range(count)],
        "exact": [decimal.Decimal(i % 977) / 100 for i in range(count)],
        "y": [dice.gauss(0, 1) for _ in range(count)],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "rows.parquet")
    found = infer(tmp_path / "rows.parquet", "y", time_column="when")
    config = reloaded(found, tmp_path)
    assert config.task == "regression"
    assert {name: feature.kind for name, feature in config.features.items()} == {
        "when": "timestamp", "flag": "categorical", "day": "timestamp", "kind": "categorical",
        "amount": "numeric", "full": "numeric", "exact": "numeric",
    }  # fmt: skip
    assert (config.data.split.by, config.data.time_column) == ("time", "when")
    assert "several values" in found.left_out["many"]
    assert config.gate.rules[1].metric == "bias_ratio"


def test_sixty_rows_get_a_small_model_and_wide_bounds(tmp_path: Path) -> None:
    found = infer(write(tmp_path / "tiny.csv", HEADER, simple(60)), "y")
    config = reloaded(found, tmp_path)
    assert config.train.batch_size <= 16
    assert sum(config.model.deep.hidden) <= 32
    assert config.features["colour"].min_count == 1
    assert config.check.min_rows < 10
    bounds = config.gate.rules[1]
    assert bounds.min is not None
    assert bounds.max is not None
    assert bounds.min < 0.6
    assert bounds.max > 1.5


def test_three_hundred_columns_with_gaps_work(tmp_path: Path) -> None:
    dice = random.Random(3)
    header = [f"c{i}" for i in range(300)] + ["y"]
    rows = [
        [
            ("" if dice.random() < 0.2 else dice.choice("abcd") if i % 2 else f"{dice.random():.3f}")
            for i in range(300)
        ]
        + [dice.choice(["red", "green", "blue"])]
        for _ in range(300)
    ]
    config = reloaded(infer(write(tmp_path / "wide.csv", header, rows), "y"), tmp_path)
    assert len(config.features) == 300
    assert (config.task, config.label.classes) == ("multiclass", ["blue", "green", "red"])


def test_strange_column_names_survive(tmp_path: Path) -> None:
    names = [
        "a b",
        "c.d",
        "<script>alert(1)</script>",
        "größe",
        "yes",
        "x: y # z",
        "2013",
        "q\"'",
        "line\nbreak",
        "y",
    ]
    dice = random.Random(4)
    rows = [[f"{dice.random():.4f}" for _ in names[:-1]] + [dice.choice("ab")] for _ in range(200)]
    config = reloaded(infer(write(tmp_path / "names.csv", names, rows), "y"), tmp_path)
    assert list(config.features) == names[:-1]


def test_columns_that_carry_nothing_are_left_out_with_a_reason(tmp_path: Path) -> None:
    dice = random.Random(5)
    text = "the quick brown fox jumps over"
    header = ["row", "uuid", "same", "empty", "story", "x", "y"]
    rows = [
        [
            i,
            f"{dice.random():.12f}-k",
            "c",
            "",
            f"{text} {dice.random()} dogs",
            f"{dice.random():.4f}",
            dice.choice("ab"),
        ]
        for i in range(300)
    ]
    found = infer(write(tmp_path / "rows.csv", header, rows), "y")
    assert set(found.left_out) == {"row", "uuid", "same", "empty", "story"}
    assert list(found.config.features) == ["x"]
    text = to_yaml(found)
    for column, reason in found.left_out.items():
        assert f"#   {column}: {reason}" in text


def test_kinds_of_numbers_are_told_apart(tmp_path: Path) -> None:
    dice = random.Random(6)
    header = ["hour", "zip_code", "amount", "padded", "question", "epoch_time", "y"]
    rows = [
        [dice.randrange(24), dice.randrange(10000, 10300), dice.randrange(10**6),
         f"{dice.randrange(200):05d}", "?" if dice.random() < 0.05 else f"{dice.random():.3f}",
         1_500_000_000 + dice.randrange(10**7), dice.choice("ab")]
        for _ in range(3000)
    ]  # fmt: skip
    found = infer(write(tmp_path / "rows.csv", header, rows), "y")
    config = reloaded(found, tmp_path)
    assert {name: feature.kind for name, feature in config.features.items()} == {
        "hour": "categorical", "zip_code": "categorical", "amount": "numeric", "padded": "categorical",
        "question": "numeric", "epoch_time": "timestamp",
    }  # fmt: skip
    assert "?" in config.data.null_values
    assert config.features["question"].missing_indicator
    assert not config.features["amount"].missing_indicator


def test_numbers_whose_single_values_matter_become_categories(tmp_path: Path) -> None:
    dice = random.Random(7)
    rate = {number: dice.choice([0.2, 0.8]) for number in range(100, 300)}
    rows = []
    for _ in range(8000):
        number = dice.randrange(100, 300)
        rows.append([number, dice.randrange(100, 300), int(dice.random() < rate[number])])
    config = infer(write(tmp_path / "rows.csv", ["flight", "seats", "y"], rows), "y").config
    assert (config.features["flight"].kind, config.features["seats"].kind) == ("categorical", "numeric")


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["no", "yes"], "binary", ["no", "yes"]),
        (["true", "false"], "binary", ["false", "true"]),
        (["1", "0"], "binary", ["0", "1"]),
        (["<=50K", "<=50K", "<=50K", ">50K"], "binary", ["<=50K", ">50K"]),
        (["3", "1", "10"], "multiclass", ["1", "3", "10"]),
        ([str(i) for i in range(80)], "regression", []),
        (["1.5", "2.5", "3.5"], "regression", []),
    ],
)
def test_the_task_follows_the_label(tmp_path: Path, values: list[str], task: str, classes: list[str]) -> None:
    dice = random.Random(8)
    rows = [[f"{dice.random():.4f}", values[i % len(values)]] for i in range(400)]
    config = infer(write(tmp_path / "rows.csv", ["x", "y"], rows), "y").config
    assert (config.task, config.label.classes) == (task, classes)


def test_a_rare_class_is_noted_and_missing_labels_are_counted(tmp_path: Path) -> None:
    rows = [[f"{i % 97}.5", "" if i % 10 == 0 else "1" if i % 50 == 1 else "0"] for i in range(2000)]
    found = infer(write(tmp_path / "rows.csv", ["x", "y"], rows), "y")
    assert any("imbalanced: '1' is 2.22%" in note for note in found.notes)
    assert "10.0% missing" in found.comments["y"]


def test_a_single_time_without_gaps_splits_by_time_and_drops_what_moves_with_it(tmp_path: Path) -> None:
    dice = random.Random(9)
    start = datetime.datetime(2019, 10, 24)
    rows = []
    for i in range(4000):
        when = start + datetime.timedelta(hours=6 * i)
        rows.append([when.isoformat(), when.year, dice.choice("abc"), dice.choice([0, 1])])
    found = infer(write(tmp_path / "rows.csv", ["when", "year", "kind", "y"], rows), "y")
    config = reloaded(found, tmp_path)
    assert config.data.split.by == "time"
    assert config.features["when"].parts == ["hour", "weekday", "month"]
    assert "moves with time" in found.left_out["year"]


def test_a_label_that_drifts_widens_the_gate_and_warns(tmp_path: Path) -> None:
    dice = random.Random(10)
    rows = []
    for i in range(4000):
        day = datetime.date(2020, 1, 1) + datetime.timedelta(days=i // 20)
        rows.append([day, f"{dice.random():.3f}", int(dice.random() < (0.2 if i < 3200 else 0.5))])
    found = infer(write(tmp_path / "rows.csv", ["day", "x", "y"], rows), "y")
    assert any("mean differs" in warning for warning in found.warnings)
    bounds = found.config.gate.rules[1]
    assert bounds.min is not None
    assert bounds.min < 0.4


def test_bad_rows_are_counted_and_allowed_for(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", HEADER, [*simple(), *[["1", "2"]] * 20])
    found = infer(path, "y")
    assert any("20 rows have a wrong number of fields" in warning for warning in found.warnings)
    assert found.config.data.max_bad_row_fraction > 0.05


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "INIT-002", "no bytes"),
        (b"x,y\n", "INIT-002", "header"),
        (b"x,y\n1,\xe9\n2,3\n", "INIT-003", "UTF-8"),
        ("x,y\n1,2\n".encode("utf-16"), "INIT-003", "UTF-8"),
        (b"x,x,y\n1,2,3\n", "INIT-004", "repeats"),
        (b"x,,y\n1,2,3\n", "INIT-004", "column 2"),
        (b"x,Y1\n1,2\n", "INIT-005", "Y1"),
        (b"x,y\n1,\n2,NA\n", "INIT-006", "all missing"),
        (b"x,y\n1,a\n2,a\n", "INIT-006", "always 'a'"),
        (b"x,y\n1,a\n1,b\n1,a\n", "INIT-009", "constant"),
        (b"y\na\nb\na\n", "INIT-009", "label only"),
        (b"x,y\n" + b"".join(b"%d,t%d\n" % (i % 7, i) for i in range(90)), "INIT-010", "90 different"),
    ],
)
def test_unusable_data_is_refused(tmp_path: Path, content: bytes, code: str, says: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(TandemError) as caught:
        infer(path, "y")
    assert (caught.value.code, caught.value.exit_status) == (code, 2)
    assert says in f"{caught.value.message} {caught.value.hint}"


def test_unusable_paths_and_times_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", HEADER, simple())
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 but no more")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(path.read_bytes())[:200])
    (tmp_path / "none").mkdir()
    other = write(tmp_path / "two" / "a.csv", HEADER, simple())
    write(other.parent / "b.csv", ["x", "color", "y"], simple())
    cases: list[tuple[str, str | None, str]] = [
        ("absent.csv", None, "INIT-001"), ("none", None, "INIT-001"), ("bad.parquet", None, "INIT-008"),
        ("cut.csv.gz", None, "INIT-008"), ("two", None, "INIT-008"), ("rows.csv", "colour", "INIT-007"),
        ("rows.csv", "x", "INIT-007"), ("rows.csv", "y", "INIT-007"), ("rows.csv", "tim", "INIT-007"),
    ]  # fmt: skip
    for name, time, code in cases:
        with pytest.raises(TandemError) as caught:
            infer(tmp_path / name, "y", time)
        assert (name, caught.value.code, caught.value.exit_status) == (name, code, 2)


def test_neither_tensorflow_nor_tfx_is_imported(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", HEADER, simple())
    code = (
        "import sys; from pipeline.init import infer, to_yaml\n"
        f"to_yaml(infer({str(path)!r}, 'y'))\n"
        "assert not {'tensorflow', 'tfx', 'apache_beam', 'keras'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_times_that_rise_together_count_as_one(tmp_path: Path) -> None:
    dice = random.Random(11)
    start = datetime.datetime(2021, 1, 1)
    rows = []
    for i in range(2000):
        when = start + datetime.timedelta(hours=i)
        birth = start - datetime.timedelta(days=dice.randrange(9000))
        rows.append([when.isoformat(), when.date(), birth.date(), dice.choice("ab")])
    path = write(tmp_path / "rows.csv", ["when", "day", "birth", "y"], rows)
    assert infer(path, "y").config.data.time_column is None
    assert any("several times" in note for note in infer(path, "y").notes)
    path = write(tmp_path / "rows.csv", ["when", "day", "y"], [[*row[:2], row[3]] for row in rows])
    assert infer(path, "y").config.data.time_column == "when"


def test_a_name_with_a_line_break_cannot_leave_its_comment(tmp_path: Path) -> None:
    rows = [["same", *row] for row in simple()]
    found = infer(write(tmp_path / "rows.csv", ["a\ntask: regression", *HEADER], rows), "y")
    assert "a\ntask: regression" in found.left_out
    assert reloaded(found, tmp_path).task == "binary"


def test_columns_whose_inputs_would_share_a_name_are_told_and_left_out(tmp_path: Path) -> None:
    rng = random.Random(4)
    rows = []
    for index in range(400):
        when = f"2024-{1 + index % 12:02}-{1 + index % 28:02}T{index % 24:02}:00:00"
        size, hour = rng.gauss(0, 1), f"h{index % 3}"
        rows.append([when, hour, f"{size:.3f}", f"{rng.gauss(0, 1):.3f}", int(size + rng.gauss(0, 1) > 0)])
    path = write(tmp_path / "rows.csv", ["when", "when.hour", "size", "size.missing", "y"], rows)
    found = infer(path, "y")
    assert set(found.config.features) == {"when.hour", "size.missing"}
    assert "'when.hour'" in found.left_out["when"]
    assert "'size.missing'" in found.left_out["size"]
