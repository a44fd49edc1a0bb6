"""What is wrong with a compiled file, as a value and as text."""

from __future__ import annotations

import dataclasses

from pipeline.config.problems import clipped, path_text, shown, visible

Step = str | int
Path = tuple[Step, ...]
_LONGEST = 400


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing to repair.

    Args:
        code: stable identifier of the check, such as `KFP-028`.
        path: where in its document, as keys and list positions; `()` is the whole document.
        expected: what was expected there, and why the backend needs it.
        received: the value found, as text; `None` if nothing is there. Defaults to `None`.
        nearest: the known name that was probably meant. Defaults to `None`.
        document: `1` for the pipeline, `2` for the platform. Defaults to `1`.
        line: line of the file, from 1; `None` if not known. Defaults to `None`.
    """

    code: str
    path: Path
    expected: str
    received: str | None = None
    nearest: str | None = None
    document: int = 1
    line: int | None = None

    @property
    def place(self) -> str:
        """Where, as text.

        Example:
            >>> Problem("KFP-028", ("root", "dag", "tasks", "tfx-dag"), "a task").place
            'root.dag.tasks.tfx-dag'
            >>> Problem("KFP-036", ("platforms",), "kubernetes", document=2).place
            'document 2: platforms'
        """
        inside = path_text(self.path) or "the whole document"
        return inside if self.document == 1 and self.path else f"document {self.document}: {inside}"

    def text(self) -> str:
        """One line: code, place, what was expected, what was received, what was probably meant."""
        line = f" (line {self.line})" if self.line else ""
        parts = [f"{self.code} {clipped(self.place, _LONGEST)}{line}: expected {self.expected}."]
        if self.received is not None:
            parts.append(f"Received: {self.received}.")
        if self.nearest is not None:
            parts.append(f"Did you mean `{clipped(self.nearest, _LONGEST)}`?")
        return visible(" ".join(parts), lines=False)


def received(value: object) -> str:
    """`value` as the short text of `Problem.received`."""
    return shown(value, 120)
