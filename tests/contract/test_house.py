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
        found += [f"{name}: {word}" for word in re.findall(r"\b(?:TODO|FIXME|XXX)\b", text)]
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                found.append(f"{name}:{node.lineno}: print")
            if isinstance(node, ast.Raise) and "NotImplementedError" in ast.unparse(node):
                found.append(f"{name}:{node.lineno}: not implemented")
    assert found == []


def test_packages_import_nothing_when_imported() -> None:
    for package in ("components", "pipeline", "trainer", "transforms"):
        body = ast.parse((ROOT / package / "__init__.py").read_text()).body
        assert not [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)], package


# Light commands

CHILD = """
import json, sys
from pipeline.cli import main
heavy, sys.argv = json.loads(sys.argv[1]), ["tandem", *sys.argv[2:]]
try:
    main()
    status = 0
except SystemExit as error:
    status = error.code or 0
loaded = sorted({name.partition(".")[0] for name in sys.modules} & set(heavy))
sys.stderr.write("\\n" + json.dumps([status, loaded]))
"""
LIGHT = (
    "--help",
    "init data.csv --label late -o new.yaml",
    "run data.yaml --dry-run",
    "config schema",
    "config show data.yaml",
    "config diff data.yaml data.yaml",
    "runs list",
    "runs show",
    "runs diff FIRST SECOND",
    "report",
    "gate explain",
    "experiments list",
    "experiments show attention_rnn",
    "experiments diff attention_rnn transformer_small",
)


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
        run.write_summary({**view["summary"], "run_id": run.run_id, "rows": {"train": 200}})
    return directory


@pytest.mark.parametrize("command", LIGHT)
def test_a_command_that_only_looks_imports_neither_tfx_nor_tensorflow(place: Path, command: str) -> None:
    first, second = sorted(path.name for path in (place / ".tandem" / "runs").iterdir())
    arguments = command.replace("FIRST", first).replace("SECOND", second).split()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(HEAVY), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
    )
    status, loaded = json.loads(done.stderr.splitlines()[-1])
    assert status == 0, done.stdout + done.stderr
    assert loaded == []
    assert done.stdout or " diff " in command


def test_an_import_of_tensorflow_would_be_noticed(place: Path) -> None:
    child = CHILD.replace("import json, sys", "import json, sys, tensorflow")
    done = subprocess.run(
        [sys.executable, "-c", child, json.dumps(HEAVY), "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
    )
    assert "tensorflow" in json.loads(done.stderr.splitlines()[-1])[1]


# Docstrings

DEFAULT = re.compile(r"Defaults to `(?P<text>[^`]*)`")
ARGUMENT = re.compile(r"^(\w+(?:, \w+)*): ")


def documented_defaults(docstring: str) -> dict[str, str]:
    r"""Default of each argument as the docstring says it, in the notation of Python.

    Example:
        >>> documented_defaults("Does.\n\nArgs:\n    a: int. Defaults to `3`.\n\nReturns:\n    b: text.")
        {'a': '3'}
    """
    section = re.search(r"^Args:\n((?: {4,}.*\n?|\n)+)", inspect.cleandoc(docstring), re.MULTILINE)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section[1].splitlines() if section else []:
        if re.match(r" {4}\S", line) and (match := ARGUMENT.match(line.strip())):
            names = match[1].split(", ")
        for default in DEFAULT.finditer(line):
            found |= dict.fromkeys(names, default["text"])
    return found


def real_defaults(target: Any) -> dict[str, Any]:
    """Default of each argument, those of dataclass factories made."""
    signature = inspect.signature(target)
    found = {
        name: p.default
        for name, p in signature.parameters.items()
        if p.default is not inspect.Parameter.empty
    }
    for field in dataclasses.fields(target) if dataclasses.is_dataclass(target) else ():
        if field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
    return found


def same(text: str, default: Any, module: ModuleType) -> bool:
    """Whether the text is the default: the same value, or the same object by its name."""
    try:
        value = eval(text, dict(vars(module)))
    except (SyntaxError, NameError, AttributeError):
        value = text
    if isinstance(value, float) and isinstance(default, float) and math.isnan(value):
        return math.isnan(default)
    return value is default or (type(value) is type(default) and bool(value == default))


def wrong_defaults(name: str, target: Any, module: ModuleType) -> list[str]:
    """Each documented default that is not the real one."""
    documented = documented_defaults(target.__doc__ or "")
    if not documented:
        return []
    real, spec = real_defaults(target), getattr(target, "SPEC_CLASS", None)
    wrong = []
    for argument, text in documented.items():
        if argument in real:
            if not same(text, real[argument], module):
                wrong.append(f"{name}: {argument} defaults to {real[argument]!r}, documented `{text}`")
        # The arguments of a component are those of its specification; an optional one is left out.
        elif spec is None or argument not in spec.PARAMETERS or not spec.PARAMETERS[argument].optional:
            wrong.append(f"{name}: {argument} has no default, documented `{text}`")
    return wrong


def members(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Public classes, functions and methods that a module defines, by dotted name."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            yield f"{module.__name__}.{name}", value
        if inspect.isclass(value):
            for method, function in vars(value).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    yield f"{module.__name__}.{name}.{method}", function


def modules(*packages: str) -> Iterator[ModuleType]:
    # TFX puts in place what TFDV imports, so it comes first.
    importlib.import_module("tfx.v1")
    for file in SOURCES:
        parts = file.relative_to(ROOT).with_suffix("").parts
        if parts[0] in packages and parts[-1] != "__main__":
            yield importlib.import_module(".".join(parts).removesuffix(".__init__"))


def test_documented_defaults_are_the_real_ones() -> None:
    wrong, checked = [], 0
    for module in modules(*PACKAGES):
        for name, target in members(module):
            checked += len(documented_defaults(target.__doc__ or ""))
            wrong += wrong_defaults(name, target, module)
    assert wrong == []
    assert checked > 100


def test_a_wrong_default_would_be_noticed() -> None:
    def stop(after: int = 3, least: float = 0.5, kind: str = "a") -> None:
        """Stops.

        Args:
            after: int. Defaults to `4`.
            least: float, in any unit; a long text may stand before the default of it.
                Defaults to `0.5`.
            kind: str. Defaults to `"a"`.
            gone: int. Defaults to `1`.
        """

    wrong = wrong_defaults("stop", stop, sys.modules[__name__])
    assert [text.split(" ")[1] for text in wrong] == ["after", "gone"]


def test_examples_in_docstrings_hold() -> None:
    attempted = 0
    for module in [*modules(*PACKAGES), sys.modules[__name__]]:
        outcome = doctest.testmod(module)
        assert outcome.failed == 0, module.__name__
        attempted += outcome.attempted
    assert attempted > 0
