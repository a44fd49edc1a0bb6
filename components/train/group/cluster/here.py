"""Whether replicas are pods: the step's environment says so."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from components.train.group.cluster.errors import unusable
from components.train.group.cluster.settings import VARIABLE, Pods
from components.train.group.launcher import Launcher, Member


def settings_here() -> Pods | None:
    """The settings of the pods, from the environment variable `TANDEM_GROUP_PODS`; none where it is not set.

    Raises:
        TandemError: `GROUP-020` if they cannot be used.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise unusable(f"{VARIABLE}={text[:200]}") from error
    return Pods.read(content)


def launcher_here(group: str, restarts: int, members: Sequence[Member]) -> Launcher | None:
    """The launcher of the cluster that this step runs in; none where replicas are processes.

    A group of the same name that is there already, since the step was started anew, is taken over.

    Args:
        group: name of the group.
        restarts: int, at least 0. How often the cluster may make a failed pod of a replica anew.
        members: all replicas.

    Raises:
        TandemError: `GROUP-020` to `GROUP-030`, when the cluster cannot be used.
    """
    pods = settings_here()
    if pods is None:
        return None
    from components.train.group.cluster.api import connect
    from components.train.group.cluster.launcher import ClusterLauncher

    return ClusterLauncher(connect(), pods, group, restarts, members)
