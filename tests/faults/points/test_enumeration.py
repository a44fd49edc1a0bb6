"""Every place that changes files has a fault point, and every point is met by one of the sweeps."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.faults.points.place import Place
from tests.faults.points.test_others import MET

PROJECT = Path(__file__).resolve().parents[3]
PACKAGES = ("pipeline", "components", "transforms", "trainer")
# Calls that change files. `replace` with one argument is that of a path and not that of a text.
CHANGES = {
    "rename", "unlink", "rmtree", "rmdir", "mkdir", "makedirs", "write_text", "write_bytes", "mkstemp",
    "mkdtemp", "touch", "symlink_to", "hardlink_to", "copyfile", "copytree", "copyfileobj", "move",
    "truncate", "ftruncate", "pwrite", "fsync", "TFRecordWriter", "TemporaryDirectory",
}  # fmt: skip
WRITES = set("wax+")
# Places that change files without a point, and why none is needed.
WITHOUT = {
    "pipeline/report/screenshot.py:browser": "docs only",
    "pipeline/report/screenshot.py:take": "docs only",
    "pipeline/report/screenshot.py:picture": "docs only",
    "pipeline/cli/promote.py:promote": "moves the traffic of a service, no file",
    "pipeline/cli/doctor.py:_metadata": "a scratch directory that a check makes and removes",
    "pipeline/cli/quiet.py:quiet_stderr": "the null device",
    "pipeline/cli/run.py:console_for": "a copy of the terminal",
    "trainer/noise/trials.py:try_out": "a scratch directory that a trial makes and removes",
    "transforms/tabular/vocabulary.py:expand": "inside of stock Transform, which is killed at random moments",
    "transforms/tabular/vocabulary.py:write": "inside of stock Transform, which is killed at random moments",
    "transforms/tabular/vocabulary_file.py:write": "inside of stock Transform, as above",
    "transforms/text/vocabulary.py:expand": "inside of stock Transform, as above",
    "transforms/text/vocabulary.py:write": "inside of stock Transform, as above",
    "trainer/faults.py:reached": "the points themselves",
    "trainer/faults.py:_act": "the points themselves",
}


def _mode(call: ast.Call) -> str:
    given = [*call.args, *(word.value for word in call.keywords if word.arg == "mode")]
    texts = [str(value.value) for value in given if isinstance(value, ast.Constant)]
    return next((text for text in texts if text and set(text) <= set("rwabx+t")), "r")


def _changes_files(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("open", "fdopen", "GFile"):
        flags = ast.unparse(call)
        return bool(set(_mode(call)) & WRITES) or "O_CREAT" in flags or "O_WRONLY" in flags
    if name == "replace" and isinstance(call.func, ast.Attribute):
        return len(call.args) == 1 and not call.keywords
    return name in CHANGES


def _functions() -> Iterator[tuple[str, list[ast.Call]]]:
    """`file:function` and the calls in it, those of inner functions too."""
    for package in PACKAGES:
        for file in sorted((PROJECT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.FunctionDef):
                    name = f"{file.relative_to(PROJECT).as_posix()}:{node.name}"
                    yield name, [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]


def _points(calls: list[ast.Call]) -> list[str]:
    return [ast.literal_eval(call.args[0]) for call in calls if getattr(call.func, "id", "") == "point"]


def test_every_function_that_changes_files_has_a_point() -> None:
    changing = {name: _points(calls) for name, calls in _functions() if any(map(_changes_files, calls))}
    assert {name for name, points in changing.items() if not points} == set(WITHOUT)


def test_every_point_is_met_by_a_sweep(unbroken: tuple[Place, list[str]]) -> None:
    names = [point for name, calls in _functions() for point in _points(calls) if name not in WITHOUT]
    met = {point.partition(" ")[0] for point in unbroken[1]}
    assert set(names) == met | {point for points in MET.values() for point in points}
