"""Paths in a config are relative to the folder of the config file."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.config.problems import ConfigError

PREPARE = re.compile(r"(?P<file>[^:]+\.py):(?P<function>[A-Za-z_][A-Za-z0-9_]*)")


def resolve(text: str, folder: Path) -> str:
    """`text` as an absolute path; an absolute one or an address such as `gs://bucket/x` stays as it is.

    Args:
        text: path, glob or address from the config.
        folder: folder of the config file.

    Example:
        >>> resolve("../rows/*.csv", Path("/project/configs"))
        '/project/rows/*.csv'
    """
    if "://" in text:
        return text
    try:
        expanded = Path(text).expanduser()
    except RuntimeError:
        # `~name` of nobody on this machine: a file of that name, which is then told as absent.
        expanded = Path(text)
    return _normal(expanded if expanded.is_absolute() else folder.absolute() / expanded)


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and len(parts) > 1:
            parts.pop()
        elif part != "..":
            parts.append(part)
    return str(Path(*parts))


def resolve_prepare(text: str, folder: Path) -> tuple[Path, str]:
    """File and function of `data.prepare`.

    The file runs as code, so it must lie beside the config or below, also after links are followed.

    Args:
        text: `file.py:function`.
        folder: folder of the config file.

    Raises:
        ConfigError: `CONFIG-005`, if the form is wrong, the file is absent or lies elsewhere.
    """
    match = PREPARE.fullmatch(text)
    if match is None:
        message = f"data.prepare: expected `file.py:function`. Received: {text!r}."
        raise ConfigError("CONFIG-005", message)
    file = (folder / match["file"]).resolve()
    if not file.is_relative_to(folder.resolve()):
        message = f"data.prepare: expected a file beside the config or below it. Received: {text!r}."
        raise ConfigError("CONFIG-005", message, "Move the file next to the config.")
    if not file.is_file():
        message = f"data.prepare: expected a file that exists. Received: {text!r} in {folder}."
        raise ConfigError("CONFIG-005", message, "Paths are relative to the config file.")
    return file, match["function"]
