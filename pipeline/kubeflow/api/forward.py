"""`kubectl port-forward` to the Kubeflow Pipelines UI, kept alive as long as it is used."""

from __future__ import annotations

import ctypes
import dataclasses
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from trainer.errors import TandemError

_LISTENS = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ")
_SET_DEATH_SIGNAL = 1
_SERVICE = "svc/ml-pipeline-ui"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Which cluster, as `kubectl` names it.

    Args:
        namespace: where Kubeflow Pipelines is installed.
        context: context of the kubeconfig; its current one when not set.
        kubeconfig: the kubeconfig; the default of `kubectl` when not set.
    """

    namespace: str = "kubeflow"
    context: str | None = None
    kubeconfig: Path | None = None


def _with_its_parent() -> Callable[[], None]:
    """What makes the kernel end a child with its parent; the library is loaded before the fork."""
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)

    return ask


class PortForward:
    """A forwarded port of this machine; a context manager that ends the process.

    Args:
        cluster: where to.
        start_timeout_seconds: how long `kubectl` may take to listen. Defaults to `30.0`.
    """

    def __init__(self, cluster: Cluster, start_timeout_seconds: float = 30.0) -> None:
        self._cluster = cluster
        self._start_timeout_seconds = start_timeout_seconds
        self._process: subprocess.Popen[str] | None = None
        self._address = ""

    def __enter__(self) -> PortForward:
        self.address()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def address(self) -> str:
        """Address of the UI on this machine; a process that has ended is started again.

        Raises:
            TandemError: `KFP-312` if there is no `kubectl` or it does not listen.
        """
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._address = self._start()
        return self._address

    def stop(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _start(self) -> str:
        if shutil.which("kubectl") is None:
            raise self._failed("no kubectl on PATH", "Install kubectl, or name the address with --host URL.")
        # A session of its own: an interrupt on the terminal ends the watching, which then ends the process.
        process = subprocess.Popen(
            self._command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=_with_its_parent(),
        )
        self._process = process
        timer = threading.Timer(self._start_timeout_seconds, process.kill)
        timer.start()
        said = ""
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if match := _LISTENS.match(line):
                    threading.Thread(target=process.stdout.read, daemon=True).start()
                    return f"http://127.0.0.1:{match[1]}"
                said = line.strip() or said
        except BaseException:
            self.stop()
            raise
        finally:
            timer.cancel()
        self.stop()
        late = f"nothing in {self._start_timeout_seconds:g} s"
        raise self._failed(
            said[:300] or late,
            "Check --context, --kubeconfig and --backend-namespace with `kubectl get svc ml-pipeline-ui`.",
        )

    def _command(self) -> list[str]:
        cluster = self._cluster
        options = [f"--context={cluster.context}"] if cluster.context else []
        options += [f"--kubeconfig={cluster.kubeconfig}"] if cluster.kubeconfig else []
        place = ["--namespace", cluster.namespace, "--address", "127.0.0.1"]
        return ["kubectl", *options, "port-forward", *place, _SERVICE, ":80"]

    @staticmethod
    def _failed(received: str, hint: str) -> TandemError:
        return TandemError(
            "KFP-312", f"Expected a port forward to {_SERVICE}. Received: {received}.", hint, exit_status=2
        )
