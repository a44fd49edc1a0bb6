"""A step's fingerprint covers all the code that the step runs."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import fingerprint
from pipeline.fingerprint import LIBRARIES, SOURCES, step_fingerprint

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("components", "transforms", "trainer")

# What each step starts from: our executors, and of stock components what they load from us by name.
ENTRIES = {
    **{step: (f"components/{step}/executor.py",) for step in SOURCES},
    "validator": (),
    "transform": ("transforms/tabular/__init__.py", "transforms/text/__init__.py"),
    "evaluate": ("components/evaluate/tfma_metrics.py",),
    # The dry run is a process of its own, started by module name.
    "gate": ("components/gate/executor.py", "trainer/export/dry_run.py"),
}

# What a step imports and what cannot change its outputs.
WITHOUT_INFLUENCE = {"absl": "logs", "psutil": "names the holder of a lock"}
# The adapter of all steps reads statistics and anomalies for `schema` and `check` alone, which name these.
READERS = {
    ("components/adapter.py", "tensorflow_data_validation"),
    ("components/adapter.py", "tensorflow_metadata"),
}


def file_of(module: str) -> Path | None:
    path = PROJECT / Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if module.partition(".")[0] in PACKAGES and candidate.is_file():
            return candidate
    return None


def imported(path: Path) -> Iterator[str]:
    """Names of the modules that a file imports anywhere in it, and of the packages above them."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


@functools.cache
def closure(entries: tuple[str, ...]) -> frozenset[str]:
    """Files of our packages that importing `entries` runs, relative to the project."""
    waiting, seen = [PROJECT / entry for entry in entries], set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += [found for name in imported(path) if (found := file_of(name)) is not None]
    # An empty package file has nothing in it that could change a result.
    return frozenset(str(path.relative_to(PROJECT)) for path in seen if path.read_text().strip())


def covered(step: str) -> set[str]:
    files = [file for source in SOURCES[step] for file in fingerprint.source_files(source)]
    return {str(file.relative_to(PROJECT)) for file in files}


@pytest.mark.parametrize("step", SOURCES)
def test_every_module_that_a_step_imports_is_in_its_sources(step: str) -> None:
    assert sorted(closure(ENTRIES[step]) - covered(step)) == []


@functools.cache
def distributions_of() -> dict[str, list[str]]:
    """Names that distributions may have in `LIBRARIES`, by the module that they bring."""
    found = importlib.metadata.packages_distributions()
    # Many distributions share this name; only this one is imported.
    found = {**found, "google": ["protobuf"]}
    return {module: [name.replace("_", "-").lower() for name in names] for module, names in found.items()}


def libraries(step: str) -> dict[str, list[str]]:
    """Distributions, by module, that the code of a step imports."""
    modules = {
        top
        for file in closure(ENTRIES[step])
        for top in {name.partition(".")[0] for name in imported(PROJECT / file)}
        if (file, top) not in READERS
    }
    outside = modules - set(PACKAGES) - set(sys.stdlib_module_names) - set(WITHOUT_INFLUENCE)
    return {module: distributions_of()[module] for module in outside}


@pytest.mark.parametrize("step", SOURCES)
def test_every_library_that_a_step_imports_is_in_its_libraries(step: str) -> None:
    named = set(LIBRARIES[step])
    assert {module: names for module, names in libraries(step).items() if not named & set(names)} == {}


def test_an_import_of_a_library_that_is_not_listed_would_be_noticed() -> None:
    assert libraries("push")["keras"] == ["keras"]
    assert libraries("schema")["google"] == ["protobuf"]
    assert "tensorflow_model_analysis" in libraries("gate")
    assert "tensorflow_data_validation" not in libraries("train")


def test_an_import_outside_of_the_sources_would_be_noticed() -> None:
    # The export is part of what the gate imports, and its digest imports the storage.
    assert "trainer/export/digest.py" in closure(ENTRIES["gate"])
    assert "trainer/storage.py" in closure(("trainer/export/digest.py",))
    assert "components/score/core.py" in closure(ENTRIES["score"]) - covered("push")


def test_every_source_exists_and_every_step_names_its_libraries() -> None:
    for step, sources in SOURCES.items():
        assert all((PROJECT / source).exists() for source in sources), step
        assert set(fingerprint.library_versions(step)) == {"python", *LIBRARIES[step]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the sources that a test may change."""
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "_PROJECT", tmp_path)
    fingerprint._source_digest.cache_clear()
    yield tmp_path
    fingerprint._source_digest.cache_clear()


def prints() -> dict[str, str]:
    fingerprint._source_digest.cache_clear()
    return {step: step_fingerprint(step) for step in SOURCES}


@pytest.mark.parametrize(
    ("file", "steps"),
    [
        ("transforms/tabular/numeric.py", {"transform", "train", "score"}),
        ("trainer/loop/training.py", {"train"}),
        ("trainer/export/digest.py", {"train", "baseline", "gate", "push"}),
        ("components/ingest/parsing.py", {"ingest"}),
        ("components/evaluate/statistics.py", {"score", "evaluate"}),
        ("components/gate/decision.py", {"gate"}),
        ("components/adapter.py", set(SOURCES) - {"validator", "transform", "evaluate"}),
    ],
)
def test_a_changed_file_changes_exactly_the_steps_that_use_it(
    project: Path, file: str, steps: set[str]
) -> None:
    before = prints()
    assert prints() == before
    with (project / file).open("a") as source:
        source.write("\nCHANGED = 1\n")
    after = prints()
    assert {step for step in SOURCES if after[step] != before[step]} == steps


def test_an_added_and_a_renamed_file_change_the_fingerprint(project: Path) -> None:
    before = prints()["check"]
    added = project / "components" / "check" / "more.py"
    added.write_text("")
    with_file = prints()["check"]
    added.rename(added.with_name("other.py"))
    assert len({before, with_file, prints()["check"]}) == 3


def test_another_library_version_changes_the_steps_that_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = prints()
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0" if name == "keras" else real(name))
    after = prints()
    changed = {step for step in SOURCES if after[step] != before[step]}
    assert changed == {"train", "baseline", "score", "gate", "push"}


def test_another_python_version_changes_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    before = prints()
    monkeypatch.setattr(platform, "python_version", lambda: "3.0.0")
    after = prints()
    assert all(after[step] != before[step] for step in SOURCES)
