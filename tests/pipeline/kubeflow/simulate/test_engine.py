"""Order, cache, retries, deadlines and endings."""

from __future__ import annotations

import json
import time

import pytest

from tests.pipeline.kubeflow.simulate.conftest import python, shell, states

EXIT = {"triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}
N_OF_WORK = {"producerTask": "work", "outputParameterKey": "n"}
STATUS = {"status": {"taskFinalStatus": {"producerTask": "work"}}}


def nested(pipeline, code: str, **inner: object) -> dict[str, object]:
    """A task `work` that is a DAG of one task, as the compiler lays out a pipeline with an exit handler."""
    tasks: dict[str, object] = {}
    pipeline.task("step", shell(code, "{{$.outputs.parameters['n'].output_file}}"), tasks=tasks,
                  tells={"n": "STRING"}, **inner)  # fmt: skip
    outputs = {
        "parameters": {"n": {"valueFromParameter": {"producerSubtask": "step", "outputParameterKey": "n"}}}
    }
    pipeline.components["comp-work"] = {
        "dag": {"tasks": tasks, "outputs": outputs},
        "outputDefinitions": {"parameters": {"n": {"parameterType": "STRING"}}},
    }
    pipeline.root["dag"]["tasks"]["work"] = {
        "taskInfo": {"name": "work"},
        "componentRef": {"name": "comp-work"},
    }
    return tasks


@pytest.mark.parametrize(
    ("backend", "code", "state"),
    [
        ("old", 'echo > "$0"', "COMPLETE"),
        ("old", "false", "FAILED"),
        ("new", 'echo > "$0"', "SUCCEEDED"),
        ("new", "false", "FAILED"),
    ],
)
def test_the_exit_handler_runs_last_with_the_final_status(pipeline, run, backend, code, state) -> None:
    nested(pipeline, code)
    tell = python("write(sys.argv[2], given['inputs']['parameterValues']['status'])",
                  "{{$.outputs.parameters['seen'].output_file}}")  # fmt: skip
    pipeline.task("finish", tell, after=("work",), parameters=STATUS, tells={"seen": "STRING"}, **EXIT)
    outcome = run(pipeline, backend=backend)
    assert [task.name for task in outcome.tasks] == ["step", "finish"]
    status = json.loads(outcome.tasks[1].parameters["seen"])
    assert (status["state"], status["pipelineTaskName"]) == (state, "work")
    assert "error" in status
    assert outcome.exit_status == (1 if state == "FAILED" else 0)


def test_inputs_reach_a_sub_dag_only_where_it_declares_them(pipeline, run) -> None:
    pipeline.inputs(span={"parameterType": "STRING", "defaultValue": ""})
    source = {"componentInputParameter": "span"}
    nested(pipeline, 'printf "%s" "{{$.inputs.parameters[\'span\']}}" > "$0"', parameters={"span": source})
    assert "KFP-213" in run(pipeline).tasks[0].error
    pipeline.components["comp-work"]["inputDefinitions"] = {
        "parameters": {"span": {"parameterType": "STRING"}}
    }
    pipeline.root["dag"]["tasks"]["work"]["inputs"] = {"parameters": {"span": source}}
    pipeline.task("after", shell("test 7 = \"{{$.inputs.parameters['n']}}\""),
                  parameters={"n": {"taskOutputParameter": N_OF_WORK}})  # fmt: skip
    outcome = run(pipeline, parameters={"span": "7"})
    assert states(outcome) == {"step": "ran", "after": "ran"}
    assert outcome.tasks[0].parameters == {"n": "7"}


def test_constants_that_are_placeholders_are_replaced_when_equal_exactly(pipeline, run) -> None:
    names = ["pipeline_job_uuid", "pipeline_job_name", "pipeline_job_resource_name", "pipeline_task_name"]
    given = {name: f"{{{{$.{name}}}}}" for name in names} | {"longer": "run {{$.pipeline_job_uuid}}"}
    tell = python("write(sys.argv[2], json.dumps(given['inputs']['parameterValues']))",
                  "{{$.outputs.parameters['seen'].output_file}}")  # fmt: skip
    pipeline.task("say", tell, parameters=given, tells={"seen": "STRING"})
    outcome = run(pipeline)
    seen = json.loads(outcome.tasks[0].parameters["seen"])
    assert seen["pipeline_job_uuid"] == outcome.run_id
    assert seen["pipeline_task_name"] == "say"
    assert seen["pipeline_job_name"].startswith("small ")
    assert seen["pipeline_job_resource_name"].startswith("small-")
    assert seen["longer"] == "run {{$.pipeline_job_uuid}}"


def test_after_a_failure_nothing_new_starts_and_what_runs_ends(pipeline, run) -> None:
    pipeline.task("bad", shell("exit 3"))
    pipeline.task("slow", shell("sleep 0.7"))
    pipeline.task("next", shell("true"), after=("bad",))
    pipeline.task("other", shell("true"), after=("slow",))
    outcome = run(pipeline, parallel=2)
    assert states(outcome) == {"bad": "failed", "slow": "ran", "next": "skipped", "other": "skipped"}
    assert outcome.exit_status == 1
    assert (outcome.root / "pods/bad-1").is_dir()


def test_tasks_run_in_parallel_up_to_the_limit(pipeline, run) -> None:
    for name in "abcd":
        pipeline.task(name, python("write(host('/all/' + given['outputs']['outputFile'].split('/')[-1]), '')"
                                   "; open(host('/all/log'), 'a').write('+'); time.sleep(0.4)"
                                   "; open(host('/all/log'), 'a').write('-')"),
                      kubernetes={"pvcMount": [{"mountPath": "/all", "constant": "all"}]})  # fmt: skip
    for parallel, most in ((1, 1), (2, 2)):
        outcome = run(pipeline, parallel=parallel)
        log = outcome.root / "volumes/all/log"
        text, running, seen = log.read_text(), 0, 0
        log.unlink()
        for sign in text:
            running += 1 if sign == "+" else -1
            seen = max(seen, running)
        assert len(text) == 8
        assert seen == most


def test_the_cache_knows_inputs_and_commands_and_nothing_behind_a_path(pipeline, run) -> None:
    cached = {"cachingOptions": {"enableCache": True}}
    pipeline.task("make", python("write(local(given['outputs']['artifacts']['data']['artifacts'][0]['uri']), "
                                 "str(time.time()))"), makes=("data",), **cached)  # fmt: skip
    read = shell(
        'cp "$0" "$1"', "{{$.inputs.artifacts['data'].path}}", "{{$.outputs.parameters['seen'].output_file}}"
    )
    pipeline.task("use", read, takes={"data": "make.data"}, tells={"seen": "STRING"}, **cached)
    pipeline.task("never", shell("true"))
    first, second = run(pipeline), run(pipeline)
    assert set(states(first).values()) == {"ran"}
    assert states(second) == {"make": "cached", "use": "cached", "never": "ran"}
    by_name = {task.name: task for task in second.tasks}
    assert by_name["use"].parameters == next(t for t in first.tasks if t.name == "use").parameters
    assert by_name["make"].outputs == next(t for t in first.tasks if t.name == "make").outputs
    pipeline.executors["use_executor"]["container"]["args"].append("x")
    assert states(run(pipeline)) == {"make": "cached", "use": "ran", "never": "ran"}
    pipeline.executors["make_executor"]["container"]["image"] = "other"
    # The new artifact has another identity, so what takes it runs again too.
    assert states(run(pipeline)) == {"make": "ran", "use": "ran", "never": "ran"}
    assert states(run(pipeline, backend="old"))["make"] == "ran"


def test_a_failed_task_is_tried_again_in_a_new_pod(pipeline, run) -> None:
    count = {"pvcMount": [{"mountPath": "/n", "constant": "n"}]}
    code = "open(host('/n/log'), 'a').write(os.environ['KFP_POD_NAME'] + ' '); "
    code += "sys.exit(len(open(host('/n/log')).read().split()) < 3)"
    policy = {"maxRetryCount": 2, "backoffDuration": "0.1s", "backoffFactor": 2.0, "backoffMaxDuration": "1s"}
    pipeline.task("flaky", python(code), kubernetes=count, retryPolicy=policy)
    outcome = run(pipeline)
    assert (outcome.tasks[0].state, outcome.tasks[0].attempts) == ("ran", 3)
    assert (outcome.root / "volumes/n/log").read_text().split() == ["flaky-1", "flaky-2", "flaky-3"]
    (outcome.root / "volumes/n/log").unlink()
    pipeline.root["dag"]["tasks"]["flaky"]["retryPolicy"]["maxRetryCount"] = 1
    again = run(pipeline).tasks[0]
    assert (again.state, again.attempts) == ("failed", 2)


def test_a_pod_that_is_active_too_long_is_ended_with_its_children(pipeline, run, tmp_path) -> None:
    sign = tmp_path / "sign"
    pipeline.task(
        "slow", shell(f"(sleep 2; touch {sign}) & sleep 60"), kubernetes={"activeDeadlineSeconds": "1"}
    )
    began = time.monotonic()
    outcome = run(pipeline)
    assert "DeadlineExceeded" in outcome.tasks[0].error
    assert time.monotonic() - began < 10
    time.sleep(2)
    assert not sign.exists()


@pytest.mark.parametrize(
    ("condition", "state"),
    [
        ("inputs.parameter_values['n'] == '1'", "ran"),
        ("inputs.parameter_values['n'] != '1'", "skipped"),
        ("inputs.artifacts['data'].artifacts[0].metadata['ok'] == 1.0", "ran"),
        ("inputs.artifacts['data'].artifacts[0].metadata['missing'] == 1.0", "failed"),
    ],
)
def test_what_depends_on_a_task_whose_condition_is_false_is_omitted(pipeline, run, condition, state) -> None:
    metadata = "write(host(given['outputs']['outputFile']), json.dumps("
    metadata += "{'artifacts': {'data': {'artifacts': [{'metadata': {'ok': True}}]}}}))"
    pipeline.task("make", python(metadata), makes=("data",))
    pipeline.task("maybe", shell("true"), takes={"data": "make.data"}, parameters={"n": "1"},
                  triggerPolicy={"condition": condition})  # fmt: skip
    pipeline.task("after", shell("true"), after=("maybe",))
    pipeline.task("free", shell("true"), after=("make",))
    outcome = run(pipeline, backend="old", parallel=1)
    expected = {"ran": "ran", "skipped": "skipped", "failed": "skipped"}[state]
    assert (states(outcome)["maybe"], states(outcome)["after"]) == (state, expected)
    assert outcome.exit_status == (1 if state == "failed" else 0)


def test_lines_of_tasks_are_told_when_asked_for(pipeline, run, told) -> None:
    pipeline.task("say", shell("echo one; echo two >&2; printf three"))
    outcome = run(pipeline, follow=True)
    assert told.lines == [("say", "one"), ("say", "two"), ("say", "three")]
    assert (outcome.root / "logs/say.log").read_text() == "one\ntwo\nthree"
