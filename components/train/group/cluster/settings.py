"""What the pods of a group get: the section `kubeflow.codistillation`, as the launcher is told of it."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any, Literal

from components.train.group.cluster.errors import unusable
from trainer.errors import TandemError
from trainer.spec import Record

VARIABLE = "TANDEM_GROUP_PODS"
"""Environment variable that holds the settings as JSON; without it replicas are processes of this machine."""

TPU = "google.com/tpu"


@dataclasses.dataclass(frozen=True)
class Mount(Record):
    """A persistent volume claim that every replica sees.

    Args:
        claim: name of the claim.
        path: where it is mounted, in the launcher's pod and in those of the replicas alike.
    """

    claim: str
    path: str


@dataclasses.dataclass(frozen=True)
class Secret(Record):
    """A Kubernetes secret of every replica, such as the key of an object store.

    Args:
        name: its name.
        env: key of the secret by environment variable. Defaults to none.
        path: where all of it is mounted as files. Defaults to `None`, nowhere.
    """

    name: str
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    path: str | None = None


@dataclasses.dataclass(frozen=True)
class Tpu(Record):
    """The TPU slice of a replica, in the words of Google Kubernetes Engine.

    Args:
        accelerator: kind of the slice, for example `tpu-v6e-slice`.
        topology: chips along each axis, for example `2x2`.
        chips: int, at least 1. Chips of one host. Defaults to `4`.
    """

    accelerator: str
    topology: str
    chips: int = 4

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[1-9][0-9]*(x[1-9][0-9]*){1,2}", self.topology):
            raise unusable(f"topology={self.topology!r}, where `2x2` or `2x2x1` is meant")
        if self.chips < 1 or (self.count > self.chips and self.count % self.chips):
            raise unusable(f"topology={self.topology!r} with chips={self.chips!r} of each host")

    @property
    def count(self) -> int:
        """Chips of the slice."""
        return math.prod(int(part) for part in self.topology.split("x"))

    @property
    def hosts(self) -> int:
        """Pods of the slice.

        Example:
            >>> Tpu("tpu-v6e-slice", "4x4").hosts, Tpu("tpu-v6e-slice", "1x1", chips=1).hosts
            (4, 1)
        """
        return max(1, self.count // self.chips)

    @property
    def chips_of_pod(self) -> int:
        """Chips of each pod; a slice may be smaller than a host."""
        return min(self.chips, self.count)


@dataclasses.dataclass(frozen=True)
class Pods(Record):
    """The pods of the replicas.

    Args:
        image: image that holds `python -m trainer`.
        kind: `jobset`, `jobs` for plain Jobs, or `auto` for a JobSet where that is installed and plain Jobs
            elsewhere. Defaults to `"auto"`.
        mounts: volumes of every pod; one of them holds the group's directory. Defaults to none.
        secrets: secrets of every pod. Defaults to none.
        requests: requested amount by resource. Defaults to none.
        limits: most by resource, accelerators among them. Defaults to none.
        tpu: slice of each replica. Defaults to `None`.
        node_selector: labels that a node must have. Defaults to none.
        tolerations: tolerated taints, in the words of Kubernetes. Defaults to none.
        env: environment variables. Defaults to none.
        labels: labels of the pods. Defaults to none.
        annotations: annotations of the pods. Defaults to none.
        shared_memory: size of `/dev/shm`. Defaults to `None`, what the cluster gives.
        queue: queue of Kueue in which the group waits. Defaults to `None`.
        service_account: account of the pods, which never speak to the cluster. Defaults to `None`.
        image_pull_secrets: secrets of the registry. Defaults to none.
        image_pull_policy: when the image is pulled. Defaults to `"IfNotPresent"`.
        start_seconds: float above 0. How long a pod may wait for a node, an image or a volume. Defaults to
            `3600.0`.
        keep_seconds: int, at least 60. After so long the cluster removes a replica that has ended, when the
            launcher could not. Defaults to `86400`.
    """

    image: str
    kind: Literal["auto", "jobset", "jobs"] = "auto"
    mounts: tuple[Mount, ...] = ()
    secrets: tuple[Secret, ...] = ()
    requests: dict[str, str] = dataclasses.field(default_factory=dict)
    limits: dict[str, str] = dataclasses.field(default_factory=dict)
    tpu: Tpu | None = None
    node_selector: dict[str, str] = dataclasses.field(default_factory=dict)
    tolerations: tuple[dict[str, str], ...] = ()
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    annotations: dict[str, str] = dataclasses.field(default_factory=dict)
    shared_memory: str | None = None
    queue: str | None = None
    service_account: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    start_seconds: float = 3600.0
    keep_seconds: int = 86400

    def __post_init__(self) -> None:
        if not self.image:
            raise unusable(f"image={self.image!r}")
        if not 0 < self.start_seconds < float("inf"):
            raise unusable(f"start_seconds={self.start_seconds!r}")
        if self.keep_seconds < 60:
            raise unusable(f"keep_seconds={self.keep_seconds!r}, where the launcher needs 60 to read the end")

    @property
    def hosts(self) -> int:
        """Pods of each replica."""
        return self.tpu.hosts if self.tpu else 1

    @classmethod
    def read(cls, content: Any) -> Pods:
        """Reads the value of `TANDEM_GROUP_PODS`.

        Raises:
            TandemError: `GROUP-020` if it cannot be understood.
        """
        try:
            return cls.from_json(content)
        except TandemError as error:
            raise unusable(error.message) from error
        except (TypeError, ValueError, AttributeError) as error:
            raise unusable(f"{content!r} ({error})"[:500]) from error
