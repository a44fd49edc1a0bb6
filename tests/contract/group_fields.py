"""Fields of a group of replicas: those that change the training, and those that change no key at all."""

from __future__ import annotations

BEFORE = ("train.codistillation={}",)

FIELDS = {
    "Codistillation.replicas": "train.codistillation.replicas=9",
    "Codistillation.weight": "train.codistillation.weight=0.3",
    "Codistillation.burn_in": "train.codistillation.burn_in=0.3",
    "Codistillation.ramp": "train.codistillation.ramp=0.3",
    "Codistillation.exchange_every_steps": "train.codistillation.exchange_every_steps=9",
    "Codistillation.max_staleness_steps": "train.codistillation.max_staleness_steps=999",
    "Codistillation.shared_data": "train.codistillation.shared_data=0.3",
    "Codistillation.transfer": "train.codistillation.transfer=bfloat16",
}

LAUNCH = {
    "Launch.directory": "train.codistillation.launch.directory=/shared/groups",
    "Launch.restarts": "train.codistillation.launch.restarts=9",
    "Launch.stall_seconds": "train.codistillation.launch.stall_seconds=9",
    "Launch.patience": "train.codistillation.launch.patience=9",
}

# Where the replicas run on a cluster.
PODS = {
    "ReplicaPods.kind": "kubeflow.codistillation={kind: jobs}",
    "ReplicaPods.queue": "kubeflow.codistillation={queue: tandem}",
    "ReplicaPods.service_account": "kubeflow.codistillation={service_account: other}",
    "ReplicaPods.start_seconds": "kubeflow.codistillation={start_seconds: 60}",
    "ReplicaPods.keep_seconds": "kubeflow.codistillation={keep_seconds: 60}",
    "Slice.accelerator": "kubeflow.codistillation={tpu: {accelerator: a, topology: 2x2}}",
    "Slice.topology": "kubeflow.codistillation={tpu: {accelerator: a, topology: 1x1}}",
    "Slice.chips": "kubeflow.codistillation={tpu: {accelerator: a, topology: 2x4, chips: 8}}",
}
