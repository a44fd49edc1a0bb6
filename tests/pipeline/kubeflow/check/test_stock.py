"""What TFX's own compiler writes is refused, each break at its place; the files are TFX 1.21's."""

from __future__ import annotations

import functools

import pytest

from pipeline.kubeflow.check import Problem, check
from tests.pipeline.kubeflow.check.files import STOCK

ENTRYPOINT = ("KFP-032", "deploymentSpec.executors.statistics_executor.container.command.2", "TFX's own")
HOOK = ("KFP-024", "deploymentSpec.executors.ingest_executor.container.lifecycle", "never runs it")
BREAKS = {
    "1 schema version 2.0.0": ("schema_2_0.yaml", "KFP-026", "schemaVersion", "2.1.0"),
    "1 old parameter types": (
        "schema_2_0.yaml",
        "KFP-024",
        "components.ingest.inputDefinitions.parameters.input_base.type",
        "parameterType",
    ),
    "2 a PipelineJob": ("pipeline.json", "KFP-022", "pipelineSpec", "no PipelineJob"),
    "3 a resolver": (
        "resolver.yaml",
        "KFP-024",
        "deploymentSpec.executors.latest_model-model-resolver_executor.resolver",
        "no resolver",
    ),
    "4, 5 the stock entrypoint": ("plain.yaml", *ENTRYPOINT),
    "6 the driver hook": ("plain.yaml", *HOOK),
    "8 no default": (
        "runtime_parameter.yaml",
        "KFP-029",
        "root.inputDefinitions.parameters.data.defaultValue",
        "refused",
    ),
    "9 parameters not handed on": (
        "exit_handler.yaml",
        "KFP-028",
        "components.tfx-dag.dag.tasks.ingest.inputs.parameters.input_base.componentInputParameter",
        "`tfx-dag` itself",
    ),
    "11 producer NAME_task": (
        "dynamic_property.yaml",
        "KFP-028",
        "root.dag.tasks.Use.inputs.parameters.n.taskOutputParameter.producerTask",
        "Did you mean `Num`?",
    ),
    "12 an address elsewhere": (
        "importer.yaml",
        "KFP-034",
        "deploymentSpec.executors.schema_executor.importer.artifactUri.constant",
        "gs://, s3:// or minio://",
    ),
    "15 an underscore in a name": (
        "resolver.yaml",
        "KFP-025",
        "components.latest_model-model-resolver",
        "digits",
    ),
    "16, 18 no settings of pods": (
        "plain.yaml",
        "KFP-022",
        "document 1: the whole document",
        "two documents",
    ),
}


@functools.cache
def _problems(name: str) -> list[Problem]:
    return check((STOCK / name).read_text())


@pytest.mark.parametrize("case", BREAKS)
def test_a_break_is_refused_at_its_place(case: str) -> None:
    name, code, place, words = BREAKS[case]
    fitting = [problem for problem in _problems(name) if (problem.code, problem.place) == (code, place)]
    assert [words in problem.text() for problem in fitting] == [True]


def test_every_stock_file_is_in_the_table() -> None:
    assert {row[0] for row in BREAKS.values()} == {file.name for file in STOCK.iterdir()}
