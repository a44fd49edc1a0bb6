"""What the launcher does around a container."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.kubeflow.simulate.conftest import python, shell, states

BOTH = pytest.mark.parametrize("backend", ["old", "new"])
MAKE = "write(local(given['outputs']['artifacts']['data']['artifacts'][0]['uri']) + '/part/rows.csv', 'a,b')"


def output(**artifacts: object) -> str:
    """Code that writes an output file."""
    return f"write(host(given['outputs']['outputFile']), json.dumps({artifacts!r}))"


@BOTH
def test_an_artifact_goes_through_the_store_to_the_next_pod(pipeline, run, backend) -> None:
    pipeline.task("make", python(MAKE), makes=("data",))
    pipeline.task(
        "use",
        shell('cat "$0/part/rows.csv" > "$1"', "{{$.inputs.artifacts['data'].path}}",
              "{{$.outputs.parameters['seen'].output_file}}"),
        takes={"data": "make.data"},
        tells={"seen": "STRING"},
    )  # fmt: skip
    outcome = run(pipeline, backend=backend)
    made, used = outcome.tasks
    assert outcome.exit_status == 0
    assert used.parameters == {"seen": "a,b"}
    uri = made.outputs["data"].uri
    assert uri.startswith(f"minio://mlpipeline/v2/artifacts/small/{outcome.run_id}/make/")
    assert Path(made.outputs["data"].path, "part/rows.csv").read_text() == "a,b"
    assert not list((outcome.root / "pods").iterdir())
    # Only newer backends put a UUID between task and output.
    assert len(uri.split("/make/")[1].split("/")) == (1 if backend == "old" else 2)


@BOTH
def test_the_input_is_as_the_driver_of_that_backend_writes_it(pipeline, run, backend) -> None:
    metadata = {"rows": 3, "ok": True, "names": ["a"], "at": {"x": 1}}
    kept = output(artifacts={"data": {"artifacts": [{"metadata": metadata}]}})
    pipeline.task("make", python(MAKE + "\n" + kept), makes=("data",))
    pipeline.task(
        "use",
        python("write(sys.argv[2], sys.argv[1])", "{{$.outputs.parameters['seen'].output_file}}"),
        takes={"data": "make.data"},
        tells={"seen": "STRING"},
    )
    used = run(pipeline, backend=backend).tasks[1]
    given = json.loads(used.parameters["seen"])
    artifact = given["inputs"]["artifacts"]["data"]["artifacts"][0]
    got = artifact["metadata"]
    outputs = given["outputs"]
    assert outputs["artifacts"]["executor-logs"]["artifacts"][0]["type"] == {"schemaTitle": "system.Artifact"}
    assert "executor-logs" in used.outputs
    if backend == "old":
        assert artifact["type"] == {"instanceSchema": ""}
        assert artifact["name"].isdigit()
        assert outputs["outputFile"] == "/tmp/kfp_outputs/output_metadata.json"
        assert (got["rows"], got["ok"], got["names"], got["at"]) == (
            3,
            1,
            {"list": ["a"]},
            {"struct": {"x": 1}},
        )
        assert got["display_name"] == "data"
        assert json.loads(got["store_session_info"])["Provider"] == "minio"
    else:
        assert artifact["type"] == {"schemaTitle": "system.Dataset"}
        assert got == metadata
        local = outputs["artifacts"]["executor-logs"]["artifacts"][0]["uri"].replace("minio://", "/minio/")
        assert outputs["outputFile"] == local.replace("executor-logs", "output_metadata.json")


def test_placeholders_are_filled_also_within_the_whole_input(pipeline, run) -> None:
    pipeline.inputs(word={"parameterType": "STRING", "defaultValue": "hello"})
    pipeline.task(
        "say",
        python(
            "write(sys.argv[2], given['inputs']['parameterValues']['text'] + '|' + '|'.join(sys.argv[3:]))",
            "{{$.outputs.parameters['seen'].output_file}}",
            "<{{$.inputs.parameters['word']}}>",
            "{{$.inputs.parameters['number']}}",
            "{{$.inputs.parameters['list']}}",
            "{{$.inputs.artifacts['none'].value}}",
        ),
        parameters={
            "word": {"componentInputParameter": "word"},
            "text": "and {{$.inputs.parameters['word']}}",
            "number": 3.0,
            "list": [1, "<"],
        },
        kinds={"number": "NUMBER_INTEGER", "list": "LIST"},
        tells={"seen": "STRING"},
    )
    said = run(pipeline).tasks[0].parameters["seen"].split("|")
    assert said == ["and hello", "<hello>", "3", '[1,"\\u003c"]', "{{$.inputs.artifacts['none'].value}}"]


@pytest.mark.parametrize(
    ("code", "received"),
    [
        ("write(host(given['outputs']['outputFile']), '{\"artefacts\": {}}')", "no ExecutorOutput"),
        ("write(host(given['outputs']['outputFile']), 'text')", "no ExecutorOutput"),
        (output(artifacts={"data": {"artifacts": [{"uri": "minio://mlpipeline/elsewhere"}]}}), "KFP-214"),
        (output(artifacts={"data": {"artifacts": [{"uri": "minio://mlpipeline/v2/artifacts"}]}}), "KFP-214"),
        (output(artifacts={"data": {"artifacts": [{"metadata": {"x": None}}]}}), "KFP-211"),
        ("sys.exit(7)", "exit status 7"),
        ("os.kill(os.getpid(), 9)", "exit status -9"),
        ("os.symlink('/etc', local(given['outputs']['artifacts']['data']['artifacts'][0]['uri']) + 'x')", ""),
    ],
)
def test_what_the_launcher_cannot_take_fails_the_task(pipeline, run, code, received) -> None:
    pipeline.task("make", python(code), makes=("data",))
    outcome = run(pipeline, backend="old")
    assert states(outcome) == {"make": "failed" if received else "ran"}
    assert received in outcome.tasks[0].error
    assert outcome.exit_status == (1 if received else 0)


def test_an_output_may_be_moved_below_the_root_of_the_run(pipeline, run, told) -> None:
    code = """
root = given['outputs']['artifacts']['data']['artifacts'][0]['uri'].split('/make/')[0]
uri = root + '/report/summary.json'
write(local(uri), json.dumps({'status': 'not_blessed'}))
told = {'artifacts': {'data': {'artifacts': [{'uri': uri}]}}}
write(host(given['outputs']['outputFile']), json.dumps(told))
"""
    pipeline.task("make", python(code), makes=("data",))
    outcome = run(pipeline)
    assert outcome.tasks[0].outputs["data"].uri == f"{outcome.run_root}/report/summary.json"
    assert outcome.summary == {"status": "not_blessed"}
    assert outcome.exit_status == 3
    assert not told.warnings


def test_a_missing_output_is_a_warning_and_an_empty_directory_is_lost(pipeline, run, told) -> None:
    pipeline.task(
        "make", shell('mkdir -p "$0"', "{{$.outputs.artifacts['empty'].path}}"), makes=("empty", "no")
    )
    pipeline.task(
        "use", shell('test ! -e "$0"', "{{$.inputs.artifacts['empty'].path}}"), takes={"empty": "make.empty"}
    )
    outcome = run(pipeline)
    assert states(outcome) == {"make": "ran", "use": "ran"}
    assert [name for name, text in told.warnings if "output no" in text] == ["make"]
    assert outcome.tasks[0].outputs["empty"].path == ""


def test_a_missing_parameter_file_fails_and_the_output_file_goes_before_it(pipeline, run) -> None:
    pipeline.task("none", shell("true"), tells={"n": "STRING"})
    assert "output parameter n" in run(pipeline).tasks[0].error
    both = "write(sys.argv[2], '1'); " + output(parameterValues={"n": 2})
    pipeline.task(
        "none", python(both, "{{$.outputs.parameters['n'].output_file}}"), tells={"n": "NUMBER_INTEGER"}
    )
    assert run(pipeline).tasks[0].parameters == {"n": 2}


def test_environment_claims_secrets_and_fields_are_those_of_the_platform(pipeline, run, tmp_path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    container = python(
        "write(host('/tandem/seen'), ' '.join([os.environ['PLAIN'], os.environ['HOOK'], os.environ['POD'],"
        "open(host('/keys/token')).read()]))"
    ) | {"env": [{"name": "PLAIN", "value": "p"}]}
    claim = {"runtimeValue": {"constant": "tandem"}}
    name = {"runtimeValue": {"constant": "web"}}
    pipeline.task(
        "step",
        container,
        kubernetes={
            "pvcMount": [{"mountPath": "/tandem", "constant": "tandem", "pvcNameParameter": claim}],
            "secretAsEnv": [
                {"secretName": "web", "secretNameParameter": name,
                 "keyToEnv": [{"secretKey": "url", "envVar": "HOOK"}]}
            ],
            "secretAsVolume": [{"secretName": "web", "mountPath": "/keys"}],
            "fieldPathAsEnv": [{"name": "POD", "fieldPath": "metadata.name"}],
        },
    )  # fmt: skip
    secrets = {"web": {"url": "u", "token": "t"}}
    outcome = run(pipeline, volumes={"tandem": state}, secrets=secrets)
    assert outcome.exit_status == 0, outcome.tasks[0].error
    assert (state / "seen").read_text() == "p u step-1 t"
    assert "url" not in (outcome.root / "result.json").read_text()
    run(pipeline, secrets=secrets)
    assert (outcome.root / "volumes/tandem/seen").exists()
