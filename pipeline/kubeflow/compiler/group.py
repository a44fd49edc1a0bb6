"""What the train step is told of a group's replicas: variables, as no key of a checkpoint may hold them."""

from __future__ import annotations

import json
from typing import Any

from components.train.group import settings as launch
from components.train.group.cluster import settings as pods
from pipeline import kernels, plan
from pipeline.config import Config
from pipeline.config.kubeflow import Settings

Json = dict[str, Any]


def variables(config: Config, environment: Json, settings: Settings) -> dict[str, str]:
    """Variables of the train step's container; none without a group.

    Args:
        config: the config.
        environment: variables of every pod.
        settings: those of the replicas' pods, with the defaults in.
    """
    told = plan.launch(config)
    if told is None:
        return {}
    found = {launch.VARIABLE: _text(told)}
    if config.kubeflow.codistillation is not None:
        found[pods.VARIABLE] = _text(_pods(config, environment, settings))
    return found


def _pods(config: Config, environment: Json, settings: Settings) -> Json:
    section, own = config.kubeflow, config.kubeflow.codistillation
    assert own is not None
    requests = {"cpu": settings.cpu, "memory": settings.memory}
    limits = {"cpu": settings.cpu_limit, "memory": settings.memory_limit}
    if settings.accelerator is not None:
        limits[settings.accelerator.type] = str(settings.accelerator.count)
    taints = [taint.model_dump() for taint in settings.tolerations]
    mounts = [(section.state.claim, section.state.path)]
    mounts += [(volume.claim, volume.path) for volume in section.volumes]
    return {
        "image": settings.image or section.image,
        "kind": own.kind,
        "mounts": [{"claim": claim, "path": path} for claim, path in mounts],
        "secrets": [one.model_dump() for one in section.secrets],
        "requests": _given(requests),
        "limits": _given(limits),
        "tpu": own.tpu.model_dump() if own.tpu is not None else None,
        "node_selector": settings.node_selector,
        "tolerations": [_given(taint) for taint in taints],
        "env": environment | kernels.environment(config) | settings.env,
        "labels": settings.labels,
        "annotations": settings.annotations,
        "shared_memory": settings.shared_memory,
        "queue": own.queue,
        "service_account": own.service_account,
        "image_pull_secrets": section.image_pull_secrets,
        "image_pull_policy": section.image_pull_policy,
        "start_seconds": own.start_seconds,
        "keep_seconds": own.keep_seconds,
    }


def _given(values: Json) -> Json:
    return {name: value for name, value in values.items() if value not in (None, "")}


def _text(value: Json) -> str:
    """JSON without a dollar sign: Kubernetes reads `$(NAME)` in the value of a variable as a reference."""
    return json.dumps(value, sort_keys=True).replace("$", "\\u0024")
