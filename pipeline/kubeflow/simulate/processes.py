"""Containers as processes of this host: forked from a warm one where it is safe, started anew otherwise."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.forks import Warm, importable
from pipeline.kubeflow.simulate.pod import Pod, open_log
from trainer.errors import TandemError
from trainer.faults import point

ENTRYPOINT = "pipeline.kubeflow.entrypoint"
# What the entrypoint imports when it runs.
_LIBRARIES = (
    "tensorflow",
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
    "tfx.components.example_gen.base_example_gen_executor",
)
# Variables that libraries read as they are imported: a forked process cannot have its own.
_AT_IMPORT = re.compile(
    r"^((TF|XLA|JAX|KERAS|CUDA|OMP|MKL|KMP|OPENBLAS|NUMEXPR|GRPC|MALLOC|LD|ARROW|PROTOCOL)_|PYTHON)"
)
_GRACE_SECONDS = 5.0


def _module(command: Sequence[str]) -> str | None:
    """The module of a `python -m MODULE ...`."""
    if len(command) > 2 and PurePosixPath(command[0]).name.startswith("python") and command[1] == "-m":
        return command[2]
    return None


def _at_import(container: ps.PipelineDeploymentConfig.PipelineContainerSpec) -> dict[str, str]:
    return {one.name: one.value for one in container.env if _AT_IMPORT.match(one.name)}


class Processes:
    """Runs commands in processes of this host.

    A command of the container's Python becomes one of this Python. Paths of the pod lie in the directory of
    the
    pod: placeholders are filled with those, and Tandem's entrypoint maps the rest by `TANDEM_POD_MOUNTS`.

    Args:
        containers: those of the pipeline; the first one with a module of `modules` decides what is imported
            before forking, and its environment which others are forked.
        log: file for what these imports say.
        modules: modules that may be forked. Defaults to Tandem's entrypoint.
    """

    def __init__(
        self,
        containers: Iterable[ps.PipelineDeploymentConfig.PipelineContainerSpec],
        log: Path,
        modules: Sequence[str] = (ENTRYPOINT,),
    ) -> None:
        self._modules = modules
        self._stopped = threading.Event()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._warm: Warm | None = None
        self._warm_environment: Mapping[str, str] = {}
        chosen = [one for one in containers if _module([*one.command, *one.args]) in modules]
        if chosen:
            self._warm_environment = _at_import(chosen[0])
            log.parent.mkdir(parents=True, exist_ok=True)
            point("simulate.log_directory")
            environment = {**os.environ, **self._warm_environment}
            self._warm = Warm(_wanted(chosen, modules), environment, log)

    def host(self, pod: Pod) -> Callable[[str], str]:
        """Paths of the pod as they are on this host."""
        return pod.host

    def run(
        self,
        command: list[str],
        pod: Pod,
        container: ps.PipelineDeploymentConfig.PipelineContainerSpec,
        log: Path,
        timeout_seconds: float | None,
    ) -> int | None:
        """Runs a command; see `Runner`."""
        with open_log(log) as output:
            if self._stopped.is_set():
                return -signal.SIGTERM
            module, warm = _module(command), self._warm
            if module in self._modules and warm is not None and self._forkable(warm, container):
                return warm.run(
                    str(module), command[3:], pod.directory, pod.variables(), output.fileno(), timeout_seconds
                )
            return self._spawn(command, pod, output.fileno(), timeout_seconds)

    def _forkable(self, warm: Warm, container: ps.PipelineDeploymentConfig.PipelineContainerSpec) -> bool:
        return _at_import(container) == self._warm_environment and not warm.unsafe_reason()

    def _spawn(self, command: list[str], pod: Pod, log: int, timeout_seconds: float | None) -> int | None:
        if PurePosixPath(command[0]).name.startswith("python"):
            command = [sys.executable, *command[1:]]
        with self._lock:
            if self._stopped.is_set():
                return -signal.SIGTERM
            try:
                process = subprocess.Popen(
                    command,
                    cwd=pod.directory,
                    env=importable(pod.variables()),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise TandemError(
                    "KFP-216",
                    f"Expected a command that this machine can run. Received: {command[0]}: {error}",
                    "Run it with `--container`: the command may exist in the image only.",
                ) from error
            self._running.add(process)
        try:
            return process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return None
        finally:
            _kill_group(process.pid, signal.SIGKILL)
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """Ends all processes."""
        self._stopped.set()
        with self._lock:
            running = list(self._running)
        for process in running:
            _kill_group(process.pid, signal.SIGTERM)
        self.close()
        for process in running:
            _end(process)

    def close(self) -> None:
        """Ends the warm process."""
        warm, self._warm = self._warm, None
        if warm is not None:
            warm.close()


def _wanted(
    containers: Iterable[ps.PipelineDeploymentConfig.PipelineContainerSpec], modules: Sequence[str]
) -> list[str]:
    """Modules to import: those that may be forked, and of TFX's entrypoint the libraries and executors."""
    executors = []
    for container in containers:
        arguments = [*container.command, *container.args]
        for flag, value in itertools.pairwise(arguments):
            if flag == "--executor_class_path":
                executors.append(value.rpartition(".")[0])
    libraries = _LIBRARIES if ENTRYPOINT in modules else ()
    return list(dict.fromkeys([*libraries, *modules, *executors]))


def _kill_group(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, number)


def _end(process: subprocess.Popen[bytes]) -> None:
    _kill_group(process.pid, signal.SIGTERM)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _kill_group(process.pid, signal.SIGKILL)
        process.wait()
