"""The section `kubeflow`: where and how a compiled pipeline runs and repeats."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pipeline.config.base import Section, Text


def _as_quantity(value: Any) -> Any:
    """Text of a plain number: `4`, `0.5`."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}" if plain and abs(value) < 1e6 else value


Quantity = Annotated[
    str, BeforeValidator(_as_quantity), Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$")
]
Label = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
LabelKey = Annotated[
    str,
    Field(pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"),
]
LabelValue = Annotated[Text, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")]
Plain = Annotated[Text, Field(pattern=r"^([^{]|\{[^{])*\{?$")]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
SecretKey = Annotated[str, Field(pattern=r"^[-._A-Za-z0-9]{1,253}$")]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
MountPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$")]
Image = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][A-Za-z0-9._/:-]*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$"),
]
Step = Literal[
    "begin",
    "ingest",
    "statistics",
    "schema",
    "validator",
    "check",
    "transform",
    "train",
    "baseline",
    "score",
    "evaluate",
    "gate",
    "push",
    "release",
    "serve",
    "report",
    "finish",
]


class Accelerator(Section):
    """Accelerators of a pod."""

    type: str = Field(
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
        description="Resource name, for example `google.com/tpu` or `nvidia.com/gpu`.",
    )
    count: int = Field(default=1, ge=1, description="How many.")


class Toleration(Section):
    """A taint that a pod tolerates."""

    key: LabelKey | Literal[""] = Field(
        default="", description="Key of the taint; empty for all, with `Exists`."
    )
    operator: Literal["Exists", "Equal"] = Field(default="Exists", description="How it is compared.")
    value: LabelValue = Field(default="", description="Value of the taint, with `Equal`.")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        default="", description="Effect of the taint; empty for all."
    )


class Volume(Section):
    """A persistent volume claim and where it is mounted in every step."""

    claim: Label = Field(description="Name of the claim.")
    path: MountPath = Field(description="Where it is mounted.")


class State(Section):
    """The volume of what outlives a run: runs, kept schemas, checkpoints, registry and served models."""

    claim: Label = Field(default="tandem", description="Name of the persistent volume claim.")
    path: MountPath = Field(default="/tandem", description="Where it is mounted; the root of the runs.")


class Secret(Section):
    """A Kubernetes secret of every step; only its name is ever in a file."""

    name: Label = Field(description="Name of the secret.")
    env: dict[EnvironmentName, SecretKey] = Field(
        default={}, description="Key of the secret by environment variable."
    )
    path: MountPath | None = Field(default=None, description="Mount the whole secret as files here.")


class Settings(Section):
    """What the pod of a step gets."""

    image: Image | None = Field(default=None, description="Image in place of `kubeflow.image`.")
    cpu: Quantity | None = Field(default=None, description="Requested CPUs.")
    cpu_limit: Quantity | None = Field(default=None, description="Most CPUs.")
    memory: Quantity | None = Field(default=None, description="Requested memory.")
    memory_limit: Quantity | None = Field(default=None, description="Most memory.")
    accelerator: Accelerator | None = Field(default=None, description="Accelerators.")
    node_selector: dict[LabelKey, LabelValue] = Field(default={}, description="Labels that a node must have.")
    tolerations: list[Toleration] = Field(default=[], description="Tolerated taints.")
    timeout_seconds: int | None = Field(default=None, ge=1, description="Longest time a pod may take.")
    retries: int = Field(default=0, ge=0, le=100, description="How often a failed step is tried again.")
    shared_memory: Quantity | None = Field(default=None, description="Size of `/dev/shm`.")
    env: dict[EnvironmentName, Plain] = Field(default={}, description="Environment variables; no secrets.")
    labels: dict[LabelKey, LabelValue] = Field(default={}, description="Labels of the pod.")
    annotations: dict[LabelKey, Plain] = Field(default={}, description="Annotations of the pod.")


class Slice(Section):
    """A TPU slice of Google Kubernetes Engine: chips, node labels and toleration of a replica's pods."""

    accelerator: LabelValue = Field(description="Kind of the slice, for example `tpu-v6e-slice`.")
    topology: str = Field(
        pattern=r"^[1-9][0-9]{0,3}(x[1-9][0-9]{0,3}){1,2}$",
        description="Chips along each axis, for example `2x2`; at most those of one host.",
    )
    chips: int = Field(default=4, ge=1, le=8, description="Chips of one host.")


class ReplicaPods(Section):
    """Replicas of `train.codistillation` as pods of their own, started and looked after by the train step.

    They see the volumes of `state` and `volumes`, and what they read is copied there.
    """

    kind: Literal["auto", "jobset", "jobs"] = Field(
        default="auto",
        description="`jobset` needs JobSet there, `jobs` are plain Jobs; `auto` takes what is there.",
    )
    pods: Settings = Field(
        default=Settings(),
        description="Settings of the replicas' pods; what is set replaces `defaults`. `timeout_seconds` and "
        "`retries` are those of the train step.",
    )
    tpu: Slice | None = Field(default=None, description="TPU slice of each replica.")
    queue: Label | None = Field(default=None, description="Queue of Kueue in which the replicas wait.")
    service_account: ObjectName = Field(
        default="tandem-pod", description="Service account of the replicas, which never ask the cluster."
    )
    start_seconds: float = Field(
        default=3600.0, gt=0, description="How long a replica may wait for a node or a volume; a queue not."
    )
    keep_seconds: int = Field(
        default=86400, ge=60, description="When the cluster removes a replica that the step could not remove."
    )


class Webhook(Section):
    """Where a message goes when a run ends badly; its URL stands in a secret only."""

    secret: ObjectName = Field(description="Kubernetes secret that holds the URL.")
    key: SecretKey = Field(default="url", description="Key of the URL in the secret.")
    on: list[Literal["failure", "refusal", "missed"]] = Field(
        default=["failure", "refusal", "missed"],
        description="`failure` of a run, `refusal` by the gate, a `missed` start of the schedule.",
    )


class Schedule(Section):
    """Periodic retraining; `tandem schedule create` makes the cluster agree with it."""

    cron: str | None = Field(
        default=None, description="Six fields, seconds first, UTC; five fields start at second 0."
    )
    interval_seconds: int | None = Field(default=None, ge=60, description="Seconds between runs.")
    start: str | None = Field(default=None, description="First moment (ISO 8601, UTC if no zone is given).")
    end: str | None = Field(default=None, description="Last moment (ISO 8601).")
    max_concurrency: int = Field(default=1, ge=1, le=10, description="Most runs at one time.")
    catch_up: bool = Field(default=False, description="Start the runs that a pause left out.")
    enabled: bool = Field(default=True, description="Whether it starts runs.")
    span: str | None = Field(
        default=None,
        description="Span of each run: `[[ScheduledTime.2006-01-02]]` (Go layout, UTC), another macro of the "
        "backend, or a number; the newest when not set.",
    )
    grace_seconds: int = Field(
        default=3600, ge=0, description="A start that is later than this counts as missed."
    )


class Kubeflow(Section):
    """How the pipeline runs on Kubeflow Pipelines v2; nothing here changes a run on one machine."""

    image: Image | None = Field(
        default=None, description="Pipeline image with a tag or digest; needed to compile."
    )
    pipeline_root: str | None = Field(
        default=None,
        pattern=r"^(gs|s3|minio)://[^/\s{}?]+(/[^\s{}?]*)?$",
        description="Where artifacts are stored; the default of the cluster when not set.",
    )
    namespace: ObjectName | None = Field(
        default=None, description="Namespace of the runs; the one of the user when not set."
    )
    experiment: str | None = Field(default=None, description="Experiment; `name` when not set.")
    service_account: ObjectName | None = Field(default=None, description="Service account of the pods.")
    image_pull_secrets: list[ObjectName] = Field(default=[], description="Secrets of the registry.")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="When the image is pulled."
    )
    cache: bool = Field(
        default=True, description="Let the backend reuse outputs of steps that depend on their inputs only."
    )
    state: State = Field(default=State(), description="The volume of what outlives a run.")
    volumes: list[Volume] = Field(default=[], description="Further volumes, for example with the data.")
    secrets: list[Secret] = Field(default=[], description="Secrets of every step.")
    defaults: Settings = Field(default=Settings(), description="Settings of every step.")
    steps: dict[str, Settings] = Field(
        default={}, description="Settings of single steps; what one sets replaces the default."
    )
    codistillation: ReplicaPods | None = Field(
        default=None,
        description="Replicas of `train.codistillation` as pods; null: as processes of the train step's pod.",
    )
    webhook: Webhook | None = Field(default=None, description="Messages about runs that end badly.")
    schedule: Schedule | None = Field(default=None, description="Periodic retraining.")
