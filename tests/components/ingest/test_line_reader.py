"""Files of parallel lines, and texts of sequence tasks in every format."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.ingest.fingerprint import fingerprint
from pipeline.config.model import Data

LINES = {"de": "train.de*", "en": "train.en*"}
TASK: dict[str, Any] = {
    "task": "seq2seq",
    "label": {"column": "en", "classes": []},
    "features": {"de": {"kind": "text"}},
    "split": {"by": "hash", "key": ["de"], "validation_fraction": 0.0, "eval_fraction": 0.5},
}
PAIRS = [(f"satz {number}", f"sentence {number}") for number in range(40)]


def write(place: Any, pairs: list[tuple[str, str]], suffix: str = "") -> None:
    for name, side in (("de", 0), ("en", 1)):
        place.write(f"train.{name}{suffix}", "".join(f"{pair[side]}\n" for pair in pairs))


def read(place: Any, **given: Any) -> tuple[Any, list[tuple[bytes, bytes]]]:
    report = place.run(**{**TASK, "null_values": [""], **given})
    rows = [row for split in ("train", "eval") for row in place.rows(split)]
    return report, [(row["de"], row["en"]) for row in rows]


def letters(place: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place.output / "dead_letter.jsonl").read_text().splitlines()]


def test_the_nth_lines_are_a_row_and_the_kth_files_belong_together(place: Any) -> None:
    write(place, PAIRS[:15], ".1")
    write(place, PAIRS[15:], ".2")
    report, rows = read(place, lines=LINES)
    assert sorted(rows) == sorted((de.encode(), en.encode()) for de, en in PAIRS)
    assert report.files == ["train.de.1 + train.en.1", "train.de.2 + train.en.2"]
    assert report.read == 40


def test_line_ends_marks_and_compression_do_not_matter(place: Any) -> None:
    german = "\ufeff" + "\r\n".join(de for de, _ in PAIRS)
    place.write("train.de", german)
    place.write("train.en.gz", gzip.compress("".join(f"{en}\n" for _, en in PAIRS).encode()))
    _, rows = read(place, lines=LINES)
    assert sorted(rows) == sorted((de.encode(), en.encode()) for de, en in PAIRS)


def test_different_numbers_of_lines_are_told_with_both(place: Any) -> None:
    write(place, PAIRS)
    place.write("train.en", "one\ntwo\n")
    error = place.fails(lambda: read(place, lines=LINES))
    assert error.code == "INGEST-020"
    assert "train.de (de) 40, train.en (en) 2" in error.message


def test_different_numbers_of_files_are_told(place: Any) -> None:
    write(place, PAIRS, ".1")
    place.write("train.en.2", "one\n")
    error = place.fails(lambda: read(place, lines=LINES))
    assert (error.code, "de 1, en 2" in error.message) == ("INGEST-020", True)


def test_files_that_are_not_there_are_told_with_the_key_that_names_them(place: Any) -> None:
    place.write("train.en", "one\n")
    error = place.fails(lambda: read(place, lines=LINES))
    assert error.code == "INGEST-002"
    assert "`data.lines`" in error.hint


@pytest.mark.parametrize(
    ("pairs", "cause"),
    [([("same", str(number)) for number in range(30)], "one `de`"), ([("x", ""), ("y", "")], "lacks")],
)
def test_a_constant_source_and_missing_targets_are_told_apart(
    place: Any, pairs: list[tuple[str, str]], cause: str
) -> None:
    write(place, pairs)
    error = place.fails(lambda: read(place, lines=LINES))
    assert error.code == "INGEST-017"
    assert cause in error.hint


def test_a_line_without_an_end_is_told(place: Any) -> None:
    write(place, PAIRS)
    place.write("train.de", "x" * 3_000_000)
    assert place.fails(lambda: read(place, lines=LINES)).code == "INGEST-018"


def test_bytes_that_are_not_utf8_go_to_the_dead_letter(place: Any) -> None:
    write(place, PAIRS)
    place.write("train.de", "".join(f"{de}\n" for de, _ in PAIRS).encode().replace(b"satz 7", b"satz \xff7"))
    report, rows = read(place, lines=LINES, max_bad_row_fraction=0.1)
    assert (report.bad, len(rows)) == (1, 39)
    (letter,) = letters(place)
    assert letter["line"] == 8
    assert "column `de`: expected text in UTF-8" in letter["reason"]


def test_rows_without_source_or_target_are_left_out_and_counted(place: Any) -> None:
    write(place, [*PAIRS, ("", "no source"), ("kein Ziel", ""), ("null", "nan")])
    report, rows = read(place, lines=LINES)
    assert (report.unlabelled, report.bad, len(rows)) == (2, 0, 41)
    assert (b"null", b"nan") in rows


@pytest.mark.parametrize(("pair", "column"), [(("", "no source"), "de"), (("kein Ziel", ""), "en")])
def test_a_missing_text_may_be_an_error(place: Any, pair: tuple[str, str], column: str) -> None:
    write(place, [*PAIRS, pair])
    error = place.fails(lambda: read(place, lines=LINES, label={**TASK["label"], "missing": "error"}))
    assert error.code == "INGEST-012"
    assert f"record=41, column `{column}` is missing" in error.message


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_two_columns_of_a_table_are_texts_as_they_are(place: Any, kind: str) -> None:
    pairs = [*PAIRS, (" spaces stay ", "None"), ("gone", None)]
    if kind == "csv":
        text = "".join(f'"{de}","{en or ""}"\n' for de, en in pairs)
        place.write("rows.csv", "de,en\n" + text)
    else:
        columns = {name: [pair[side] for pair in pairs] for side, name in enumerate(("de", "en"))}
        pq.write_table(pa.table(columns), place.base / "rows.parquet")
    report, rows = read(place, path=f"rows.{kind}")
    assert (b" spaces stay ", b"None") in rows
    assert (report.unlabelled, len(rows)) == (1, 41)
    assert report.columns == {"de": "bytes", "en": "bytes"}


def test_binary_columns_of_parquet_are_checked_for_utf8(place: Any) -> None:
    columns = {"de": [de.encode() for de, _ in PAIRS], "en": [en.encode() for _, en in PAIRS]}
    columns["en"][3] = b"\xc3("
    pq.write_table(pa.table(columns), place.base / "rows.parquet")
    report, rows = read(place, path="rows.parquet", max_bad_row_fraction=0.1)
    assert (report.bad, len(rows)) == (1, 39)


def test_variants_of_one_source_stay_in_one_split(place: Any) -> None:
    write(place, [(f"satz {number % 20}", f"sentence {number}") for number in range(200)])
    place.run(**TASK, lines=LINES)
    train, held = ({row["de"] for row in place.rows(split)} for split in ("train", "eval"))
    assert train
    assert held
    assert not train & held


def test_the_fingerprint_is_that_of_both_files(place: Any) -> None:
    write(place, PAIRS)

    def made(**lines: str) -> str:
        return fingerprint(Data(lines=lines).model_dump(mode="json"), place.base)

    first = made(de="train.de", en="train.en")
    assert made(de="train.de", en="train.en") == first
    assert made(de="train.en", en="train.de") != first
    place.write("train.en", "other\n" * 40)
    assert made(de="train.de", en="train.en") != first


def test_a_split_by_files_names_those_of_the_first_column(place: Any) -> None:
    for name, pairs in (("train", PAIRS[:30]), ("test", PAIRS[30:]), ("other", PAIRS[:3])):
        for column, side in (("de", 0), ("en", 1)):
            place.write(f"{name}.{column}", "".join(f"{pair[side]}\n" for pair in pairs))
    split = {"by": "files", "validation_fraction": 0.0, "train_files": "train*", "eval_files": "test.de"}
    lines = {"de": "*.de", "en": "*.en"}
    report, _ = read(place, lines=lines, split=split)
    assert report.rows == {"train": 30, "eval": 10}
    assert {row["en"] for row in place.rows("eval")} == {en.encode() for _, en in PAIRS[30:]}


@pytest.mark.parametrize(
    ("files", "code"),
    [({"train_files": "*.de", "eval_files": "test.de"}, "INGEST-001"),
     ({"train_files": "train.en", "eval_files": "test.en"}, "INGEST-002")],
)  # fmt: skip
def test_a_split_by_files_that_do_not_fit_is_refused(place: Any, files: dict[str, str], code: str) -> None:
    write(place, PAIRS)
    place.write("test.de", "a\n")
    place.write("test.en", "a\n")
    split = {"by": "files", "validation_fraction": 0.0, **files}
    assert place.fails(lambda: read(place, lines={"de": "*.de", "en": "*.en"}, split=split)).code == code


def test_limit_takes_rows_evenly_from_parallel_lines(place: Any) -> None:
    write(place, PAIRS)
    report, rows = read(place, lines=LINES, limit=10)
    assert (report.read, len(rows)) == (40, 10)
