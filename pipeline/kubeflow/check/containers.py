"""Containers: a pinned image, our entrypoint as command, and arguments that agree with the component."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from pipeline.config.problems import nearest
from pipeline.kubeflow.check.naming import is_environment
from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.tree import File, Json

CODE = "KFP-032"

ENTRYPOINT = "pipeline.kubeflow.entrypoint"
STEP = "--step"
EXECUTOR = "--executor_class_path"
INVOCATION = "--json_serialized_invocation_args"
INPUTS = "--json_serialized_inputs_spec_args"
OUTPUTS = "--json_serialized_outputs_spec_args"
REQUIRED = (STEP, EXECUTOR, INVOCATION, INPUTS, OUTPUTS)
STATE = "--state"
FINGERPRINT = "--fingerprint"
SOURCES = "--sources"
FLAGS = (*REQUIRED, STATE, FINGERPRINT, SOURCES)
EXECUTOR_INPUT = "{{$}}"

_IMAGE = re.compile(
    r"(?:[a-zA-Z0-9.-]+(?::[0-9]{1,5})?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_PINNED = re.compile(r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})\Z")
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")
_DIGEST = re.compile(r"[0-9a-f]{16}")
_STOCK = "tfx."


def problems(file: File) -> Iterator[Problem]:
    """Images without a tag, commands other than the entrypoint, wrong arguments, wrong environment."""
    for label, path, container in file.containers():
        image = container.get("image", "")
        if image and not (_IMAGE.fullmatch(image) and _PINNED.search(image.rpartition("/")[2])):
            yield Problem(CODE, (*path, "image"), "an image with a tag or a digest", received(image))
        yield from _command(container.get("command", []), (*path, "command"))
        yield from _arguments(container.get("args", []), (*path, "args"), file.users(label))
        yield from _environment(container.get("env", []), (*path, "env"))


def _command(command: list[str], path: Path) -> Iterator[Problem]:
    for position, word in enumerate(command):
        if word.startswith(_STOCK):
            expected = f"`{ENTRYPOINT}`: TFX's own reads types that this backend leaves out, so it fails"
            yield Problem(CODE, (*path, position), expected, received(word))
            return
    python = bool(command) and PurePosixPath(command[0]).name.startswith("python")
    options = all(word.startswith("-") and word != "-m" for word in command[1:-2])
    if command and not (python and options and command[1:] and command[-2:] == ["-m", ENTRYPOINT]):
        yield Problem(CODE, path, f"`python -m {ENTRYPOINT}`", received(" ".join(command)))


def _arguments(words: list[str], path: Path, users: dict[str, Json]) -> Iterator[Problem]:
    found: dict[str, tuple[Path, str]] = {}
    position = 0
    while position < len(words):
        word, place = words[position], (*path, position)
        position += 1
        if word in FLAGS:
            if position == len(words) or words[position].startswith("--"):
                yield Problem(CODE, place, f"a value after `{word}`")
                continue
            if word in found:
                yield Problem(CODE, place, "every option once", received(word))
            found[word] = ((*path, position), words[position])
            position += 1
        elif not re.match(r"--[A-Za-z][A-Za-z0-9_-]*=", word):
            expected = "an option of the entrypoint, or of Beam as `--name=value`"
            yield Problem(CODE, place, expected, received(word), nearest(word, FLAGS))
    for flag in REQUIRED:
        if flag not in found:
            yield Problem(CODE, path, f"the option `{flag}`")
    yield from _agreeing(found, users)


def _agreeing(found: dict[str, tuple[Path, str]], users: dict[str, Json]) -> Iterator[Problem]:
    if INVOCATION in found:
        place, value = found[INVOCATION]
        if value != EXECUTOR_INPUT:
            yield Problem(CODE, place, f"`{EXECUTOR_INPUT}`, which the launcher fills in", received(value))
    if EXECUTOR in found:
        place, value = found[EXECUTOR]
        if not _CLASS.fullmatch(value):
            yield Problem(CODE, place, "the import path of an executor class", received(value))
    for flag in (FINGERPRINT, SOURCES):
        if flag not in found:
            continue
        place, value = found[flag]
        if not _DIGEST.fullmatch(value):
            yield Problem(CODE, place, "a digest of 16 hexadecimal digits", received(value))
    for name, component in users.items():
        if STEP in found and found[STEP][1] != name:
            place, value = found[STEP]
            yield Problem(CODE, place, f"`{name}`, the component of this executor", received(value))
        for flag, side in ((INPUTS, "inputDefinitions"), (OUTPUTS, "outputDefinitions")):
            if flag in found:
                yield from _same(*found[flag], component.get(side, {}), f"components.{name}.{side}")


def _same(path: Path, text: str, declared: Json, place: str) -> Iterator[Problem]:
    try:
        given: Any = json.loads(text)
    except ValueError:
        yield Problem(CODE, path, "JSON", received(text))
        return
    if given == declared:
        return
    where = ".".join([place, *(str(step) for step in _difference(given, declared, ()) or ())])
    yield Problem(
        CODE, path, f"the definitions of the component, but they differ at `{where}`", received(text)
    )


def _difference(one: Any, other: Any, path: Path) -> Path | None:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}, key=str):
            if key not in one or key not in other:
                return (*path, key)
            found = _difference(one[key], other[key], (*path, key))
            if found is not None:
                return found
        return None
    return None if one == other else path


def _environment(entries: list[Json], path: Path) -> Iterator[Problem]:
    seen: set[str] = set()
    for position, entry in enumerate(entries):
        name = entry.get("name", "")
        if name and not is_environment(name):
            yield Problem(CODE, (*path, position, "name"), "the name of a variable", received(name))
        if name in seen:
            yield Problem(CODE, (*path, position), "every variable once", received(name))
        if "value" not in entry:
            yield Problem(CODE, (*path, position, "value"), f"a value of `{name}`")
        seen.add(name)
