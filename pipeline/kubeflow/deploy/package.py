"""The compiled file: made by a process of its own, read, named after its content."""

from __future__ import annotations

import dataclasses
import hashlib
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from trainer.errors import TandemError

_CALL = "from pipeline.cli import main; main()"


@dataclasses.dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Args:
        content: the file.
        name: of the pipeline in it.
        parameters: names of the parameters that a run may be given.
    """

    content: bytes
    name: str
    parameters: frozenset[str]

    @property
    def version(self) -> str:
        """Name of the version: that of the pipeline and the digest of the file, so it is uploaded once.

        A backend that keeps versions as Kubernetes objects wants names that are unique in the namespace.
        """
        readable = self.name.lower().replace("_", "-").strip("-")
        return f"{readable}-{hashlib.sha256(self.content).hexdigest()[:16]}"


def compiled(config: Path, overrides: Sequence[str], output: Path) -> bytes:
    """Compiles a config with `tandem compile`, which loads TFX and so runs in a process of its own.

    Args:
        config: the config file.
        overrides: assignments of `--set`.
        output: the file to write.

    Raises:
        TandemError: with the code and the exit status of `tandem compile`, `KFP-320` if it says none.
    """
    words = ["compile", str(config), "-o", str(output)]
    words += [word for text in overrides for word in ("--set", text)]
    done = subprocess.run(
        [sys.executable, "-c", _CALL, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise _refused(done.stderr, done.returncode, config)
    return output.read_bytes()


def read(path: Path, config: Path) -> bytes:
    """Reads a file that was compiled before.

    Args:
        path: the file.
        config: the config file, for the command that makes it.

    Raises:
        TandemError: `KFP-328` if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise TandemError(
            "KFP-328",
            f"Expected a compiled file. Received: path={str(path)!r}, {error.strerror or error}.",
            f"Make it with `{shlex.join(['tandem', 'compile', str(config), '-o', str(path)])}`, or leave "
            "--package out.",
            exit_status=2,
        ) from None


def _refused(said: str, status: int, config: Path) -> TandemError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    at = next((index for index, line in enumerate(lines) if _has_code(line)), None)
    exit_status = status if status in (1, 2, 130) else 1
    if at is None:
        return TandemError(
            "KFP-320",
            f"Expected `tandem compile` to succeed. Received: status {status}, {(lines or ['nothing'])[-1]}.",
            f"Run `tandem compile {config} -o pipeline.yaml` to see all that it says.",
            exit_status,
        )
    code, _, message = lines[at].partition(" ")
    return TandemError(code, message, " ".join(lines[at + 1 :]), exit_status)


def _has_code(line: str) -> bool:
    head, dash, number = line.partition(" ")[0].partition("-")
    return bool(dash) and head.isupper() and len(number) == 3 and number.isdigit()


def parse(content: bytes, name: str, cache: bool = True) -> Package:
    """Reads a compiled file.

    Args:
        content: the file.
        name: how messages call it.
        cache: `False` makes every step run anew, whatever the file says. Defaults to `True`.

    Raises:
        TandemError: `KFP-321` if it is no compiled pipeline.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = [document for document in yaml.load_all(content, Loader=loader) if document is not None]
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise _no_package(name, str(error).partition("\n")[0]) from None
    spec = documents[0] if documents else None
    if not isinstance(spec, dict) or "pipelineInfo" not in spec or "root" not in spec:
        raise _no_package(name, "a file without pipelineInfo and root")
    title = (spec["pipelineInfo"] or {}).get("name")
    if not isinstance(title, str) or not title:
        raise _no_package(name, "a pipeline without a name")
    inputs = (spec["root"] or {}).get("inputDefinitions") or {}
    if not cache and _without_cache(spec):
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        content = yaml.dump_all(documents, Dumper=dumper, sort_keys=True, allow_unicode=True).encode()
    return Package(content, title, frozenset(inputs.get("parameters") or {}))


def _without_cache(spec: dict[str, Any]) -> bool:
    """Switches caching off in place; the API has no field for it where a run names an uploaded version."""
    changed = False
    for component in (spec["root"], *(spec.get("components") or {}).values()):
        for task in ((component.get("dag") or {}).get("tasks") or {}).values():
            changed = bool(task.pop("cachingOptions", None)) or changed
    return changed


def _no_package(name: str, received: str) -> TandemError:
    return TandemError(
        "KFP-321",
        f"Expected a compiled pipeline. Received: {name}, {received}.",
        "Make it with `tandem compile CONFIG -o pipeline.yaml`.",
        exit_status=2,
    )
