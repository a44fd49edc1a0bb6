from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.ingest import fingerprint as fingerprints
from pipeline.config.model import Data

HEADER = "color,size,at,y\n"
LINES = [f"c{i % 7},{i / 8},{1_600_000_000 + i * 3600},{'yes' if i % 3 else 'no'}" for i in range(600)]
TEXT = HEADER + "\n".join(LINES) + "\n"
HASH = {"by": "hash"}

PREPARE = """
from pathlib import Path
import neighbour

def inputs():
    return [Path("raw.txt")]

def write(directory):
    assert not list(directory.iterdir())
    text = (Path(__file__).parent / "raw.txt").read_text()
    (directory / "all.csv").write_text(text)

def fails(directory):
    raise ValueError("no raw data")

def nothing(directory):
    pass
"""


def test_a_prepare_function_supplies_the_files(place: Any) -> None:
    place.write("neighbour.py", "")
    place.write("raw.txt", TEXT)
    place.write("prepare.py", PREPARE)
    report = place.run(prepare="prepare.py:write", split=HASH)
    assert (report.files, report.read) == (["all.csv"], 600)
    assert {path.name for path in place.output.parent.iterdir()} == {place.output.name}


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("prepare.py:fails", "INGEST-014"),
        ("prepare.py:nothing", "INGEST-015"),
        ("prepare.py:absent", "INGEST-013"),
        ("absent.py:write", "INGEST-013"),
        ("prepare.py", "INGEST-013"),
        ("broken.py:write", "INGEST-013"),
    ],
)
def test_a_failing_prepare_function_has_a_code(place: Any, reference: str, code: str) -> None:
    place.write("neighbour.py", "")
    place.write("prepare.py", PREPARE)
    place.write("broken.py", "import")
    assert place.fails(lambda: place.run(prepare=reference, split=HASH)).code == code


def test_the_fingerprint_follows_content_not_place_or_time(tmp_path: Path) -> None:
    def make(name: str, text: str, prepare: str = PREPARE) -> tuple[str, str]:
        base = tmp_path / name
        base.mkdir()
        (base / "raw.txt").write_text(text)
        (base / "neighbour.py").write_text("")
        (base / "prepare.py").write_text(prepare)
        plain = Data(path="raw.txt").model_dump(mode="json")
        prepared = Data(prepare="prepare.py:write").model_dump(mode="json")
        return fingerprints.fingerprint(plain, base), fingerprints.fingerprint(prepared, base)

    first, same = make("a", "1"), make("b", "1")
    assert first == same
    assert len(set(first)) == 2
    changed = make("c", "2")
    assert not set(changed) & set(first)
    edited = make("d", "1", PREPARE + "\n")
    assert (edited[0] == first[0], edited[1] == first[1]) == (True, False)


def test_the_fingerprint_sees_a_new_span_and_an_edit_in_place(place: Any) -> None:
    data = Data(path="s-{SPAN}.csv").model_dump(mode="json")
    place.write("s-1.csv", TEXT)
    found = [fingerprints.fingerprint(data, place.base)]
    place.write("s-1.csv", TEXT + LINES[0])
    found.append(fingerprints.fingerprint(data, place.base))
    place.write("s-2.csv", TEXT)
    found.append(fingerprints.fingerprint(data, place.base))
    assert len(set(found)) == 3
