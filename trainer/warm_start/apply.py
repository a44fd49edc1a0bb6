"""Giving a new model the rows of an earlier one that mean the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

from trainer.models import deep_inputs, dense_layers
from trainer.optimizers import PerPart, slots
from trainer.spec import FeatureSpec
from trainer.warm_start.mapping import Indices, match_column, match_inputs
from trainer.warm_start.state import Inputs, WarmState, name_of, rows_of

Policy: TypeAlias = Literal["keep", "decay", "reset"]

# Share of an accumulator's distance from its start that is taken over.
SHARES: dict[str, float] = {"keep": 1.0, "decay": 0.5, "reset": 0.0}

_OUTPUT_BIASES = frozenset({"logits/bias", "linear_logits/bias"})


@dataclasses.dataclass(frozen=True)
class _Carry:
    """`variable[new, :width] <- source[old, :width]`; a vector counts as a column of rows."""

    variable: keras.Variable
    source: str
    new: Indices
    old: Indices
    width: int
    is_input: bool = False


def apply(
    model: keras.Model,
    optimizer: PerPart,
    features: FeatureSpec,
    meaning: Inputs,
    state: WarmState,
    policy: Policy,
) -> dict[str, Any]:
    """Takes weights and slots over.

    - Rows of a column: by token, or by position (`match_column`), with their slots. A row without a
      counterpart keeps its initial value. Where the width of an embedding changed, the components in common
      are taken over.
    - First dense layer: rows by the name of the input. An input that the earlier model did not have starts
      with weight 0, so the model answers as the earlier one did, whatever the new input says.
    - Other dense layers: if their shape is the same, and so are name and fate of the layer below.
    - The output of a regression is brought into the label units of the new training.
    - Slots: `start + share (slot - start)` with the share of the policy in `SHARES`, then made to agree with
      the weights (`PerPart.settle`).

    The predictions of the new model are those of the earlier one without its calibration, on rows whose
    values both know, unless a column started anew, an embedding became narrower or layers changed.

    Args:
        model: a new model, changed in place.
        optimizer: built on it, changed in place.
        features: the columns.
        meaning: tokens, encodings and label units of the new training.
        state: the earlier model.
        policy: `keep`, `decay` or `reset`.

    Returns:
        `rows_taken` and `rows_fresh` over all id columns; `columns`: for each `PART/COLUMN` the rows `taken`,
        `fresh` and `dropped` (rows of the earlier model without a counterpart), with a `reason` if none was
        taken and `width` if it changed; `gone`: columns that are no more; `layers`: for each dense layer the
        inputs `taken` and `fresh`; `reason`: why nothing could be taken over, otherwise empty.
    """
    columns = rows_of(model, features)
    if (features.task, features.classes) != (state.task, state.classes):
        return {
            **untouched(sum(rows.size for rows in columns)),
            "reason": f"it predicts something else: {state.task} of {list(state.classes)}",
        }
    variables = {name_of(variable): variable for variable in model.trainable_variables}
    old = {(rows.part, rows.column): rows for rows in state.columns}
    carries: list[_Carry] = []
    report: dict[str, Any] = {}
    for rows in columns:
        before = old.pop((rows.part, rows.column), None)
        match = match_column(rows, before, meaning, state.meaning)
        entry: dict[str, Any] = {"taken": len(match.new), "fresh": rows.size - len(match.new)}
        if before is None or match.reason:
            entry |= {"dropped": before.size if before else 0, "reason": match.reason}
        else:
            width = min(rows.dim, before.dim)
            carries.append(
                _Carry(
                    variables[rows.table],
                    before.table,
                    match.new + rows.offset,
                    match.old + before.offset,
                    width,
                )
            )
            entry["dropped"] = before.size - len(match.old)
            if rows.dim != before.dim:
                entry["width"] = [before.dim, rows.dim]
        report[f"{rows.part}/{rows.column}"] = entry
    layers, dense = _dense(model, features, meaning, state, variables)
    carries += dense
    for name in _OUTPUT_BIASES & variables.keys():
        carries += _bias(variables[name], state)
    outputs = {
        "wide/table",
        "linear/table",
        *_OUTPUT_BIASES,
        *(f"{layer.name}/kernel" for layer in dense_layers(model)[-1:]),
    }
    _move(carries, state, meaning, outputs)
    _move_slots(optimizer, carries, state, SHARES[policy])
    return {
        "rows_taken": sum(entry["taken"] for entry in report.values()),
        "rows_fresh": sum(entry["fresh"] for entry in report.values()),
        "columns": report,
        "gone": [f"{part}/{column}" for part, column in old],
        "layers": layers,
        "reason": "",
    }


def untouched(rows: int) -> dict[str, Any]:
    """The report of a start from initial weights, `rows` being the rows of all id columns."""
    return {"rows_taken": 0, "rows_fresh": rows, "columns": {}, "gone": [], "layers": {}}


def _whole(variable: keras.Variable, source: str) -> _Carry:
    every = np.arange(variable.shape[0], dtype=np.int64)
    return _Carry(variable, source, every, every, int(variable.shape[-1]) if len(variable.shape) > 1 else 1)


def _dense(
    model: keras.Model,
    features: FeatureSpec,
    meaning: Inputs,
    state: WarmState,
    variables: dict[str, keras.Variable],
) -> tuple[dict[str, Any], list[_Carry]]:
    """The dense layers: a layer means the same only if the layer below does."""
    carries: list[_Carry] = []
    report: dict[str, Any] = {}
    names = [layer.name for layer in dense_layers(model)]
    reason = "" if state.layers else "the earlier model has no deep part"
    for index, name in enumerate(names):
        kernel = variables[f"{name}/kernel"]
        inputs, units = (int(size) for size in kernel.shape)
        found = _whole(kernel, f"{name}/kernel")
        if not reason and state.layers[index : index + 1] != (name,):
            reason = "the earlier model has other layers"
        if not reason:
            before = state.weights[f"{name}/kernel"].shape
            if index == 0:
                match = match_inputs(deep_inputs(model, features), state.inputs, meaning, state.meaning)
                found = dataclasses.replace(found, new=match.new, old=match.old, is_input=True)
                reason = match.reason
                same = before[1] == units
            else:
                same = before == (inputs, units)
            if not same:
                reason = f"its shape changed from {list(before)} to {[inputs, units]}"
        if reason:
            report[name] = {"taken": 0, "fresh": inputs, "reason": reason}
            reason = "the layer below started anew"
            continue
        report[name] = {"taken": len(found.new), "fresh": inputs - len(found.new)}
        carries.append(found)
        if f"{name}/bias" in variables:
            carries += _bias(variables[f"{name}/bias"], state)
    return report, carries


def _bias(variable: keras.Variable, state: WarmState) -> list[_Carry]:
    before = state.weights.get(name_of(variable))
    if before is None or before.shape != tuple(variable.shape):
        return []
    return [_whole(variable, name_of(variable))]


def _columns(value: NDArray[Any]) -> NDArray[Any]:
    return value.reshape(value.shape[0], -1)


def _move(carries: list[_Carry], state: WarmState, meaning: Inputs, outputs: set[str]) -> None:
    before = state.meaning
    scale = before.label_deviation / meaning.label_deviation
    shift = (before.label_mean - meaning.label_mean) / meaning.label_deviation
    values: dict[str, tuple[keras.Variable, NDArray[Any]]] = {}
    for carry in carries:
        name = name_of(carry.variable)
        value = values.setdefault(name, (carry.variable, np.array(carry.variable.numpy())))[1]
        if carry.is_input:
            value[:] = 0.0
        moved = _columns(state.weights[carry.source])[carry.old, : carry.width]
        if name in outputs:
            moved = moved * np.float32(scale) + np.float32(shift if name in _OUTPUT_BIASES else 0.0)
        _columns(value)[carry.new, : carry.width] = moved
    for variable, value in values.values():
        variable.assign(value)


def _shared(slot: Sequence[int], variable: Sequence[int]) -> tuple[bool, ...]:
    """The axes in which a slot has one number for all."""
    return tuple(own != size for own, size in zip(slot, variable, strict=True))


def _move_slots(optimizer: PerPart, carries: list[_Carry], state: WarmState, share: float) -> None:
    # From here a slot holds its start, which for FTRL depends on the weights.
    optimizer.restart()
    values: dict[tuple[str, str], tuple[keras.Variable, NDArray[Any], NDArray[Any]]] = {}
    for carry in carries if share else ():
        if not len(carry.new):
            continue
        for name, slot in slots(optimizer, carry.variable).items():
            old = state.slots.get(carry.source, {}).get(name)
            shared = _shared(slot.shape, carry.variable.shape)
            if old is None or shared != _shared(old.shape, state.weights[carry.source].shape):
                continue
            first = np.array(slot.numpy())
            held = values.setdefault((name_of(carry.variable), name), (slot, first, first.copy()))
            value, start = (_columns(array) for array in held[1:])
            new, before = ([0], [0]) if shared[0] else (carry.new, carry.old)
            moved, begun = _columns(old)[before, : carry.width], start[new, : carry.width]
            if share != 1:
                moved = begun + np.float32(share) * (moved - begun)
            # What all rows share is a maximum over them, those of columns from several tables too.
            value[new, : carry.width] = np.maximum(value[new, : carry.width], moved) if shared[0] else moved
    for slot, result, _ in values.values():
        slot.assign(result)
    optimizer.settle()
