"""The user's own step before reading: `file.py:function` beside the config."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from components.ingest.problems import data_error
from trainer.errors import TandemError


def split_reference(reference: str, base: Path) -> tuple[Path, str]:
    """Divides `file.py:function` into a path and a name.

    Raises:
        TandemError: `INGEST-013` if it has another form or there is no such file.
    """
    file, _, function = reference.rpartition(":")
    if not file or not function.isidentifier():
        raise data_error("INGEST-013", f"expected `file.py:function`. Received: data.prepare={reference!r}.")
    path = base / file
    if not path.is_file():
        raise data_error(
            "INGEST-013", f"expected a file in {base}. Received: data.prepare={reference!r}.",
            "The path is relative to the config file.",
        )  # fmt: skip
    return path, function


@contextmanager
def _module(path: Path) -> Iterator[ModuleType]:
    """Loads a file under a name of its own; its directory can be imported from meanwhile."""
    spec = importlib.util.spec_from_file_location(f"_prepare_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise data_error("INGEST-013", f"expected a Python file. Received: data.prepare file {path.name}.")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    sys.modules[module.__name__] = module
    try:
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise data_error(
                "INGEST-013", f"expected {path.name} to load. Received: {type(error).__name__}: {error}."
            ) from error
        yield module
    finally:
        sys.modules.pop(module.__name__, None)
        sys.path.remove(str(path.parent))


def _call(function: Callable[..., Any], name: str, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except TandemError:
        raise
    except Exception as error:
        raise data_error(
            "INGEST-014", f"expected `{name}` to finish. Received: {type(error).__name__}: {error}."
        ) from error


def prepare(reference: str, base: Path, directory: Path) -> None:
    """Calls the function with `directory`, an empty directory that it fills with CSV or Parquet files.

    Raises:
        TandemError: `INGEST-013` if it cannot be loaded, `INGEST-014` if it raises, `INGEST-015` if it
            writes nothing.
    """
    path, name = split_reference(reference, base)
    with _module(path) as module:
        function = getattr(module, name, None)
        if not callable(function):
            raise data_error("INGEST-013", f"expected a function `{name}` in {path.name}. Received: none.")
        _call(function, name, directory)
    if not any(file.is_file() for file in directory.rglob("*")):
        raise data_error("INGEST-015", f"expected `{name}` to write CSV or Parquet files. Received: none.")


def inputs(reference: str, base: Path) -> list[Path]:
    """The files that the module's optional function `inputs()` names; relative ones are beside the module.

    Raises:
        TandemError: `INGEST-013` or `INGEST-014`; `INGEST-002` if a named file does not exist.
    """
    path, _ = split_reference(reference, base)
    with _module(path) as module:
        function = getattr(module, "inputs", None)
        named = _call(function, "inputs") if callable(function) else ()
    files = [path.parent / file for file in named]
    for file in files:
        if not file.is_file():
            raise data_error("INGEST-002", f"expected the files that `inputs` names. Received: {file}.")
    return files
