"""What is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.kubeflow.simulate import Options, simulate
from tests.pipeline.kubeflow.simulate.conftest import shell, states
from trainer.errors import TandemError


def refused(run, pipeline, code: str, **options: object) -> str:
    """The message of a refusal."""
    with pytest.raises(TandemError) as caught:
        run(pipeline, **options)
    assert caught.value.code == code
    assert caught.value.exit_status == 2
    return str(caught.value)


def change(pipeline, path: str, value: object) -> None:
    """Sets a value within the pipeline."""
    *keys, last = path.split("/")
    place = {"tasks": pipeline.root["dag"]["tasks"], "executors": pipeline.executors}
    for key in keys:
        place = place[key]
    place[last] = value


@pytest.mark.parametrize(
    ("path", "value", "received"),
    [
        ("tasks/b/dependentTasks", ["c"], "c"),
        ("tasks/a/dependentTasks", ["b"], "a, b"),
        ("tasks/a/componentRef", {"name": "comp-x"}, "comp-x"),
        ("tasks/a/unknown", 1, "unknown"),
        ("tasks/a/parameterIterator", {"itemInput": "x", "items": {"raw": "[1]"}}, "iterator"),
        ("executors/a_executor", {"resolver": {}}, "a_executor"),
        ("executors/a_executor", {"container": {"image": "i"}}, "ENTRYPOINT"),
    ],
)
def test_a_file_that_cannot_be_run_is_refused_with_the_place(pipeline, run, path, value, received) -> None:
    pipeline.task("a", shell("true"))
    pipeline.task("b", shell("true"), after=("a",))
    change(pipeline, path, value)
    assert received in refused(run, pipeline, "KFP-201")


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "pipelineInfo: 3", "a: 1\n---\nb: 1\n---\nc: 1", "\x00"])
def test_what_is_no_pipeline_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(TandemError, match="KFP-201"):
        simulate(file, Options(root=tmp_path / "root"))
    with pytest.raises(TandemError, match="KFP-201"):
        simulate(tmp_path / "none.yaml", Options(root=tmp_path / "root"))
    assert not (tmp_path / "root").exists()


def test_parameters_are_those_of_the_pipeline(pipeline, run) -> None:
    pipeline.task("a", shell("true"))
    assert "none" in refused(run, pipeline, "KFP-202", parameters={"x": "1"})
    pipeline.inputs(
        n={"parameterType": "NUMBER_INTEGER"}, s={"parameterType": "STRING", "defaultValue": ""},
        o={"parameterType": "STRING", "isOptional": True},
    )  # fmt: skip
    assert "n, o, s" in refused(run, pipeline, "KFP-202")
    assert "NUMBER_INTEGER" in refused(run, pipeline, "KFP-202", parameters={"n": "many"})
    assert run(pipeline, parameters={"n": "3"}).exit_status == 0


def test_secrets_and_places_must_exist(pipeline, run, tmp_path) -> None:
    secret = {"secretAsEnv": [{"secretName": "web", "keyToEnv": [{"secretKey": "url", "envVar": "U"}]}]}
    pipeline.task("a", shell("true"), kubernetes=secret)
    assert "--secret web.url=VALUE" in refused(run, pipeline, "KFP-204")
    pipeline.platform["a_executor"]["secretAsEnv"][0]["optional"] = True
    assert run(pipeline).exit_status == 0
    assert "hdfs" in refused(run, pipeline, "KFP-203", pipeline_root="hdfs://a/b")
    assert "claim" in refused(run, pipeline, "KFP-203", volumes={"data": tmp_path / "none"})
    assert "claim of this pipeline" in refused(run, pipeline, "KFP-203", volumes={"unknown": tmp_path})


def test_a_command_that_this_machine_does_not_have_fails_its_task(pipeline, run) -> None:
    pipeline.task("a", {"image": "i", "command": ["no-such-command-anywhere"]})
    task = run(pipeline).tasks[0]
    assert "KFP-216" in task.error
    assert "--container" in task.error


@pytest.mark.parametrize(("uri", "state"), [("gs://data/rows.csv", "ran"), ("https://x/y", "failed")])
def test_an_importer_takes_what_the_backend_can_read(pipeline, run, tmp_path, uri, state) -> None:
    place = tmp_path / "root/objects/gs/data/rows.csv"
    place.parent.mkdir(parents=True)
    place.write_text("a,b")
    pipeline.task("get", shell("true"), makes=("result",))
    schema = {"schemaTitle": "system.Dataset"}
    pipeline.executors["get_executor"] = {
        "importer": {"artifactUri": {"constant": uri}, "typeSchema": schema}
    }
    pipeline.task(
        "use", shell('grep a "$0"', "{{$.inputs.artifacts['data'].path}}"), takes={"data": "get.result"}
    )
    expected = "ran" if state == "ran" else "skipped"
    assert states(run(pipeline)) == {"get": state, "use": expected}


def test_a_file_without_platform_document_runs(pipeline, tmp_path) -> None:
    pipeline.task("a", shell("true"))
    file = pipeline.write(tmp_path / "p.yaml")
    file.write_text(yaml.safe_dump(next(iter(yaml.safe_load_all(file.read_text())))))
    assert simulate(file, Options(root=tmp_path / "root")).exit_status == 0
