"""The state of the registry, and the model that a training starts from, when runs are repeated and new."""

from __future__ import annotations

import json
import shutil

from components.push.state import RegistryState, registry_state, served, warm_start_from


def test_a_repeated_run_names_the_model_served_before_its_own_push(place):
    def state(fingerprint: str) -> RegistryState:
        return registry_state(place.serving, "demo", place.registry, fingerprint)

    def named(fingerprint: str) -> str:
        return warm_start_from(state(fingerprint), place.serving / "demo")

    first = state("config-1")
    assert (served(first), named("config-1")) == (None, "")
    pushed = place.push(1, fingerprint="config-1", registry_state=first.push)
    assert named("config-1") == ""
    second = state("config-2")
    assert served(second) == (1, pushed.digest)
    text = named("config-2")
    assert json.loads(text) == {"directory": str(place.serving / "demo" / "1"), "digest": pushed.digest}
    newer = place.push(2, fingerprint="config-2", registry_state=second.push)
    assert named("config-2") == text
    assert json.loads(named("config-3"))["digest"] == newer.digest
    place.rollback()
    assert named("config-2") == named("config-3") == text


def test_a_newest_version_that_is_damaged_is_a_problem_and_none_before_it_stands_in(place):
    place.push(1)
    (place.push(2).path / "saved_model.pb").write_bytes(b"damaged")
    state = registry_state(place.serving, "demo", place.registry)
    assert served(state) == (0, "")
    assert "could not be read" in json.loads(warm_start_from(state, place.serving / "demo"))["problem"]


def test_state_changes_with_push_rollback_damage_and_a_new_registry(place):
    def state(fingerprint: str = ""):
        return registry_state(place.serving, "demo", place.registry, fingerprint)

    empty = state()
    assert empty == state()
    assert empty.baseline.endswith("/none")
    place.push(1, fingerprint="config-1", registry_state=empty.push)
    one = state()
    assert one.baseline != empty.baseline
    assert state("config-1") == empty
    assert state("config-2") == one
    place.push(9, registry_state=empty.push)
    assert state() not in (empty, one)
    place.rollback()
    shutil.rmtree(place.serving / "demo" / "2.denied")
    place.push(2, fingerprint="config-2", registry_state=one.push)
    two = state()
    assert state("config-2") == one
    (place.registry / "demo" / "3.json").unlink()
    assert state("config-2") == one
    assert state("config-1") == two
    place.rollback()
    rolled = state("config-2")
    assert rolled.baseline == one.baseline
    assert rolled.push not in (one.push, two.push, empty.push)
    assert state("config-1") == empty
    (place.serving / "demo" / "1" / "saved_model.pb").unlink()
    assert "unreadable" in state("config-1").baseline
    shutil.rmtree(place.serving)
    shutil.rmtree(place.registry)
    assert state().baseline.endswith("/none")
    assert state() != empty
