"""What a push does and refuses."""

from __future__ import annotations

import json
import shutil

import pytest

from components.push import manifest, registry
from trainer.errors import TandemError


def test_a_version_holds_the_model_its_manifest_and_a_record(place):
    result = place.push(1, run_id="run-a", fingerprint="f", registry_state="s")
    assert (result.pushed, result.version, result.created, result.reason) == (True, 1, True, "")
    assert result.path == place.serving / "demo" / "1"
    assert (result.path / "saved_model.pb").read_bytes() == (place.model(1) / "saved_model.pb").read_bytes()
    contents = json.loads((result.path / "MANIFEST.json").read_text())
    assert set(contents["files"]) == {
        "saved_model.pb", "fingerprint.pb", "assets/vocabulary.txt", "variables/variables.index",
        "variables/variables.data-00000-of-00001",
    }  # fmt: skip
    assert contents["files"]["assets/vocabulary.txt"]["bytes"] == 4
    record = json.loads((place.registry / "demo" / "1.json").read_text())
    assert record == {
        "version": 1,
        "digest": result.digest,
        "run_id": "run-a",
        "status": "live",
        "pushed_at": contents["created"],
        "metrics": {"auc": 0.7},
        "manifest_digest": manifest.digest(result.path),
        "fingerprint": "f",
        "registry_state": "s",
    }


def test_a_model_that_is_not_blessed_writes_nothing(place):
    result = place.push(1, blessing=place.blessing(1, blessed=False))
    assert (result.pushed, result.version, result.created) == (False, None, False)
    assert "not blessed" in result.reason
    assert not place.serving.exists()
    assert not place.registry.exists()


@pytest.mark.parametrize(
    "blessing",
    [
        None,
        {},
        [],
        "blessed",
        {"blessed": 1, "model_digest": "d", "baseline": {"version": 0}},
        {"blessed": "true", "model_digest": "d", "baseline": {"version": 0}},
        {"blessed": None, "model_digest": "d", "baseline": {"version": 0}},
        {"blessed": True, "baseline": {"version": 0}},
        {"blessed": True, "model_digest": "", "baseline": {"version": 0}},
        {"blessed": True, "model_digest": 5, "baseline": {"version": 0}},
        {"blessed": True, "model_digest": "d"},
        {"blessed": True, "model_digest": "d", "baseline": 1},
        {"blessed": True, "model_digest": "d", "baseline": {"is_prior": True}},
        {"blessed": True, "model_digest": "d", "baseline": {"version": "1"}},
        {"blessed": True, "model_digest": "d", "baseline": {"version": True}},
        {"blessed": True, "model_digest": "d", "baseline": {"version": 0}, "metrics": [1]},
        {"blessed": True, "model_digest": "d", "baseline": {"version": 0}, "metrics": {"auc": float("nan")}},
    ],
)
def test_a_blessing_that_is_absent_or_malformed_is_an_error(place, blessing):
    with pytest.raises(TandemError) as caught:
        place.push(1, blessing=blessing)
    assert caught.value.code == "PUSH-001"
    assert not place.serving.exists()


def test_the_blessing_of_another_model_is_an_error(place):
    with pytest.raises(TandemError) as caught:
        place.push(1, blessing=place.blessing(2))
    assert caught.value.code == "PUSH-003"
    assert not place.serving.exists()


def test_a_model_changed_after_its_blessing_is_an_error(place):
    blessing = place.blessing(1)
    (place.model(1) / "variables" / "variables.index").write_bytes(b"other")
    with pytest.raises(TandemError, match="PUSH-003"):
        place.push(1, blessing=blessing)


def test_a_decision_against_another_version_than_the_one_served_is_not_pushed(place):
    first, second = place.blessing(1), place.blessing(2)
    place.push(2, blessing=second)
    with pytest.raises(TandemError, match=r"PUSH-008.*version=0. Received: version=1"):
        place.push(1, blessing=first)
    against_one = place.blessing(1)
    place.push(3)
    against_two = place.blessing(1)
    with pytest.raises(TandemError, match=r"PUSH-008.*version=1. Received: version=2"):
        place.push(1, blessing=against_one)
    place.rollback()
    with pytest.raises(TandemError, match=r"PUSH-008.*version=2. Received: version=1"):
        place.push(1, blessing=against_two)
    assert (place.live(), place.hidden()) == ([1], [])
    assert place.push(1, blessing=against_one).version == 3


def test_a_retry_of_the_same_run_returns_its_version(place):
    blessing = place.blessing(1)
    first = place.push(1, run_id="run-a", blessing=blessing)
    assert place.push(1, run_id="run-a", blessing=blessing).version == first.version
    place.push(2, run_id="run-b")
    again = place.push(1, run_id="run-a", blessing=blessing)
    assert (again.version, again.created, again.pushed) == (first.version, False, True)
    assert place.live() == [1, 2]


def test_another_run_of_the_same_model_is_a_new_version_unless_the_served_one_is_reused(place):
    place.push(1, run_id="run-a")
    assert place.push(1, run_id="run-b", reuse=True).version == 1
    assert place.push(1, run_id="run-b").version == 2
    place.push(2)
    assert place.push(1, run_id="run-c", reuse=True).version == 4


def test_a_run_that_nobody_names_is_not_the_same_as_another(place):
    place.push(1, run_id="")
    place.push(2, run_id="")
    again = place.push(1, run_id="")
    assert (again.version, again.created) == (3, True)


def test_a_damaged_version_is_not_returned_to_a_retry(place):
    damaged = place.push(1, run_id="run-a").path
    (damaged / "assets" / "vocabulary.txt").write_text("a\nc\n")
    result = place.push(1, run_id="run-a")
    assert (result.version, result.created) == (2, True)


def test_a_model_pushed_from_a_version_directory_gets_its_own_manifest(place):
    from components.push.push import push

    first = place.push(1)
    result = push(
        first.path,
        place.blessing(1),
        place.serving,
        "demo",
        place.registry,
        "run-b",
        digest=lambda _: first.digest,
    )
    assert manifest.verify(result.path).version == 2


def test_rollback_serves_the_version_before_and_never_reuses_the_number(place):
    place.push(1)
    place.push(2)
    result = place.rollback(reason="wrong prices")
    assert (result.denied, result.served) == ((2,), 1)
    assert (place.live(), place.denied()) == ([1], [2])
    record = registry.read_record(place.registry, "demo", 2)
    assert (record["status"], record["reason"], record["digest"]) == (
        "denied",
        "wrong prices",
        place.blessing(2)["model_digest"],
    )
    shutil.rmtree(place.serving / "demo" / "2.denied")
    assert place.push(3).version == 3


@pytest.mark.parametrize("pushed", [0, 1])
def test_rollback_without_an_older_version_changes_nothing(place, pushed):
    for seed in range(pushed):
        place.push(seed)
    with pytest.raises(TandemError, match="PUSH-007"):
        place.rollback()
    assert place.live() == list(range(1, pushed + 1))


def test_rollback_passes_over_damaged_versions(place):
    for seed in (1, 2, 3):
        place.push(seed)
    (place.serving / "demo" / "2" / "saved_model.pb").unlink()
    assert place.rollback().denied == (2, 3)
    assert place.live() == [1]
    place.push(4)
    (place.serving / "demo" / "1" / "saved_model.pb").unlink()
    with pytest.raises(TandemError, match="PUSH-007"):
        place.rollback()
    assert place.live() == [1, 4]


def test_rollback_of_a_named_version_can_be_repeated(place):
    for seed in (1, 2, 3):
        place.push(seed)
    assert place.rollback(version=3).served == 2
    again = place.rollback(version=3)
    assert (again.denied, again.already, place.live()) == ((3,), True, [1, 2])
    with pytest.raises(TandemError, match="version=1, newest=2"):
        place.rollback(version=1)


def test_rollback_of_a_version_set_aside_without_a_record_takes_no_second_one_back(place):
    for seed in (1, 2, 3):
        place.push(seed)
    (place.serving / "demo" / "3").rename(place.serving / "demo" / "3.denied")
    result = place.rollback()
    assert (result.denied, result.served, result.already, place.live()) == ((3,), 2, True, [1, 2])
    result = place.rollback()
    assert (result.denied, result.served, result.already) == ((2,), 1, False)


def test_rollback_reports_only_what_was_denied(place):
    for seed in (1, 2, 3):
        place.push(seed)
    (place.registry / "demo" / "1.json").unlink()
    (place.serving / "demo" / "3").rename(place.serving / "demo" / "3.denied")
    assert place.rollback().denied == (3,)


def test_rollback_cut_off_at_a_damaged_version_goes_on_to_the_newest(place):
    for seed in (1, 2, 3):
        place.push(seed)
    (place.serving / "demo" / "2").rename(place.serving / "demo" / "2.denied")
    result = place.rollback()
    assert (result.denied, result.served, place.live()) == ((3,), 1, [1])


def test_a_denied_digest_is_refused_until_its_version_is_renamed_back(place):
    place.push(1)
    place.push(2)
    place.rollback()
    refused = place.push(2, run_id="run-again", reuse=True)
    assert (refused.pushed, refused.version) == (False, None)
    assert "version 2 with the same digest was denied" in refused.reason
    assert place.push(2).pushed is False
    assert place.live() == [1]
    (place.serving / "demo" / "2.denied").rename(place.serving / "demo" / "2")
    assert place.push(2, run_id="run-later").version == 3
    assert place.live() == [1, 2, 3]


def test_a_denied_digest_is_remembered_by_its_record(place):
    place.push(1)
    place.push(2)
    place.rollback()
    shutil.rmtree(place.serving / "demo" / "2.denied")
    assert place.push(2).pushed is False
    (place.registry / "demo" / "2.json").write_text("{")
    with pytest.raises(TandemError, match="PUSH-005"):
        place.push(2)


def test_a_version_renamed_back_by_hand_is_live_again(place):
    place.push(1)
    place.push(2)
    place.rollback()
    (place.serving / "demo" / "2.denied").rename(place.serving / "demo" / "2")
    assert place.push(2, reuse=True).version == 2
    assert place.statuses() == {1: "live", 2: "live"}
    assert "denied_at" not in registry.read_record(place.registry, "demo", 2)


def test_a_lost_record_is_rebuilt_from_the_manifest(place):
    place.push(1)
    path = place.registry / "demo" / "1.json"
    before = path.read_text()
    path.unlink()
    assert registry.newest_blessed(place.serving, "demo", place.registry).version == 1
    place.push(2)
    assert path.read_text() == before


def test_remains_of_a_dead_pusher_are_removed(place):
    place.push(1)
    torn = place.serving / "demo" / ".staging-2-99999"
    (torn / "variables").mkdir(parents=True)
    (place.registry / "demo" / ".2.json.abcd.unfinished").write_text("{")
    assert place.push(2).version == 2
    assert place.hidden() == []


def test_numbers_of_foreign_directories_are_passed_over(place):
    (place.serving / "demo" / "1700000000").mkdir(parents=True)
    (place.serving / "demo" / "notes").mkdir()
    assert place.push(1).version == 1700000001
    (place.serving / "demo" / "1700000005.denied").mkdir()
    assert place.push(2).version == 1700000006


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda d: (d / "saved_model.pb").unlink(), "saved_model.pb is missing"),
        (lambda d: (d / "assets" / "more.txt").write_text(""), "assets/more.txt is not in the manifest"),
        (lambda d: (d / "assets" / "vocabulary.txt").write_text("a\nB\n"), "assets/vocabulary.txt differs"),
        (lambda d: (d / "MANIFEST.json").unlink(), "MANIFEST.json is missing"),
        (lambda d: (d / "MANIFEST.json").write_text("{"), "cannot be read"),
        (lambda d: (d / "MANIFEST.json").write_text("[]"), "cannot be read"),
        (lambda d: (d / "MANIFEST.json").write_bytes(b"\xff\x00"), "cannot be read"),
        (lambda d: (d / "link").symlink_to(d), "link"),
    ],
)
def test_verify_names_what_is_wrong(place, harm, said):
    directory = place.push(1).path
    harm(directory)
    with pytest.raises(TandemError) as caught:
        manifest.verify(directory)
    assert caught.value.code == "PUSH-004"
    assert said in caught.value.message
    with pytest.raises(TandemError, match="PUSH-004"):
        registry.newest_blessed(place.serving, "demo", place.registry)


def test_a_manifest_with_a_field_of_another_type_is_refused(place):
    directory = place.push(1).path
    value = json.loads((directory / "MANIFEST.json").read_text())
    for key, wrong in [("version", "1"), ("version", True), ("files", []), ("digest", None), ("created", 1)]:
        (directory / "MANIFEST.json").write_text(json.dumps({**value, key: wrong}))
        with pytest.raises(TandemError, match=f"PUSH-004.*{key}"):
            manifest.verify(directory)


def test_the_newest_blessed_version_is_never_replaced_by_an_older_one(place):
    assert registry.newest_blessed(place.serving, "demo", place.registry) is None
    place.push(1)
    place.push(2)
    found = registry.newest_blessed(place.serving, "demo", place.registry)
    assert (found.version, found.run_id, found.metrics) == (2, "run-2", {"auc": 0.7})
    shutil.rmtree(place.serving / "demo" / "2")
    with pytest.raises(TandemError, match=r"PUSH-005.*2 is missing"):
        registry.newest_blessed(place.serving, "demo", place.registry)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"version": 1, "digest": "d", "run_id": "r", "status": "odd", "manifest_digest": "m"}',
    ],
)
def test_an_unreadable_record_makes_the_newest_version_unusable(place, text):
    place.push(1)
    (place.registry / "demo" / "1.json").write_text(text)
    with pytest.raises(TandemError, match="PUSH-005"):
        registry.newest_blessed(place.serving, "demo", place.registry)


def test_a_version_exchanged_together_with_its_manifest_is_found_out(place):
    place.push(1)
    place.push(2)
    root = place.serving / "demo"
    shutil.rmtree(root / "2")
    shutil.copytree(root / "1", root / "2")
    with pytest.raises(TandemError, match="PUSH-005"):
        registry.newest_blessed(place.serving, "demo", place.registry)


@pytest.mark.parametrize("key", ["digest", "manifest_digest"])
def test_a_record_that_speaks_of_another_model_is_found_out(place, key):
    place.push(1)
    path = place.registry / "demo" / "1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: "other"}))
    with pytest.raises(TandemError, match=r"PUSH-005.*digests differ"):
        registry.newest_blessed(place.serving, "demo", place.registry)


def test_a_copy_of_a_version_under_a_higher_number_is_not_blessed(place):
    first = place.push(1).path
    shutil.copytree(first, first.with_name("2"))
    with pytest.raises(TandemError, match=r"PUSH-005.*manifest is of demo, version 1"):
        registry.newest_blessed(place.serving, "demo", place.registry)


def test_a_link_in_a_model_is_not_followed(place):
    secret = place.root / "secret"
    secret.write_text("secret")
    (place.model(1) / "assets" / "vocabulary.txt").unlink()
    (place.model(1) / "assets" / "vocabulary.txt").symlink_to(secret)
    with pytest.raises(TandemError, match=r"PUSH-004.*links"):
        place.push(1)
    assert place.live() == []
