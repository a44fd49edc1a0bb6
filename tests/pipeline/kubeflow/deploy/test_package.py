"""The compiled file: what is read from it, and how a compilation that fails is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from pipeline.kubeflow.deploy import package
from tests.pipeline.kubeflow.fixtures import PACKAGE
from trainer.errors import TandemError


def test_equal_content_has_one_version_and_other_content_another() -> None:
    first = package.parse(PACKAGE.encode(), "f")
    assert (first.name, first.parameters) == ("tandem-flights", frozenset({"span"}))
    assert first.version == package.parse(PACKAGE.encode(), "g").version
    assert first.version != package.parse(PACKAGE.encode() + b"\n", "f").version
    assert first.version.startswith("tandem-flights-")
    assert len(first.version) == len("tandem-flights-") + 16


def test_without_cache_no_step_is_reused_and_the_rest_stays() -> None:
    made = package.parse(PACKAGE.encode(), "f", cache=False)
    spec, platform = yaml.safe_load_all(made.content)
    before, platform_before = yaml.safe_load_all(PACKAGE)
    assert spec["root"]["dag"]["tasks"]["train"] == {}
    del before["root"]["dag"]["tasks"]["train"]["cachingOptions"]
    assert (spec, platform) == (before, platform_before)
    assert package.parse(made.content, "f", cache=False).content == made.content
    assert package.parse(PACKAGE.encode(), "f").content == PACKAGE.encode()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "without pipelineInfo"),
        (b"a: [", "while parsing"),
        (b"\xff\xfe\x00", "f"),
        (b"apiVersion: argoproj.io/v1alpha1", "without pipelineInfo"),
        (b"pipelineInfo: {}\nroot: {}", "without a name"),
        (b"- 1", "without pipelineInfo"),
    ],
)
def test_what_is_no_package_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(TandemError, match=rf"KFP-321.*{told}.*tandem compile") as refused:
        package.parse(content, "f")
    assert refused.value.exit_status == 2


def test_the_error_of_a_compilation_is_its_own(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("name: flights\ntask: binary\n")
    with pytest.raises(TandemError, match=r"CONFIG-004.*problem") as failed:
        package.compiled(config, ["train.epochs=3"], tmp_path / "out.yaml")
    assert (failed.value.code, failed.value.exit_status) == ("CONFIG-004", 2)


def test_a_compilation_that_says_nothing_useful_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = tmp_path / "python"
    crash.write_text("#!/bin/sh\necho Killed >&2\nexit 137\n")
    crash.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crash))
    with pytest.raises(TandemError, match=r"KFP-320.*status 137, Killed.*tandem compile") as failed:
        package.compiled(tmp_path / "config.yaml", [], tmp_path / "out.yaml")
    assert failed.value.exit_status == 1
