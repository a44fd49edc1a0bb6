"""The baseline is the newest blessed version, the constant prediction, or the latter with a reason."""

from __future__ import annotations

import shutil
import threading

import pytest

from components.baseline.choice import choose
from trainer import storage


@pytest.fixture
def choice(place, tmp_path):
    """Chooses into `tmp_path / "out"`."""

    def export_prior(directory):
        directory.mkdir(parents=True)
        (directory / "prior").write_text("constant")

    def run(why_incomparable=lambda _: ""):
        return choose(place.serving, "demo", place.registry, tmp_path / "out", export_prior, why_incomparable)

    return run


def test_without_a_blessed_model_the_constant_prediction_stands_in(choice, tmp_path):
    found = choice()
    assert (found.is_prior, found.version, found.digest, found.unreadable) == (True, 0, "", "")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["prior"]


def test_the_newest_live_version_is_copied_without_its_manifest(place, choice, tmp_path):
    place.push(1)
    newest = place.push(2)
    found = choice()
    assert (found.is_prior, found.version, found.digest, found.unreadable) == (False, 2, newest.digest, "")
    assert storage.list_tree(tmp_path / "out") == storage.list_tree(place.model(2))


def test_after_a_rollback_the_version_before_is_the_baseline(place, choice):
    place.push(1)
    place.push(2)
    place.rollback()
    assert choice().version == 1


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda place: (place.serving / "demo" / "2" / "saved_model.pb").write_bytes(b"x"), "PUSH-004"),
        (lambda place: (place.serving / "demo" / "2" / "MANIFEST.json").unlink(), "PUSH-004"),
        (lambda place: shutil.rmtree(place.serving / "demo" / "2"), "PUSH-005"),
        (lambda place: shutil.rmtree(place.serving), "PUSH-005"),
        (lambda place: (place.registry / "demo" / "2.json").write_text("{"), "PUSH-005"),
    ],
)
def test_a_blessed_model_that_cannot_be_read_is_never_passed_over_in_silence(
    place, choice, tmp_path, harm, code
):
    place.push(1)
    place.push(2)
    harm(place)
    found = choice()
    assert (found.is_prior, found.version) == (True, 0)
    assert code in found.unreadable
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["prior"]


def test_a_blessed_model_that_cannot_be_compared_gives_way_to_the_constant_prediction(
    place, choice, tmp_path
):
    place.push(1)
    place.push(2)
    asked = []

    def why_incomparable(directory):
        asked.append(storage.list_tree(directory))
        return "takes the column b"

    found = choice(why_incomparable)
    assert asked == [storage.list_tree(place.model(2))]
    assert (found.is_prior, found.version, found.digest) == (True, 2, "")
    assert (found.unreadable, found.incomparable) == ("", "version 2 takes the column b")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["prior"]


def test_a_rollback_while_the_version_is_copied_is_no_damage(place, choice, monkeypatch):
    place.push(1)
    place.push(2)
    real, done = storage.copy_tree, threading.Event()

    def copy_after_rollback(source, destination):
        if not done.is_set():
            done.set()
            place.rollback()
        real(source, destination)

    monkeypatch.setattr(storage, "copy_tree", copy_after_rollback)
    found = choice()
    assert (found.is_prior, found.version, found.unreadable) == (False, 1, "")
