"""Manifest, record, identity, lock, outcome and blessing with wrong contents: typed errors, nothing lost."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.push import lock, manifest, outcome, registry
from components.push.push import PushResult, push
from components.push.rollback import rollback
from components.push.state import registry_state
from tests.faults.fuzz.mutation import attempt, mutations, wrong_values
from trainer import storage
from trainer.errors import TandemError

NAME = "m"
CODES = {"PUSH-001", "PUSH-003", "PUSH-004", "PUSH-005", "PUSH-006", "PUSH-007", "PUSH-008"}


class Serving:
    """A serving directory with two versions and their records; `restore` brings it back to that."""

    def __init__(self, directory: Path) -> None:
        self._pristine, self._place = directory / "pristine", directory / "place"
        self.serving, self.registry = self._place / "serving", self._place / "registry"
        self.model = directory / "model"
        self.model.mkdir()
        (self.model / "saved_model.pb").write_bytes(b"graph")
        for number in (1, 2):
            result = self.push(f"digest-{number}", {"auc": 0.5 + number / 10}, number - 1)
            assert result.version == number
        registry_state(self.serving, NAME, self.registry)
        self._place.rename(self._pristine)
        self.restore()

    def restore(self) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._pristine, self._place)

    def push(self, digest: str, metrics: dict[str, Any], baseline: int, **given: Any) -> PushResult:
        blessing = {
            "blessed": True,
            "model_digest": digest,
            "metrics": metrics,
            "baseline": {"version": baseline},
        }
        return push(
            self.model, blessing | given, self.serving, NAME, self.registry, digest, digest=lambda _: digest
        )

    def operations(self) -> list[Callable[[], Any]]:
        root, versions = self.registry, self.serving
        return [
            lambda: manifest.verify(versions / NAME / "2"),
            lambda: registry.newest_blessed(versions, NAME, root),
            lambda: registry.newest_with_digest(versions, NAME, root, "digest-1"),
            lambda: registry_state(versions, NAME, root, "fingerprint"),
            lambda: lock.owner(versions / NAME / lock.FILE_NAME),
            lambda: self.push("digest-3", {}, 2),
            lambda: rollback(versions, NAME, root, wait_seconds=0.1),
        ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    return Serving(tmp_path_factory.mktemp("push"))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    yield
    logging.disable(before)


FILES = {
    "manifest": "serving/m/2/MANIFEST.json",
    "record": "registry/m/2.json",
    "identity": "registry/m/registry.json",
    "lock": "serving/m/.push.lock",
}


def changed(content: bytes, count: int) -> Iterator[bytes]:
    yield from wrong_values(json.loads(content), count)
    yield from mutations(content, count // 2)


@pytest.mark.parametrize("count", [16, pytest.param(2000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("file", FILES)
def test_a_file_with_wrong_contents_gives_a_code_and_version_1_stays_whole(
    place: Serving, file: str, count: int
) -> None:
    place.restore()
    path = place.serving.parent / FILES[file]
    owner = json.dumps({"pid": 1, "host": "here", "started": 0.5}).encode()
    for content in changed(path.read_bytes() if path.stat().st_size else owner, count):
        place.restore()
        path.write_bytes(content)
        for operation in place.operations():
            _, error = attempt(operation)
            assert error is None or error.code in CODES, content
        assert manifest.is_whole(place.serving / NAME / "1")
        served = registry.served_version(place.serving, NAME)
        assert served is not None
        assert served in {1, 2, 3}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999"])
@pytest.mark.parametrize("file", ["manifest", "record"])
def test_a_number_that_json_cannot_write_is_refused_when_read(place: Serving, file: str, number: str) -> None:
    place.restore()
    path = place.serving.parent / FILES[file]
    path.write_text(path.read_text().replace("0.7", number))
    assert number in path.read_text()
    with pytest.raises(TandemError, match=r"PUSH-00[45]"):
        registry.newest_blessed(place.serving, NAME, place.registry)
    if file == "manifest":
        (place.registry / NAME / "2.json").unlink()
    registry.recover(place.serving, NAME, place.registry)
    json.loads((place.registry / NAME / "1.json").read_bytes())


@pytest.mark.parametrize("count", [60, pytest.param(3000, marks=pytest.mark.soak)])
def test_a_wrong_blessing_pushes_nothing_but_what_it_blesses(place: Serving, count: int) -> None:
    valid = {
        "blessed": True,
        "model_digest": "digest-3",
        "metrics": {"auc": 0.5, "inner": {"x": 1}},
        "baseline": {"version": 2, "is_prior": False},
        "verdicts": [],
        "reasons": [],
    }
    pushed = 0
    for content in changed(json.dumps(valid).encode(), count):
        try:
            blessing = json.loads(content)
        except (ValueError, RecursionError):
            continue
        place.restore()
        result, error = attempt(
            lambda told: push(
                place.model, told, place.serving, NAME, place.registry, "r", digest=lambda _: "digest-3"
            ),
            blessing,
        )
        assert error is None or error.code in CODES, content
        if result is not None and result.pushed:
            pushed += 1
            assert blessing["blessed"] is True
            assert (blessing["model_digest"], blessing["baseline"]["version"]) == ("digest-3", 2)
            assert manifest.is_whole(place.serving / NAME / "3")
        else:
            assert registry.served_version(place.serving, NAME) == 2
    assert pushed


def test_an_outcome_with_wrong_contents_has_a_code(tmp_path: Path) -> None:
    outcome.write(tmp_path, PushResult(True, 3, tmp_path, "digest", True, ""))
    path = tmp_path / outcome.FILE_NAME
    for content in changed(path.read_bytes(), 60):
        path.write_bytes(content)
        _, error = attempt(outcome.read, tmp_path)
        assert error is None or error.code == "PUSH-009"


def test_files_that_a_manifest_names_outside_of_its_version_are_missing_and_never_opened(
    place: Serving, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    entry = storage.list_tree(tmp_path)["secret"]
    for name in ("../../../../secret", str(secret), "a/../../secret"):
        place.restore()
        directory = place.serving / NAME / "2"
        told = json.loads((directory / manifest.FILE_NAME).read_bytes())
        told["files"][name] = entry
        (directory / manifest.FILE_NAME).write_text(json.dumps(told))
        with pytest.raises(TandemError, match=r"PUSH-004.*is missing"):
            manifest.verify(directory)


@pytest.mark.parametrize("inside", [False, True])
def test_a_link_in_place_of_a_pushed_file_is_damage(place: Serving, tmp_path: Path, inside: bool) -> None:
    place.restore()
    directory = place.serving / NAME / "2"
    target = (directory if inside else tmp_path) / "elsewhere.pb"
    (directory / "saved_model.pb").rename(target)
    (directory / "saved_model.pb").symlink_to(target)
    with pytest.raises(TandemError, match=r"PUSH-004"):
        manifest.verify(directory)
