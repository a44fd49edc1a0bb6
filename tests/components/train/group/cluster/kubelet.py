"""Runs the pods of a cluster as processes of this machine: the command of each, with its variables."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.components.train.group.cluster.server import Cluster

ROOT = Path(__file__).resolve().parents[5]


class Kubelet(threading.Thread):
    """Starts a process for each pod and ends it with the pod.

    Paths of volumes are those of this machine. `then` is called with replica and process once it has started.
    """

    def __init__(self, cluster: Cluster, then: Any = None) -> None:
        super().__init__(daemon=True)
        self.cluster, self.then = cluster, then
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.1):
            alive = set(self.cluster.controllers.pods())
            for pod in alive - set(self.processes):
                self._start(pod)
            for pod, process in list(self.processes.items()):
                if pod in alive and process.poll() is not None:
                    # One that a signal ended has 128 and its number, as in a container.
                    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
                    self._end(pod, code)
                elif pod not in alive and process.poll() is None:
                    process.kill()

    def close(self) -> None:
        self.over.set()
        self.join()
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _end(self, pod: str, code: int) -> None:
        with self.cluster.storage.changed:
            if pod in self.cluster.controllers.pods():
                self.cluster.controllers.end(pod, code)

    def _start(self, pod: str) -> None:
        document = self.cluster.storage.objects["pods"].get(pod)
        if document is None:
            return
        (container,) = document["spec"]["containers"]
        python, *rest = container["command"] + container["args"]
        assert python == "python"
        variables = {one["name"]: one["value"] for one in container["env"]}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
        self.processes[pod] = subprocess.Popen(
            [sys.executable, *rest], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        threading.Thread(target=self._say, args=(pod,), daemon=True).start()
        if self.then is not None:
            self.then(int(document["metadata"]["labels"]["tandem/replica"]), self.processes[pod])

    def _say(self, pod: str) -> None:
        output = self.processes[pod].stdout
        assert output is not None
        for line in output:
            self.cluster.controllers.say(pod, line.decode(errors="replace").rstrip("\n"))
