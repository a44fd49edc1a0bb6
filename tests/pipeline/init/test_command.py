"""The command itself: what it says, and what it looks at first."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.data import init
from trainer.errors import TandemError


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(
        "x,y\n" + "".join(f"{i * 37 % 101},{'NA' if i % 10 == 0 else i % 2}\n" for i in range(300))
    )
    return path


def test_a_file_in_the_way_is_told_before_the_data_is_read(tmp_path: Path) -> None:
    (tmp_path / "there.yaml").write_text("kept")
    damaged = tmp_path / "rows.csv"
    damaged.write_bytes(b"x,y\n1,\xe9\n")
    for target in (tmp_path / "there.yaml", tmp_path):
        with pytest.raises(TandemError) as caught:
            init("y", damaged, output=target)
        assert caught.value.code == "INIT-020"
    with pytest.raises(TandemError) as caught:
        init("y", damaged, output=tmp_path / "there.yaml", force=True)
    assert caught.value.code == "INIT-003"
    assert (tmp_path / "there.yaml").read_text() == "kept"


def test_the_file_is_named_after_the_data(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(rows.parent)
    init("y", Path("rows.csv"))
    assert (rows.parent / "rows.yaml").read_text().startswith("# Inferred from 300 rows.")


def test_missing_labels_are_told_on_the_terminal(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init("y", rows, output=rows.parent / "new.yaml")
    said = capsys.readouterr().out
    assert "warning  the label is missing in 10.00% of the rows, which are left out ('NA' 10.00%)" in said
