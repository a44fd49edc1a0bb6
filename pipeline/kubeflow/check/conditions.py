"""Trigger conditions: a subset of CEL, over inputs that the task has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.config.problems import nearest
from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.tree import File, declared

CODE = "KFP-039"

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>&&|\|\||[=!<>]=|[<>!+*/%().,\[\]-]))"
)
_BINARY = {
    **dict.fromkeys(("||",), 1),
    **dict.fromkeys(("&&",), 2),
    **dict.fromkeys(("==", "!=", "<", ">", "<=", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
_CALLS = ("int", "double", "string", "bool", "size", "has")
_NAMES = ("inputs", "true", "false", "null")
_INPUT = re.compile(r"inputs\.(artifacts|parameter_values)\[['\"]([^'\"]+)['\"]\]")
_KINDS = {"artifacts": "artifacts", "parameter_values": "parameters"}


def problems(file: File) -> Iterator[Problem]:
    """Conditions that the driver could not evaluate."""
    for _, task in file.tasks():
        if not task.condition:
            continue
        place: Path = (*task.path, "triggerPolicy", "condition")
        cause = syntax(task.condition)
        if cause:
            yield Problem(CODE, place, f"an expression in CEL: {cause}", received(task.condition))
            continue
        found = _INPUT.findall(task.condition)
        if not found or len(found) != len(re.findall(r"\binputs\b", task.condition)):
            expected = "inputs as `inputs.artifacts['x']` or `inputs.parameter_values['x']`"
            yield Problem(CODE, place, expected, received(task.condition))
        component = file.components.get(task.component, {})
        for kind, name in found:
            known = declared(component, "inputDefinitions", _KINDS[kind])
            if name not in known:
                expected = f"one of the {_KINDS[kind]} of component `{task.component}`"
                yield Problem(CODE, place, expected, received(name), nearest(name, known))


def syntax(text: str) -> str:
    """What is wrong with an expression; `""` if nothing is.

    Example:
        >>> syntax("inputs.artifacts['m'].artifacts[0].metadata['p'] == 1.0")
        ''
        >>> syntax("(inputs.parameter_values['x'] == 'a'")
        '`)` is missing'
    """
    tokens, end = [], 0
    for found in _TOKEN.finditer(text.rstrip()):
        if found.start() != end:
            break
        tokens.append((str(found.lastgroup), found.group().strip()))
        end = found.end()
    if end != len(text.rstrip()):
        return f"{received(text[end:])} is not understood"
    try:
        parser = _Parser(tokens)
        parser.expression(0)
        return "" if parser.at_end() else f"{received(parser.peek())} is too much"
    except _SyntaxError as error:
        return str(error)


class _SyntaxError(Exception):
    """The text is no expression."""


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._place = 0

    def at_end(self) -> bool:
        return self._place == len(self._tokens)

    def peek(self) -> str:
        return "" if self.at_end() else self._tokens[self._place][1]

    def expression(self, least: int) -> None:
        if self.peek() in ("!", "-"):
            self._place += 1
            self.expression(6)
        else:
            self._operand()
        while self.peek() in _BINARY and _BINARY[self.peek()] > least:
            binding = _BINARY[self.peek()]
            self._place += 1
            self.expression(binding)

    def _operand(self) -> None:
        if self.at_end():
            raise _SyntaxError("it ends too early")
        kind, token = self._tokens[self._place]
        self._place += 1
        if token == "(":
            self.expression(0)
            self._take(")")
        elif kind == "word":
            if token not in (_CALLS if self.peek() == "(" else _NAMES):
                raise _SyntaxError(f"`{token}` is not known")
        elif kind == "sign":
            raise _SyntaxError(f"`{token}` is not expected")
        self._suffixes()

    def _suffixes(self) -> None:
        while self.peek() in (".", "[", "("):
            token = self.peek()
            self._place += 1
            if token == ".":
                if self.at_end() or self._tokens[self._place][0] != "word":
                    raise _SyntaxError("a name is missing after `.`")
                self._place += 1
            else:
                self.expression(0)
                self._take("]" if token == "[" else ")")

    def _take(self, token: str) -> None:
        if self.peek() != token:
            raise _SyntaxError(f"`{token}` is missing")
        self._place += 1
