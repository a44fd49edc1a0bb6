"""Collects the conditions that do not hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pipeline.config.problems import Path, Problem, nearest, shown

_NOTHING = object()


class Report:
    """Problems so far; one that depends on a value known to be wrong is left out.

    Args:
        wrong: paths of values that are known to be wrong. Defaults to `()`.
    """

    def __init__(self, wrong: Collection[Path] = ()) -> None:
        self.problems: list[Problem] = []
        self._wrong = set(wrong)

    def knows(self, *paths: Path) -> bool:
        """Whether none of the values at `paths` lies in a wrong one."""
        return not any(path[:length] in self._wrong for path in paths for length in range(len(path) + 1))

    def add(
        self,
        path: Path,
        message: str,
        received: object = _NOTHING,
        near: tuple[str, Iterable[str]] | None = None,
        depends: Iterable[Path] = (),
    ) -> None:
        """Notes a problem at `path`, unless it or one of `depends` is known to be wrong."""
        if not self.knows(path, *depends):
            return
        text = None if received is _NOTHING else shown(received)
        self.problems.append(Problem(path, message, text, nearest(*near) if near else None))
