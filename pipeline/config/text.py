"""A config as YAML text."""

from __future__ import annotations

import io
from typing import Any

import yaml

from pipeline.config.complete import complete
from pipeline.config.fields import field_shape
from pipeline.config.model import Config
from pipeline.config.reader import add_resolvers

_ONE_LINE = {("features", "*"), ("crosses", "*"), ("gate", "rules", "*")}


class _Writer(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or 1.2 would read as something else; repeats rather than aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True

    def represent_text(self, text: str) -> yaml.Node:
        """Line breaks and control characters are escaped, so that a value stays on its line."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


add_resolvers(_Writer)
_Writer.add_representer(str, _Writer.represent_text)


def dump(config: Config, defaults: bool = True) -> str:
    """The config as text that `parse` reads back to an equal one.

    Args:
        config: the config.
        defaults: whether fields with their default value are written too. Fields that the experiment or
            the task of the config gives another value are written in any case. Defaults to `True`.
    """
    values = config.model_dump(mode="json") if defaults else without_defaults(config, _below_of(config))
    steps = config.kubeflow.steps
    if steps:
        # What a step leaves open comes from the defaults of all steps.
        given = {name: step.model_dump(mode="json", exclude_unset=True) for name, step in steps.items()}
        values["kubeflow"]["steps"] = given
    return render(values)


def _below_of(config: Config) -> dict[str, Any]:
    """The values that hold where the text of the config says nothing: of its experiment, of its task."""
    values: dict[str, Any] = {}
    if config.experiment is not None:
        from pipeline.experiments import base  # only where one is named

        values = base(config.experiment)
    own = {"task": config.task, "label": {"column": config.label.column}}
    below: dict[str, Any] = complete({**values, **own, "features": dict.fromkeys(config.features)})
    return below


def without_defaults(model: Any, below: Any = None) -> dict[str, Any]:
    """`model` as plain values, without fields that have their default; `kind` stays.

    Args:
        model: a section.
        below: plain values that hold where the result says nothing; a default stays where they differ.
            Defaults to `None`, for none.
    """
    below = below if isinstance(below, dict) else {}
    result: dict[str, Any] = {}
    dumped = model.model_dump(mode="json")
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        is_default = name != "kind" and not info.is_required() and value == info.default
        if is_default and (name not in below or below[name] == dumped[name]):
            continue
        shape = field_shape(info)
        if shape.model is not None and value is not None:
            result[name] = without_defaults(value, below.get(name))
        elif isinstance(value, dict) and name == "features":
            result[name] = {key: without_defaults(item) for key, item in value.items()}
        elif isinstance(value, list) and any(hasattr(item, "model_dump") for item in value):
            result[name] = [without_defaults(item) for item in value]
        else:
            result[name] = dumped[name]
    return result


def render(values: Any, path: tuple[str, ...] = ()) -> str:
    """Plain values as YAML, in the given order: a feature, cross, rule or list of values on one line each."""
    writer_node = _node(values, path)
    return yaml.serialize(writer_node, Dumper=_Writer, allow_unicode=True, width=1_000_000)


def one_line(value: Any) -> str:
    """A plain value as YAML on one line, as it can stand after a key."""
    text = yaml.serialize(_flow(value), Dumper=_Writer, allow_unicode=True, width=1_000_000)
    return text.removesuffix("\n").removesuffix("\n...")


def _node(value: Any, path: tuple[str, ...]) -> yaml.Node:
    if not value or path in _ONE_LINE or not isinstance(value, dict | list):
        return _flow(value)
    if isinstance(value, list):
        if not any(isinstance(item, dict | list) for item in value):
            return _flow(value)
        items = [_node(item, (*path, "*")) for item in value]
        return yaml.SequenceNode("tag:yaml.org,2002:seq", items, flow_style=False)
    pairs = [(_flow(key), _node(item, _below(path, key))) for key, item in value.items()]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=False)


def _below(path: tuple[str, ...], key: str) -> tuple[str, ...]:
    return (*path, "*") if path == ("features",) else (*path, key)


def _flow(value: Any) -> yaml.Node:
    writer = _Writer(io.StringIO(), default_flow_style=True, sort_keys=False)
    node: yaml.Node = writer.represent_data(value)
    _mark_flow(node)
    return node


def _mark_flow(node: yaml.Node) -> None:
    if isinstance(node, yaml.SequenceNode):
        node.flow_style = True
        for item in node.value:
            _mark_flow(item)
    elif isinstance(node, yaml.MappingNode):
        node.flow_style = True
        for key, item in node.value:
            _mark_flow(key)
            _mark_flow(item)
