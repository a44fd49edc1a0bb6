"""`--set a.b=c`: single values changed from the command line."""

from __future__ import annotations

from typing import Any

import yaml

from pipeline.config.problems import ConfigError, Path, clipped, path_text, shown, visible
from pipeline.config.reader import MOST_LEVELS, read_value


def split_path(text: str) -> Path:
    """Keys of a dotted path; a key with dots is written in quotes, as `path_text` does.

    Raises:
        ValueError: if a key is empty or a quote is not closed.

    Example:
        >>> split_path('features."a.b".min_count')
        ('features', 'a.b', 'min_count')
    """
    keys: list[str] = []
    position = 0
    while True:
        key, position = _next_key(text, position)
        keys.append(key)
        if position == len(text):
            return tuple(keys)
        if text[position] != ".":
            raise ValueError(f"expected a dot after the closing quote. Received: {text!r}")
        position += 1


def _next_key(text: str, position: int) -> tuple[str, int]:
    if text[position : position + 1] not in ('"', "'"):
        end = text.find(".", position)
        end = len(text) if end < 0 else end
        if end == position:
            raise ValueError(f"expected keys joined by single dots. Received: {text!r}")
        return text[position:end], end
    quote, letters = text[position], []
    position += 1
    while position < len(text) and text[position] != quote:
        if text[position] == "\\" and position + 1 < len(text):
            position += 1
        letters.append(text[position])
        position += 1
    if position == len(text):
        raise ValueError(f"expected a closing quote. Received: {text!r}")
    return "".join(letters), position + 1


def _split_assignment(text: str) -> tuple[str, str]:
    quote = ""
    for index, letter in enumerate(text):
        if letter == quote:
            quote = ""
        elif letter in "\"'" and not quote:
            quote = letter
        elif letter == "=" and not quote:
            return text[:index].strip(), text[index + 1 :]
    raise ValueError(f"expected key=value. Received: {text!r}")


def apply_override(values: dict[str, Any], text: str) -> Path:
    """Changes `values` in place as `text` (`a.b=c`) says.

    The value is YAML: numbers, `true`, `null`, `[256, 128]`, `{max: 1}`; nothing after `=` is null. A list
    is entered by position, and the position after its last item appends. Mappings that are missing on
    the way are made.

    Args:
        values: nested mappings and lists.
        text: path, `=`, value.

    Returns:
        The path that was set.

    Raises:
        ConfigError: `CONFIG-003`, if it is no assignment, the value is not YAML, or the path enters a value.
    """
    try:
        where, value_text = _split_assignment(text)
        path = split_path(where)
        if len(path) > MOST_LEVELS:
            raise ValueError(f"expected at most {MOST_LEVELS} keys joined by dots. Received: {len(path)}")
        where.encode()
        value = read_value(value_text)
    except (ValueError, yaml.YAMLError) as error:
        raise _refused(text, str(error)) from None
    except RecursionError:
        raise _refused(text, "it is nested too deeply") from None
    return _assign(values, path, value, text)


def _assign(values: dict[str, Any], path: Path, value: Any, text: str) -> Path:
    holder: Any = values
    real: list[str | int] = []
    for depth, key in enumerate(path):
        last = depth == len(path) - 1
        step: str | int = key
        if isinstance(holder, list):
            if str(key) not in map(str, range(len(holder) + 1)):
                raise _refused(text, f"{path_text(tuple(real))} is a list with {len(holder)} items.")
            step = int(key)
            if step == len(holder):
                holder.append(None)
        elif not isinstance(holder, dict):
            raise _refused(text, f"{path_text(tuple(real))} is {shown(holder)}, which holds no keys.")
        else:
            holder.setdefault(step, None)
        real.append(step)
        if last:
            holder[step] = value
            break
        if holder[step] is None:
            holder[step] = {}
        holder = holder[step]
    return tuple(real)


def _refused(text: str, cause: str) -> ConfigError:
    return ConfigError(
        "CONFIG-003",
        f"--set {visible(clipped(text, 200))}: {visible(clipped(cause, 300))}",
        "Write it as --set train.epochs=3 or --set model.deep.hidden=[64,32].",
    )
