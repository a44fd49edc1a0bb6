"""What the trainer is told of tables: their transformed features and both parts of Wide & Deep."""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

from trainer.spec.record import Record, wrong

Task: TypeAlias = Literal["binary", "multiclass", "regression"]


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
            raise wrong(f"Column {self.name}.size", "at least 1", self.size)
        if self.dim is not None and self.dim < 1:
            raise wrong(f"Column {self.name}.dim", "at least 1", self.dim)


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
                raise wrong("FeatureSpec.num_classes", "at least 2 for a multiclass task", self.num_classes)
        elif self.num_classes != 1:
            raise wrong("FeatureSpec.num_classes", f"1 for a {self.task} task", self.num_classes)
        for part, names in (("wide", [c.name for c in self.wide]), ("deep", [c.name for c in self.deep])):
            if len(set(names)) != len(names):
                raise wrong(f"FeatureSpec.{part}", "columns with different names", names)


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
