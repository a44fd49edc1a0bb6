"""What is wrong with a config, as values and as text."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable

from trainer.errors import TandemError

_LONGEST = 300
Step = str | int
Path = tuple[Step, ...]


def path_text(path: Path) -> str:
    """Dotted path of a value; a key that holds a dot or a quote is quoted.

    Example:
        >>> path_text(("gate", "rules", 0, "max")), path_text(("features", "a.b", "kind"))
        ('gate.rules.0.max', 'features."a.b".kind')
    """
    return ".".join(_step_text(step) for step in path)


def _step_text(step: Step) -> str:
    text = str(step)
    if text and not set(text) & set(".\"'= ") and text.isprintable():
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing to repair.

    Args:
        path: where, as keys and list positions; `()` is the whole file.
        message: what was expected.
        received: the value found, as text; `None` if there is none. Defaults to `None`.
        nearest: the key or name that was probably meant. Defaults to `None`.
        line: line in the file, from 1; `None` if the value is not from the file. Defaults to `None`.
        origin: what set the value when it is not the file, such as `--set`. Defaults to `""`.
    """

    path: Path
    message: str
    received: str | None = None
    nearest: str | None = None
    line: int | None = None
    origin: str = ""

    def text(self) -> str:
        """One line: path, place, what was expected, what was received, what was probably meant."""
        origin = clipped(self.origin, _LONGEST)
        place = f" ({origin})" if self.origin else f" (line {self.line})" if self.line else ""
        where = clipped(path_text(self.path), _LONGEST)
        parts = [f"{where or 'config'}{place}: {clipped(self.message, 2 * _LONGEST)}"]
        if self.received is not None:
            parts.append(f"Received: {self.received}.")
        if self.nearest is not None:
            parts.append(f"Did you mean `{clipped(self.nearest, _LONGEST)}`?")
        return visible(" ".join(parts), lines=False)


class ConfigError(TandemError):
    """A config that cannot be used; exit status 2.

    Args:
        code: `CONFIG-001` unreadable file, `CONFIG-002` not YAML, `CONFIG-003` bad `--set`,
            `CONFIG-004` bad values, `CONFIG-005` bad place of the prepare step.
        message: the cause.
        hint: what to do next. Defaults to `""`.
        problems: every single problem, for `CONFIG-004`. Defaults to `()`.
    """

    def __init__(self, code: str, message: str, hint: str = "", problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(code, message, hint, exit_status=2)
        self.problems = problems


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `name` most likely stands for, if any is near."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), list(by_fold), n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None


def shown(value: object, limit: int = 80) -> str:
    """`value` as short text for a message, in the words of YAML."""
    words = {None: "null", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else repr(value)
    return clipped(text, limit)


def clipped(text: str, limit: int) -> str:
    """`text`, or its beginning and an ellipsis when it is longer than `limit`."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def visible(text: str, lines: bool = True) -> str:
    r"""`text` with everything that a terminal would obey, and not show, written as an escape.

    Args:
        text: may hold names and values from data and files.
        lines: whether line breaks and tabs stay. Defaults to `True`.

    Example:
        >>> visible("a\x1b[2Jb\u202e"), visible("two\nlines", lines=False)
        ('a\\x1b[2Jb\\u202e', 'two\\nlines')
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(
        letter if letter.isprintable() or letter in kept else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )
