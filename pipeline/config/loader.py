"""Reads a config file; says everything that is wrong with it at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydantic
import yaml

from pipeline.config.checks import cross_field_problems
from pipeline.config.complete import complete
from pipeline.config.explain import explain
from pipeline.config.fill import fill
from pipeline.config.merge import added, merged
from pipeline.config.model import Config
from pipeline.config.overrides import apply_override
from pipeline.config.problems import ConfigError, Problem
from pipeline.config.problems import Path as Location
from pipeline.config.reader import Reader


def load(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Reads and checks a config file.

    Args:
        path: YAML file.
        overrides: assignments such as `train.epochs=3`, applied in order. Defaults to `()`.

    Returns:
        The frozen config. Paths in it stay as written; `resolve` makes them absolute.

    Raises:
        ConfigError: `CONFIG-001` (no such file, or not UTF-8), `CONFIG-002` (not YAML), `CONFIG-003` (bad
            override) or `CONFIG-004` (every problem with keys and values together).
        TandemError: `CONFIG-020` if `experiment` names none that is known.
    """
    file = Path(path)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        hint = "Check the path, or make a config with `tandem init DATA --label COLUMN`."
        message = f"expected a readable config file, {error.strerror}. Received: path={str(path)!r}."
        raise ConfigError("CONFIG-001", message, hint) from None
    except UnicodeDecodeError as error:
        message = f"expected UTF-8 text, byte {error.start} is not. Received: path={str(path)!r}."
        raise ConfigError("CONFIG-001", message, "Save the file as UTF-8.") from None
    return parse(text, overrides, name=str(path))


def parse(text: str, overrides: Sequence[str] = (), name: str = "config") -> Config:
    """As `load`, from text; `name` stands for the file in messages."""
    reader, values = _read(text, name)
    if not isinstance(values, dict):
        message = f"{name}: expected a mapping of keys to values. Received: {type(values).__name__}."
        raise ConfigError("CONFIG-002", message, "See docs/config.md for the keys.")
    values, set_by = _with_experiment(values, overrides)
    set_by |= {apply_override(values, assignment): f"--set {assignment}" for assignment in overrides}
    config: Config | None = None
    problems = list(reader.duplicates)
    try:
        config = Config.model_validate(values)
    except pydantic.ValidationError as error:
        wrong = explain(error, values)
        problems += wrong + cross_field_problems(fill(complete(values)), {problem.path for problem in wrong})
        # Never a refusal without a reason.
        problems = problems or [Problem((), str(item["msg"])) for item in error.errors(include_url=False)]
    if problems or config is None:
        raise _refused(name, [_placed(problem, reader.lines, set_by) for problem in problems])
    return config


def _with_experiment(
    values: dict[str, Any], overrides: Sequence[str]
) -> tuple[dict[str, Any], dict[Location, str]]:
    """The values on top of those of their experiment, and where the experiment has set one."""
    named: dict[str, Any] = {"experiment": values.get("experiment")}
    for assignment in overrides:
        if assignment.partition("=")[0].strip() == "experiment":
            apply_override(named, assignment)
    name = named["experiment"]
    if not isinstance(name, str):
        return values, {}
    from pipeline.experiments import base  # only where one is named

    below = base(name)
    origin = f"experiment {name}"
    return merged(below, values), dict.fromkeys(added(below, values), origin)


def _read(text: str, name: str) -> tuple[Reader, Any]:
    try:
        reader = Reader(text)
        return reader, reader.read()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        message = f"{name}{place}: expected YAML, {error.problem}."
    except yaml.YAMLError as error:
        message = f"{name}: expected YAML, {error}."
    except RecursionError:
        message = f"{name}: expected YAML, it is nested too deeply."
    raise ConfigError("CONFIG-002", message, "Check the indentation and the quotes there.")


def _placed(problem: Problem, lines: dict[Location, int], set_by: dict[Location, str]) -> Problem:
    starts = [problem.path[:length] for length in range(len(problem.path), 0, -1)]
    for start in starts:
        if start in set_by:
            return dataclasses.replace(problem, origin=set_by[start])
    if problem.line:
        return problem
    return dataclasses.replace(problem, line=next((lines[start] for start in starts if start in lines), None))


def _refused(name: str, problems: list[Problem]) -> ConfigError:
    problems = list(dict.fromkeys(problems))
    problems.sort(key=lambda problem: problem.line or 0)
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = "\n".join(f"  {problem.text()}" for problem in problems)
    hint = "Every key is described in docs/config.md."
    return ConfigError("CONFIG-004", f"{count} in {name}\n{lines}\n", hint, tuple(problems))
