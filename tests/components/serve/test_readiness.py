"""Which Ready counts, on statuses as KServe writes them."""

from __future__ import annotations

from components.serve.readiness import State, Watch, state


def service(ready: str, observed: int | None, created: str = "", running: str = "") -> State:
    status = {
        "conditions": [{"type": "Ready", "status": ready}, {"type": "IngressReady", "status": "True"}],
        "components": {"predictor": {"latestCreatedRevision": created, "latestReadyRevision": running}},
    }
    return state({"status": status | ({} if observed is None else {"observedGeneration": observed})})


def watched(watch: Watch, *states: State) -> list[bool]:
    return [watch.ready(one, float(second), float(second)) for second, one in enumerate(states)]


def test_a_ready_counts_after_the_workload_has_moved_and_it_has_settled() -> None:
    old, new = service("True", 4), service("True", 5)
    watch = Watch(old, "standard", settle_seconds=2)
    assert watched(watch, old, old, old, old) == [False] * 4
    assert watched(watch, new, service("Unknown", 5), new, new, new) == [False] * 4 + [True]


def test_the_generation_is_of_the_workload_and_may_be_less_than_that_of_the_service() -> None:
    watch = Watch(service("True", 1), "standard", settle_seconds=0)
    assert watched(watch, service("True", 2)) == [True]


def test_a_service_without_a_generation_must_have_been_seen_not_ready() -> None:
    old = service("True", None)
    watch = Watch(old, "standard", settle_seconds=0)
    assert watched(watch, old, service("False", None), old) == [False, False, True]


def test_in_serverless_mode_the_newest_revision_must_be_new_and_ready() -> None:
    old = service("True", 1, "r1", "r1")
    watch = Watch(old, "serverless", settle_seconds=0)
    half = service("True", 2, "r2", "r1")
    assert watched(watch, old, half, service("True", 2, "r2", "r2")) == [False, False, True]


def test_a_change_that_need_not_move_anything_counts_after_a_while() -> None:
    old = service("True", 4)
    watch = Watch(old, "standard", settle_seconds=0, strict=False, quiet_seconds=2)
    assert watched(watch, old, old, old) == [False, False, True]


def test_the_time_that_answers_take_does_not_count() -> None:
    new = service("True", 5)
    watch = Watch(None, "standard", settle_seconds=2)
    # Both may have been given in the same moment, just before 3.
    assert not watch.ready(new, 0.0, 3.0)
    assert not watch.ready(new, 2.9, 9.0)
    assert not watch.ready(new, 4.9, 9.0)
    assert watch.ready(new, 5.0, 5.1)


def test_a_status_that_is_missing_is_not_ready() -> None:
    for status in ({}, {"status": None}, {"status": {"conditions": None, "components": None}}):
        assert not state(status).ready
        assert state(status).reason == "no condition Ready yet"


def test_the_reason_is_that_of_the_model_first() -> None:
    told = {
        "conditions": [
            {"type": "PredictorReady", "status": "False", "reason": "MinimumReplicasUnavailable"},
            {"type": "Ready", "status": "False"},
        ],
        "modelStatus": {
            "transitionStatus": "BlockedByFailedLoad",
            "lastFailureInfo": {"reason": "ModelLoadFailed", "message": "403 from the bucket"},
        },
    }
    assert state({"status": told}).reason == (
        "ModelLoadFailed 403 from the bucket; PredictorReady MinimumReplicasUnavailable; Ready"
    )
