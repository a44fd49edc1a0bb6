"""Forked and started processes, and interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.kubeflow.simulate.warm import unsafe_reason
from tests.pipeline.kubeflow.simulate.conftest import shell, states

MODULE = """
import os, subprocess, sys, time
LOADED = os.getpid()
def main(arguments):
    print("forked" if LOADED != os.getpid() else "same", *arguments, os.environ.get("WORD"), flush=True)
    print(os.environ["TMPDIR"] == __import__("tempfile").gettempdir(), os.getcwd().endswith("-1"), flush=True)
    if "fail" in arguments:
        raise ValueError("told in the log")
    if "exit" in arguments:
        sys.exit(5)
    if "sleep" in arguments:
        subprocess.Popen(["sh", "-c", "sleep 2; touch " + arguments[-1]])
        time.sleep(60)
    return 0
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch) -> None:
    """A module that may be forked."""
    (tmp_path / "warm_step.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def step(*arguments: str, **variables: str) -> dict[str, object]:
    """A container that runs it."""
    env = [{"name": name, "value": value} for name, value in variables.items()]
    return {"image": "i", "command": ["python", "-m", "warm_step"], "args": list(arguments), "env": env}


def logs(outcome) -> dict[str, list[str]]:
    """Lines by task."""
    return {task.name: Path(task.log).read_text().splitlines() for task in outcome.tasks if task.log}


def test_a_known_module_is_forked_with_its_own_environment(pipeline, run) -> None:
    pipeline.task("a", step("x", WORD="one"))
    pipeline.task("b", step("y", WORD="two"))
    pipeline.task("c", step("z", PYTHONHASHSEED="1"))
    outcome = run(pipeline, modules=("warm_step",))
    told = logs(outcome)
    assert told["a"] == ["forked x one", "True True"]
    assert told["b"] == ["forked y two", "True True"]
    # What Python reads as it starts cannot be given to a fork.
    assert told["c"] == ["same z None", "True True"]
    assert logs(run(pipeline))["a"][0] == "same x one"


def test_a_forked_process_ends_as_a_container_does(pipeline, run, tmp_path) -> None:
    sign = tmp_path / "sign"
    pipeline.task("fail", step("fail"))
    pipeline.task("exit", step("exit"))
    pipeline.task("slow", step("sleep", str(sign)), kubernetes={"activeDeadlineSeconds": "1"})
    outcome = run(pipeline, modules=("warm_step",), parallel=3)
    errors = {task.name: task.error for task in outcome.tasks}
    assert "exit status 1" in errors["fail"]
    assert "ValueError: told in the log" in logs(outcome)["fail"]
    assert "exit status 5" in errors["exit"]
    assert "DeadlineExceeded" in errors["slow"]
    time.sleep(2)
    assert not sign.exists()


PROGRAM = """
import sys
from pathlib import Path
from pipeline.kubeflow.simulate import Options, simulate
outcome = simulate(Path(sys.argv[1]), Options(root=Path(sys.argv[2]), modules=("warm_step",)))
sys.exit(outcome.exit_status)
"""


@pytest.mark.parametrize("kind", ["forked", "started"])
def test_an_interrupt_ends_everything_and_leaves_no_pods(pipeline, tmp_path, kind) -> None:
    sign, begun = tmp_path / "sign", tmp_path / "root/logs/slow.log"
    slow = (
        step("sleep", str(sign))
        if kind == "forked"
        else shell(f"echo on; (sleep 2; touch {sign}) & sleep 60")
    )
    pipeline.task("slow", slow)
    pipeline.task("next", shell("true"), after=("slow",))
    file = pipeline.write(tmp_path / "pipeline.yaml")
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(file), str(tmp_path / "root")])
    for _ in range(300):
        if begun.exists() and begun.read_text():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    time.sleep(2)
    assert not sign.exists()
    assert not list((tmp_path / "root").glob("pods/*"))
    assert '"interrupted": true' in (tmp_path / "root/result.json").read_text()


def test_a_killed_simulation_leaves_no_forked_process(pipeline, tmp_path) -> None:
    sign, begun = tmp_path / "sign", tmp_path / "root/logs/slow.log"
    pipeline.task("slow", step("sleep", str(sign)))
    file = pipeline.write(tmp_path / "pipeline.yaml")
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(file), str(tmp_path / "root")])
    for _ in range(300):
        if begun.exists() and begun.read_text():
            break
        time.sleep(0.1)
    process.kill()
    process.wait()
    time.sleep(3)
    assert not sign.exists()


def test_one_simulation_at_a_time_works_on_a_root(pipeline, run, tmp_path) -> None:
    import fcntl

    from trainer.errors import TandemError

    pipeline.task("a", shell("true"))
    assert states(run(pipeline)) == {"a": "ran"}
    descriptor = os.open(tmp_path / "root/run.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(TandemError, match="RUN-004"):
        run(pipeline)
    os.close(descriptor)


def test_a_process_with_threads_is_not_forked() -> None:
    code = "import threading, time; from pipeline.kubeflow.simulate.warm import unsafe_reason as u; "
    code += "threading.Thread(target=time.sleep, args=(1,)).start(); print(u())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Python threads" in ended.stdout
    assert isinstance(unsafe_reason(), str)


def test_libraries_may_be_imported_before_a_fork_but_no_op_run() -> None:
    code = (
        "import importlib; from pipeline.kubeflow.simulate.processes import _LIBRARIES; "
        "[importlib.import_module(name) for name in _LIBRARIES]; "
        "from pipeline.kubeflow.simulate.warm import unsafe_reason as u; print('before', repr(u())); "
        "import tensorflow as tf; tf.constant(1); print('after', repr(u()))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["before ''", "after 'TensorFlow has run an op'"]
