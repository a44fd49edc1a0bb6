"""Containers, placeholders, importers, resources, platform, volumes, conditions: each rule, its place."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipeline.kubeflow.check.files import GONE, documents, found

TASKS = "components tfx-dag dag tasks"
TRAIN = "deploymentSpec executors train_executor container"
POD = "platforms kubernetes deploymentSpec executors train_executor"
ARGUMENTS = documents()[0]["deploymentSpec"]["executors"]["train_executor"]["container"]["args"]
PLAN = f"{TASKS} ingest inputs parameters plan runtimeValue constant"
CLAIM = {"mountPath": "/data", "constant": "data", "pvcNameParameter": {"runtimeValue": {"constant": "data"}}}
PIPELINE: list[tuple[str, str, Any, str, str]] = [
    ("KFP-032", f"{TRAIN} image", "example.com:5000/tandem", "image", "a tag or a digest"),
    ("KFP-032", f"{TRAIN} image", "Example/Tandem:1", "image", "a tag or a digest"),
    ("KFP-032", f"{TRAIN} command", ["python", "-m", "trainer"], "command", "pipeline.kubeflow.entrypoint"),
    ("KFP-032", f"{TRAIN} command", ["sh", "-m", "pipeline.kubeflow.entrypoint"], "command", "python -m"),
    ("KFP-032", f"{TRAIN} args", GONE, "args", "--executor_class_path"),
    ("KFP-032", f"{TRAIN} args", [*ARGUMENTS, "--step"], "args.15", "a value after"),
    ("KFP-032", f"{TRAIN} args", [*ARGUMENTS, "--step", "train"], "args.15", "once"),
    ("KFP-032", f"{TRAIN} args", [*ARGUMENTS, "--runer", "x"], "args.15", "option of the entrypoint"),
    ("KFP-032", f"{TRAIN} args 1", "ingest", "args.1", "`train`"),
    ("KFP-032", f"{TRAIN} args 5", "x", "args.5", "digest"),
    ("KFP-032", f"{TRAIN} args 7", "{}", "args.7", "components.train.outputDefinitions.artifacts"),
    ("KFP-032", f"{TRAIN} args 13", "{", "args.13", "JSON"),
    ("KFP-032", f"{TRAIN} args 11", "{{$.outputs.output_file}}", "args.11", "{{$}}"),
    ("KFP-032", f"{TRAIN} env 0 name", "1HOME", "env.0.name", "variable"),
    ("KFP-032", f"{TRAIN} env 1 name", "HOME", "env.1", "once"),
    (
        "KFP-033",
        f"{TRAIN} args 14",
        "--x={{$.inputs.artifacts['model'].value}}",
        "args.14",
        "`.uri` or `.path`",
    ),
    (
        "KFP-033",
        f"{TRAIN} args 14",
        "--x={{$.inputs.artifacts['model'].uri}}",
        "args.14",
        "component `train`",
    ),
    (
        "KFP-033",
        f"{TRAIN} args 14",
        "--x={{$.outputs.parameters['rows'].output_file}}",
        "args.14",
        "component `train`",
    ),
    ("KFP-033", f"{TRAIN} args 14", "--x={{workflow.name}}", "args.14", "launcher fills in"),
    ("KFP-033", f"{TRAIN} args 14", "--x={{$", "args.14", "ends with"),
    ("KFP-033", f"{TRAIN} env 0 value", "{{$}}", "env.0.value", "without `{{`"),
    ("KFP-033", PLAN, "run {{$.pipeline_job_uuid}}", "plan.runtimeValue.constant", "nothing else"),
    ("KFP-033", PLAN, "{{inputs.parameters.x}}", "plan.runtimeValue.constant", "Argo"),
    (
        "KFP-033",
        "root inputDefinitions parameters span defaultValue",
        "{{$.pipeline_job_uuid}}",
        "defaultValue",
        "Argo",
    ),
    ("KFP-034", "defaultPipelineRoot", "hdfs://x/y", "defaultPipelineRoot", "minio://"),
    ("KFP-034", f"{TASKS} schema inputs parameters uri runtimeValue constant", "/x", "constant", "gs://"),
    (
        "KFP-034",
        "deploymentSpec executors schema_executor importer artifactUri",
        {"constant": "https://x/y"},
        "constant",
        "gs://",
    ),
    (
        "KFP-034",
        "deploymentSpec executors schema_executor importer artifactUri runtimeParameter",
        "url",
        "runtimeParameter",
        "input parameter",
    ),
    (
        "KFP-034",
        "deploymentSpec executors schema_executor importer typeSchema instanceSchema",
        "title: tfx.Model\ntype: object\n",
        "artifactType",
        "importer gives",
    ),
    (
        "KFP-034",
        f"{TASKS} schema triggerPolicy",
        {"condition": "1 == 1"},
        "schema.triggerPolicy.condition",
        "importer",
    ),
    ("KFP-035", f"{TRAIN} resources resourceMemoryLimit", "8GB", "resourceMemoryLimit", "quantity"),
    ("KFP-035", f"{TRAIN} resources resourceMemoryRequest", "9Gi", "resourceMemoryRequest", "limit 8Gi"),
    ("KFP-035", f"{TRAIN} resources cpuLimit", 3.0, "cpuLimit", "resourceCpuLimit"),
    ("KFP-035", f"{TRAIN} resources accelerator resourceCount", "0", "resourceCount", "above 0"),
    ("KFP-035", f"{TRAIN} resources accelerator resourceType", "tpu", "resourceType", "google.com/tpu"),
    ("KFP-035", f"{TASKS} train retryPolicy maxRetryCount", 0, "maxRetryCount", "at least 1"),
    ("KFP-039", f"{TASKS} train triggerPolicy", {"condition": "(1 == 1"}, "condition", "`)` is missing"),
    ("KFP-039", f"{TASKS} train triggerPolicy", {"condition": "1 == 1"}, "condition", "inputs as"),
    (
        "KFP-039",
        f"{TASKS} train triggerPolicy",
        {"condition": "inputs.parameter_values['row'] == 1.0"},
        "condition",
        "component `train`",
    ),
]
PLATFORM: list[tuple[str, str, Any, str, str]] = [
    (
        "KFP-036",
        "platforms vertex",
        {"deploymentSpec": {"executors": {"x": {}}}},
        "platforms.vertex",
        "`kubernetes`",
    ),
    (
        "KFP-036",
        "platforms kubernetes deploymentSpec executors train_excutor",
        {},
        "train_excutor",
        "silently ignored",
    ),
    ("KFP-036", POD, GONE, "executors.train_executor", "the settings"),
    ("KFP-036", f"{POD} imagePullPolicy", "Allways", "imagePullPolicy", "IfNotPresent"),
    ("KFP-036", f"{POD} activeDeadlineSeconds", "0", "activeDeadlineSeconds", "at least 1"),
    ("KFP-036", f"{POD} imagePullSecret 0 secretName", "Registry", "secretName", "DNS subdomain"),
    ("KFP-036", f"{POD} pvcMount 0 constant", "state.claim", "constant", "names the volume"),
    (
        "KFP-036",
        f"{POD} pvcMount 0 pvcNameParameter runtimeValue constant",
        "other",
        "constant",
        "the same as",
    ),
    (
        "KFP-036",
        f"{POD} secretAsVolume 0 secretName",
        "key",
        "secretNameParameter.runtimeValue.constant",
        "the same as",
    ),
    (
        "KFP-036",
        f"{POD} pvcMount 0 pvcNameParameter",
        {"componentInputParameter": "x"},
        "pvcNameParameter",
        "constant",
    ),
    ("KFP-036", f"{POD} nodeSelector labels a/b/c", "x", "labels.a/b/c", "prefix"),
    ("KFP-036", f"{POD} podMetadata labels team", "m l", "labels.team", "value of a label"),
    ("KFP-036", f"{POD} tolerations 0 operator", "Exist", "operator", "`Exists`"),
    ("KFP-036", f"{POD} tolerations 0 value", "x", "value", "no value"),
    ("KFP-036", f"{POD} tolerations 0 effect", "NoSchedul", "effect", "NoSchedule"),
    ("KFP-036", f"{POD} tolerations 0 tolerationSeconds", "5", "tolerationSeconds", "NoExecute"),
    (
        "KFP-036",
        f"{POD} fieldPathAsEnv",
        [{"name": "HOME", "fieldPath": "spec.nodeName"}],
        "fieldPathAsEnv.0",
        "once",
    ),
    (
        "KFP-036",
        f"{POD} imagePullSecret",
        [{"secretName": "r", "secretNameParameter": {"runtimeValue": {"constant": "r"}}}] * 2,
        "imagePullSecret.1",
        "every entry once",
    ),
    ("KFP-037", f"{POD} pvcMount 0 mountPath", "/other", "train_executor.pvcMount", "--state"),
    ("KFP-037", f"{POD} pvcMount 0 mountPath", "/tandem/", "mountPath", "absolute path"),
    ("KFP-037", f"{POD} pvcMount 1", {**CLAIM, "mountPath": "/tandem"}, "pvcMount.1.mountPath", "once"),
    ("KFP-037", f"{POD} pvcMount 1", {**CLAIM, "mountPath": "/gcs/x"}, "pvcMount.1.mountPath", "`/gcs`"),
    ("KFP-037", f"{POD} secretAsVolume 0 secretName", "state", "secretName", "every volume name once"),
    ("KFP-037", f"{POD} emptyDirMounts 0 volumeName", "gcs-scratch", "volumeName", "launcher"),
    ("KFP-037", f"{POD} emptyDirMounts 0 sizeLimit", "8GB", "sizeLimit", "quantity"),
    ("KFP-037", f"{POD} emptyDirMounts 0 medium", "RAM", "medium", "Memory"),
]


@pytest.mark.parametrize(
    ("number", "case"), [(1, case) for case in PIPELINE] + [(2, case) for case in PLATFORM], ids=str
)
def test_a_broken_rule_is_named_with_its_place(number: int, case: tuple[str, str, Any, str, str]) -> None:
    code, path, value, place, expected = case
    if path.endswith("pvcMount 1"):
        settings = documents()[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["train_executor"]
        value, path = [*settings["pvcMount"], value], path[:-2]
    problems = found((path, value), number=number)
    fitting = [
        problem
        for problem in problems
        if problem.code == code and problem.place.endswith(place) and expected in problem.text()
    ]
    assert fitting, [problem.text() for problem in problems]
    assert {problem.document for problem in fitting} == {number}


@pytest.mark.parametrize(
    ("number", "path", "value"),
    [
        (1, f"{TRAIN} image", "localhost:5000/a/b@sha256:" + "0" * 64),
        (1, f"{TRAIN} image", "tandem:local"),
        (1, f"{TRAIN} command", ["/venv/bin/python3.11", "-u", "-m", "pipeline.kubeflow.entrypoint"]),
        (
            1,
            f"{TRAIN} args 14",
            "--x={{$.inputs.artifacts['examples'].uri}}/{{$.outputs.artifacts['model'].path}}",
        ),
        (1, PLAN, "{{$.pipeline_job_name}}"),
        (1, PLAN, "{}}}"),
        (1, f"{TRAIN} resources memoryLimit", 8.589934592),
        (
            1,
            f"{TASKS} train triggerPolicy",
            {"condition": "!(inputs.parameter_values['rows'] > 1.0) && true"},
        ),
        (2, f"{POD} tolerations 0", {"operator": "Exists"}),
        (2, f"{POD} secretAsVolume 0 optional", True),
    ],
)
def test_what_the_backend_takes_is_taken(number: int, path: str, value: Any) -> None:
    assert found((path, value), number=number) == []
