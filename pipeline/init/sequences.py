"""The config of a sequence task, from what the sample holds."""

from __future__ import annotations

from typing import Any

from pipeline.init import scale
from pipeline.init.column import Column
from pipeline.init.texts import Texts

Values = dict[str, Any]

_KEPT = 2
_SLICE_VALUES = 20


def config(texts: Texts, name: str, data: Values, columns: list[Column], rows: int) -> Values:
    """Values of a config that trains.

    Args:
        texts: the task.
        name: of the pipeline.
        data: the section `data` as far as it is known.
        columns: all columns but the label.
        rows: number of rows with both texts.
    """
    kept = sliced(texts, columns)
    if kept:
        data["keep"] = kept
    source = texts.source
    return {
        "name": name,
        "task": texts.task,
        "label": {"column": texts.target.name, **texts.target.section()},
        "data": data,
        "features": {} if source is None else {source.name: {"kind": "text", **source.section()}},
        "model": {"sequence": _model(texts, rows)},
        "train": _train(rows),
        "check": scale.min_rows(rows),
        "evaluate": {"slices": [["source_length"], *([column] for column in kept)]},
        "gate": {"rules": _rules(texts)},
    }


def sliced(texts: Texts, columns: list[Column]) -> list[str]:
    """Columns of a few values that the evaluation is divided by."""
    used = None if texts.source is None else texts.source.name
    few = [
        column.name
        for column in columns
        if column.kind == "categorical" and 2 <= column.distinct <= _SLICE_VALUES and column.name != used
    ]
    return [column for column in few if column != "source_length"][:_KEPT]


def _model(texts: Texts, rows: int) -> Values:
    if rows < scale.TINY_ROWS:
        embedding, units = 32, 64
    elif rows < scale.SMALL_ROWS:
        embedding, units = 64, 128
    else:
        return {}
    decoder = {"decoder": {"units": units}}
    encoder = {} if texts.source is None else {"encoder": {"units": units}}
    return {"embedding": embedding, **encoder, **decoder}


def _train(rows: int) -> Values:
    """More passes, and smaller batches, when there are few rows."""
    if rows < scale.TINY_ROWS:
        return {
            "epochs": 60.0,
            "evaluations_per_epoch": 1,
            "early_stopping": {"patience": 10},
            "sequence": {"batch_tokens": 512},
        }
    if rows < scale.SMALL_ROWS:
        return {"epochs": 30.0, "early_stopping": {"patience": 5}, "sequence": {"batch_tokens": 2048}}
    return {"epochs": 20.0, "weight_averaging": 0.999} if rows < 10 * scale.SMALL_ROWS else {}


def _rules(texts: Texts) -> list[Values]:
    if texts.task == "language_model":
        return [{"metric": "bits_per_unit", "better_than": "prior", "by_at_least": 0.05}]
    metric = "wer" if texts.target.units in ("words", "subwords") else "per"
    return [{"metric": metric, "better_than": "prior", "by_at_least": 0.02}]
