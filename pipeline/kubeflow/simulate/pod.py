"""The pod of an attempt: a directory that stands for its file system, and its environment."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from google.protobuf import struct_pb2
from kfp.kubernetes import kubernetes_executor_config_pb2 as k8s
from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from components.train.group.cluster.settings import VARIABLE as GROUP_PODS
from trainer.errors import TandemError
from trainer.faults import point
from trainer.storage import write_atomic

VARIABLE = "TANDEM_POD_MOUNTS"
# Scratch volumes that `compiler/argocompiler/container.go` mounts in every pod.
SCRATCH = ("/gcs", "/s3", "/minio")
# Paths of the launcher below /tmp; the rest of /tmp is reached by TMPDIR.
_TMP = "/tmp"
_TEMPORARY = (f"{_TMP}/kfp_outputs", f"{_TMP}/kfp")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """What a pod finds in its namespace.

    Args:
        volumes: directories that claims without one of their own are made in.
        claims: directory by name of a persistent volume claim.
        secrets: values by name of a secret and key.
        config_maps: values by name of a config map and key.
        namespace: the namespace.
    """

    volumes: Path
    claims: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    namespace: str = "kubeflow"


@dataclasses.dataclass(frozen=True)
class Pod:
    """A pod.

    Args:
        name: of the pod.
        directory: its file system.
        mounts: host directory by path in the pod.
        environment: variables of the container, without those of the host.
        shared_memory: size of `/dev/shm`; empty for the usual one.
    """

    name: str
    directory: Path
    mounts: Mapping[str, Path]
    environment: Mapping[str, str]
    shared_memory: str = ""

    @property
    def temporary(self) -> Path:
        """`/tmp` of the pod."""
        return self.directory / "tmp"

    def host(self, path: str) -> str:
        """Where a path of the pod really is; unchanged if it is of the image."""
        for mount in sorted(self.mounts, key=len, reverse=True):
            if path == mount or path.startswith(mount + "/"):
                return f"{self.mounts[mount]}{path[len(mount) :]}"
        return path

    def create(self) -> None:
        """Makes the directories; what an earlier simulation left is removed."""
        point("simulate.create_pod", self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        for path, place in self.mounts.items():
            # The launcher does not make the directory of the output file.
            if path not in _TEMPORARY:
                place.mkdir(parents=True, exist_ok=True)

    def remove(self) -> None:
        """Removes the directory."""
        point("simulate.remove_pod", self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)

    def variables(self) -> dict[str, str]:
        """The environment of a process of this host that stands for the container."""
        mounts = {path: str(place) for path, place in self.mounts.items()}
        own = {VARIABLE: json.dumps(mounts), "TMPDIR": str(self.temporary)}
        given = {name: self._placed(value) for name, value in self.environment.items()}
        return {**os.environ, **given, **own}

    def _placed(self, value: str) -> str:
        placed = self.host(value)
        if placed == value and (value == _TMP or value.startswith(f"{_TMP}/")):
            return f"{self.temporary}{value.removeprefix(_TMP)}"
        return placed


def open_log(log: Path) -> BinaryIO:
    """Opens the log file of a task for more lines."""
    point("simulate.log")
    return log.open("ab")


def _name(parameter: ps.TaskInputsSpec.InputParameterSpec, plain: str, given: ps.ExecutorInput) -> str:
    """Name of an object: a constant, a parameter of the task, or the older plain field."""
    kind = parameter.WhichOneof("kind")
    if kind == "runtime_value":
        return parameter.runtime_value.constant.string_value
    if kind == "component_input_parameter":
        unset = struct_pb2.Value()
        return given.inputs.parameter_values.get(parameter.component_input_parameter, unset).string_value
    return plain


def claims_of(settings: k8s.KubernetesExecutorConfig, given: ps.ExecutorInput) -> dict[str, str]:
    """Name of the persistent volume claim by mount path."""
    return {
        mount.mount_path.rstrip("/"): _name(mount.pvc_name_parameter, mount.constant, given)
        for mount in settings.pvc_mount
    }


def _looked_up(kind: str, objects: Mapping[str, Mapping[str, str]], name: str, key: str) -> str:
    try:
        return objects[name][key]
    except KeyError:
        option = {"secret": "--secret", "config map": "--config-map"}[kind]
        raise TandemError(
            "KFP-204",
            f"Expected the {kind} of the tasks. Received: none for key {key} of {name}",
            f"Give it: `tandem simulate ... {option} {name}.{key}=VALUE`.",
            exit_status=2,
        ) from None


def _environment(
    settings: k8s.KubernetesExecutorConfig,
    container: ps.PipelineDeploymentConfig.PipelineContainerSpec,
    cluster: Cluster,
    given: ps.ExecutorInput,
    pod: str,
) -> dict[str, str]:
    # There is no cluster to make pods in: the replicas of a group are processes of the step's.
    variables = {one.name: one.value for one in container.env if one.name != GROUP_PODS}
    for secret in settings.secret_as_env:
        name = _name(secret.secret_name_parameter, secret.secret_name, given)
        for pair in secret.key_to_env:
            if not secret.optional or pair.secret_key in cluster.secrets.get(name, {}):
                variables[pair.env_var] = _looked_up("secret", cluster.secrets, name, pair.secret_key)
    for config_map in settings.config_map_as_env:
        name = _name(config_map.config_map_name_parameter, config_map.config_map_name, given)
        for entry in config_map.key_to_env:
            if not config_map.optional or entry.config_map_key in cluster.config_maps.get(name, {}):
                variables[entry.env_var] = _looked_up(
                    "config map", cluster.config_maps, name, entry.config_map_key
                )
    fields = {
        "metadata.name": pod,
        "metadata.namespace": cluster.namespace,
        "metadata.uid": str(uuid.uuid5(uuid.NAMESPACE_DNS, pod)),
        "spec.nodeName": "localhost",
        "spec.serviceAccountName": "pipeline-runner",
        "status.hostIP": "127.0.0.1",
        "status.podIP": "127.0.0.1",
    }
    fields |= {f"metadata.labels['{key}']": value for key, value in settings.pod_metadata.labels.items()}
    fields |= {
        f"metadata.annotations['{key}']": value for key, value in settings.pod_metadata.annotations.items()
    }
    for reference in settings.field_path_as_env:
        variables[reference.name] = fields.get(reference.field_path, "")
    return variables | {"KFP_POD_NAME": pod, "KFP_POD_UID": fields["metadata.uid"]}


def make(
    name: str,
    directory: Path,
    settings: k8s.KubernetesExecutorConfig,
    container: ps.PipelineDeploymentConfig.PipelineContainerSpec,
    given: ps.ExecutorInput,
    cluster: Cluster,
) -> Pod:
    """The pod of a container task; its directories are made by `create`.

    Raises:
        TandemError: `KFP-204` if a secret or config map of the task was not given.
    """
    mounts = {path: directory / path.lstrip("/") for path in (*SCRATCH, *_TEMPORARY)}
    for path, claim in claims_of(settings, given).items():
        mounts[path] = cluster.claims.get(claim, cluster.volumes / claim)
    for empty in settings.empty_dir_mounts:
        mounts[empty.mount_path.rstrip("/")] = directory / "volumes" / empty.volume_name
    for secret in settings.secret_as_volume:
        secret_name = _name(secret.secret_name_parameter, secret.secret_name, given)
        if not secret.optional and secret_name not in cluster.secrets:
            _looked_up("secret", cluster.secrets, secret_name, "KEY")
        mounts[secret.mount_path.rstrip("/")] = directory / "volumes" / secret_name
    environment = _environment(settings, container, cluster, given, name)
    return Pod(name, directory, mounts, environment, settings.enabled_shared_memory.size)


def write_secrets(
    pod: Pod, settings: k8s.KubernetesExecutorConfig, given: ps.ExecutorInput, cluster: Cluster
) -> None:
    """Writes the files of secrets that are mounted."""
    for secret in settings.secret_as_volume:
        name = _name(secret.secret_name_parameter, secret.secret_name, given)
        for key, value in cluster.secrets.get(name, {}).items():
            write_atomic(Path(pod.host(secret.mount_path.rstrip("/"))) / key, value)
