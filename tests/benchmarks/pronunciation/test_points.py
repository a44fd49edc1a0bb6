"""Points of the curve: kept, promised, drawn and told."""

from __future__ import annotations

import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pronunciation import card, curve, phonetisaurus, points, words
from benchmarks.pronunciation.points import Point
from benchmarks.pronunciation.scoring import Score

SEQUENCE = {
    "embedding": 64,
    "encoder": {"kind": "lstm", "layers": 1, "units": 256, "heads": 4, "feed_forward": 1024},
    "decoder": {"kind": "transformer", "layers": 2, "units": 128, "heads": 4, "feed_forward": 512},
    "attention": "dot",
    "shared_embeddings": "none",
    "dropout": 0.1,
    "decoding": {"beam": 8, "length_normalisation": 0.6},
}
TRAIN = {
    "epochs": 8.0,
    "weight_averaging": 0.999,
    "sequence": {
        "label_smoothing": 0.1,
        "optimizer": "adam",
        "learning_rate": 0.003,
        "schedule": "cosine",
        "batch_tokens": 4096,
    },
}


def ours(minutes: int, wer: float, seconds: float) -> Point:
    facts: dict[str, Any] = {
        "arguments": {"model": {"sequence": SEQUENCE}, "train": TRAIN},
        "first_pronunciation_only": {"wer": wer + 2, "per": 7.5, "words": 6247},
        "machine": {"cores": 2, "GiB": 24, "processor": "x86_64", "load": 1, "tensorflow": "2", "keras": "3"},
        "steps": 12_345,
        "decoding_seconds": 10.0,
        "commit": "0123456789ab",
        "model_digest": "abcdef0123456789",
        "started": "2026-01-02T03:04:05Z",
    }
    history = ({"seconds": 30.0, "validation_loss": 0.5},)
    name = points.ours(minutes)
    return Point(name, Score(wer, 6.0, 6247), seconds, 2 * seconds, 1_000_000, minutes, 2, facts, history)


PEER = Point(points.PHONETISAURUS, Score(26.0, 6.2, 6247), 120.0, 110.0)


def by_name(*given: Point) -> points.Points:
    return {point.name: point for point in given}


def test_points_are_read_as_they_were_stored_and_replace_their_own(tmp_path: Path) -> None:
    path = tmp_path / "points.json"
    for point in (ours(8, 50.0, 400.0), PEER, ours(8, 45.0, 410.0)):
        points.store(point, path)
    assert points.read(path) == by_name(ours(8, 45.0, 410.0), PEER)
    assert points.read(tmp_path / "absent.json") == {}


def test_promises_are_34_percent_at_30_minutes_and_the_peer_s_at_180() -> None:
    found = {
        f.name: f for f in points.figures(by_name(ours(30, 34.0, 1790.0), ours(180, 26.1, 9000.0), PEER))
    }
    assert found["Tandem, 30 minutes: WER"].limit == 34.0
    assert found["Tandem, 30 minutes: WER"].kept
    assert found["Tandem, 180 minutes: WER"].limit == 26.0
    assert not found["Tandem, 180 minutes: WER"].kept
    assert found["Phonetisaurus, 8-gram: WER"].limit is None


def test_a_run_has_to_end_within_its_budget() -> None:
    found = {figure.name: figure for figure in points.figures(by_name(ours(8, 50.0, 481.0), PEER))}
    assert not found["Tandem, 8 minutes: time"].kept
    assert found["Phonetisaurus, 8-gram: time"].kept


def test_the_table_marks_points_of_other_days() -> None:
    head, first, second = points.table(by_name(ours(8, 50.0, 400.0), PEER), {points.PHONETISAURUS})
    assert head.split()[-4:] == ["WER", "%", "PER", "%"]
    assert first.split() == ["Phonetisaurus,", "8-gram", "2.0", "1.8", "-", "26.00", "6.20"]
    assert second.split()[-2:] == ["of", "2026-01-02"]
    assert "1,000,000" in second


def test_the_picture_is_well_formed_and_has_every_point() -> None:
    known = by_name(ours(8, 50.0, 400.0), ours(30, 34.0, 1790.0), PEER)
    root = xml.etree.ElementTree.fromstring(curve.picture(known))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}circle")) == 3
    (line,) = root.findall(f"{space}polyline")
    first, second = (tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split())
    assert first[0] < second[0]  # more minutes, further right
    assert first[1] < second[1]  # fewer errors, lower down


def test_the_card_tells_what_the_run_found_and_needs_that_run() -> None:
    text = card.card(by_name(ours(180, 24.125, 9_000.0), PEER))
    assert "| every listed pronunciation counts | 24.12 | 6.00 |" in text
    assert "| time | 150.0 active minutes, 300.0 CPU minutes, 2 attempts |" in text
    assert "`transformer`, 2 x 128, 4 heads, feed-forward 512" in text
    assert "Phonetisaurus, 8-gram, every listed one | 26.00" in text
    with pytest.raises(KeyError):
        card.card(by_name(ours(30, 34.0, 1790.0)))


def test_the_best_phones_of_a_word_come_first() -> None:
    assert phonetisaurus.parsed("cat\t9\tK AE T\ncat\t11\tK AA T\ndog\t7\t\n") == {"cat": "K AE T", "dog": ""}


def test_words_go_to_a_peer_as_they_are(tmp_path: Path) -> None:
    words.write(tmp_path)
    parts = words.read(tmp_path)
    assert {part: len(spoken) for part, spoken in parts.items()} == {
        "train": 112_433,
        "validation": 6_246,
        "eval": 6_247,
    }
    assert parts == words.parts()
