"""Settings of pods: in the pipeline specification, and in the document of the Kubernetes platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline import kernels
from pipeline.config import Config
from pipeline.config.kubeflow import Settings
from pipeline.kubeflow.compiler import group
from pipeline.kubeflow.compiler.passes import containers, tasks
from pipeline.kubeflow.webhook import URL_VARIABLE

Json = dict[str, Any]

# Each attempt would point a live service at the release again, and take it back again.
_ONCE = frozenset({"serve"})
# Root file systems may be read-only.
_ENVIRONMENT = {"HOME": "/tmp", "TMPDIR": "/tmp", "TF_CPP_MIN_LOG_LEVEL": "2"}


def _own(config: Config, step: str) -> set[str]:
    own = config.kubeflow.steps.get(step)
    return own.model_fields_set if own else set()


def settings_of(config: Config, step: str) -> Settings:
    """The settings of a step: what it sets itself replaces the default, mappings are joined.

    Args:
        config: the config.
        step: name of the step.
    """
    return _joined(config.kubeflow.defaults, config.kubeflow.steps.get(step))


def settings_of_replicas(config: Config) -> Settings:
    """The settings of the pods of a group's replicas, likewise."""
    section = config.kubeflow.codistillation
    return _joined(config.kubeflow.defaults, section.pods if section is not None else None)


def _joined(default: Settings, own: Settings | None) -> Settings:
    if own is None:
        return default
    values = {name: getattr(default, name) for name in Settings.model_fields}
    for name in own.model_fields_set:
        value = getattr(own, name)
        values[name] = {**values[name], **value} if isinstance(value, Mapping) else value
    return Settings(**values)


def apply(spec: Json, config: Config) -> None:
    """Sets image, environment, resources and retries, which the pipeline specification itself has.

    Args:
        spec: the pipeline, changed in place.
        config: the config.
    """
    for label, container in containers(spec):
        step = label.removesuffix("_executor")
        settings = settings_of(config, step)
        container["image"] = settings.image or config.kubeflow.image
        # With the kernels of `tandem run` a model has the bits of one trained by it.
        variables = _ENVIRONMENT | kernels.environment(config) | settings.env
        if step == "train":
            variables |= group.variables(config, _ENVIRONMENT, settings_of_replicas(config))
        container["env"] = [{"name": name, "value": value} for name, value in sorted(variables.items())]
        resources = _resources(settings)
        if resources:
            container["resources"] = resources
    for name, task in tasks(spec):
        retries = settings_of(config, name).retries
        if name in _ONCE and "retries" not in _own(config, name):
            retries = 0
        if retries and name != "tfx-dag":
            task["retryPolicy"] = {
                "maxRetryCount": retries,
                "backoffDuration": "30s",
                "backoffFactor": 2.0,
                # No cap on a pause: the backend starts no attempt later than this after the first.
                "backoffMaxDuration": "31536000s",
            }


def _resources(settings: Settings) -> Json:
    found: Json = {}
    for name, value in (
        ("resourceCpuRequest", settings.cpu),
        ("resourceCpuLimit", settings.cpu_limit),
        ("resourceMemoryRequest", settings.memory),
        ("resourceMemoryLimit", settings.memory_limit),
    ):
        if value is not None:
            found[name] = value
    if settings.accelerator is not None:
        found["accelerator"] = {
            "resourceType": settings.accelerator.type,
            "resourceCount": str(settings.accelerator.count),
        }
    return found


def platform(spec: Json, config: Config) -> Json:
    """The second document: volumes, secrets, node selectors, tolerations, timeouts and the like.

    Backends up to 2.4 read `secretName` and `constant`, later ones the parameters beside them: both are set.

    Args:
        spec: the pipeline, for its executor labels.
        config: the config.
    """
    executors = {
        label: json_format.MessageToDict(_executor(config, label.removesuffix("_executor")))
        for label, _ in containers(spec)
    }
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _executor(config: Config, step: str) -> kubernetes.KubernetesExecutorConfig:
    section, settings = config.kubeflow, settings_of(config, step)
    result = kubernetes.KubernetesExecutorConfig(image_pull_policy=section.image_pull_policy)
    volumes = [(section.state.claim, section.state.path)]
    volumes += [(volume.claim, volume.path) for volume in section.volumes]
    for claim, path in volumes:
        result.pvc_mount.add(mount_path=path, constant=claim, pvc_name_parameter=_constant(claim))
    for secret in section.secrets:
        if secret.env:
            _secret_as_env(result, secret.name, secret.env)
        if secret.path is not None:
            result.secret_as_volume.add(
                secret_name=secret.name,
                mount_path=secret.path,
                secret_name_parameter=_constant(secret.name),
            )
    if step == "finish" and section.webhook is not None:
        # A pod whose secret is absent never starts, and its run never ends.
        _secret_as_env(result, section.webhook.secret, {URL_VARIABLE: section.webhook.key}, optional=True)
    for name in section.image_pull_secrets:
        result.image_pull_secret.add(secret_name=name, secret_name_parameter=_constant(name))
    result.node_selector.labels.update(settings.node_selector)
    for taint in settings.tolerations:
        result.tolerations.add(key=taint.key, operator=taint.operator, value=taint.value, effect=taint.effect)
    if settings.timeout_seconds is not None:
        result.active_deadline_seconds = settings.timeout_seconds
    if settings.shared_memory is not None:
        # The field made for this, `enabledSharedMemory`, is read by no backend.
        result.empty_dir_mounts.add(
            volume_name="shared-memory",
            mount_path="/dev/shm",
            medium="Memory",
            size_limit=settings.shared_memory,
        )
    result.pod_metadata.labels.update({"tandem/part-of": "tandem", **settings.labels})
    result.pod_metadata.annotations.update(settings.annotations)
    return result


def _constant(value: str) -> pipeline_spec_pb2.TaskInputsSpec.InputParameterSpec:
    result = pipeline_spec_pb2.TaskInputsSpec.InputParameterSpec()
    result.runtime_value.constant.string_value = value
    return result


def _secret_as_env(
    result: kubernetes.KubernetesExecutorConfig, name: str, keys: Mapping[str, str], optional: bool = False
) -> None:
    entry = result.secret_as_env.add(secret_name=name, secret_name_parameter=_constant(name))
    if optional:
        entry.optional = True
    for variable, key in sorted(keys.items()):
        entry.key_to_env.add(secret_key=key, env_var=variable)
