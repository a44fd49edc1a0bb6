"""The section `data`: where rows come from, how they are read and divided."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config.base import Fraction, Section, Text


class Split(Section):
    """How rows are divided into `train`, `validation` (early stopping, calibration) and `eval` (the gate)."""

    by: Literal["hash", "time", "files"] = Field(
        default="hash", description="Divide by a hash of key columns, by time, or by given files."
    )
    key: list[str] = Field(
        default=[],
        description="Columns whose values are hashed (rows with equal keys stay together); empty means the "
        "whole row, and for a sequence task its source, or the text of a language model.",
    )
    eval_fraction: Fraction = Field(
        default=0.2, description="Share of rows for `eval` (by hash; by time when `eval_from` is not set)."
    )
    validation_fraction: Fraction = Field(
        default=0.1,
        description="Share of the remaining rows for `validation`, chosen by hash of `key` "
        "unless `validation_from` or `validation_files` is set.",
    )
    eval_from: str | None = Field(
        default=None, description="By time: first timestamp (ISO 8601) of the `eval` split."
    )
    validation_from: str | None = Field(
        default=None, description="By time: first timestamp (ISO 8601) of the `validation` split."
    )
    train_files: str | None = Field(default=None, description="By files: glob of the `train` files.")
    validation_files: str | None = Field(
        default=None, description="By files: glob of the `validation` files."
    )
    eval_files: str | None = Field(default=None, description="By files: glob of the `eval` files.")


class Data(Section):
    """Where rows come from and how they are read."""

    path: str | None = Field(
        default=None,
        description="File, directory or glob, relative to the config file. `{SPAN}`, `{VERSION}` or "
        "`{YYYY}-{MM}-{DD}` in it select spans and versions as in TFX.",
    )
    lines: dict[str, str] | None = Field(
        default=None,
        min_length=1,
        description="Files of parallel lines in place of `path`: a file, directory or glob for each column. "
        "The files of a column in the order of their names belong to those of the others, line by line. A "
        "split by files names those of the first column.",
    )
    prepare: str | None = Field(
        default=None,
        description="`file.py:function` beside the config, called with an empty output directory that it "
        "fills with CSV or Parquet files; used in place of `path`.",
    )
    format: Literal["auto", "csv", "parquet", "tfrecord"] = Field(
        default="auto", description="File format; `auto` goes by the file name, compression suffix aside."
    )
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="CSV field delimiter.")
    null_values: list[Text] = Field(
        default=["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"],
        description="CSV texts that mean a missing value; for a sequence task the empty text alone unless "
        "set, since the others are words.",
    )
    span: int | None = Field(default=None, ge=0, description="Span to read; the newest when not set.")
    window: int = Field(default=1, ge=1, description="Number of consecutive spans to read, ending at `span`.")
    time_column: str | None = Field(
        default=None, description="Column with the time of a row (timestamp text, date or epoch seconds)."
    )
    keep: list[str] = Field(
        default=[], description="Further columns kept as text for slicing although they are no features."
    )
    weight_column: str | None = Field(default=None, description="Column with the weight of a row.")
    max_bad_row_fraction: float = Field(
        default=0.01, ge=0.0, le=1.0, description="Share of unreadable rows above which the run stops."
    )
    limit: int | None = Field(
        default=None, ge=1, description="Use at most this many rows, evenly spaced over the data."
    )
    compression: Literal["none", "gzip"] = Field(
        default="none", description="Compression of the ingested TFRecord files."
    )
    split: Split = Field(default=Split(), description="Train, validation and eval.")
