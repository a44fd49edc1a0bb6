"""What a training leaves for the next one, in one file beside the SavedModel.

The file has the format of a checkpoint. Tensors: `weight/VARIABLE` for each trainable variable and
`slot/VARIABLE/NAME` for each of its slots. Metadata: where the rows of each column are, the tokens of each
vocabulary in the order of their ids, how other ids are made, and the names of the inputs and of the layers of
the deep part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from trainer.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from trainer.errors import TandemError
from trainer.models import placements
from trainer.spec import FeatureSpec, Record

# Where SavedModels keep what is no part of them: servers and the digest pass over it.
FILE = "assets.extra/warm_start.ckpt"
_VERSION = 1

Array = NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What ids and inputs mean, beyond their names.

    Args:
        tokens: values of each vocabulary by its name, in the order of their ids. Defaults to an empty
            mapping.
        encodings: how each other id column (by name) and each dense input (`dense/NAME`) is made; equal texts
            mean equal meaning. Defaults to an empty mapping.
        label_mean: float. Subtracted from the label of a regression. Defaults to `0.0`.
        label_deviation: float above 0. Divides it then. Defaults to `1.0`.
    """

    tokens: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    encodings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    label_mean: float = 0.0
    label_deviation: float = 1.0


@dataclasses.dataclass(frozen=True)
class Rows(Record):
    """Where the rows of a column are.

    Args:
        part: `wide` or `deep`.
        column: name of the column.
        table: name of the variable.
        offset: int. First row.
        size: int. Number of rows: tokens, hash buckets of unknown values, and last the missing value.
        dim: int. Width of a row.
        vocabulary: name of the vocabulary that made the ids, or None. Defaults to `None`.
    """

    part: str
    column: str
    table: str
    offset: int
    size: int
    dim: int
    vocabulary: str | None = None


@dataclasses.dataclass(frozen=True)
class Layout(Record):
    """The metadata but for tokens: see `WarmState`."""

    version: int
    task: str
    classes: tuple[str, ...]
    label_mean: float
    label_deviation: float
    columns: tuple[Rows, ...]
    inputs: tuple[str, ...]
    layers: tuple[str, ...]
    encodings: dict[str, str]


@dataclasses.dataclass(frozen=True)
class WarmState:
    """A trained model taken apart.

    Args:
        task: `binary`, `multiclass` or `regression`.
        classes: label values in the order of their index.
        columns: where the rows of each column are.
        meaning: tokens, encodings and label units.
        inputs: names of the inputs of the first dense layer, see `trainer.models.deep_inputs`.
        layers: names of the dense layers, from the inputs to the logits.
        weights: values of the trainable variables by name.
        slots: slots of each of them by name, of the variable's shape with 1 for an axis that shares a number.
    """

    task: str
    classes: tuple[str, ...]
    columns: tuple[Rows, ...]
    meaning: Inputs
    inputs: tuple[str, ...]
    layers: tuple[str, ...]
    weights: Mapping[str, Array]
    slots: Mapping[str, Mapping[str, Array]]


def name_of(variable: keras.Variable) -> str:
    """`LAYER/NAME` of a variable of the model, the same in every process and strategy."""
    return "/".join(str(variable.path).split("/")[-2:])


def rows_of(model: keras.Model, features: FeatureSpec) -> list[Rows]:
    """Where the rows of each column of a model are, wide part first."""
    return [
        Rows(p.part, p.column, name_of(p.variable), p.offset, p.size, int(p.variable.shape[1]), p.vocabulary)
        for p in placements(model, features)
    ]


def write(path: Path, state: WarmState) -> None:
    """Writes the state, whole or not at all; equal states give equal bytes.

    Raises:
        TandemError: `TRAIN-201` if it cannot be written.
    """
    tensors = {f"weight/{name}": value for name, value in sorted(state.weights.items())}
    tensors |= {
        f"slot/{variable}/{name}": value
        for variable, slots in sorted(state.slots.items())
        for name, value in sorted(slots.items())
    }
    layout = Layout(
        _VERSION,
        state.task,
        state.classes,
        float(state.meaning.label_mean),
        float(state.meaning.label_deviation),
        state.columns,
        state.inputs,
        state.layers,
        dict(state.meaning.encodings),
    )
    tokens = {name: list(values) for name, values in state.meaning.tokens.items()}
    write_checkpoint(path, Checkpoint(0, tensors, {"layout": layout.to_json(), "tokens": tokens}))


def read(path: Path) -> WarmState:
    """Reads a state and checks that its parts agree.

    Raises:
        TandemError: `TRAIN-202` if the file is absent or damaged, `TRAIN-204` if its content contradicts
            itself, `TRAIN-205` if it cannot be read now.
    """
    checkpoint = read_checkpoint(path)
    try:
        layout = Layout.from_json(checkpoint.meta["layout"])
        tokens = checkpoint.meta["tokens"]
        if layout.version != _VERSION:
            raise ValueError(f"version={layout.version}, known is {_VERSION}")
        weights: dict[str, Array] = {}
        slots: dict[str, dict[str, Array]] = {}
        for name, value in checkpoint.tensors.items():
            if not np.isfinite(value).all():
                raise ValueError(f"{name} is not finite")
            kind, _, rest = name.partition("/")
            if kind == "weight":
                weights[rest] = value
            else:
                variable, _, slot = rest.rpartition("/")
                slots.setdefault(variable, {})[slot] = value
        state = WarmState(
            layout.task,
            layout.classes,
            layout.columns,
            Inputs(tokens, layout.encodings, layout.label_mean, layout.label_deviation),
            layout.inputs,
            layout.layers,
            weights,
            slots,
        )
        _check(state)
    except (TandemError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise TandemError(
            "TRAIN-204", f"A warm-start state must agree with itself. Received: file={path} ({error})"
        ) from error
    return state


def _check(state: WarmState) -> None:
    for variable, slots in state.slots.items():
        for name, value in slots.items():
            shape = state.weights[variable].shape
            if len(value.shape) != len(shape) or any(
                own not in (1, size) for own, size in zip(value.shape, shape, strict=True)
            ):
                raise ValueError(f"slot {name} of {variable} has the shape {value.shape}")
    for rows in state.columns:
        table = state.weights[rows.table]
        if rows.offset < 0 or rows.size < 1 or table.shape[1] != rows.dim:
            raise ValueError(f"column {rows.column} of the {rows.part} part does not fit its table")
        if rows.offset + rows.size > table.shape[0]:
            raise ValueError(f"column {rows.column} of the {rows.part} part ends after its table")
        known = state.meaning.tokens.get(rows.vocabulary, ()) if rows.vocabulary is not None else ()
        if not all(isinstance(token, str) for token in known):
            raise ValueError(f"tokens of {rows.vocabulary} that are no text")
        if len(known) >= rows.size or len(set(known)) != len(known):
            raise ValueError(f"{len(known)} tokens of {rows.vocabulary} for {rows.size} rows")
    kernels = [state.weights[f"{layer}/kernel"].shape for layer in state.layers]
    if any(len(shape) != 2 for shape in kernels) or (kernels and kernels[0][0] != len(state.inputs)):
        raise ValueError(f"{len(state.inputs)} inputs for kernels of the shapes {kernels}")
    if not state.meaning.label_deviation > 0:
        raise ValueError(f"label_deviation={state.meaning.label_deviation}")
