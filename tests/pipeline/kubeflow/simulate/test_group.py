"""A step of a group where there is no cluster: it is not told to make pods."""

from __future__ import annotations

from tests.pipeline.kubeflow.simulate.conftest import python


def test_the_replicas_of_a_simulated_step_are_processes_of_it(pipeline, run, tmp_path) -> None:
    (tmp_path / "state").mkdir()
    code = "write(host('/tandem/seen'), ' '.join(sorted(name for name in os.environ if 'GROUP' in name)))"
    env = [{"name": name, "value": "{}"} for name in ("TANDEM_GROUP_LAUNCH", "TANDEM_GROUP_PODS")]
    claim = {"runtimeValue": {"constant": "tandem"}}
    mount = {"mountPath": "/tandem", "constant": "tandem", "pvcNameParameter": claim}
    pipeline.task("step", python(code) | {"env": env}, kubernetes={"pvcMount": [mount]})
    outcome = run(pipeline, volumes={"tandem": tmp_path / "state"})
    assert outcome.exit_status == 0, outcome.tasks[0].error
    assert (tmp_path / "state" / "seen").read_text() == "TANDEM_GROUP_LAUNCH"
