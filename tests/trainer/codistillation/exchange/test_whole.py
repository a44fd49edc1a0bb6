"""Whole publications only: whatever happens to a file, the publication before is used."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.codistillation.exchange.place import (
    TABLE_ROWS,
    manifest,
    part,
    publish,
    publisher,
    reader,
    same,
    weights,
)


def test_the_newest_whole_publication_is_read_once(tmp_path: Path) -> None:
    replica, peer = publish(tmp_path, 5, 10), reader(tmp_path)
    found = peer.look()
    assert same(found, weights(10))
    assert found is not None
    assert (found.replica, found.attempt, found.step, found.finished) == (0, 1, 10, False)
    assert peer.look() is None
    replica.publish(15, weights(15))
    assert same(peer.look(), weights(15))


def test_every_cut_and_every_changed_byte_of_small_files_leads_to_the_one_before(tmp_path: Path) -> None:
    publish(tmp_path, 5, 10)
    for file in (manifest(tmp_path, 10), part(tmp_path, weights(10))):
        content = file.read_bytes()
        for place in range(len(content)):
            flipped = content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :]
            for damaged in (content[:place], flipped):
                file.write_bytes(damaged)
                assert same(reader(tmp_path).look(), weights(5)), (file.name, place)
        file.write_bytes(content + b"\0")
        assert same(reader(tmp_path).look(), weights(5))
        file.write_bytes(content)
    assert same(reader(tmp_path).look(), weights(10))


@pytest.fixture(scope="module")
def with_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("table")
    replica = publisher(place)
    replica.publish(5, weights(5, table=1))
    replica.publish(10, weights(10, table=2))
    return place


@settings(max_examples=60, deadline=None, database=None)
@given(st.integers(0, 4 * TABLE_ROWS - 1), st.integers(0, 255))
def test_damage_anywhere_in_a_table_leads_to_the_one_before(with_table: Path, place: int, mask: int) -> None:
    file = part(with_table, {"table": weights(0, table=2)["table"]})
    content = file.read_bytes()
    try:
        # Mask 0 cuts instead.
        changed = bytes([content[place] ^ mask]) + content[place + 1 :] if mask else b""
        file.write_bytes(content[:place] + changed)
        assert same(reader(with_table).look(), weights(5, table=1))
    finally:
        file.write_bytes(content)
    assert same(reader(with_table).look(), weights(10, table=2))


def test_a_missing_part_or_manifest_leads_to_the_one_before(tmp_path: Path) -> None:
    for file in (manifest(tmp_path, 10), part(tmp_path, weights(10))):
        publish(tmp_path, 5, 10)
        file.unlink()
        assert same(reader(tmp_path).look(), weights(5))
        shutil.rmtree(tmp_path / "replica-0")


def test_parts_of_the_right_size_in_each_others_place_are_refused(tmp_path: Path) -> None:
    publish(tmp_path, 5, 10)
    shutil.copyfile(part(tmp_path, weights(5)), part(tmp_path, weights(10)))
    assert same(reader(tmp_path).look(), weights(5))


def test_nothing_is_loaded_when_nothing_is_whole(tmp_path: Path) -> None:
    assert reader(tmp_path / "absent").look() is None
    publish(tmp_path, 5, 10)
    for step in (5, 10):
        part(tmp_path, weights(step)).write_bytes(b"")
    assert reader(tmp_path).look() is None


def test_a_reader_keeps_the_older_step_rather_than_go_back(tmp_path: Path) -> None:
    publish(tmp_path, 5, 10)
    peer = reader(tmp_path)
    assert same(peer.look(), weights(10))
    manifest(tmp_path, 10).unlink()
    assert peer.look() is None


def test_damage_is_told_once_and_looked_at_again_ever_more_seldom(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(tmp_path, 5)
    file = part(tmp_path, weights(5))
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    peer = reader(tmp_path)
    refused = []
    for _ in range(40):
        assert peer.look() is None
        refused.append(peer.read.refused)
    assert [look for look in range(1, 40) if refused[look] > refused[look - 1]] == [1, 3, 7, 15, 31]
    assert caplog.text.count("CODIST-004") == 1
    assert f"{file.name[:12]} has {len(content) - 1} of {len(content)} bytes" in caplog.text
    # A part that a slow mount shows late.
    file.write_bytes(content)
    assert any(same(peer.look(), weights(5)) for _ in range(32))


def test_a_folder_full_of_other_things_is_no_matter(tmp_path: Path) -> None:
    publish(tmp_path, 5)
    folder = tmp_path / "replica-0"
    (folder / "manifest-000009-000000000009.json").mkdir()
    (folder / ".manifest-000008-000000000001.json.x.unfinished").write_bytes(b"{")
    (folder / "manifest-000007-000000000001.json").write_bytes(b"\xff\x00")
    (folder / "manifest-x-1.json").write_text("{}")
    assert same(reader(tmp_path).look(), weights(5))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_not_published(tmp_path: Path, value: float) -> None:
    replica, broken = publish(tmp_path, 5), weights(10)
    broken["kernel"][1, 1] = value
    with pytest.raises(ValueError, match="kernel"):
        replica.publish(10, broken)
    assert same(reader(tmp_path).look(), weights(5))
    replica.publish(15, weights(15))
    assert same(reader(tmp_path).look(), weights(15))


def test_weights_that_are_not_finite_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replica, broken = publish(tmp_path, 5), weights(10)
    broken["bias"][0] = np.nan
    with monkeypatch.context() as patch:
        patch.setattr("trainer.codistillation.exchange.parts._finite", lambda _: True)
        replica.publish(10, broken)
    assert manifest(tmp_path, 10).exists()
    assert same(reader(tmp_path).look(), weights(5))
