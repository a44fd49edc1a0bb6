"""Fields that the protocol does not have, or has in another form, are refused where they stand."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.kubeflow.check import check_documents
from tests.pipeline.kubeflow.check.files import GONE, changed, documents, found, only

CODE, UNSUPPORTED = "KFP-023", "KFP-024"
TRAIN = "deploymentSpec executors train_executor container"
POD = "platforms kubernetes deploymentSpec executors train_executor"


def test_an_unknown_field_is_refused_with_the_nearest_known_one() -> None:
    problem = only(found((f"{TRAIN} comand", ["x"])), CODE, "train_executor.container.comand")
    assert problem.nearest == "command"
    problem = only(found((f"{POD} nodeSelectors", {}), number=2), CODE, "train_executor.nodeSelectors")
    assert (problem.nearest, problem.document) == ("nodeSelector", 2)


def test_the_other_spelling_of_a_field_is_unknown() -> None:
    problem = only(found(("schema_version", "2.1.0")), CODE, "schema_version")
    assert problem.nearest == "schemaVersion"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("schemaVersion", 2.1, "a text"),
        ("components", [], "a mapping"),
        ("components ingest", "x", "a mapping"),
        (f"{TRAIN} args", "x", "a list"),
        (f"{TRAIN} args 0", 1, "a text"),
        (f"{TRAIN} args", [], "at least one entry"),
        ("components train inputDefinitions artifacts", {}, "at least one entry"),
        ("components finish inputDefinitions parameters status isOptional", "true", "true or false"),
        ("components tfx-dag dag tasks train retryPolicy maxRetryCount", "2", "32 bits"),
        ("components tfx-dag dag tasks train retryPolicy maxRetryCount", True, "32 bits"),
        ("components tfx-dag dag tasks train retryPolicy maxRetryCount", 2**31, "32 bits"),
        ("components tfx-dag dag tasks train retryPolicy backoffFactor", float("nan"), "finite"),
        ("components tfx-dag dag tasks train retryPolicy backoffDuration", "30", "seconds"),
        ("components ingest inputDefinitions parameters span parameterType", "STRIN", "one of"),
        ("components ingest inputDefinitions parameters span parameterType", 3, "one of"),
        (
            "components tfx-dag dag tasks ingest inputs parameters limits runtimeValue constant",
            {"a": None},
            "null",
        ),
    ],
)
def test_a_value_of_another_form_is_refused(path: str, value: Any, expected: str) -> None:
    problems = [problem for problem in found((path, value)) if problem.code == CODE]
    assert [expected in problem.expected for problem in problems] == [True], problems
    assert problems[0].place.startswith(path.replace(" ", "."))


def test_whole_numbers_of_64_bits_are_texts() -> None:
    only(found((f"{POD} activeDeadlineSeconds", 7200), number=2), CODE, "activeDeadlineSeconds")


def test_one_of_several_forms_is_taken_and_one_is_needed() -> None:
    source = "components tfx-dag dag tasks ingest inputs parameters span"
    both = {"componentInputParameter": "span", "runtimeValue": {"constant": ""}}
    assert "one of" in only(found((source, both)), CODE, "ingest.inputs.parameters.span").expected
    assert "one of" in only(found((source, {})), CODE, "ingest.inputs.parameters.span").expected


@pytest.mark.parametrize(
    ("number", "path", "value"),
    [
        (
            1,
            "deploymentSpec executors train_executor",
            {"resolver": {"outputArtifactQueries": {"m": {"limit": 1}}}},
        ),
        (1, "deploymentSpec executors train_executor", {"customJob": {"customJob": {"a": "b"}}}),
        (1, f"{TRAIN} lifecycle", {"preCacheCheck": {"command": ["x"]}}),
        (1, "components tfx-dag dag tasks train parameterIterator", {"itemInput": "x"}),
        (
            1,
            "components tfx-dag dag outputs",
            {"artifacts": {"a": {"artifactSelectors": [{"producerSubtask": "train"}]}}},
        ),
        (
            1,
            "components tfx-dag dag tasks schema inputs parameters uri",
            {"runtimeValue": {"constantValue": {"stringValue": "x"}}},
        ),
        (2, f"{POD} enabledSharedMemory", {"volumeName": "shm", "size": "8Gi"}),
        (2, f"{POD} podAffinity", [{"topologyKey": "zone"}]),
        (2, f"{POD} tolerations 0 tolerationJson", {"componentInputParameter": "x"}),
    ],
)
def test_what_the_backend_ignores_or_cannot_run_is_refused(number: int, path: str, value: Any) -> None:
    problems = [problem for problem in found((path, value), number=number) if problem.code == UNSUPPORTED]
    assert len(problems) == 1
    assert problems[0].document == number


def test_all_problems_come_at_once_and_none_twice() -> None:
    edits = [
        ("shemaVersion", "2.1.0"),
        (f"{TRAIN} image", 7),
        ("pipelineInfo name", "A B"),
        (f"{TRAIN} lifecycle", {}),
    ]
    places = [problem.place for problem in found(*edits)]
    assert {"shemaVersion", "pipelineInfo.name"} <= set(places)
    assert places.count("deploymentSpec.executors.train_executor.container.image") == 1
    assert len(places) == 4


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [[]], {"a": {}}])
def test_no_document_is_too_strange(value: Any) -> None:
    assert check_documents([value, value])
    assert check_documents([value, documents()[1]])
    assert check_documents([documents()[0], value])


def test_a_missing_field_is_named() -> None:
    for path in ("root", "components", "deploymentSpec", "schemaVersion", "pipelineInfo name"):
        problems = check_documents(changed((path, GONE)))
        assert path.replace(" ", ".") in {problem.place for problem in problems}
