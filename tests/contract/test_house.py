"""Rules of the house: room for everything, documented defaults, light commands."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import importlib
import importlib.util
import inspect
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pipeline", "components", "transforms", "trainer")
SOURCES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
HEAVY = ("tfx", "tensorflow", "keras", "apache_beam", "tensorflow_transform", "tensorflow_data_validation")
LONGEST = 400


def test_the_folder_of_manifests_does_not_hide_the_kubernetes_client() -> None:
    assert not list((ROOT / "kubernetes").rglob("__init__.py"))
    spec = importlib.util.find_spec("kubernetes")
    assert spec is not None
    assert spec.origin is not None
    assert "site-packages" in spec.origin


def test_modules_are_short() -> None:
    rooms = (*PACKAGES, "tests", "examples", "benchmarks", "docs")
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text().splitlines())
        for room in rooms
        for file in (ROOT / room).rglob("*.py")
    }
    assert len(lengths) > 100
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_packages_neither_print_nor_leave_notes() -> None:
    found = []
    for file in SOURCES:
        text = file.read_text()
        name = file.relative_to(ROOT)
        found += [
            f"{name}: {word}" for word in re.findall(r"\b(?:TODO|FIXME|XXX|NotImplementedError)\b", text)
        ]
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                found.append(f"{name}:{node.lineno}: print")
    assert found == []


def test_packages_import_nothing_when_imported() -> None:
    for package in ("components", "pipeline", "trainer", "transforms"):
        body = ast.parse((ROOT / package / "__init__.py").read_text()).body
        assert not [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)], package


# Light commands

CHECK = """
import json, sys
from pipeline.cli import main
sys.argv = ["tandem", *sys.argv[1:]]
try:
    main()
    status = 0
except SystemExit as error:
    status = error.code or 0
heavy = sorted({name.partition(".")[0] for name in sys.modules} & set(%r))
sys.stderr.write(json.dumps([status, heavy]))
""" % (HEAVY,)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config, data and a root with one finished run, made without running anything."""
    from pipeline.config import dump, load
    from pipeline.root import Root
    from pipeline.runs.store import RunStore

    directory = tmp_path_factory.mktemp("place")
    rows = "\n".join(
        f"{i % 7 + i / 100:.2f},{'red' if i % 3 else 'blue'},{int(i % 7 > 3)}" for i in range(200)
    )
    (directory / "data.csv").write_text(f"size,colour,late\n{rows}\n")
    (directory / "data.yaml").write_text(
        "name: data\ntask: binary\nlabel: {column: late, classes: ['0', '1']}\ndata: {path: data.csv}\n"
        "features: {size: {kind: numeric}, colour: {kind: categorical}}\n"
        "gate: {rules: [{metric: log_loss, better_than: prior}]}\n"
    )
    config = load(directory / "data.yaml")
    view = json.loads((ROOT / "tests/pipeline/report/flights_run.json").read_text())
    for _ in range(2):
        run = RunStore(Root(directory / ".tandem")).create(dump(config), directory)
        run.write_view(view)
        run.write_summary({**view["summary"], "run_id": run.run_id})
    return directory


def light_commands(directory: Path) -> dict[str, list[str]]:
    root = ["--root", str(directory / ".tandem")]
    config = str(directory / "data.yaml")
    runs = sorted(path.name for path in (directory / ".tandem" / "runs").iterdir())
    return {
        "--help": ["--help"],
        "init": ["init", str(directory / "data.csv"), "--label", "late", "-o", str(directory / "new.yaml")],
        "run --dry-run": ["run", config, "--dry-run"],
        "config schema": ["config", "schema"],
        "config show": ["config", "show", config],
        "config diff": ["config", "diff", config, config],
        "runs list": ["runs", "list", *root],
        "runs show": ["runs", "show", *root],
        "runs diff": ["runs", "diff", *runs, *root],
        "report": ["report", *root],
        "gate explain": ["gate", "explain", *root],
    }


@pytest.mark.parametrize(
    "name",
    light_commands(Path(__file__).parent)
    if False
    else [
        "--help",
        "init",
        "run --dry-run",
        "config schema",
        "config show",
        "config diff",
        "runs list",
        "runs show",
        "runs diff",
        "report",
        "gate explain",
    ],
)
def test_a_command_that_only_looks_imports_neither_tfx_nor_tensorflow(place: Path, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK, *light_commands(place)[name]],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
    )
    status, heavy = json.loads(done.stderr.splitlines()[-1])
    assert status == 0, done.stderr
    assert heavy == []
