"""References, order, inputs, values, types and the exit handler: each rule with the place it names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipeline.kubeflow.check.files import GONE, documents, found, only

TASKS = "components tfx-dag dag tasks"
IN_ROOT = "root dag tasks"
DOTTED = "components.tfx-dag.dag.tasks"
EXAMPLES = documents()[0]["components"]["ingest"]["outputDefinitions"]["artifacts"]["examples"]
ROWS = f"{TASKS} train inputs parameters rows"
CASES: list[tuple[str, str, Any, str, str, str]] = [
    # Names
    ("KFP-025", "pipelineInfo name", "tandem_small", "pipelineInfo.name", "lower case", ""),
    ("KFP-025", "pipelineInfo name", "a" * 129, "pipelineInfo.name", "128", ""),
    (
        "KFP-025",
        "components system-x",
        {"executorLabel": "train_executor"},
        "components.system-x",
        "backend",
        "",
    ),
    ("KFP-025", "components root", {"executorLabel": "train_executor"}, "components.root", "backend", ""),
    ("KFP-025", f"{TASKS} a_b", {}, f"{DOTTED}.a_b", "letters, digits and `-`", ""),
    ("KFP-025", f"{TASKS} {'t' * 57}", {}, f"{DOTTED}.{'t' * 57}", "at most 56", ""),
    ("KFP-025", f"{TASKS} train-driver", {}, f"{DOTTED}.train-driver", "driver of `train`", ""),
    ("KFP-025", f"{TASKS} train taskInfo name", "fit", f"{DOTTED}.train.taskInfo.name", "`train`", ""),
    (
        "KFP-025",
        "components train outputDefinitions artifacts executor-logs",
        EXAMPLES,
        "executor-logs",
        "driver",
        "",
    ),
    # References
    ("KFP-026", "schemaVersion", "2.0.0", "schemaVersion", "2.1.0", ""),
    ("KFP-026", f"{TASKS} train componentRef name", "trian", "componentRef.name", "component", "train"),
    (
        "KFP-026",
        "components train executorLabel",
        "train_executr",
        "executorLabel",
        "executor",
        "train_executor",
    ),
    (
        "KFP-026",
        "components spare",
        {"executorLabel": "train_executor"},
        "components.spare",
        "a task runs",
        "",
    ),
    (
        "KFP-026",
        "deploymentSpec executors spare",
        {"container": {}},
        "executors.spare",
        "a component names",
        "",
    ),
    (
        "KFP-026",
        f"{TASKS} train componentRef name",
        "tfx-dag",
        "components.tfx-dag",
        "does not hold itself",
        "",
    ),
    # Order
    (
        "KFP-027",
        f"{TASKS} train dependentTasks 0",
        "ingst",
        "dependentTasks.0",
        "task of `tfx-dag`",
        "ingest",
    ),
    (
        "KFP-027",
        f"{TASKS} train dependentTasks",
        ["ingest", "ingest", "schema", "statistics"],
        "1",
        "once",
        "",
    ),
    (
        "KFP-027",
        f"{TASKS} train dependentTasks",
        ["schema", "statistics"],
        "rows.taskOutputParameter.producerTask",
        "`ingest` among",
        "",
    ),
    ("KFP-027", f"{TASKS} ingest dependentTasks", ["train"], "dependentTasks", "themselves", ""),
    ("KFP-027", f"{TASKS} ingest dependentTasks", ["ingest"], "dependentTasks", "themselves", ""),
    # Inputs
    (
        "KFP-028",
        f"{TASKS} train inputs artifacts examples",
        GONE,
        "train.inputs.artifacts.examples",
        "a source",
        "",
    ),
    (
        "KFP-028",
        f"{TASKS} train inputs parameters rows",
        GONE,
        "train.inputs.parameters.rows",
        "a source",
        "",
    ),
    (
        "KFP-028",
        f"{TASKS} train inputs parameters row",
        {"runtimeValue": {"constant": 1}},
        "parameters.row",
        "declares",
        "rows",
    ),
    (
        "KFP-028",
        f"{ROWS} taskOutputParameter producerTask",
        "ingest_task",
        "producerTask",
        "a task of",
        "ingest",
    ),
    (
        "KFP-028",
        f"{ROWS} taskOutputParameter outputParameterKey",
        "row",
        "outputParameterKey",
        "puts out",
        "rows",
    ),
    (
        "KFP-028",
        f"{ROWS}",
        {"runtimeValue": {"runtimeParameter": "x"}},
        "runtimeParameter",
        "componentInput",
        "",
    ),
    (
        "KFP-028",
        f"{TASKS} ingest inputs parameters span componentInputParameter",
        "spam",
        "componentInputParameter",
        "itself",
        "span",
    ),
    (
        "KFP-028",
        f"{IN_ROOT} tfx-dag inputs",
        GONE,
        "root.dag.tasks.tfx-dag.inputs.parameters.span",
        "a source",
        "",
    ),
    (
        "KFP-028",
        "components tfx-dag inputDefinitions",
        GONE,
        "ingest.inputs.parameters.span.componentInputParameter",
        "itself",
        "",
    ),
    (
        "KFP-028",
        "root inputDefinitions parameters spare",
        {"parameterType": "STRING", "defaultValue": ""},
        "spare",
        "a task reads",
        "",
    ),
    (
        "KFP-028",
        "components ingest outputDefinitions artifacts examples artifactType instanceSchema",
        "title: tfx.Exampled\ntype: object\n",
        "train.inputs.artifacts.examples.taskOutputArtifact",
        "tfx.Examples",
        "",
    ),
    (
        "KFP-028",
        "components ingest outputDefinitions parameters rows parameterType",
        "STRING",
        "rows.taskOutputParameter",
        "NUMBER_INTEGER",
        "",
    ),
    # Values
    (
        "KFP-029",
        "root inputDefinitions parameters span defaultValue",
        GONE,
        "span.defaultValue",
        "a default",
        "",
    ),
    ("KFP-029", "root inputDefinitions parameters span defaultValue", 3, "span.defaultValue", "a text", ""),
    (
        "KFP-029",
        "root inputDefinitions artifacts a",
        EXAMPLES,
        "root.inputDefinitions.artifacts.a",
        "no artifacts",
        "",
    ),
    (
        "KFP-029",
        f"{TASKS} ingest inputs parameters output_data_format runtimeValue constant",
        6.5,
        "constant",
        "whole",
        "",
    ),
    (
        "KFP-029",
        f"{TASKS} ingest inputs parameters output_data_format runtimeValue constant",
        True,
        "constant",
        "whole",
        "",
    ),
    (
        "KFP-029",
        f"{TASKS} ingest inputs parameters output_data_format runtimeValue constant",
        2**53 + 2,
        "constant",
        "53",
        "",
    ),
    (
        "KFP-029",
        f"{TASKS} ingest inputs parameters strict runtimeValue constant",
        1.0,
        "constant",
        "true or false",
        "",
    ),
    (
        "KFP-029",
        f"{TASKS} ingest inputs parameters plan runtimeValue constant",
        {"a": 1},
        "constant",
        "a text",
        "",
    ),
    # Types
    (
        "KFP-030",
        "components train outputDefinitions artifacts report artifactType schemaTitle",
        "system.HTLM",
        "schemaTitle",
        "backend",
        "system.HTML",
    ),
    (
        "KFP-030",
        "components train outputDefinitions artifacts report artifactType schemaVersion",
        GONE,
        "schemaVersion",
        "0.0.1",
        "",
    ),
    (
        "KFP-030",
        "components train outputDefinitions artifacts model artifactType instanceSchema",
        "tfx.Model",
        "instanceSchema",
        "title",
        "",
    ),
    (
        "KFP-030",
        "components train outputDefinitions artifacts model artifactType instanceSchema",
        "title: Model\ntype: object",
        "instanceSchema",
        "title",
        "",
    ),
    # Exit handler
    ("KFP-031", f"{IN_ROOT} finish triggerPolicy", GONE, "triggerPolicy.strategy", "reads the status", ""),
    (
        "KFP-031",
        f"{IN_ROOT} finish dependentTasks",
        GONE,
        "root.dag.tasks.finish.dependentTasks",
        "one task",
        "",
    ),
    (
        "KFP-031",
        f"{IN_ROOT} finish inputs parameters status taskFinalStatus producerTask",
        "finish",
        "producerTask",
        "waits for",
        "",
    ),
    (
        "KFP-031",
        f"{IN_ROOT} finish inputs parameters status",
        GONE,
        "finish.inputs.parameters.status",
        "taskFinalStatus",
        "",
    ),
    (
        "KFP-031",
        "components finish inputDefinitions parameters status parameterType",
        "NUMBER_DOUBLE",
        "taskFinalStatus",
        "TASK_FINAL_STATUS",
        "",
    ),
    ("KFP-031", f"{IN_ROOT} finish triggerPolicy condition", "1 == 1", "condition", "no condition", ""),
    (
        "KFP-031",
        f"{IN_ROOT} tfx-dag dependentTasks",
        ["finish"],
        "tfx-dag.dependentTasks.0",
        "no exit handler",
        "",
    ),
    (
        "KFP-031",
        f"{TASKS} train triggerPolicy",
        {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
        "train.inputs",
        "whatever failed",
        "",
    ),
]


@pytest.mark.parametrize(("code", "path", "value", "place", "expected", "nearest"), CASES)
def test_a_broken_rule_is_named_with_its_place(
    code: str, path: str, value: Any, place: str, expected: str, nearest: str
) -> None:
    problems = [
        problem
        for problem in found((path, value))
        if problem.code == code and problem.place.endswith(place) and expected in problem.expected
    ]
    assert problems, [problem.text() for problem in found((path, value))]
    assert problems[0].nearest == (nearest or None)


def test_two_exit_handlers_of_one_task_are_refused() -> None:
    second = {**documents()[0]["root"]["dag"]["tasks"]["finish"], "taskInfo": {"name": "more"}}
    assert "keeps only the last" in only(found((f"{IN_ROOT} more", second)), "KFP-031", "tasks.more").expected


def test_an_exit_handler_of_a_container_is_refused() -> None:
    handler = {**documents()[0]["root"]["dag"]["tasks"]["finish"], "dependentTasks": ["train"]}
    problems = found((f"{TASKS} finish", handler))
    assert (
        "when its driver fails"
        in only(problems, "KFP-031", "tfx-dag.dag.tasks.finish.dependentTasks").expected
    )
