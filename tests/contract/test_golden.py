"""What others build on does not change unnoticed: golden files, written anew by `pytest --update-golden`."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pipeline", "components", "transforms", "trainer")
Golden = Callable[[str, str], None]
CLASSES = {"binary": ("no", "yes"), "multiclass": ("low", "middle", "high"), "regression": ()}

# Command line

HELP = """
import sys
from typer.main import get_command
from typer.testing import CliRunner
from pipeline.cli.app import app

def commands(command, *names):
    yield names
    for name in sorted(getattr(command, "commands", {})):
        yield from commands(command.commands[name], *names, name)

for names in commands(get_command(app)):
    outcome = CliRunner().invoke(app, [*names, "--help"], prog_name="tandem")
    assert outcome.exit_code == 0, outcome.output
    lines = [line.rstrip() for line in outcome.output.strip().splitlines()]
    sys.stdout.write("\\n".join(["$ " + " ".join(["tandem", *names, "--help"]), *lines, "", ""]))
"""


def test_the_help_of_every_command(golden: Golden) -> None:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    plain = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", HELP], cwd=ROOT, env=kept | plain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    golden("help.txt", done.stdout)


# Served models


def signatures(model_dir: Path) -> str:
    """Every signature of a SavedModel: inputs and outputs by name with their type and shape."""
    from tensorflow.core.framework import types_pb2
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((model_dir / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    lines = [f"tags: {', '.join(sorted(graph.meta_info_def.tags))}"]
    for name, signature in sorted(graph.signature_def.items()):
        lines.append(name)
        for side, infos in (("input", signature.inputs), ("output", signature.outputs)):
            for key, info in sorted(infos.items()):
                shape = (
                    "unknown" if info.tensor_shape.unknown_rank else [d.size for d in info.tensor_shape.dim]
                )
                lines.append(f"  {side:<6} {key}: {types_pb2.DataType.Name(info.dtype)} {shape}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("task", CLASSES)
def test_the_signatures_of_an_exported_model(
    golden: Golden, small: ModuleType, small_run: Callable[[str], Any], task: str, tmp_path: Path
) -> None:
    from trainer.export import export_model
    from trainer.models import build_wide_deep
    from trainer.spec import FeatureSpec, ModelSpec

    run = small_run("binary")
    if task == "binary":
        exported = run.run.directory.parents[1] / "serving" / "small" / "1"
    else:
        told = json.loads((small.artifact(run, "train", "model_run") / "training.json").read_text())
        classes = CLASSES[task]
        features = dataclasses.replace(
            FeatureSpec.from_json(told["feature_spec"]),
            task=task,
            classes=classes,
            num_classes=max(1, len(classes)),
        )
        exported = tmp_path / "model"
        graph = small.artifact(run, "transform", "transform_graph")
        export_model(exported, features, build_wide_deep(features, ModelSpec(), 1), graph)
    golden(f"signatures_{task}.txt", signatures(exported))


# The graph


def graph_text(pipeline: Any, fingerprints: dict[str, str], places: dict[str, str]) -> str:
    """Steps in order with types, parameters and wiring; places and fingerprints are replaced."""

    def plain(value: Any) -> str:
        text = str(value)
        for found, name in [*places.items(), *((print_, f"<{key}>") for key, print_ in fingerprints.items())]:
            text = text.replace(found, name)
        return re.sub(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16})\b", "<digest>", text)

    lines = [f"pipeline {pipeline.pipeline_info.pipeline_name}"]
    for component in pipeline.components:
        lines += ["", f"{component.id}: {type(component).__module__}.{type(component).__name__}"]
        lines.append(f"  executor {component.executor_spec.class_path}")
        lines += [
            f"  input    {key}: {channel.type_name} from {channel.producer_component_id}.{channel.output_key}"
            for key, channels in sorted(component.inputs.items())
            for channel in [channels]
        ]
        lines += [f"  output   {key}: {c.type_name}" for key, c in sorted(component.outputs.items())]
        lines += [f"  after    {node}" for node in sorted(n.id for n in component.upstream_nodes)]
        for key, value in sorted(component.exec_properties.items()):
            lines.append(f"  given    {key} = {plain(value)}")
        lines += [f"  flag     {plain(f)}" for f in getattr(component.executor_spec, "extra_flags", [])]
    return "\n".join(lines) + "\n"


def test_the_graph(golden: Golden, small: ModuleType, tmp_path: Path) -> None:
    from pipeline.config import load
    from pipeline.graph import build
    from pipeline.root import Root

    config = load(small.write(tmp_path, "binary"))
    graph = build(config, tmp_path, Root(tmp_path / ".tandem"))
    golden("graph.txt", graph_text(graph.pipeline, graph.fingerprints, {str(tmp_path): "<project>"}))


# What a run leaves


def key_paths(value: Any, prefix: str = "") -> Iterator[str]:
    """Paths of all keys with the type of what stands there; items of a list count as one, `[]`."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from key_paths(item, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list) and value:
        for item in value:
            yield from key_paths(item, f"{prefix}[]")
    else:
        yield f"{prefix}: {type(value).__name__}"


def test_the_keys_of_summary_and_gate(
    golden: Golden, small: ModuleType, small_run: Callable[[str], Any]
) -> None:
    result = small_run("binary")
    summary = json.loads((result.run.directory / "summary.json").read_text())
    gate = json.loads((small.artifact(result, "gate", "blessing") / "gate.json").read_text())
    for name, value in (("summary", summary), ("gate", gate)):
        # A whole number and a fraction are the same to a reader of JSON.
        lines = sorted({re.sub(": (?:int|float)$", ": number", path) for path in key_paths(value)})
        golden(f"{name}_keys.txt", "\n".join(lines) + "\n")


# Errors

CODE = re.compile(r"[A-Z]+-\d{3}")
# Raised in several modules, for the one thing that is said here.
SHARED = {
    "PUSH-001": "a blessing that is absent or cannot be understood",
    "PUSH-004": "files of a model are not those that its manifest or blessing names",
    "SCHEMA-002": "no statistics of the train split",
    "TRAIN-303": "class weights that silence a split",
}
# A wrong path is the caller's mistake, a full disk is not.
BOTH_STATUSES = {"CLI-002"}
# Described by their message alone; a code that a docstring, a table or a page names does not stand here.
BY_MESSAGE = {
    "BASELINE-001", "CLI-002", "CLI-003", "CLI-900", "GATE-020", "INIT-020", "PUSH-020", "RUN-003",
    "SCHEMA-002",
    "SCHEMA-003", "SCORE-001", "SCORE-002", "SCORE-003", "TRAIN-402", "TRAIN-403",
}  # fmt: skip
# Codes that a name holds where they are raised.
MADE = {"RUN-006": {"130"}, "TRAIN-104": {"2"}, "TRAIN-105": {"2"}, "TRAIN-106": {"2"}, "TRAIN-107": {"2"}}
# Problems of a compiled file, all told together.
MADE |= {f"KFP-{number:03}": {"2"} for number in (20, *range(22, 40))}
# Answers of the API, in a table by their kind.
MADE |= {f"KFP-{number}": {"2" if number in (301, 302, 305, 308, 309) else "1"} for number in range(300, 310)}
# Told by a summary or a webhook, never raised.
MADE |= {"KFP-111": {"1"}, **{f"KFP-{number}": {"4"} for number in range(406, 410)}}


@dataclasses.dataclass(frozen=True)
class Site:
    """One place where a code is raised."""

    module: str
    status: str


def makers(trees: dict[str, ast.Module]) -> dict[str, str]:
    """Status of each callable that makes an error from a code: the class and all that hand a code on."""
    found = {"TandemError": "1"}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                for call in ast.walk(node):
                    name = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
                    if name not in ("TandemError", "super().__init__") or not call.args:
                        continue
                    if ast.unparse(call.args[0]) == "code" and (status := exit_status(call)):
                        found[node.name] = status
    return found


def exit_status(call: ast.Call) -> str:
    return next((ast.unparse(word.value) for word in call.keywords if word.arg == "exit_status"), "")


def sites(trees: dict[str, ast.Module]) -> dict[str, set[Site]]:
    """Where each code is raised, with its exit status."""
    known, found = makers(trees), defaultdict(set)
    for module, tree in trees.items():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not call.args or ast.unparse(call.func) not in known:
                continue
            status = exit_status(call) or known[ast.unparse(call.func)]
            # A literal, or one of two that a condition chooses: `2 if ... else 1`.
            for code in sorted(set(CODE.findall(ast.unparse(call.args[0])))):
                found[code] |= {Site(module, each) for each in re.findall(r"\b\d+\b", status)}
    return dict(found)


def documented(trees: dict[str, ast.Module]) -> set[str]:
    """Codes that a docstring or a page names, ranges `A-001` to `A-004` included, or a table describes."""
    texts = [(ROOT / "README.md").read_text(), *(page.read_text() for page in (ROOT / "docs").glob("*.md"))]
    found = set()
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                texts.append(ast.get_docstring(node) or "")
            if isinstance(node, ast.Dict):
                found |= {key.value for key in node.keys if isinstance(key, ast.Constant)}
    for text in texts:
        found |= set(CODE.findall(text))
        for first, last in re.findall(r"`([A-Z]+-\d{3})`\s+to\s+`([A-Z]+-\d{3})`", text):
            room = first[:-3]
            found |= {f"{room}{number:03}" for number in range(int(first[-3:]), int(last[-3:]) + 1)}
    return found


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    files = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in files}


def test_the_error_codes_and_their_exit_statuses(golden: Golden, trees: dict[str, ast.Module]) -> None:
    found = {code: {site.status for site in where} for code, where in sites(trees).items()} | MADE
    golden("errors.txt", "".join(f"{code} {' or '.join(sorted(found[code]))}\n" for code in sorted(found)))


def test_every_error_code_in_the_sources_is_listed(trees: dict[str, ast.Module]) -> None:
    known = sites(trees).keys() | MADE.keys()
    constants = {
        node.value
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
    }
    assert constants - known == set()


def twice(trees: dict[str, ast.Module]) -> dict[str, list[str]]:
    """Codes that stand for several things: of several statuses, or of several modules that no table joins."""
    tables = {
        key.value
        for module, tree in trees.items()
        if module.endswith(("problems.py", "errors.py"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    found = {}
    for code, where in sites(trees).items():
        modules = sorted({site.module for site in where})
        several = len(modules) > 1 and code not in tables and code not in SHARED
        if several or (len({site.status for site in where}) > 1 and code not in BOTH_STATUSES):
            found[code] = modules
    return found


def test_no_error_code_stands_for_two_things(trees: dict[str, ast.Module]) -> None:
    assert twice(trees) == {}


def test_every_error_code_is_documented(trees: dict[str, ast.Module]) -> None:
    assert set(sites(trees)) - documented(trees) == BY_MESSAGE


def test_a_code_used_twice_and_one_that_is_documented_nowhere_would_be_noticed() -> None:
    trees = {
        "pipeline/a.py": ast.parse('raise TandemError("ABC-001", "text")\nraise TandemError("ABC-002", "x")'),
        "pipeline/b.py": ast.parse('raise TandemError("ABC-001", "other", exit_status=2)'),
        "pipeline/c.py": ast.parse('def f():\n    """`ABC-001` to `ABC-003`."""\n    raise E("ABC-009")'),
    }
    assert twice(trees) == {"ABC-001": ["pipeline/a.py", "pipeline/b.py"]}
    assert {"ABC-001", "ABC-002", "ABC-003"} <= documented(trees)
    assert "ABC-004" not in documented(trees)
    assert sites(trees)["ABC-002"] == {Site("pipeline/a.py", "1")}
