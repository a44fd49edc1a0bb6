"""Port forwarding with a `kubectl` that listens, and with the real one where there is no cluster."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.connection import Options, connect
from pipeline.kubeflow.api.forward import Cluster, PortForward
from tests.pipeline.kubeflow.api.server import Server
from trainer.errors import TandemError

LISTENS = """#!{python}
import os, pathlib, signal, sys, time
pathlib.Path(os.environ["CALLS"]).open("a").write(str(os.getpid()) + " " + " ".join(sys.argv[1:]) + "\\n")
print("Forwarding from 127.0.0.1:" + os.environ["PORT"] + " -> 3000", flush=True)
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> Path:
    """A `kubectl` whose port forward leads to the server; the file that it writes its calls to."""
    script = tmp_path / "bin" / "kubectl"
    script.parent.mkdir()
    script.write_text(LISTENS.format(python=sys.executable))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("PORT", server.url.rpartition(":")[2])
    return tmp_path / "calls"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until_ended(pid: int) -> None:
    """Waits until a killed process has ended, whether or not its parent has asked after it."""
    file = Path(f"/proc/{pid}/stat")
    end = time.monotonic() + 30
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        while file.read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < end, "it goes on"
            time.sleep(0.01)


def test_the_api_is_reached_and_the_process_ends(kubectl: Path, tmp_path: Path) -> None:
    cluster = Cluster("kf", "here", tmp_path / "kubeconfig")
    with connect(Options(port_forward=True, cluster=cluster), None) as client:
        assert client.is_multi_user() is False
        pid, _, words = kubectl.read_text().strip().partition(" ")
        assert alive(int(pid))
    assert not alive(int(pid))
    options = f"--context=here --kubeconfig={tmp_path}/kubeconfig port-forward --namespace kf"
    assert words == f"{options} --address 127.0.0.1 svc/ml-pipeline-ui :80"


def test_a_forward_that_broke_off_is_made_anew(kubectl: Path) -> None:
    with connect(Options(port_forward=True), None) as client:
        killed = int(kubectl.read_text().split()[0])
        os.kill(killed, signal.SIGKILL)
        until_ended(killed)
        assert isinstance(client, Client)
        client.is_multi_user()
        first, second = (int(line.split()[0]) for line in kubectl.read_text().splitlines())
        assert alive(second)
    assert not alive(first)
    assert not alive(second)


def test_the_process_ends_when_the_use_fails(kubectl: Path) -> None:
    with pytest.raises(KeyboardInterrupt), connect(Options(port_forward=True), None):
        raise KeyboardInterrupt
    assert not alive(int(kubectl.read_text().split()[0]))


def test_it_ends_with_a_command_that_is_killed(kubectl: Path) -> None:
    call = (
        "import time; from pipeline.kubeflow.api.forward import *\n"
        "with PortForward(Cluster()): print('here', flush=True); time.sleep(60)"
    )
    project = Path(__file__).resolve().parents[4]
    with subprocess.Popen([sys.executable, "-c", call], cwd=project, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        pid = int(kubectl.read_text().split()[0])
        assert alive(pid)
        process.kill()
    for _ in range(100):
        if not alive(pid):
            return
        time.sleep(0.05)
    pytest.fail("kubectl goes on")


@pytest.mark.usefixtures("kubectl")
def test_one_that_never_listens_is_ended(tmp_path: Path) -> None:
    silent = tmp_path / "bin" / "kubectl"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(TandemError, match=r"KFP-312.*nothing in 0\.3 s"):
        PortForward(Cluster(), start_timeout_seconds=0.3).address()


def test_without_kubectl_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TandemError, match=r"KFP-312.*no kubectl on PATH.*--host"):
        PortForward(Cluster()).address()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_the_real_kubectl_says_why_it_fails(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n")
    with pytest.raises(TandemError, match=r"KFP-312.*Received: .*no-such.*--backend-namespace") as failed:
        PortForward(Cluster(context="no-such", kubeconfig=kubeconfig)).address()
    assert failed.value.exit_status == 2


def test_host_and_forward_exclude_each_other() -> None:
    with (
        pytest.raises(TandemError, match="KFP-316"),
        connect(Options(host="http://a", port_forward=True), None),
    ):
        pass


def test_several_users_need_a_namespace(server: Server) -> None:
    server.state.multi_user = True
    with (
        pytest.raises(TandemError, match=r"KFP-314.*kubeflow\.namespace"),
        connect(Options(server.url), None),
    ):
        pass
    with connect(Options(server.url), "mine") as client:
        assert client.namespace == "mine"


def test_certificates_that_cannot_be_read_are_told(server: Server, tmp_path: Path) -> None:
    options = Options(server.url, ca_file=tmp_path / "none.pem")
    with pytest.raises(TandemError, match=r"KFP-315.*none\.pem"), connect(options, None):
        pass
