"""From files of parallel lines to a config of a sequence task that runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.compute as pc

from pipeline.init import files, kinds, lines, sequences
from pipeline.init import texts as text_columns
from pipeline.init.errors import init_error
from pipeline.init.inference import Inference, default_name, of_texts
from pipeline.init.sample import Sample


def named_files(given: Sequence[str]) -> dict[str, str]:
    """Columns and their files, in the given order.

    Args:
        given: each `COL=FILE`.

    Raises:
        TandemError: `INIT-012` for another form, `INIT-004` if a name is empty or given twice.

    Example:
        >>> named_files(["de=train.de", "en=train.*.en"])
        {'de': 'train.de', 'en': 'train.*.en'}
    """
    found: dict[str, str] = {}
    for text in given:
        name, sign, place = text.partition("=")
        if not sign or not place:
            message = f"expected COL=FILE. Received: --lines {text!r}."
            raise init_error("INIT-012", message, "Such as --lines de=train.de --lines en=train.en.")
        if not name:
            message = f"expected a name for every column. Received: --lines {text!r}."
            raise init_error("INIT-004", message, f"Such as --lines text={place}.")
        if name in found:
            message = f"expected every column name once. Received: --lines {name}={found[name]} and {text}."
            hint = "Several files of one column are a directory, or a glob in quotes."
            raise init_error("INIT-004", message, hint)
        found[name] = place
    return found


def infer_lines(
    places: Mapping[str, str],
    label: str,
    name: str | None = None,
    task: str | None = None,
    source_column: str | None = None,
) -> Inference:
    """Reads a sample of parallel lines and writes down the sequence task they are.

    Two columns are a source and a target, a column alone is the text of a language model. Of more columns
    those of few values are kept for slices.

    Args:
        places: file, directory or glob of each column, as in `data.lines`.
        label: column to predict.
        name: name of the pipeline. Defaults to `None`: made from the first file name.
        task: `seq2seq` or `language_model`. Defaults to `None`: by the number of columns.
        source_column: column of the text that the label is made from. Defaults to `None`: by the data.

    Raises:
        TandemError: `INIT-001` to `INIT-006`, `INIT-008`, `INIT-011` or `INIT-013`, exit status 2.
    """
    columns = files.Source((), "lines", tuple(places), ",")
    files.require_column(columns, label, "label")
    others = [column for column in places if column != label]
    if source_column is not None:
        files.require_column(columns, source_column, "source")
    task = task or ("seq2seq" if others else "language_model")
    if task == "seq2seq" and source_column is None and len(others) == 1:
        # Whatever it looks like, digits included: the files were given as a pair.
        (source_column,) = others
    places = {column: str(Path(place).expanduser()) for column, place in places.items()}
    rows = lines.read(places)
    _check_varies(rows, label)
    found = [kinds.column(rows.table.column(column), column, [""]) for column in others]
    texts = text_columns.recognise(rows.table, label, found, task, source_column)
    assert texts is not None, "a task that is given is never left open"
    source = None if texts.source is None else texts.source.name
    used = {label, source, *sequences.sliced(texts, found)}
    read = {column: place for column, place in places.items() if column in used}
    name = name or default_name(next(iter(places.values())))
    inference = of_texts({"lines": read}, rows, texts, found, name)
    if source is not None and Path(places[source]).resolve() == Path(places[label]).resolve():
        warning = f"columns {source!r} and {label!r} are read from one file, {places[label]}"
        return dataclasses.replace(inference, warnings=(*inference.warnings, warning))
    return inference


def _check_varies(rows: Sample, label: str) -> None:
    values = pc.unique(rows.table.column(label)).drop_null()
    if len(values) == 1 and rows.rows > 1:
        message = (
            f"expected at least two label values. Received: label={label!r}, always {values[0].as_py()!r}."
        )
        raise init_error("INIT-006", message, "A model cannot learn from a constant.")
