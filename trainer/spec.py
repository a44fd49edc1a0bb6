"""What the trainer is told: the features, the model and the training plan, as frozen plain data.

Each class round-trips through plain dictionaries (`to_json`, `from_json`), refuses keys it does not know
and values of the wrong type, and holds no TensorFlow object.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, Self, TypeAlias

from trainer.errors import TandemError

Task: TypeAlias = Literal["binary", "multiclass", "regression"]
Json: TypeAlias = dict[str, Any]


def _wrong(where: str, expected: str, value: Any) -> TandemError:
    return TandemError(
        "TRAIN-001",
        f"{where} must be {expected}. Received: {value!r}",
        "Make the specification with the same version of this package that reads it.",
        exit_status=2,
    )


def _decode(kind: Any, value: Any, where: str) -> Any:
    """Turns plain JSON into the annotated type `kind`; integers pass as floats, nothing else is converted."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        for option in arguments:
            try:
                return _decode(option, value, where)
            except TandemError:
                continue
        raise _wrong(where, " or ".join(getattr(a, "__name__", str(a)) for a in arguments), value)
    if origin is Literal:
        if value not in arguments:
            raise _wrong(where, f"one of {list(arguments)}", value)
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise _wrong(where, "a list", value)
        return tuple(_decode(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(where, "a mapping", value)
        return {key: _decode(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_record(typing.cast(type, kind), value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _wrong(where, f"of type {kind.__name__}", value)
    return value


def _decode_record(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(where, "a mapping", value)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise _wrong(where, f"a mapping with keys among {sorted(fields)}", unknown)
    required = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    absent = sorted(required - set(value))
    if absent:
        raise _wrong(where, f"a mapping with the keys {absent}", sorted(value))
    hints = typing.get_type_hints(kind)
    return kind(**{name: _decode(hints[name], item, f"{where}.{name}") for name, item in value.items()})


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    return value


class Record:
    """Base of the specifications: JSON round trip."""

    def to_json(self) -> Json:
        """Plain dictionaries, lists, text, numbers, booleans and None."""
        return typing.cast(Json, _encode(self))

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """The inverse of `to_json`.

        Raises:
            TandemError: `TRAIN-001` if a key is unknown or absent, or a value has the wrong type.
        """
        return typing.cast(Self, _decode_record(cls, value, cls.__name__))


@dataclasses.dataclass(frozen=True)
class Column(Record):
    """One id column of the wide or the deep part.

    Args:
        name: feature or cross, for example `carrier` or `origin_x_hour`.
        size: int, at least 1. Ids are in `[0, size)`.
        dim: int or None. Embedding width; by rule when None. Defaults to `None`.
        vocabulary: str or None. Name of the vocabulary that made the ids. Defaults to `None`.
    """

    name: str
    size: int
    dim: int | None = None
    vocabulary: str | None = None

    def __post_init__(self) -> None:
        if self.size < 1:
            raise _wrong(f"Column {self.name}.size", "at least 1", self.size)
        if self.dim is not None and self.dim < 1:
            raise _wrong(f"Column {self.name}.dim", "at least 1", self.dim)


@dataclasses.dataclass(frozen=True)
class FeatureSpec(Record):
    """The transformed features, known once the training data was analysed.

    Args:
        task: `binary`, `multiclass` or `regression`.
        num_classes: int. Number of logits: `1` for binary and regression.
        classes: label values in the order of their index; empty for regression.
        wide: columns of `wide_ids`, in order.
        deep: columns of `deep_ids`, in order.
        dense: names of the columns of `dense`, in order.
        weight: whether examples carry a weight. Defaults to `False`.
        raw: type of each raw input, `string`, `float` or `int64`. Defaults to an empty mapping.
        vocabulary_files: path of each vocabulary among the assets. Defaults to an empty mapping.
    """

    task: Task
    num_classes: int
    classes: tuple[str, ...] = ()
    wide: tuple[Column, ...] = ()
    deep: tuple[Column, ...] = ()
    dense: tuple[str, ...] = ()
    weight: bool = False
    raw: dict[str, str] = dataclasses.field(default_factory=dict)
    vocabulary_files: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task == "multiclass":
            if self.num_classes < 2:
                raise _wrong("FeatureSpec.num_classes", "at least 2 for a multiclass task", self.num_classes)
        elif self.num_classes != 1:
            raise _wrong("FeatureSpec.num_classes", f"1 for a {self.task} task", self.num_classes)
        for part, names in (("wide", [c.name for c in self.wide]), ("deep", [c.name for c in self.deep])):
            if len(set(names)) != len(names):
                raise _wrong(f"FeatureSpec.{part}", "columns with different names", names)


@dataclasses.dataclass(frozen=True)
class WideSpec(Record):
    """The wide part: linear over ids, FTRL-Proximal. Fields as in `model.wide` of the configuration."""

    enabled: bool = True
    learning_rate: float = 0.05
    l1: float = 0.001
    l2: float = 0.001
    initial_accumulator: float = 0.1


@dataclasses.dataclass(frozen=True)
class DeepSpec(Record):
    """The deep part: embeddings and dense inputs. Fields as in `model.deep` of the configuration."""

    enabled: bool = True
    hidden: tuple[int, ...] = (128, 64)
    optimizer: Literal["adagrad", "sm3"] = "adagrad"
    learning_rate: float = 0.02
    warm_up: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 0.0
    initial_accumulator: float = 0.1
    dropout: float = 0.1
    embedding_dropout: float = 0.0
    embedding_l2: float = 0.0
    l2: float = 0.0
    max_embedding_dim: int = 32


@dataclasses.dataclass(frozen=True)
class LinearSpec(Record):
    """A linear model beside the joint one, FTRL-Proximal. Fields as in `model.linear` of the config."""

    weight: float = 0.0
    learning_rate: float = 1.0
    l1: float = 0.0005
    l2: float = 0.1
    initial_accumulator: float = 0.1


@dataclasses.dataclass(frozen=True)
class ModelSpec(Record):
    """Both parts of the model, and the linear model beside them."""

    wide: WideSpec = WideSpec()
    deep: DeepSpec = DeepSpec()
    linear: LinearSpec = LinearSpec()


@dataclasses.dataclass(frozen=True)
class EarlyStoppingSpec(Record):
    """When to stop. Fields as in `train.early_stopping` of the configuration."""

    enabled: bool = True
    patience: int = 3
    min_delta: float = 0.0


@dataclasses.dataclass(frozen=True)
class BiTemperedSpec(Record):
    """Temperatures of the bi-tempered loss. Fields as in `train.bi_tempered` of the configuration."""

    t1: float = 0.8
    t2: float = 1.2
    label_smoothing: float = 0.0
    ramp: float = 0.0


@dataclasses.dataclass(frozen=True)
class TrainSpec(Record):
    """The training loop. Fields as in `train` of the configuration."""

    batch_size: int = 512
    epochs: float = 5.0
    evaluations_per_epoch: int = 2
    seed: int = 1
    early_stopping: EarlyStoppingSpec = EarlyStoppingSpec()
    learning_rate_decay: Literal["none", "linear", "cosine", "cool_down"] = "none"
    weight_averaging: float = 0.0
    calibrate: bool = False
    loss: Literal["auto", "bi_tempered"] = "auto"
    bi_tempered: BiTemperedSpec = BiTemperedSpec()
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    checkpoint_every_steps: int = 500
    warm_start: Literal["none", "keep", "decay", "reset"] = "none"
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    jit_compile: bool | None = None
