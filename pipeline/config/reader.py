"""YAML text to plain values: the JSON types of YAML 1.2, text keys, no duplicate keys, line numbers.

YAML 1.1 reads `no` as false, `2013-10-01` as a date and `1e-6` as text; here they are the text `no`,
the text `2013-10-01` and the number 0.000001.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from pipeline.config.problems import Path, Problem

_MOST_VALUES = 500_000
MOST_LEVELS = 50
_INTEGERS = range(-(2**63), 2**63)
_TAGS: list[tuple[str, str, str]] = [
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("merge", r"<<", "<"),
]


def add_resolvers(target: Any) -> None:
    """Makes `target`, a PyYAML loader or dumper class, recognise the YAML 1.2 scalars."""
    for name, pattern, first in _TAGS:
        letters = [*first, ""] if name == "null" else list(first)
        target.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(rf"(?:{pattern})\Z"), letters)


class Reader(yaml.SafeLoader):
    """Collects duplicate keys as problems and remembers the line of every key."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute, copied on write

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.duplicates: list[Problem] = []
        self.lines: dict[Path, int] = {}
        self._values = 0

    def read(self) -> Any:
        """The one document of the text; an empty text is an empty mapping."""
        node = self.get_single_node()
        return {} if node is None else self._value(node, (), ())

    def _value(self, node: yaml.Node, path: Path, above: tuple[yaml.Node, ...]) -> Any:
        self._count(1, node)
        if node in above:
            raise yaml.MarkedYAMLError(problem="an alias refers to itself", problem_mark=node.start_mark)
        if len(above) > MOST_LEVELS:
            raise yaml.MarkedYAMLError(problem="it is nested too deeply", problem_mark=node.start_mark)
        self.lines.setdefault(path, node.start_mark.line + 1)
        above = (*above, node)
        if isinstance(node, yaml.MappingNode) and node.tag == self.DEFAULT_MAPPING_TAG:
            return self._mapping(node, path, above)
        if isinstance(node, yaml.SequenceNode) and node.tag == self.DEFAULT_SEQUENCE_TAG:
            return [self._value(item, (*path, index), above) for index, item in enumerate(node.value)]
        try:
            return self._scalar(node)
        except ValueError:
            problem = "this is no number of at most 64 bits; quote it if it is text"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merges as PyYAML does; what merges repeat counts as values, so that they cannot multiply."""
        super().flatten_mapping(node)
        self._count(len(node.value), node)

    def _count(self, values: int, node: yaml.Node) -> None:
        self._values += values
        if self._values > _MOST_VALUES:
            raise yaml.MarkedYAMLError(problem="aliases repeat too many values", problem_mark=node.start_mark)

    def _mapping(self, node: yaml.MappingNode, path: Path, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            name, line = str(key.value), key.start_mark.line + 1
            if name in first:
                message = f"key given twice, first on line {first[name]}; keep one of them."
                self.duplicates.append(Problem((*path, name), message, line=line))
            first.setdefault(name, line)
        self.flatten_mapping(node)
        result: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be plain text", problem_mark=key.start_mark)
            name = _text(key)
            self.lines[(*path, name)] = key.start_mark.line + 1
            result[name] = self._value(value, (*path, name), above)
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        kind, text = node.tag.rpartition(":")[2], str(node.value)
        if kind == "int":
            sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text.lstrip("+"))
            base = {"0o": 8, "0x": 16}.get(digits[:2].lower(), 10)
            number = sign * int(digits[2:] if base != 10 else digits, base)
            if number not in _INTEGERS:
                raise ValueError("beyond 64 bits")
            return number
        if kind == "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        if kind == "bool":
            return text.lower() == "true"
        if kind == "null":
            return None
        if kind == "str" and isinstance(node, yaml.ScalarNode):
            return _text(node)
        raise yaml.MarkedYAMLError(problem=f"tag {node.tag} is not supported", problem_mark=node.start_mark)


add_resolvers(Reader)


def _text(node: yaml.Node) -> str:
    """Escapes such as `\\ud800` spell what no encoded text can hold."""
    text = str(node.value)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        problem = "text cannot hold half of a surrogate pair"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return text


def read_value(text: str) -> Any:
    """A single YAML value, as given after `--set key=`.

    Raises:
        yaml.YAMLError: if it is not YAML.

    Example:
        >>> read_value("[256, 128]"), read_value("1e-3"), read_value("no")
        ([256, 128], 0.001, 'no')
    """
    reader = Reader(text)
    value = None if not text.strip() else reader.read()
    if reader.duplicates:
        raise yaml.YAMLError(reader.duplicates[0].message)
    return value
