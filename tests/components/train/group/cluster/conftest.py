"""A cluster, and the launcher with the real client of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.train.group.cluster import api as api_module
from components.train.group.cluster.api import Api, connect
from components.train.group.cluster.launcher import ClusterLauncher
from components.train.group.cluster.settings import Mount, Pods
from components.train.group.cluster.waiting import Timing
from components.train.group.launcher import Member, State
from tests.components.train.group.cluster.server import Cluster

GROUP = "0123456789abcdef"
START_SECONDS = 60.0
FAST = Timing(
    watch_seconds=5,
    retry_seconds=0.1,
    forgive_seconds=0.3,
    result_seconds=5.0,
    image_seconds=0.3,
    events_seconds=0.1,
    gone_seconds=0.6,
    close_seconds=1.0,
    log_seconds=0.05,
    words_seconds=5.0,
)


class Clock:
    """Monotonic seconds, of which a test lets some pass at once.

    Limits of waiting go by it; those of watches, logs and layouts by the real one.
    """

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    made = Cluster()
    (tmp_path / "kubeconfig").write_text(made.kubeconfig())
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    # The client reads the location of the file when it is imported.
    from kubernetes.config import kube_config

    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr(api_module, "TIMEOUT_SECONDS", (2, 2))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def api(cluster: Cluster) -> Api:
    assert cluster.open
    made = connect()
    made._pause = lambda _: None
    return made


@pytest.fixture
def pods() -> Callable[..., Pods]:
    def make(**changes: Any) -> Pods:
        given = {
            "image": "tandem-trainer:0.1.0",
            "mounts": (Mount("tandem", "/tandem"),),
            "start_seconds": START_SECONDS,
        }
        return Pods(**{**given, **changes})

    return make


@pytest.fixture
def members(tmp_path: Path) -> list[Member]:
    return [
        Member(index, f"/tandem/g/replica-{index}/spec.json", "", tmp_path / "logs" / f"replica-{index}.log")
        for index in range(3)
    ]


@pytest.fixture
def launch(
    api: Api, pods: Callable[..., Pods], members: list[Member], clock: Clock
) -> Iterator[Callable[..., ClusterLauncher]]:
    made: list[ClusterLauncher] = []

    def start(
        restarts: int = 2, begin: bool = True, timing: Timing = FAST, **changes: Any
    ) -> ClusterLauncher:
        launcher = ClusterLauncher(api, pods(**changes), GROUP, restarts, members, timing, clock)
        made.append(launcher)
        for member in members if begin else ():
            launcher.start(member)
        return launcher

    yield start
    for launcher in made:
        launcher._view.close()
        launcher._logs.close(0)


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What a condition gives once it holds."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def comes(launcher: ClusterLauncher, member: Member, kind: str, seconds: float = 30.0) -> State:
    """The state of a replica once it is of the kind."""
    seen: list[State] = []

    def look() -> State | None:
        seen.append(launcher.state(member))
        return seen[-1] if seen[-1].kind == kind else None

    try:
        return until(look, seconds)
    except AssertionError:
        raise AssertionError(f"expected {kind}, was {seen[-1]}") from None
