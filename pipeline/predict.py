"""Scores a file with a pushed model, through the same parsing as ingest and the signature that is served.

TensorFlow is loaded only when model and file were found, so that a wrong path is told at once.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from components.ingest import parsing
from components.ingest.encoding import encode
from components.push.manifest import verify
from components.train.files import READING
from trainer.errors import TandemError

_BATCH_ROWS = 8192
# A guess that keeps the scores of a beam in memory for any usual vocabulary.
_TARGET_UNITS = 4096
# A TFRecord frame: length and its checksum before the record, the record's checksum after it.
_FRAME_HEAD, _FRAME_FOOT = 12, 4


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a file is read: as the files were that the model learned from.

    Args:
        delimiter: of CSV files.
        null_values: texts that mean a missing value, in CSV files.
    """

    delimiter: str
    null_values: tuple[str, ...]


def reading(directory: Path) -> Reading:
    """The reading kept with a model.

    Raises:
        TandemError: `PREDICT-001` if there is none.
    """
    try:
        kept = json.loads((directory / READING).read_text())
        return Reading(kept["delimiter"], tuple(kept["null_values"]))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TandemError(
            "PREDICT-001",
            f"Expected {READING} in a model that `tandem run` pushed. Received: {directory}: {error!r}",
            "Give a version that `tandem run` pushed.",
            exit_status=2,
        ) from error


def version_directory(model: Path) -> Path:
    """`model` itself if it is a SavedModel, or the greatest version below it.

    Raises:
        TandemError: `PREDICT-001` if there is no model.
    """
    if (model / "saved_model.pb").is_file():
        return model
    versions = [path for path in model.iterdir() if path.name.isdecimal()] if model.is_dir() else []
    if not versions:
        raise TandemError(
            "PREDICT-001",
            f"Expected a pushed version or the directory above it. Received: {model}",
            "Pushed models lie in .tandem/serving/NAME beside the config.",
            exit_status=2,
        )
    return max(versions, key=lambda path: int(path.name))


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() in (".parquet", ".pq")


def _batches(file: Path, delimiter: str) -> Iterator[pa.RecordBatch]:
    try:
        if _is_parquet(file):
            parquet = pq.ParquetFile(file)
            yield from _at_least_one(parquet.iter_batches(_BATCH_ROWS), parquet.schema_arrow)
            return
        layout = pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        names = pa_csv.open_csv(file, parse_options=layout).schema.names
        options = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        )
        reader = pa_csv.open_csv(file, parse_options=layout, convert_options=options)
        yield from _at_least_one(reader, reader.schema)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(file, str(error)) from error


def _at_least_one(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches, or one without rows, so that a file without rows is answered with the columns."""
    read = False
    for batch in batches:
        read = True
        yield batch
    if not read:
        yield pa.RecordBatch.from_pylist([], schema)


def _unreadable(file: Path, cause: str) -> TandemError:
    return TandemError(
        "PREDICT-002",
        f"Expected a readable CSV or Parquet file. Received: {file}: {cause}",
        "Check the path and the file.",
        exit_status=2,
    )


def raw_columns(directory: Path) -> dict[str, str]:
    """Columns that a model is served with: name to `bytes`, `float` or `int64`.

    Raises:
        TandemError: `PREDICT-001` if it has no signature `predict`.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework import types_pb2
    from tensorflow.core.protobuf import saved_model_pb2

    storage = {types_pb2.DT_STRING: "bytes", types_pb2.DT_FLOAT: "float", types_pb2.DT_INT64: "int64"}
    cause = ""
    try:
        saved = saved_model_pb2.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
        for graph in saved.meta_graphs:
            if "predict" in graph.signature_def:
                inputs = graph.signature_def["predict"].inputs
                return {name: storage[info.dtype] for name, info in sorted(inputs.items())}
    except (OSError, DecodeError, KeyError) as error:
        cause = f": {error!r}"
    raise TandemError(
        "PREDICT-001",
        f"Expected a model with the signature `predict`. Received: {directory}{cause}",
        "Give a version that `tandem run` pushed.",
        exit_status=2,
    )


def _column(array: Any, name: str, storage: str, nulls: tuple[str, ...], first_row: int) -> Any:
    if storage == "bytes":
        return parsing.to_text(array, nulls, name)
    parse = parsing.to_float if storage == "float" else parsing.to_epoch_seconds
    values, bad = parse(array, nulls, name)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise TandemError(
            "PREDICT-004",
            f"Expected {'a number' if storage == 'float' else 'a time'} in column `{name}`. "
            f"Received: row={first_row + row}, value={array[row].as_py()!r}",
            "Correct the file.",
            exit_status=2,
        )
    return values


def _serialized(
    batch: pa.RecordBatch, columns: dict[str, str], nulls: tuple[str, ...], first_row: int
) -> list[bytes]:
    values = {
        name: _column(batch.column(batch.schema.get_field_index(name)), name, storage, nulls, first_row)
        for name, storage in columns.items()
    }
    return [frame[_FRAME_HEAD:-_FRAME_FOOT] for frame in encode(values, columns).to_pylist()]


def _answer(signature: Any, serialized: list[bytes]) -> dict[str, Any]:
    """Columns with the answers to requests; sequences are asked in smaller batches of like lengths."""
    import tensorflow as tf

    if "status" not in signature.structured_outputs:
        return _outputs(signature(examples=tf.constant(serialized, tf.string)))
    from components.score.sequences.answers import batches

    order = batches([len(request) for request in serialized], _TARGET_UNITS)
    parts = [
        _sequences(signature(examples=tf.constant([serialized[row] for row in rows], tf.string)))
        for rows in order or [np.zeros(0, np.int64)]
    ]
    places = np.argsort(np.concatenate([np.zeros(0, np.int64), *order]))
    return {name: np.concatenate([part[name] for part in parts])[places] for name in parts[0]}


def _sequences(answers: dict[str, Any]) -> dict[str, Any]:
    def text(name: str) -> Any:
        values = answers[name].numpy()
        best = values[:, 0] if values.ndim > 1 else values
        return np.array([value.decode("utf-8", "replace") for value in best], object)

    if "texts" in answers:
        score = answers["scores"].numpy()[:, 0]
        return {"prediction": text("texts"), "score": score, "status": text("status")}
    return {
        "log_probability": answers["log_probabilities"].numpy()[:, 0],
        "perplexity": answers["perplexities"].numpy()[:, 0],
        "status": text("status"),
    }


def _outputs(answers: dict[str, Any]) -> dict[str, Any]:
    columns = {}
    if "predictions" in answers:
        columns["prediction"] = answers["predictions"].numpy().ravel()
    if "classes" in answers:
        columns["predicted_class"] = [value.decode() for value in answers["classes"].numpy().ravel()]
    if "probabilities" in answers:
        probabilities = answers["probabilities"].numpy()
        if probabilities.shape[1] == 1:
            columns["probability"] = probabilities.ravel()
        else:
            columns["probability"] = probabilities.max(axis=1)
    return columns


def predict(model: Path, file: Path, output: IO[bytes]) -> int:
    """Writes the rows of `file` with their predictions as CSV.

    Args:
        model: a pushed version or the directory above it.
        file: CSV or Parquet with at least the feature columns; others are kept as they are.
        output: where the CSV goes. Binary tasks add `probability`, multiclass `predicted_class` and its
            `probability`, regression `prediction`, seq2seq the best `prediction` with its `score` and a
            `status`, language_model `log_probability`, `perplexity` and `status`; with `model_` before it
            where the file has that column. The status is `ok`, `empty`, `unknown` (units that the model does
            not know) or `truncated` (answered for the beginning of the text).

    Returns:
        Number of rows.

    Raises:
        TandemError: `PREDICT-001` to `PREDICT-005`.
    """
    directory = version_directory(model)
    if not file.is_file():
        raise _unreadable(file, "no such file")
    import tensorflow as tf

    if (directory / "MANIFEST.json").exists():
        verify(directory)
    columns, how = raw_columns(directory), reading(directory)
    # As in ingest: a Parquet file says itself what is missing.
    nulls = () if _is_parquet(file) else how.null_values
    loaded = tf.saved_model.load(str(directory))
    signature = loaded.signatures["serving_default"]
    writer, rows = None, 0
    for batch in _batches(file, how.delimiter):
        names = batch.schema.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise _unreadable(file, f"columns {twice} occur more than once")
        missing = sorted(set(columns) - set(names))
        if missing:
            raise TandemError(
                "PREDICT-003",
                f"Expected the columns of the model. Received: {file} without {missing[:10]}",
                f"The file has {batch.schema.names[:30]}.",
                exit_status=2,
            )
        serialized = _serialized(batch, columns, nulls, rows + 1)
        added = _answer(signature, serialized)
        table = pa.Table.from_batches([batch])
        for name, column in added.items():
            table = table.append_column(_free(name, batch.schema.names), pa.array(column))
        try:
            writer = writer or pa_csv.CSVWriter(output, table.schema)
            writer.write(table)
        except pa.ArrowException as error:
            raise _unwritable(file, table) from error
        rows += batch.num_rows
    if writer is not None:
        writer.close()
    return rows


def _free(name: str, taken: list[str]) -> str:
    """`name`, or with `model_` before it as often as the file has a column of that name.

    Example:
        >>> _free("probability", ["age", "probability"])
        'model_probability'
    """
    while name in taken:
        name = f"model_{name}"
    return name


def _unwritable(file: Path, table: pa.Table) -> TandemError:
    return TandemError(
        "PREDICT-005",
        "Expected columns of single values in UTF-8, which CSV can hold. "
        f"Received: {file} with {', '.join(_not_in_csv(table))}",
        "Convert these columns or leave them out.",
        exit_status=2,
    )


def _not_in_csv(table: pa.Table) -> Iterator[str]:
    for field in table.schema:
        try:
            pa_csv.write_csv(table.select([field.name]), pa.BufferOutputStream())
        except pa.ArrowException:
            yield f"`{field.name}` of type {field.type}"
