"""Manifests rendered by kustomize, and the Docker engine with its images where there is one."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "kubernetes"
LOCKED_DOWN = ("run", "--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none")


@pytest.fixture(scope="session")
def kubectl() -> str:
    """The client that renders: of the path, or the one that `make manifests` brings."""
    own = ROOT / ".tools" / "kubectl" / "bin" / "kubectl"
    found = shutil.which("kubectl") or (str(own) if own.exists() else None)
    if found is None:
        pytest.skip("there is no kubectl to render manifests with: `make manifests` brings one")
    return found


@pytest.fixture(scope="session")
def render(kubectl: str) -> Callable[[str], str]:
    """Text of a kustomization by its path below `kubernetes/`."""

    @functools.cache
    def rendered(path: str) -> str:
        done = subprocess.run(
            [kubectl, "kustomize", str(MANIFESTS / path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return rendered


@pytest.fixture(scope="session")
def documents(render: Callable[[str], str]) -> Callable[[str], list[dict[str, Any]]]:
    """Objects of a kustomization by its path below `kubernetes/`."""
    return lambda path: list(yaml.safe_load_all(render(path)))


@pytest.fixture(scope="session")
def builder() -> ModuleType:
    """The module `kubernetes/images/build.py`; its folder is no package."""
    spec = importlib.util.spec_from_file_location("images_build", MANIFESTS / "images" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def docker() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs docker; skips where no engine answers."""
    client = shutil.which("docker")
    if client is None:
        pytest.skip("there is no docker client: `make engine` installs one and starts an engine")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [client, *arguments], capture_output=True, text=True, check=False, timeout=300, env={**os.environ}
        )

    if run("version", "--format", "{{.Server.Version}}").returncode:
        pytest.skip("no Docker engine answers: `make engine` starts one")
    return run


@pytest.fixture(scope="session")
def in_image(docker: Callable[..., Any]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command as a locked-down pod would: image, options of docker, command."""

    def run(image: str, options: list[str], *command: str) -> subprocess.CompletedProcess[str]:
        name = f"tandem-{image}:local"
        if docker("image", "inspect", name).returncode:
            pytest.skip(f"image {name} is not built: make images")
        done: subprocess.CompletedProcess[str] = docker(*LOCKED_DOWN, *options, name, *command)
        return done

    return run
