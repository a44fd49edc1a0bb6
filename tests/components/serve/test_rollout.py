"""Rollouts through the real client against an API server that is strict and a controller that is slow."""

from __future__ import annotations

import time

import pytest

from components.serve import manifest, promotion, rollout
from components.serve.promotion import promote
from components.serve.rollout import Timing, roll_out
from tests.components.serve.cluster import merge, other_writer
from trainer.errors import TandemError


def test_a_first_release_creates_the_service_and_a_second_switches_it(
    cluster, services, settings, target, timing
):
    first = roll_out(services, settings(), target(1), timing)
    assert (first.served, first.action, first.previous_storage_uri) == (True, "created", "")
    assert first.url == "http://flights.models.example.com"
    second = roll_out(services, settings(cpu="2", memory="1Gi", service_account="reader"), target(2), timing)
    assert (second.served, second.action) == (True, "changed")
    assert (second.storage_uri, second.previous_storage_uri) == ("gs://bucket/2", "gs://bucket/1")
    # At least what it settled, in tenths.
    assert 0.1 <= second.ready_seconds < 10
    assert cluster.writes() == ["create", "patch"]
    predictor = cluster.service()["spec"]["predictor"]
    assert predictor["serviceAccountName"] == "reader"
    assert predictor["model"]["resources"]["limits"] == {"cpu": "2", "memory": "1Gi"}
    assert predictor["deploymentStrategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    told = cluster.service()["metadata"]["annotations"]
    assert told["tandem/model-version"] == "2"
    assert told["tandem/run-id"] == "run-2"
    assert told["serving.kserve.io/deploymentMode"] == "Standard"


def test_a_release_that_is_served_is_left_alone(cluster, services, settings, target, timing):
    roll_out(services, settings(), target(1), timing)
    again = roll_out(services, settings(), target(1), timing)
    assert (again.served, again.action) == (True, "unchanged")
    elsewhere = target(1)
    elsewhere = type(elsewhere)("gs://bucket/copy", elsewhere.version, elsewhere.digest, "run-9")
    copied = roll_out(services, settings(), elsewhere, timing)
    assert (copied.served, copied.action, copied.storage_uri) == (True, "unchanged", "gs://bucket/1")
    assert cluster.writes() == ["create"]


def test_fields_of_others_stay_and_only_ours_are_written(cluster, services, settings, target, timing):
    roll_out(services, settings(), target(1), timing)
    other_writer(cluster, maxReplicas=7, nodeSelector={"disk": "fast"})()
    roll_out(services, settings(min_replicas=2), target(2), timing)
    predictor = cluster.service()["spec"]["predictor"]
    assert (predictor["maxReplicas"], predictor["nodeSelector"]) == (7, {"disk": "fast"})
    body = next(body for verb, _, body in cluster.requests if verb == "patch")
    assert set(body) == {"metadata", "spec"}
    assert body["spec"]["predictor"] == {"minReplicas": 2, "model": {"storageUri": "gs://bucket/2"}}
    assert body["metadata"]["resourceVersion"]


def test_the_ready_of_the_old_release_never_counts(cluster, services, settings, target, timing):
    roll_out(services, settings(), target(1), timing)
    cluster.behaviours = {"gs://bucket/2": "frozen", "gs://bucket/1": "frozen"}
    failed = roll_out(services, settings(ready_timeout_seconds=0.6), target(2), timing)
    assert not failed.served
    assert failed.failure.code == "SERVE-031"
    assert cluster.uri() == "gs://bucket/1"


@pytest.mark.parametrize("mode", ["standard", "serverless"])
@pytest.mark.parametrize("behaviour", ["never", "half"])
def test_a_release_that_does_not_get_ready_is_taken_back(
    cluster, services, settings, target, timing, mode, behaviour
):
    roll_out(services, settings(mode=mode), target(1), timing)
    before = cluster.service()
    cluster.behaviours["gs://bucket/2"] = behaviour
    failed = roll_out(services, settings(mode=mode, ready_timeout_seconds=3), target(2), timing)
    assert (failed.served, failed.rolled_back, failed.failure.code) == (False, True, "SERVE-030")
    assert "ModelLoadFailed no such object" in failed.failure.message
    after = cluster.service()
    assert after["spec"] == before["spec"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert roll_out(services, settings(mode=mode), target(3), timing).served


def test_a_service_that_flaps_counts_when_it_stays_ready(cluster, services, settings, target, timing):
    roll_out(services, settings(), target(1), timing)
    cluster.behaviours["gs://bucket/2"] = "flaps"
    began = time.monotonic()
    assert roll_out(services, settings(), target(2), timing).served
    assert time.monotonic() - began >= 1.2


class Slow:
    """A service that is ready at once, and whose state takes 5 s to arrive."""

    namespace = "models"

    def __init__(self) -> None:
        self.now, self.asked, self.service = 0.0, [], None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def create(self, document):
        self.service = {**document, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        return self.service

    def get(self, name):
        assert name == "flights"
        if self.service is not None:
            self.asked.append(self.now)
            self.now += 5
        return self.service


def test_the_time_that_answers_take_is_none_in_which_it_stayed_ready(settings, target, monkeypatch):
    slow = Slow()
    monkeypatch.setattr(rollout, "time", slow)
    outcome = roll_out(slow, settings(ready_timeout_seconds=100), target(1), Timing(1, settle_seconds=6))
    # The first answer came at 5, so that the question at 6 is too early.
    assert (outcome.served, slow.asked) == (True, [0, 6, 12])


class Split(Slow):
    """A canary with a share of the traffic, until it gets all of it."""

    def __init__(self) -> None:
        super().__init__()
        revisions = {"latestCreatedRevision": "2", "latestReadyRevision": "2", "latestRolledoutRevision": "1"}
        status = {
            "conditions": [{"type": "Ready", "status": "True"}],
            "components": {"predictor": revisions},
        }
        predictor = {"canaryTrafficPercent": 10, "model": {"storageUri": "gs://bucket/2"}}
        self.service = {"spec": {"predictor": predictor}, "status": status}

    def patch(self, existing, change):
        assert existing is self.service
        assert change["spec"]["predictor"] == {"canaryTrafficPercent": None}
        del self.service["spec"]["predictor"]["canaryTrafficPercent"]
        self.service["status"]["components"]["predictor"]["latestRolledoutRevision"] = "2"
        self.patched = self.now
        return self.service


def test_a_canary_is_not_promoted_by_one_slow_answer(monkeypatch):
    split = Split()
    monkeypatch.setattr(promotion, "time", split)
    assert promote(split, "flights", 100, 1, 6) == "gs://bucket/2"
    # After the answer to the question at 12; the first one came at 5.
    assert (split.patched, split.asked) == (17, [0, 6, 12, 18])


def test_a_first_release_that_fails_has_nothing_to_go_back_to(cluster, services, settings, target, timing):
    cluster.behaviours["gs://bucket/1"] = "never"
    failed = roll_out(services, settings(ready_timeout_seconds=0.3), target(1), timing)
    assert (failed.rolled_back, failed.failure.code) == (False, "SERVE-032")
    assert cluster.uri() == "gs://bucket/1"
    assert roll_out(services, settings(), target(2), timing).served


def test_a_step_that_was_killed_after_its_change_still_takes_it_back(
    cluster, services, settings, target, timing
):
    roll_out(services, settings(), target(1), timing)
    cluster.behaviours["gs://bucket/2"] = "never"
    existing = services.get("flights")
    services.patch(existing, manifest.change(settings(), existing, target(2)))
    failed = roll_out(services, settings(ready_timeout_seconds=3), target(2), timing)
    assert (failed.action, failed.rolled_back) == ("unchanged", True)
    assert failed.previous_storage_uri == "gs://bucket/1"
    assert cluster.uri() == "gs://bucket/1"
    assert cluster.service()["metadata"]["annotations"]["tandem/model-version"] == "1"


def test_a_canary_takes_its_share_until_it_is_promoted(cluster, services, settings, target, timing):
    canary = settings(mode="serverless", canary_percent=10)
    first = roll_out(services, canary, target(1), timing)
    assert first.canary_percent is None
    second = roll_out(services, canary, target(2), timing)
    assert (second.canary_percent, second.was_canary) == (10, False)
    third = roll_out(services, canary, target(3), timing)
    assert (third.canary_percent, third.was_canary) == (10, True)
    # Repeating the step changes nothing about the split.
    assert roll_out(services, canary, target(3), timing).canary_percent == 10
    assert promote(services, "flights", 5, 0.02, 0.2) == "gs://bucket/3"
    assert "canaryTrafficPercent" not in cluster.service()["spec"]["predictor"]
    writes = len(cluster.writes())
    assert promote(services, "flights", 5, 0.02, 0.2) == "gs://bucket/3"
    # Nor does it take a promoted release back to its share.
    assert roll_out(services, canary, target(3), timing).canary_percent is None
    assert len(cluster.writes()) == writes
    # Without a share in the configuration the next release takes all at once.
    roll_out(services, canary, target(4), timing)
    assert roll_out(services, settings(mode="serverless"), target(5), timing).canary_percent is None
    assert "canaryTrafficPercent" not in cluster.service()["spec"]["predictor"]


def test_a_canary_that_fails_goes_back_to_the_split_before(cluster, services, settings, target, timing):
    canary = settings(mode="serverless", canary_percent=10, ready_timeout_seconds=3)
    for version in (1, 2):
        roll_out(services, canary, target(version), timing)
    cluster.behaviours["gs://bucket/3"] = "never"
    failed = roll_out(services, canary, target(3), timing)
    assert failed.rolled_back
    predictor = cluster.service()["spec"]["predictor"]
    assert predictor["model"]["storageUri"] == "gs://bucket/2"
    assert predictor["canaryTrafficPercent"] == 10


def test_a_canary_that_is_not_ready_is_not_promoted(cluster, services, settings, target, timing):
    canary = settings(mode="serverless", canary_percent=10)
    roll_out(services, canary, target(1), timing)
    cluster.behaviours["gs://bucket/2"] = "never"
    existing = services.get("flights")
    services.patch(existing, manifest.change(canary, existing, target(2)))
    with pytest.raises(TandemError, match="SERVE-040"):
        promote(services, "flights", 1, 0.02, 1)
    with pytest.raises(TandemError, match="SERVE-040"):
        promote(services, "other", 1, 0.02, 0.2)
    assert cluster.service()["spec"]["predictor"]["canaryTrafficPercent"] == 10


def test_a_changed_setting_reaches_a_release_that_is_served(cluster, services, settings, target, timing):
    roll_out(services, settings(), target(1), timing)
    # An autoscaler has more replicas and the pods stay, so nothing is to be seen of this change.
    assert roll_out(services, settings(min_replicas=3), target(1), timing).action == "changed"
    assert cluster.service()["spec"]["predictor"]["minReplicas"] == 3
    assert roll_out(services, settings(min_replicas=3, memory="2Gi"), target(1), timing).served
    assert cluster.service()["metadata"]["annotations"]["tandem/run-id"] == "run-1"


def test_another_writer_makes_the_change_be_made_again_or_wins(cluster, services, settings, target, timing):
    roll_out(services, settings(), target(1), timing)
    cluster.faults = [("patch", other_writer(cluster, maxReplicas=4))]
    assert roll_out(services, settings(), target(2), timing).served
    assert cluster.service()["spec"]["predictor"]["maxReplicas"] == 4

    theirs = other_writer(cluster, model={"storageUri": "gs://bucket/theirs"})
    cluster.behaviours["gs://bucket/3"] = "never"
    cluster.faults = [("get", lambda: None), ("get", lambda: None), ("get", theirs)]
    lost = roll_out(services, settings(), target(3), timing)
    assert lost.failure.code == "SERVE-033"
    assert not lost.rolled_back
    assert cluster.uri() == "gs://bucket/theirs"


def test_a_release_of_another_is_not_taken_back(cluster, services, settings, target, timing):
    roll_out(services, settings(), target(1), timing)
    cluster.behaviours["gs://bucket/2"] = "never"
    theirs = other_writer(cluster, model={"storageUri": "gs://bucket/theirs"})
    cluster.faults = [("patch", lambda: None), ("patch", theirs)]
    lost = roll_out(services, settings(ready_timeout_seconds=0.3), target(2), timing)
    assert lost.failure.code == "SERVE-033"
    assert cluster.uri() == "gs://bucket/theirs"


def test_a_writer_that_never_rests_ends_in_an_error(cluster, services, settings, target, timing):
    roll_out(services, settings(), target(1), timing)
    cluster.faults = [("patch", other_writer(cluster, maxReplicas=number)) for number in range(2, 12)]
    with pytest.raises(TandemError, match="SERVE-034"):
        roll_out(services, settings(), target(2), timing)
    assert cluster.uri() == "gs://bucket/1"


def test_a_service_that_was_deleted_meanwhile_is_told(cluster, services, settings, target, timing):
    cluster.faults = [("get", lambda: None), ("get", lambda: cluster.objects.pop("flights"))]
    failed = roll_out(services, settings(), target(1), timing)
    assert failed.failure.code == "SERVE-033"
    assert "deleted" in failed.failure.message


def test_the_mode_is_that_of_the_service_or_refused(cluster, services, settings, target, timing):
    roll_out(services, settings(), target(1), timing)
    with pytest.raises(TandemError, match=r"SERVE-012.*mode=Standard"):
        roll_out(services, settings(mode="serverless"), target(2), timing)
    # A service that carries the older name is brought to the one that KServe compares with.
    found = cluster.objects["flights"]
    older = {"metadata": {"annotations": {"serving.kserve.io/deploymentMode": "RawDeployment"}}}
    cluster.put(merge(found, older))
    assert roll_out(services, settings(), target(2), timing).served
    told = cluster.service()["metadata"]["annotations"]
    assert told["serving.kserve.io/deploymentMode"] == "Standard"


def test_a_cluster_that_chooses_another_mode_is_told(cluster, services, settings, target, timing):
    cluster.chosen_mode = "Serverless"
    failed = roll_out(services, settings(), target(1), timing)
    assert failed.failure.code == "SERVE-035"
