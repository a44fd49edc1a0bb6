"""A watch keeps up with its cluster, whatever happens to it."""

from __future__ import annotations

import pytest

from components.train.group.cluster.mirror import Mirror
from tests.components.train.group.cluster.conftest import until
from tests.components.train.group.cluster.storage import status
from trainer.errors import TandemError

BUSY = status(503, "ServiceUnavailable", "etcd is not there")
ERROR = status(500, "InternalError", "no")
FORBIDDEN = status(403, "Forbidden", "pods is forbidden")


def put(cluster, name, value, group="one"):
    cluster.storage.put(
        "pods", {"metadata": {"name": name, "labels": {"tandem/group": group}}, "value": value}
    )


@pytest.fixture
def mirror(cluster, api):
    put(cluster, "a", 1)
    put(cluster, "foreign", 1, "other")
    made = Mirror(api, "pods", "tandem/group=one", watch_seconds=1, forgive_seconds=2.5)
    yield made
    made.close()


def seen(mirror):
    return {one["metadata"]["name"]: one["value"] for one in mirror.objects()}


def test_changes_are_seen_and_those_of_others_are_not(cluster, mirror):
    assert seen(mirror) == {"a": 1}
    put(cluster, "b", 1)
    put(cluster, "a", 2)
    put(cluster, "foreign", 2, "other")
    until(lambda: seen(mirror) == {"a": 2, "b": 1})
    cluster.storage.drop("pods", "a")
    until(lambda: seen(mirror) == {"b": 1})


def test_a_watch_that_ended_goes_on_from_where_it_was(cluster, mirror):
    until(lambda: len(cluster.asked("watch pods")) >= 2)
    put(cluster, "a", 3)
    until(lambda: seen(mirror) == {"a": 3})
    versions = [int(options["resourceVersion"]) for options in cluster.asked("watch pods")]
    assert versions == sorted(versions)
    assert len(cluster.asked("list pods")) == 1


@pytest.mark.parametrize(
    ("what", "action"),
    [
        ("event pods", "disconnect"),
        ("watch pods", "disconnect"),
        ("watch pods", BUSY),
        ("watch pods", ERROR),
    ],
    ids=["in an event", "before one", "busy", "error"],
)
def test_a_broken_watch_is_made_anew(cluster, mirror, what, action):
    cluster.faults = [(what, action)] * 2
    until(lambda: cluster.faults == [])
    put(cluster, "a", 4)
    until(lambda: seen(mirror) == {"a": 4})


@pytest.mark.parametrize("parity", [0, 1])
def test_an_expired_version_is_listed_anew(cluster, mirror, parity):
    """Whether the server says so in its answer or in an event."""
    with cluster.storage.changed:
        cluster.storage.drop("pods", "a")
        cluster.storage.history.clear()
        if cluster.storage.version % 2 == parity:
            put(cluster, "foreign", 5, "other")
        cluster.storage.compact()
    until(lambda: seen(mirror) == {})
    put(cluster, "b", 1)
    until(lambda: seen(mirror) == {"b": 1})
    assert len(cluster.asked("list pods")) >= 2


def test_while_the_server_is_away_the_last_known_stands(cluster, mirror):
    cluster.faults = [("watch pods", BUSY), ("list pods", BUSY), ("list pods", BUSY)]
    until(lambda: cluster.faults == [])
    assert seen(mirror) == {"a": 1}


@pytest.mark.parametrize("action", ["cut", "garbled"])
def test_a_list_that_breaks_off_does_not_end_it(cluster, mirror, action):
    cluster.faults = [("watch pods", BUSY), *[("list pods", action)] * 7]
    until(lambda: cluster.faults == [])
    put(cluster, "a", 5)
    until(lambda: seen(mirror) == {"a": 5})


def test_nothing_that_is_unforeseen_ends_it(cluster, api):
    broken = [RuntimeError("no"), OSError("no")]

    def note(_):
        if broken and len(cluster.asked("watch pods")):
            raise broken.pop()

    mirror = Mirror(api, "pods", "tandem/group=one", watch_seconds=1, note=note)
    until(lambda: cluster.asked("watch pods"))
    for value in (1, 2, 3):
        put(cluster, "a", value)
        until(lambda: seen(mirror) == {"a": value})  # noqa: B023
    until(lambda: not broken)
    put(cluster, "a", 4)
    until(lambda: seen(mirror) == {"a": 4})
    mirror.close()


def test_rights_that_are_away_for_a_moment_are_forgiven(cluster, mirror):
    until(lambda: len(cluster.asked("watch pods")) >= 2)
    cluster.faults = [("watch pods", FORBIDDEN), ("list pods", FORBIDDEN)]
    until(lambda: cluster.faults == [])
    put(cluster, "a", 6)
    until(lambda: seen(mirror) == {"a": 6})


def test_rights_that_are_taken_away_are_told(cluster, mirror):
    cluster.rights = set()
    with pytest.raises(TandemError, match="GROUP-022"):
        until(lambda: mirror.objects() is None)
