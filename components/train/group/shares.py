"""What of this machine each replica gets: environment variables, before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping

_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_DEVICES = "CUDA_VISIBLE_DEVICES"


def cores() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def share(index: int, replicas: int, available: int, given: Mapping[str, str]) -> dict[str, str]:
    """Variables of one replica; what the user has set stays as it is.

    The CPUs are divided, at least one thread for each. GPUs that `CUDA_VISIBLE_DEVICES` lists are dealt out;
    with fewer of them than replicas several share one, and each takes memory as it needs it.

    Args:
        index: int in `[0, replicas)`.
        replicas: int, at least 1.
        available: int, at least 1. CPUs.
        given: variables of the group's process.

    Example:
        >>> share(1, 3, 8, {"CUDA_VISIBLE_DEVICES": "0,1,2,3", "OMP_NUM_THREADS": "1"})["OMP_NUM_THREADS"]
        '1'
        >>> share(1, 3, 8, {})["TF_NUM_INTRAOP_THREADS"]
        '2'
    """
    threads = str(max(1, available // replicas))
    found = dict.fromkeys(_THREADS, threads) | {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    found = {name: given.get(name, value) for name, value in found.items()}
    devices = [device for device in given.get(_DEVICES, "").split(",") if device]
    if len(devices) > 1:
        found[_DEVICES] = ",".join(devices[index::replicas] or [devices[index % len(devices)]])
    return found
