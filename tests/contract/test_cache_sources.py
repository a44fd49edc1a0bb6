"""A changed source file or library version runs exactly the steps again that use it."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import fingerprint
from pipeline.fingerprint import LIBRARIES, SOURCES, step_fingerprint

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("pipeline", "components", "transforms", "trainer")

# Files that no fingerprint covers: what they decide reaches the steps as parameters, or only the reader.
WITHOUT_STEPS = {
    "pipeline/__init__.py": "empty",
    "pipeline/churn/": "an experiment beside the runs",
    "pipeline/comparison.py": "the frame of experiments beside the runs",
    "pipeline/cli/": "commands",
    "pipeline/config/": "the config reaches the steps as parameters",
    "pipeline/execute.py": "calls the graph, writes summary and report",
    "pipeline/experiments/": "values of configs",
    "pipeline/fingerprint.py": "makes the fingerprints",
    "pipeline/graph.py": "sets the parameters and channels of the steps",
    "pipeline/init/": "writes configs",
    "pipeline/kubeflow/": "drives the steps on a cluster; what it decides reaches them as parameters",
    "pipeline/kernels.py": "sets the environment of a process",
    "pipeline/local/": "drives the steps",
    "pipeline/noise/": "an experiment beside the runs",
    "pipeline/outcome.py": "summary and report",
    "pipeline/plan.py": "makes the parameters",
    "pipeline/predict.py": "scores files with a pushed model",
    "pipeline/report/": "shows results",
    "pipeline/root.py": "where things lie; paths are parameters",
    "pipeline/runs/": "keeps runs",
    "pipeline/schema_review.py": "keeps schemas; their digest is a parameter",
    "pipeline/state.py": "finds parameters of the steps",
    "pipeline/view/": "reads results for the report",
    "pipeline/watch/": "looks at trainings and models",
    "components/__init__.py": "empty",
    "components/release/": "a step that is never cached",
    "components/serve/": "a step that is never cached",
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sources that the fingerprints are taken of while this module's tests change it."""
    root = tmp_path_factory.mktemp("sources")
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    patch = pytest.MonkeyPatch()
    patch.setattr(fingerprint, "_PROJECT", root)
    yield root
    patch.undo()
    fingerprint._source_digest.cache_clear()


def prints() -> dict[str, str]:
    fingerprint._source_digest.cache_clear()
    return {step: step_fingerprint(step) for step in SOURCES}


def test_every_source_file_changes_the_steps_that_use_it(
    copied: Path, golden: Callable[[str, str], None]
) -> None:
    before, found = prints(), {}
    for file in sorted(path for package in PACKAGES for path in (copied / package).rglob("*.py")):
        content = file.read_bytes()
        file.write_bytes(content + b"\n")
        after = prints()
        file.write_bytes(content)
        changed = [step for step in SOURCES if after[step] != before[step]]
        found[str(file.relative_to(copied))] = changed
    assert prints() == before
    used = {name: steps for name, steps in found.items() if steps}
    golden("sources.txt", "".join(f"{name}: {' '.join(steps)}\n" for name, steps in sorted(used.items())))
    without = {name for name, steps in found.items() if not steps and (copied / name).read_text().strip()}
    explained = {name for name in without for known in WITHOUT_STEPS if name.startswith(known)}
    assert sorted(without - explained) == []
    assert all(any(name.startswith(known) for name in found) for known in WITHOUT_STEPS)
    assert not [name for name in used for known in WITHOUT_STEPS if name.startswith(known)]


@pytest.mark.parametrize("library", sorted({name for names in LIBRARIES.values() for name in names}))
def test_another_version_of_a_library_changes_the_steps_that_name_it(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = prints(), importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0" if name == library else real(name))
    after = prints()
    changed = {step for step in SOURCES if after[step] != before[step]}
    assert changed == {step for step, names in LIBRARIES.items() if library in names}
