"""What TFX compiles and the open-source backend refuses: stock output has each break, ours has none."""

import copy
import json
from pathlib import Path
from typing import Any

from tfx import v1 as tfx  # isort: skip  # prepares the modules that others import
import pytest
from kfp.kubernetes import kubernetes_executor_config_pb2
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.decorators import FinalStatusStr, exit_handler
from tfx.types.experimental import simple_artifacts

from pipeline.config import parse
from pipeline.kubeflow.check import check
from pipeline.kubeflow.compiler import passes, settings
from pipeline.kubeflow.compiler.compile import compile_pipeline, to_text
from trainer.errors import TandemError

Json = dict[str, Any]
IMAGE = "registry/tandem:1"
ROOT = "minio://mlpipeline/v2/artifacts"


@tfx.dsl.components.component
def make_number(number: tfx.dsl.components.OutputArtifact[tfx.types.standard_artifacts.Integer]) -> None:
    """Writes a number."""
    number.value = 7


@tfx.dsl.components.component
def use_number(given: tfx.dsl.components.Parameter[int]) -> None:
    """Takes a number."""
    del given


@tfx.dsl.components.component
def use_text(given: tfx.dsl.components.Parameter[str]) -> None:
    """Takes a text."""
    del given


@exit_handler
def last(status: tfx.dsl.components.Parameter[str]) -> None:
    """Takes the final status."""
    del status


def pipeline(*nodes: Any) -> tfx.dsl.Pipeline:
    return tfx.dsl.Pipeline(pipeline_name="tandem-try", pipeline_root=ROOT, components=list(nodes))


def runner(**more: Any) -> Any:
    config = tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(default_image=IMAGE, **more)
    return tfx.orchestration.experimental.KubeflowV2DagRunner(config=config)


def stock(made: tfx.dsl.Pipeline, finish: Any = None) -> Json:
    """What TFX alone compiles, in its newest schema."""
    runs = runner(use_pipeline_spec_2_1=True)
    if finish is not None:
        runs.set_exit_handler(finish)
    spec: Json = runs.run(made, write_out=False)["pipelineSpec"]
    return spec


def ours(made: tfx.dsl.Pipeline, finish: Any = None, **more: Any) -> Json:
    return compile_pipeline(made, finish, image=IMAGE, **more)


def problems(spec: Json) -> str:
    """All that the strict checker says of a specification."""
    executors = {label: {"imagePullPolicy": "Always"} for label, _ in passes.containers(spec)}
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
    return "\n".join(map(str, check(to_text(spec, platform))))


def examples() -> Any:
    return tfx.components.CsvExampleGen(input_base="/data").with_id("examples")


def test_1_the_schema_version() -> None:
    spec = runner().run(pipeline(examples()), write_out=False)["pipelineSpec"]
    assert spec["schemaVersion"] == "2.0.0"
    assert "schemaVersion" in problems(spec) or "2.1.0" in problems(spec)
    assert ours(pipeline(examples()))["schemaVersion"] == "2.1.0"


def test_2_the_file_is_a_specification_and_no_job(tmp_path: Path) -> None:
    tfx.orchestration.experimental.KubeflowV2DagRunner(
        config=tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(
            default_image=IMAGE, use_pipeline_spec_2_1=True
        ),
        output_dir=str(tmp_path),
        output_filename="pipeline.json",
    ).run(pipeline(examples()))
    job = (tmp_path / "pipeline.json").read_text()
    assert "pipelineSpec" in json.loads(job)
    assert check(job)
    assert {"pipelineInfo", "root", "components"} <= ours(pipeline(examples())).keys()


def test_3_resolvers_are_refused_with_what_to_do_instead() -> None:
    made = pipeline(
        Resolver(
            strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
            model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
            model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
        ).with_id("latest-blessed")
    )
    assert any("resolver" in executor for executor in stock(made)["deploymentSpec"]["executors"].values())
    assert "resolver" in problems(stock(made))
    with pytest.raises(TandemError, match=r"KFP-051.*baseline"):
        ours(made)


def test_6_the_driver_hook_that_nobody_calls_is_gone() -> None:
    made = pipeline(examples())
    container = stock(made)["deploymentSpec"]["executors"]["examples_executor"]["container"]
    assert "lifecycle" in container
    assert "lifecycle" in problems(stock(made))
    assert "lifecycle" not in ours(made)["deploymentSpec"]["executors"]["examples_executor"]["container"]


def test_7_steps_that_read_more_than_their_inputs_are_not_cached() -> None:
    statistics = tfx.components.StatisticsGen(examples=(data := examples()).outputs["examples"])
    made = tfx.dsl.Pipeline(
        pipeline_name="tandem-try",
        pipeline_root=ROOT,
        components=[data, statistics.with_id("statistics")],
        enable_cache=True,
    )
    assert stock(made)["root"]["dag"]["tasks"]["examples"]["cachingOptions"] == {"enableCache": True}
    tasks = ours(made, never_cached={"examples"})["root"]["dag"]["tasks"]
    assert tasks["examples"]["cachingOptions"] == {}
    assert tasks["statistics"]["cachingOptions"] == {"enableCache": True}
    assert ours(made, cache=False)["root"]["dag"]["tasks"]["statistics"]["cachingOptions"] == {}


def test_8_parameters_of_a_run_have_defaults() -> None:
    def made() -> Any:
        return pipeline(use_text(given=RuntimeParameter("day", str)).with_id("uses"))

    spec = stock(made())
    assert "defaultValue" not in spec["root"]["inputDefinitions"]["parameters"]["day"]
    assert "day" in problems(spec)
    mended = ours(made(), defaults={"day": "monday"})
    assert mended["root"]["inputDefinitions"]["parameters"]["day"]["defaultValue"] == "monday"
    assert problems(mended) == ""


def test_9_an_exit_handler_leaves_parameters_within_reach() -> None:
    def made() -> tuple[Any, Any]:
        uses = use_text(given=RuntimeParameter("day", str)).with_id("uses")
        return pipeline(uses), last(status=FinalStatusStr()).with_id("last")

    spec = stock(*made())
    assert "inputDefinitions" not in spec["components"]["tfx-dag"]
    assert "day" in problems(spec)
    mended = ours(*made())
    assert mended["components"]["tfx-dag"]["inputDefinitions"]["parameters"] == {
        "day": {"parameterType": "STRING"}
    }
    assert mended["root"]["dag"]["tasks"]["tfx-dag"]["inputs"]["parameters"] == {
        "day": {"componentInputParameter": "day"}
    }
    status = mended["components"]["last"]["inputDefinitions"]["parameters"]["status"]
    assert status["parameterType"] == "TASK_FINAL_STATUS"
    assert problems(mended) == ""


def test_11_a_value_of_another_step_names_that_step_and_its_type() -> None:
    def made() -> Any:
        makes = make_number().with_id("makes")
        return pipeline(makes, use_number(given=makes.outputs["number"].future()[0].value).with_id("uses"))

    spec = stock(made())
    source = spec["root"]["dag"]["tasks"]["uses"]["inputs"]["parameters"]["given"]["taskOutputParameter"]
    assert source["producerTask"] == "makes_task"
    assert "makes_task" in problems(spec)
    assert spec["components"]["uses"]["inputDefinitions"]["parameters"]["given"]["parameterType"] == "STRING"
    mended = ours(made())
    source = mended["root"]["dag"]["tasks"]["uses"]["inputs"]["parameters"]["given"]["taskOutputParameter"]
    assert source["producerTask"] == "makes"
    kind = mended["components"]["uses"]["inputDefinitions"]["parameters"]["given"]["parameterType"]
    assert kind == "NUMBER_INTEGER"
    assert problems(mended) == ""


def test_12_an_importer_goes_through_and_its_address_is_checked() -> None:
    def made(uri: str) -> Json:
        importer = Importer(source_uri=uri, artifact_type=simple_artifacts.File, reimport=True)
        return ours(pipeline(importer.with_id("given"), make_number().with_id("makes")))

    assert problems(made("s3://bucket/rows")) == ""
    assert "file:///rows" in problems(made("file:///rows"))


def test_15_names_that_argo_does_not_take_are_refused_with_their_place() -> None:
    made = pipeline(make_number().with_id("my_number"))
    assert "my_number" in stock(made)["root"]["dag"]["tasks"]
    assert "my_number" in problems(ours(made))


def test_16_and_18_every_step_gets_its_resources_and_environment() -> None:
    made = pipeline(
        examples(), Importer(source_uri="gs://b/x", artifact_type=simple_artifacts.File).with_id("x")
    )
    container = stock(made)["deploymentSpec"]["executors"]["examples_executor"]["container"]
    assert "env" not in container
    assert "resources" not in container
    config = parse(CONFIG)
    spec = ours(made)
    settings.apply(spec, config)
    container = spec["deploymentSpec"]["executors"]["examples_executor"]["container"]
    assert {"name": "TF_NUM_INTRAOP_THREADS", "value": "2"} in container["env"]
    assert container["resources"]["resourceCpuLimit"] == "4"
    assert container["resources"]["accelerator"] == {"resourceType": "google.com/tpu", "resourceCount": "4"}
    document = settings.platform(spec, config)
    executors = document["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == {"examples_executor"}
    assert executors["examples_executor"]["nodeSelector"]["labels"] == {"pool": "tpu"}
    assert kubernetes_executor_config_pb2.KubernetesExecutorConfig.DESCRIPTOR.fields_by_name["pvc_mount"]
    assert [str(problem) for problem in check(to_text(spec, document))] == []


def test_19_a_module_file_is_refused_before_anything_is_packed() -> None:
    statistics = tfx.components.StatisticsGen(examples=(data := examples()).outputs["examples"])
    schema = tfx.components.SchemaGen(statistics=statistics.outputs["statistics"])
    made = tfx.components.Transform(
        examples=data.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn="transforms.tabular.preprocessing_fn",
    )
    spec = stock(pipeline(data, statistics, schema, made))
    spec["root"]["dag"]["tasks"]["Transform"]["inputs"]["parameters"]["module_file"] = {
        "runtimeValue": {"constant": "gs://bucket/module.py"}
    }
    broken = copy.deepcopy(spec)
    with pytest.raises(TandemError, match=r"KFP-052.*Transform"):
        passes.refuse_module_files(broken)


def test_20_an_infra_validator_is_refused_with_what_does_its_work() -> None:
    def made() -> Any:
        kind = tfx.types.standard_artifacts.Model
        given = Importer(source_uri="gs://b/m", artifact_type=kind).with_id("given")
        model = given.outputs["result"]
        return pipeline(
            given, tfx.components.InfraValidator(model=model, serving_spec=tfx.proto.ServingSpec())
        )

    with pytest.raises(NotImplementedError):
        stock(made())
    with pytest.raises(TandemError, match=r"KFP-053.*gate"):
        ours(made())


CONFIG = """
name: small
task: binary
label: {column: answer, classes: ['no', 'yes']}
data: {path: data.csv}
features: {size: {kind: numeric}}
gate: {rules: [{metric: log_loss, better_than: prior}]}
kubeflow:
  image: registry/tandem:1
  defaults:
    env: {TF_NUM_INTRAOP_THREADS: '2'}
    cpu_limit: 4
    accelerator: {type: google.com/tpu, count: 4}
    node_selector: {pool: tpu}
    tolerations: [{key: google.com/tpu, effect: NoSchedule}]
    timeout_seconds: 7200
    shared_memory: 8Gi
  image_pull_secrets: [registry]
  secrets: [{name: bucket, env: {KEY: key}, path: /secrets/bucket}]
  volumes: [{claim: rows, path: /rows}]
"""
