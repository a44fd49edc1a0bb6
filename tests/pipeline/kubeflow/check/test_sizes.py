"""Files, workflows and arguments that are too large are refused at the thing that is."""

from __future__ import annotations

import json
from typing import Any

from pipeline.kubeflow.check import check_documents
from pipeline.kubeflow.check.sizes import MOST_ARGUMENT_BYTES, workflow_bytes
from pipeline.kubeflow.check.tree import File
from tests.pipeline.kubeflow.check.files import changed, documents, found, only

CODE = "KFP-038"
INGEST = "components tfx-dag dag tasks ingest inputs parameters"


def test_a_large_file_is_refused() -> None:
    assert check_documents(documents(), 999_999) == []
    assert (
        "a file below 1,000,000" in only(check_documents(documents(), 1_000_000), CODE, "document").expected
    )


def test_a_constant_counts_for_the_arguments_that_carry_it() -> None:
    path = f"{INGEST} plan runtimeValue constant"
    assert found((path, "x" * 120_000)) == []
    problems = found((path, "x" * 132_000))
    assert {problem.code for problem in problems} == {CODE}
    ingest = "components.tfx-dag.dag.tasks.ingest"
    assert {ingest, f"{ingest}.inputs"} <= {problem.place for problem in problems}


def test_many_constants_together_are_one_argument() -> None:
    names = [f"p{number}" for number in range(4)]
    edits: list[tuple[str, Any]] = [
        (f"components ingest inputDefinitions parameters {name}", {"parameterType": "STRING"})
        for name in names
    ]
    edits += [(f"{INGEST} {name}", {"runtimeValue": {"constant": "x" * 33_000}}) for name in names]
    result = changed(*edits)
    container = result[0]["deploymentSpec"]["executors"]["ingest_executor"]["container"]
    container["args"][13] = json.dumps(result[0]["components"]["ingest"]["inputDefinitions"])
    problems = check_documents(result)
    assert {problem.code for problem in problems} == {CODE}
    assert "tasks.ingest.inputs" in "".join(problem.place for problem in problems)


def test_an_argument_has_its_own_limit() -> None:
    path = "deploymentSpec executors train_executor container args 14"
    assert found((path, "--x=" + "y" * 100_000)) == []
    problems = found((path, "--x=" + "y" * MOST_ARGUMENT_BYTES))
    assert {problem.code for problem in problems} == {CODE}


def test_the_workflow_has_a_limit_below_that_of_the_file() -> None:
    quoted = '"' * 50_000
    edits = [
        (f"components c{number}", {"dag": {"tasks": {"a": {"taskInfo": {"name": quoted}}}}})
        for number in range(9)
    ]
    result = changed(*edits)
    assert len(json.dumps(result).encode()) < 1_000_000
    assert workflow_bytes(File(*result)) > 1_048_576
    assert any("workflow" in problem.expected for problem in check_documents(result))
