"""The cache key of a step covers every source file that its executor can import."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pipeline.fingerprint import _SHARED, SOURCES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("components", "transforms", "trainer", "pipeline")
STARTS = {
    step: place
    for step in SOURCES
    for place in (ROOT / "components" / step, ROOT / "transforms" if step == "transform" else None)
    if place is not None and place.is_dir()
}


def module_file(name: str) -> Path | None:
    path = ROOT.joinpath(*name.split("."))
    found = [file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()]
    return found[0] if found and name.split(".")[0] in PACKAGES else None


def imported(file: Path) -> set[Path]:
    """Our own modules that a file imports, at its head or inside of a function."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return {found for name in names if (found := module_file(name)) is not None}


def reached(place: Path) -> set[str]:
    waiting, seen = list(place.rglob("*.py")), set[Path]()
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting += imported(file)
    return {str(file.relative_to(ROOT)) for file in seen if file.read_text().strip()}


def test_every_step_of_ours_is_looked_at() -> None:
    stock = {"statistics", "validator"}
    assert set(STARTS) == set(SOURCES) - stock
    assert "trainer/export/digest.py" in reached(STARTS["push"])


@pytest.mark.parametrize("step", STARTS)
def test_a_change_in_any_file_that_a_step_imports_runs_it_again(step: str) -> None:
    listed = (*_SHARED, *SOURCES[step])
    forgotten = {
        file
        for file in reached(STARTS[step])
        if not any(file == source or file.startswith(f"{source}/") for source in listed)
    }
    assert sorted(forgotten) == []
