"""`tandem doctor`: whether this machine can run pipelines."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import typer

from pipeline.cli.options import JsonOption

_MEMORY_BYTES = 4 * 2**30
_DISK_BYTES = 2 * 2**30


def _python() -> str:
    if sys.version_info[:2] != (3, 11):
        raise RuntimeError(f"expected Python 3.11, found {platform.python_version()}")
    return f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"


def _memory() -> str:
    import psutil

    memory = psutil.virtual_memory()
    if memory.available < _MEMORY_BYTES:
        raise RuntimeError(f"expected 4 GiB of free memory, found {memory.available / 2**30:.1f}")
    return (
        f"{memory.available / 2**30:.1f} GiB of {memory.total / 2**30:.1f} free, {psutil.cpu_count()} cores"
    )


def _disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free
    if free < _DISK_BYTES:
        raise RuntimeError(f"expected 2 GiB of free disk, found {free / 2**30:.1f}")
    return f"{free / 2**30:.0f} GiB free here"


def _libraries() -> str:
    from pipeline.fingerprint import all_library_versions

    return ", ".join(f"{name} {version}" for name, version in all_library_versions().items())


def _imports() -> str:
    from tfx import v1 as tfx  # isort: skip  # prepares the modules that TFDV imports
    import tensorflow_data_validation as tfdv
    import tensorflow_model_analysis as tfma

    return f"TFX {tfx.__version__}, TFDV {tfdv.__version__} and TFMA {tfma.__version__} import"


def _devices() -> str:
    import tensorflow as tf

    return ", ".join(device.name for device in tf.config.list_logical_devices())


def _metadata() -> str:
    from pipeline.local.metadata import connect

    with tempfile.TemporaryDirectory() as directory, connect(Path(directory) / "metadata.sqlite") as handle:
        handle.store.get_executions()
    return "ML Metadata opens a SQLite store"


def _beam() -> str:
    import apache_beam as beam
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | beam.Create([1, 2, 3]) | beam.CombineGlobally(sum)
    return "Beam runs in memory"


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("python", _python),
    ("memory", _memory),
    ("disk", _disk),
    ("libraries", _libraries),
    ("imports", _imports),
    ("devices", _devices),
    ("metadata", _metadata),
    ("beam", _beam),
)


def doctor(as_json: JsonOption = False) -> None:
    """Check that this machine can run pipelines."""
    from rich.console import Console
    from rich.markup import escape

    from pipeline.cli.quiet import quiet_stderr

    console = Console(highlight=False, soft_wrap=True)
    results = []
    for name, check in CHECKS:
        try:
            with quiet_stderr():
                found, good = check(), True
        except Exception as error:  # noqa: BLE001
            found, good = f"{type(error).__name__}: {error}", False
        results.append({"check": name, "ok": good, "found": found})
        if not as_json:
            console.print(f"{'[green]✓[/]' if good else '[red]✗[/]'} {name:<10} {escape(found)}")
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)
