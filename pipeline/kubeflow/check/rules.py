"""Fields that a compiled file must have, and fields that the backend ignores or does not run.

Keys are messages of `pipeline_spec.proto` and `kubernetes_executor_config.proto`; fields as in JSON.
"""

from __future__ import annotations

UNSUPPORTED = "KFP-024"

_COMPONENT = "ml_pipelines.ComponentSpec"
_CONTAINER = "ml_pipelines.PipelineDeploymentConfig.PipelineContainerSpec"
_EXECUTOR = "ml_pipelines.PipelineDeploymentConfig.ExecutorSpec"
_TASK = "ml_pipelines.PipelineTaskSpec"
_INPUTS = "ml_pipelines.TaskInputsSpec"
_K8S = "kfp_kubernetes."

# A name of a `oneof` stands for one of its fields.
REQUIRED: dict[str, tuple[str, ...]] = {
    "ml_pipelines.PipelineSpec": (
        "pipelineInfo",
        "deploymentSpec",
        "components",
        "root",
        "schemaVersion",
        "sdkVersion",
    ),
    "ml_pipelines.PipelineInfo": ("name",),
    "ml_pipelines.PipelineDeploymentConfig": ("executors",),
    _COMPONENT: ("implementation",),
    "ml_pipelines.DagSpec": ("tasks",),
    _TASK: ("taskInfo", "componentRef"),
    "ml_pipelines.PipelineTaskInfo": ("name",),
    "ml_pipelines.ComponentRef": ("name",),
    f"{_TASK}.RetryPolicy": ("maxRetryCount",),
    f"{_INPUTS}.InputArtifactSpec": ("kind",),
    f"{_INPUTS}.InputArtifactSpec.TaskOutputArtifactSpec": ("producerTask", "outputArtifactKey"),
    f"{_INPUTS}.InputParameterSpec": ("kind",),
    f"{_INPUTS}.InputParameterSpec.TaskOutputParameterSpec": ("producerTask", "outputParameterKey"),
    f"{_INPUTS}.InputParameterSpec.TaskFinalStatus": ("producerTask",),
    "ml_pipelines.ValueOrRuntimeParameter": ("value",),
    "ml_pipelines.ComponentInputsSpec.ArtifactSpec": ("artifactType",),
    "ml_pipelines.ComponentInputsSpec.ParameterSpec": ("parameterType",),
    "ml_pipelines.ComponentOutputsSpec.ArtifactSpec": ("artifactType",),
    "ml_pipelines.ComponentOutputsSpec.ParameterSpec": ("parameterType",),
    "ml_pipelines.ArtifactTypeSchema": ("kind",),
    _EXECUTOR: ("spec",),
    _CONTAINER: ("image", "command"),
    f"{_CONTAINER}.EnvVar": ("name",),
    f"{_CONTAINER}.ResourceSpec.AcceleratorConfig": ("resourceType", "resourceCount"),
    "ml_pipelines.PipelineDeploymentConfig.ImporterSpec": ("artifactUri", "typeSchema"),
    "ml_pipelines.PlatformSpec": ("platforms",),
    "ml_pipelines.SinglePlatformSpec": ("deploymentSpec",),
    "ml_pipelines.PlatformDeploymentConfig": ("executors",),
    f"{_K8S}PvcMount": ("mountPath", "pvc_reference", "pvcNameParameter"),
    f"{_K8S}SecretAsVolume": ("secretName", "secretNameParameter", "mountPath"),
    f"{_K8S}SecretAsEnv": ("secretName", "secretNameParameter", "keyToEnv"),
    f"{_K8S}SecretAsEnv.SecretKeyToEnvMap": ("secretKey", "envVar"),
    f"{_K8S}ConfigMapAsVolume": ("configMapName", "configMapNameParameter", "mountPath"),
    f"{_K8S}ConfigMapAsEnv": ("configMapName", "configMapNameParameter", "keyToEnv"),
    f"{_K8S}ConfigMapAsEnv.ConfigMapKeyToEnvMap": ("configMapKey", "envVar"),
    f"{_K8S}ImagePullSecret": ("secretName", "secretNameParameter"),
    f"{_K8S}FieldPathAsEnv": ("name", "fieldPath"),
    f"{_K8S}Toleration": ("operator",),
    f"{_K8S}EmptyDirMount": ("volumeName", "mountPath"),
    f"{_K8S}GenericEphemeralVolume": ("volumeName", "mountPath", "accessModes", "size"),
}

_OLD = "schema 2.1.0, which types parameters by `parameterType` and gives values as `constant`"
_NEW = "a field that backends from 2.5 on know; upload to an older one fails"
_ITERATOR = "no loops: the simulator and the entrypoint run every task once"
_JSON = "values written out; only names may come as parameters"

FORBIDDEN: dict[tuple[str, str], str] = {
    (_EXECUTOR, "resolver"): "a container: the backend runs no resolver, so creating a run fails",
    (_EXECUTOR, "customJob"): "a container: custom jobs are of Vertex AI only",
    (
        _CONTAINER,
        "lifecycle",
    ): "no lifecycle hook: the backend never runs it, so the driver must be in the container",
    (_TASK, "artifactIterator"): _ITERATOR,
    (_TASK, "parameterIterator"): _ITERATOR,
    (_TASK, "iteratorPolicy"): _ITERATOR,
    (f"{_TASK}.CachingOptions", "cacheKey"): _NEW,
    (_COMPONENT, "singlePlatformSpecs"): "platform settings in document 2: the backend ignores them here",
    (_COMPONENT, "taskConfigPassthroughs"): _NEW,
    ("ml_pipelines.DagSpec", "outputs"): "no outputs of a sub-DAG: no task reads them",
    ("ml_pipelines.ComponentInputsSpec.ArtifactSpec", "isArtifactList"): "single artifacts",
    ("ml_pipelines.ComponentOutputsSpec.ArtifactSpec", "isArtifactList"): "single artifacts",
    ("ml_pipelines.ComponentInputsSpec.ParameterSpec", "type"): _OLD,
    ("ml_pipelines.ComponentInputsSpec.ParameterSpec", "literals"): _NEW,
    ("ml_pipelines.ComponentOutputsSpec.ParameterSpec", "type"): _OLD,
    ("ml_pipelines.ComponentOutputsSpec.ArtifactSpec", "properties"): _OLD,
    ("ml_pipelines.ComponentOutputsSpec.ArtifactSpec", "customProperties"): _OLD,
    ("ml_pipelines.TaskInputsSpec.InputParameterSpec", "parameterExpressionSelector"): "whole values",
    ("ml_pipelines.ValueOrRuntimeParameter", "constantValue"): _OLD,
    (
        "ml_pipelines.ArtifactTypeSchema",
        "schemaUri",
    ): "`schemaTitle` or `instanceSchema`: the launcher takes no other",
    ("ml_pipelines.PipelineDeploymentConfig.ImporterSpec", "properties"): _OLD,
    ("ml_pipelines.PipelineDeploymentConfig.ImporterSpec", "customProperties"): _OLD,
    ("ml_pipelines.PipelineDeploymentConfig.ImporterSpec", "downloadToWorkspace"): _NEW,
    ("ml_pipelines.SinglePlatformSpec", "platform"): "nothing here: the key names the platform",
    ("ml_pipelines.SinglePlatformSpec", "config"): "settings of executors: the backend reads no other here",
    (f"{_K8S}KubernetesExecutorConfig", "enabledSharedMemory"): (
        "`emptyDirMounts` with `medium: Memory` at `/dev/shm`: the driver never reads this field"
    ),
    (f"{_K8S}KubernetesExecutorConfig", "podAffinity"): "node settings: the driver never reads this field",
    (f"{_K8S}NodeSelector", "nodeSelectorJson"): _JSON,
    (f"{_K8S}Toleration", "tolerationJson"): _JSON,
    (f"{_K8S}NodeAffinityTerm", "nodeAffinityJson"): _JSON,
    (f"{_K8S}PvcMount", "taskOutputParameter"): "the name of a claim",
    (f"{_K8S}PvcMount", "componentInputParameter"): "the name of a claim",
}
