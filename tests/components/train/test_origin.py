"""The model a training starts from, named at graph build and checked before use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.push.manifest import Manifest
from components.train.origin import resolve
from trainer import storage
from trainer.warm_start import FILE, Origin


@pytest.fixture
def version(tmp_path: Path) -> Path:
    directory = tmp_path / "3"
    (directory / FILE).parent.mkdir(parents=True)
    (directory / FILE).write_bytes(b"state")
    (directory / "saved_model.pb").write_bytes(b"model")
    Manifest("demo", 3, "digest-3", "run", "now", storage.list_tree(directory), {}).write(directory)
    return directory


def named(directory: Path, digest: str = "digest-3") -> str:
    return json.dumps({"directory": str(directory), "digest": digest})


def test_a_whole_version_is_the_origin(version: Path) -> None:
    assert resolve(named(version)) == Origin(str(version / FILE), "digest-3")
    assert resolve("") == Origin()


def test_what_differs_from_the_manifest_is_a_problem_and_no_error(version: Path) -> None:
    assert "digest=digest-3" in resolve(named(version, "digest-2")).problem
    (version / "saved_model.pb").write_bytes(b"other")
    found = resolve(named(version))
    assert (found.file, found.digest) == ("", "digest-3")
    assert found.problem.startswith("PUSH-004")
    assert "saved_model.pb differs" in found.problem
    assert resolve(named(version.with_name("gone"))).problem.startswith("PUSH-004")


def test_a_problem_found_when_the_graph_was_built_is_handed_on() -> None:
    assert resolve(json.dumps({"problem": "unreadable"})) == Origin(problem="unreadable")
