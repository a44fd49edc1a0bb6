"""Conditions of tasks: the part of CEL that compilers of pipelines emit, over an `ExecutorInput`.

After `backend/src/v2/expression/expression.go`, where the fields of the input are the variables:
`inputs.artifacts['model'].artifacts[0].metadata['blessed'] == 1.0`, `inputs.parameter_values['n'] > 3.0`.
Known are `|| && ! == != < <= > >= in`, literals, lists, members, indices, and the functions `parseJson`,
`int`, `double`, `string`, `size` and `has`. As in CEL, numbers compare with numbers only, and a missing key
is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from trainer.errors import TandemError

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+|\d+[uU]?)
    |(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<name>[A-Za-z_]\w*)
    |(?P<sign>\|\||&&|==|!=|<=|>=|[-!<>()\[\].,]))""",
    re.VERBOSE,
)
_WELL_KNOWN = ("google.protobuf.Value", "google.protobuf.Struct", "google.protobuf.ListValue")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class _EvaluationError(Exception):
    pass


def holds(condition: str, given: ps.ExecutorInput) -> bool:
    """Whether a task is to run.

    Args:
        condition: `triggerPolicy.condition`.
        given: the input of its executor, without outputs.

    Raises:
        TandemError: `KFP-212` if the condition cannot be read or evaluated; the backend fails the task then.
    """
    try:
        parser = _Parser(condition, {"inputs": given.inputs, "outputs": given.outputs})
        result = parser.whole()()
    except _EvaluationError as error:
        raise TandemError(
            "KFP-212", f"Expected a condition that can be evaluated. Received: {condition!r}: {error}"
        ) from error
    if not isinstance(result, bool):
        raise TandemError(
            "KFP-212", f"Expected a condition with a boolean. Received: {condition!r} = {result!r}"
        )
    return result


Thunk = Callable[[], Any]


class _Parser:
    """Recursive descent; rules give functions without arguments, so that `&&`, `||` can stop early."""

    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        self._tokens: list[tuple[str, str]] = []
        position, text = 0, text.strip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise _EvaluationError(f"cannot read at {text[position : position + 20]!r}")
            self._tokens.append((match.lastgroup, match.group(match.lastgroup)))
            position = match.end()
        self._variables = variables

    def whole(self) -> Thunk:
        rule = self._or()
        if self._tokens:
            raise _EvaluationError(f"nothing expected at {self._tokens[0][1]!r}")
        return rule

    def _next(self, *signs: str) -> str | None:
        if self._tokens and self._tokens[0][0] in ("sign", "name") and self._tokens[0][1] in signs:
            return self._tokens.pop(0)[1]
        return None

    def _need(self, sign: str) -> None:
        if self._next(sign) is None:
            raise _EvaluationError(
                f"{sign!r} expected" + (f" at {self._tokens[0][1]!r}" if self._tokens else "")
            )

    def _or(self) -> Thunk:
        left = self._and()
        while self._next("||"):
            left = _either(left, self._and(), stops_at=True)
        return left

    def _and(self) -> Thunk:
        left = self._relation()
        while self._next("&&"):
            left = _either(left, self._relation(), stops_at=False)
        return left

    def _relation(self) -> Thunk:
        left = self._unary()
        while sign := self._next("==", "!=", "<", "<=", ">", ">=", "in"):
            left = _relate(sign, left, self._unary())
        return left

    def _unary(self) -> Thunk:
        if self._next("!"):
            inner = self._unary()
            return lambda: not _boolean(inner())
        if self._next("-"):
            inner = self._unary()
            return lambda: -_number(inner())
        return self._member()

    def _member(self) -> Thunk:
        rule = self._primary()
        while True:
            if self._next("."):
                kind, name = self._tokens.pop(0) if self._tokens else ("", "")
                if kind != "name":
                    raise _EvaluationError("a name expected after '.'")
                rule = _select(rule, name)
            elif self._next("["):
                index = self._or()
                self._need("]")
                rule = _index(rule, index)
            else:
                return rule

    def _primary(self) -> Thunk:
        if self._next("("):
            inner = self._or()
            self._need(")")
            return inner
        if self._next("["):
            items = self._list("]")
            return lambda: [item() for item in items]
        kind, text = self._tokens.pop(0) if self._tokens else ("", "the end")
        if kind == "number":
            number = float(text) if re.search(r"[.eE]", text) else int(text.rstrip("uU"))
            return lambda: number
        if kind == "text":
            unquoted = re.sub(r"\\(.)", r"\1", text[1:-1])
            return lambda: unquoted
        if kind == "name" and text in ("true", "false", "null"):
            constant = {"true": True, "false": False, "null": None}[text]
            return lambda: constant
        if kind == "name" and self._next("("):
            return _call(text, self._list(")"))
        if kind == "name" and text in self._variables:
            variable = self._variables[text]
            return lambda: variable
        raise _EvaluationError(
            f"undeclared reference to {text!r}" if kind == "name" else f"cannot read at {text!r}"
        )

    def _list(self, end: str) -> list[Thunk]:
        items: list[Thunk] = []
        while not self._next(end):
            if items:
                self._need(",")
            items.append(self._or())
        return items


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _EvaluationError(f"no such overload: {value!r} is no boolean")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _EvaluationError(f"no such overload: {value!r} is no number")
    return value


def _either(left: Thunk, right: Thunk, stops_at: bool) -> Thunk:
    # An error on one side is absorbed where the other side decides.
    def evaluate() -> bool:
        try:
            first = _boolean(left())
        except _EvaluationError:
            if _boolean(right()) is stops_at:
                return stops_at
            raise
        return first if first is stops_at else _boolean(right())

    return evaluate


def _relate(sign: str, left: Thunk, right: Thunk) -> Thunk:
    def evaluate() -> bool:
        a, b = left(), right()
        if sign == "in":
            if not isinstance(b, list | dict):
                raise _EvaluationError(f"no such overload: {b!r} is no list or map")
            return a in b
        numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (a, b))
        if sign in ("==", "!="):
            equal = bool(a == b) if numbers or type(a) is type(b) else False
            return equal is (sign == "==")
        if not numbers and not (isinstance(a, str) and isinstance(b, str)):
            raise _EvaluationError(f"no such overload: {a!r} {sign} {b!r}")
        return _COMPARE[sign](a, b)

    return evaluate


def _open(value: Any) -> Any:
    if isinstance(value, Message) and value.DESCRIPTOR.full_name in _WELL_KNOWN:
        return json_format.MessageToDict(value)
    return value


def _select(rule: Thunk, name: str) -> Thunk:
    def evaluate() -> Any:
        value = rule()
        if isinstance(value, Message):
            if name not in value.DESCRIPTOR.fields_by_name:
                raise _EvaluationError(f"no such field: {name}")
            return _open(getattr(value, name))
        if isinstance(value, Mapping) and name in value:
            return _open(value[name])
        raise _EvaluationError(f"no such key: {name}")

    return evaluate


def _index(rule: Thunk, index: Thunk) -> Thunk:
    def evaluate() -> Any:
        value, key = rule(), index()
        if isinstance(value, Message):
            raise _EvaluationError(f"no such overload: {key!r} of {value.DESCRIPTOR.name}")
        if hasattr(value, "keys"):
            if key not in value:
                raise _EvaluationError(f"no such key: {key}")
            return _open(value[key])
        if isinstance(value, str) or not hasattr(value, "__len__"):
            raise _EvaluationError(f"no such overload: index of {value!r}")
        if not isinstance(key, int) or not 0 <= key < len(value):
            raise _EvaluationError(f"index out of bounds: {key}")
        return _open(value[key])

    return evaluate


def _call(name: str, arguments: list[Thunk]) -> Thunk:
    functions: dict[str, Callable[[Any], Any]] = {
        "parseJson": json.loads,
        "int": int,
        "double": float,
        "size": len,
        "string": lambda value: value if isinstance(value, str) else json.dumps(value),
    }
    if name not in (*functions, "has") or len(arguments) != 1:
        raise _EvaluationError(f"undeclared reference to {name!r}")

    def evaluate() -> Any:
        if name == "has":
            try:
                return arguments[0]() is not None
            except _EvaluationError:
                return False
        try:
            return functions[name](arguments[0]())
        except (ValueError, TypeError) as error:
            raise _EvaluationError(f"{name}: {error}") from error

    return evaluate
