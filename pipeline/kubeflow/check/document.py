"""The text of a compiled file to its two documents, read so that every YAML reader agrees.

The file is read by PyYAML (YAML 1.1: the client) and by two readers in Go (nearly YAML 1.2: the backend). A
plain `1e-6` is a text to the first and a number to the others; such values must be quoted.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import yaml

from pipeline.config.reader import Reader
from pipeline.kubeflow.check.problem import Path, Problem, received

CODE = "KFP-022"
DOCUMENTS = ("the pipeline specification", "the platform specification")


@dataclasses.dataclass(frozen=True)
class Documents:
    """What a text holds.

    Args:
        values: the documents, as plain values.
        lines: line of every path, for each document.
        problems: what is wrong with the YAML itself.
    """

    values: tuple[Any, ...]
    lines: tuple[dict[Path, int], ...]
    problems: tuple[Problem, ...]

    def line(self, document: int, path: Path) -> int | None:
        """The line of `path`, or of the nearest thing around it that is in the file."""
        known = self.lines[document - 1] if document <= len(self.lines) else {}
        for length in range(len(path), -1, -1):
            if path[:length] in known:
                return known[path[:length]]
        return None


def read(text: str) -> Documents:
    """The documents of a compiled file.

    Args:
        text: the file.

    Returns:
        All documents, with the problems of their YAML. Text that is no YAML at all gives no document and one
        problem.
    """
    try:
        reader = _Reader(text)
        values, lines = reader.documents()
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        cause = getattr(error, "problem", None) or str(error) or type(error).__name__
        line = None if mark is None else mark.line + 1
        problem = Problem(CODE, (), "YAML that every reader takes", str(cause), line=line)
        return Documents((), (), (problem,))
    return Documents(tuple(values), tuple(lines), tuple(reader.problems))


class _Reader(Reader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.problems: list[Problem] = []
        self._document = 1
        self._loader = yaml.SafeLoader("")

    def documents(self) -> tuple[list[Any], list[dict[Path, int]]]:
        values, lines = [], []
        while self.check_node():
            self.lines = {}
            node = self.get_node()
            if node is None:
                break
            values.append(self._value(node, (), ()))
            lines.append(self.lines)
            self.problems += [
                Problem(CODE, found.path, "every key once", found.message, None, self._document, found.line)
                for found in self.duplicates
            ]
            self.duplicates = []
            self._document += 1
        return values, lines

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            self._refuse(event, "no anchors and aliases: the file is also read one value at a time")
        return super().compose_node(parent, index)

    def _refuse(self, event: Any, expected: str) -> None:
        name = f"`{event.anchor}`"
        line = event.start_mark.line + 1
        self.problems.append(Problem(CODE, (), expected, name, None, self._document, line))

    def _value(self, node: yaml.Node, path: Path, above: tuple[yaml.Node, ...]) -> Any:
        if isinstance(node, yaml.MappingNode):
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    self._agree(key, (*path, key.value), key.value)
        value = super()._value(node, path, above)
        if isinstance(node, yaml.ScalarNode):
            self._agree(node, path, value)
        return value

    def _agree(self, node: yaml.ScalarNode, path: Path, value: Any) -> None:
        plain = node.style is None
        tag = self._loader.resolve(  # type: ignore[no-untyped-call]
            yaml.ScalarNode, node.value, (plain, not plain)
        )
        try:
            other = self._loader.construct_object(yaml.ScalarNode(tag, node.value), deep=True)
        except (yaml.YAMLError, ValueError):
            other = None
        agree = type(other) is type(value) and other == value
        # Go's reader takes these as numbers.
        number = plain and isinstance(value, str) and _is_number(value)
        if not agree or number:
            expected = "a value that YAML 1.1 and 1.2 read alike; quote it"
            line = node.start_mark.line + 1
            self.problems.append(
                Problem(CODE, path, expected, received(node.value), None, self._document, line)
            )


def _is_number(text: str) -> bool:
    if not text[:1].isdigit() and text[:1] not in ("+", "-", "."):
        return False
    for base in (0, 10):
        try:
            int(text, base)
        except ValueError:
            continue
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
