"""Containers as containers, through the command-line client of Docker."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.pod import Pod, open_log
from trainer.errors import TandemError

_SUFFIXES = {
    "m": Fraction(1, 1000), "": Fraction(1), "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9),
    "T": Fraction(10**12), "P": Fraction(10**15), "Ki": Fraction(2**10), "Mi": Fraction(2**20),
    "Gi": Fraction(2**30), "Ti": Fraction(2**40), "Pi": Fraction(2**50),
}  # fmt: skip
_QUANTITY = re.compile(r"^([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)$")
# Writable directories that `compiler/argocompiler/container.go` mounts in every pod for the home of a user.
_HOME = ("/.local", "/.cache", "/.config")
_START_SECONDS = 60


def quantity(text: str) -> Fraction:
    """A quantity of Kubernetes as a number of units: bytes, cores.

    Raises:
        TandemError: `KFP-217` if it is none.

    Example:
        >>> int(quantity("2Gi")), float(quantity("500m"))
        (2147483648, 0.5)
    """
    match = _QUANTITY.match(text)
    if match is None or match.group(2) not in _SUFFIXES:
        raise TandemError("KFP-217", f"Expected a quantity such as 2Gi. Received: {text!r}", exit_status=2)
    return Fraction(match.group(1)) * _SUFFIXES[match.group(2)]


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=_START_SECONDS, check=False
    )


def engine() -> str:
    """Version of the Docker engine.

    Raises:
        TandemError: `KFP-218` if there is no client or no engine.
    """
    try:
        ended = _docker("version", "--format", "{{.Server.Version}}")
        received = ended.stderr.strip().splitlines()[-1] if ended.stderr.strip() else "no version"
        if ended.returncode == 0 and ended.stdout.strip():
            return ended.stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        received = str(error)
    raise TandemError(
        "KFP-218",
        f"Expected a Docker engine that answers `docker version`. Received: {received}",
        "Start one, or leave out `--container`: tasks are then processes of this machine.",
        exit_status=2,
    )


class Containers:
    """Runs commands in containers with a read-only root file system, as the user of the image.

    Scratch directories, claims and `/tmp` are those of the pod's directory on this host, at their true
    paths. Where this process is not root it cannot remove files of another user, so containers get its user
    and group then.

    Args:
        image: image in place of those of the file; empty for none. Defaults to `""`.
    """

    def __init__(self, image: str = "") -> None:
        engine()
        self._image = image
        self._stopped = threading.Event()
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def host(self, pod: Pod) -> Callable[[str], str]:
        """Paths are the pod's own, whatever pod it is."""
        del pod
        return str

    def run(
        self,
        command: list[str],
        pod: Pod,
        container: ps.PipelineDeploymentConfig.PipelineContainerSpec,
        log: Path,
        timeout_seconds: float | None,
    ) -> int | None:
        """Runs a command; see `Runner`."""
        _open_to_all(pod)
        name = f"{pod.name}-{secrets.token_hex(4)}"
        arguments = self.arguments(name, command, pod, container)
        with open_log(log) as output, self._lock:
            if self._stopped.is_set():
                return -signal.SIGTERM
            # Values of variables are handed over by name, so that secrets are on no command line.
            process = subprocess.Popen(
                arguments,
                env={**os.environ, **pod.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            self._running.add(name)
        try:
            return process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self._remove(name)
            process.wait()

    def arguments(
        self,
        name: str,
        command: list[str],
        pod: Pod,
        container: ps.PipelineDeploymentConfig.PipelineContainerSpec,
    ) -> list[str]:
        """The command line of `docker`.

        Args:
            name: name of the container.
            command: command and arguments, filled in.
            pod: its pod.
            container: image and resources.

        Raises:
            TandemError: `KFP-217` if a resource is no quantity.
        """
        words = [
            "docker",
            "run",
            "--rm",
            "--name",
            name,
            "--read-only",
            "--init",
            "--hostname",
            pod.name[:63],
        ]
        if os.geteuid() != 0:
            words += ["--user", f"{os.geteuid()}:{os.getegid()}"]
        resources = container.resources
        memory = resources.resource_memory_limit or (
            f"{resources.memory_limit:g}G" if resources.memory_limit else ""
        )
        cpu = resources.resource_cpu_limit or (f"{resources.cpu_limit:g}" if resources.cpu_limit else "")
        if memory:
            words += ["--memory", str(int(quantity(memory))), "--memory-swap", str(int(quantity(memory)))]
        if cpu:
            words += ["--cpus", f"{float(min(quantity(cpu), Fraction(os.cpu_count() or 1))):g}"]
        if pod.shared_memory:
            words += ["--shm-size", str(int(quantity(pod.shared_memory)))]
        for path in _HOME:
            words += ["--tmpfs", f"{path}:mode=1777"]
        words += ["-v", f"{pod.temporary}:/tmp"]
        for path, place in sorted(pod.mounts.items()):
            if not path.startswith("/tmp/"):
                words += ["-v", f"{place}:{path}"]
        for variable in sorted(pod.environment):
            words += ["--env", variable]
        return [*words, "--entrypoint", command[0], self._image or container.image, *command[1:]]

    def stop(self) -> None:
        """Removes all containers."""
        self._stopped.set()
        with self._lock:
            running = list(self._running)
        for name in running:
            self._remove(name)

    def close(self) -> None:
        """Nothing is held between commands."""

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            _docker("rm", "--force", "--volumes", name)
        with self._lock:
            self._running.discard(name)


def _open_to_all(pod: Pod) -> None:
    """Lets the user of the image write where a volume of Kubernetes would."""
    within = [folder for folder in pod.directory.rglob("*") if folder.is_dir()]
    for folder in (pod.directory, *within, *pod.mounts.values()):
        with contextlib.suppress(PermissionError, FileNotFoundError):
            folder.chmod(0o777)
