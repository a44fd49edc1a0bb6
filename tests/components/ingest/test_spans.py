from __future__ import annotations

from pathlib import Path

import pytest

from components.ingest.spans import resolve
from trainer.errors import TandemError


def make(base: Path, *names: str) -> None:
    for name in names:
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_the_newest_span_and_its_newest_version_are_read(tmp_path: Path) -> None:
    make(tmp_path, "s-1/v-3/a.csv", "s-2/v-1/a.csv", "s-2/v-10/a.csv", "s-x/v-1/a.csv")
    found = resolve(["s-{SPAN}/v-{VERSION}/*.csv"], None, 1, tmp_path)
    assert (found.patterns, found.spans, found.version) == ((("s-2/v-10/*.csv",),), (2,), 10)


def test_a_window_passes_over_spans_that_do_not_exist(tmp_path: Path) -> None:
    make(tmp_path, "d-01.csv", "d-02.csv", "d-04.csv", "d-05.csv", "d-123.csv")
    found = resolve(["d-{SPAN:2}.csv"], 4, 3, tmp_path)
    assert (found.patterns, found.spans, found.span) == ((("d-02.csv", "d-04.csv"),), (2, 4), 4)


def test_a_glob_beside_the_span_means_what_it_means_without(tmp_path: Path) -> None:
    make(tmp_path, "s-1/a1.csv", "s-1/ab.csv", "s-2/ab.csv", "s-3/x/y/a1.csv", "s-4/a.csv")
    spans = {
        "s-{SPAN}/a[0-9].csv": 1,
        "s-{SPAN}/a[!0-9].csv": 2,
        "[s]-{SPAN}/a?.csv": 2,
        "s-{SPAN}/**/a1.csv": 3,
        "**/s-{SPAN}/*.csv": 4,
    }
    assert {pattern: resolve([pattern], None, 1, tmp_path).span for pattern in spans} == spans


def test_one_span_in_two_spellings_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "s-1.csv", "s-01.csv")
    with pytest.raises(TandemError, match=r"INGEST-016.*s-0?1.csv and s-0?1.csv"):
        resolve(["s-{SPAN}.csv"], None, 1, tmp_path)
    assert resolve(["s-{SPAN:2}.csv"], None, 1, tmp_path).patterns == (("s-01.csv",),)


def test_dates_are_spans_in_days(tmp_path: Path) -> None:
    make(tmp_path, "2013-01-31.csv", "2013-02-01.csv", "2013-13-01.csv")
    found = resolve(["{YYYY}-{MM}-{DD}.csv"], None, 2, tmp_path)
    assert found.spans == (15736, 15737)
    assert found.patterns == (("2013-01-31.csv", "2013-02-01.csv"),)


def test_several_patterns_share_span_and_version(tmp_path: Path) -> None:
    make(tmp_path, "train-1-1", "train-1-2", "train-2-1", "eval-1-1")
    found = resolve(["train-{SPAN}-{VERSION}", "eval-{SPAN}-{VERSION}"], None, 1, tmp_path)
    assert (found.patterns, found.version) == ((("train-1-1",), ("eval-1-1",)), 1)


def test_without_tokens_the_span_is_0_and_absolute_patterns_work(tmp_path: Path) -> None:
    assert resolve(["a.csv"], None, 1, tmp_path).span == 0
    make(tmp_path, "[odd]/a-7.csv")
    found = resolve(["./a-{SPAN}.csv"], None, 1, tmp_path / "[odd]")
    assert found.patterns == (("./a-7.csv",),)
    make(tmp_path, "plain/a-7.csv")
    assert resolve([str(tmp_path / "plain" / "a-{SPAN}.csv")], None, 1, tmp_path / "else").spans == (7,)


@pytest.mark.parametrize(
    ("pattern", "span", "window"),
    [
        ("{SPAN}-{SPAN}", None, 1),
        ("{YYYY}-{MM}", None, 1),
        ("{SPAN}{YYYY}{MM}{DD}", None, 1),
        ("{VERSION}", None, 1),
        ("{SPAN:0}", None, 1),
        ("plain.csv", 3, 1),
        ("plain.csv", None, 2),
        ("none-{SPAN}", None, 1),
        ("a-{SPAN}", 9, 1),
    ],
)
def test_bad_patterns_and_absent_spans_are_refused(
    tmp_path: Path, pattern: str, span: int | None, window: int
) -> None:
    make(tmp_path, "a-1", "plain.csv")
    with pytest.raises(TandemError) as caught:
        resolve([pattern], span, window, tmp_path)
    assert (caught.value.code, caught.value.exit_status) == ("INGEST-016", 2)
