"""From a file of rows to a config that runs."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np

from components.ingest.sources import format_of
from pipeline.config.checks.features import cross_input
from pipeline.config.model import Config, Data
from pipeline.init import analysis, checks, features, files, kinds, leakage, sample, scale, sequences, target
from pipeline.init import texts as text_columns
from pipeline.init.codes import parts
from pipeline.init.column import Column, Ints
from pipeline.init.errors import init_error
from pipeline.init.files import Source
from pipeline.init.sample import Sample
from pipeline.init.target import Target
from pipeline.init.texts import Texts
from trainer.errors import TandemError

_FEWEST_ROWS = 30

# What is appended to the name of a column in the names of the inputs made from it.
_SUFFIXES = {
    "categorical": (),
    "numeric": (".bucket", ".missing"),
    "timestamp": (".hour", ".weekday", ".month"),
}


@dataclasses.dataclass(frozen=True)
class Inference:
    """A config and what is to be known about it.

    Args:
        config: complete and valid; its data path is as given.
        warnings: what must be looked at before the model is trusted.
        notes: what was assumed.
        comments: a few words on a feature or cross (by its columns joined with ` x `), the label or the data.
        left_out: reason by column that is no feature.
        rows: number of rows in the files.
    """

    config: Config
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    comments: dict[str, str]
    left_out: dict[str, str]
    rows: int


def infer(
    data_path: Path | str,
    label: str,
    time_column: str | None = None,
    name: str | None = None,
    task: str | None = None,
    source_column: str | None = None,
) -> Inference:
    """Reads a sample of the data and writes down what it seems to be.

    Args:
        data_path: CSV (also compressed) or Parquet file, directory, glob, or pattern with `{SPAN}`.
        label: column to predict.
        time_column: column with the time of a row, for a split by time. Defaults to `None`: the only
            column of times if there is exactly one without gaps (columns that all but rise together count
            as one), else a split by hash.
        name: name of the pipeline. Defaults to `None`: made from the file name.
        task: `seq2seq` or `language_model`, for a label that is a text. Defaults to `None`: by the data.
        source_column: column of the text that the label is made from. Defaults to `None`: by the data.

    Raises:
        TandemError: `INIT-001` to `INIT-012`, exit status 2.
    """
    source = files.find(str(data_path), label)
    files.require_column(source, label, "label")
    if time_column is not None:
        files.require_column(source, time_column, "time")
    if source_column is not None:
        files.require_column(source, source_column, "source")
        task = task or "seq2seq"
    # Typed formats have nulls: ingest takes no text of theirs for one, but the empty one.
    nulls = list(Data.model_fields["null_values"].default) if source.format == "csv" else [""]
    rows = sample.read(source, label)
    names = [column for column in source.columns if column != label]
    marks: list[str] = []
    if source.format == "csv":
        marks = kinds.markers(rows.table, names, nulls)
        marks += kinds.markers(rows.table, [label], [*nulls, *marks], target.LEAST_NUMBERS)
        marks += [text for text in rows.label_counts if text.isspace() and text not in marks]
    nulls += marks
    goal: Target | None = None
    unclear: TandemError | None = None
    if task is None:
        try:
            goal = target.find(rows, label, nulls)
        except TandemError as error:
            if error.code != "INIT-010":
                raise
            unclear = error
    if goal is None:
        columns = [kinds.column(rows.table.column(column), column, [""]) for column in names]
        texts = text_columns.recognise(rows.table, label, columns, task, source_column)
        if texts is None:
            assert unclear is not None
            raise unclear
        if time_column is not None:
            raise init_error(
                "INIT-012",
                f"expected no time beside a text, {label!r}: rows with the same text stay in one split. "
                f"Received: --time {time_column}.",
                "Leave it out; docs/config.md has `data.split` to change the split in the config.",
            )
        place = {"path": str(data_path), **_format(source)}
        return of_texts(place, rows, texts, columns, name or default_name(str(data_path)))
    columns = [kinds.column(rows.table.column(column), column, nulls) for column in names]
    draft = _Draft(source, rows, goal, columns, str(data_path), label)
    return draft.finish(time_column, name, nulls if marks else None)


def of_texts(
    place: dict[str, Any], rows: Sample, texts: Texts, columns: list[Column], name: str
) -> Inference:
    """The config of a sequence task.

    Args:
        place: fields of the section `data` that say where rows come from and how they are read.
        rows: the sample.
        texts: the task.
        columns: all columns but the label.
        name: of the pipeline.

    Raises:
        TandemError: `INIT-002` if no row has all texts.
    """
    both = [texts.target.name] + ([] if texts.source is None else [texts.source.name])
    present = np.ones(rows.table.num_rows, np.bool_)
    for column in both:
        present &= sample.as_text(rows.table.column(column)).is_valid().to_numpy()
    if not present.any():
        message = f"expected rows with a text. Received: none has one in {' and in '.join(map(repr, both))}."
        raise init_error("INIT-002", message)
    count = round(rows.rows * float(present.mean()))
    data: dict[str, Any] = {"split": scale.split(count), **place}
    bad = rows.bad_rows / (rows.rows + rows.bad_rows)
    warnings = []
    if bad:
        warnings.append(f"{rows.bad_rows:,} rows have a wrong number of fields and are left out")
    if bad > 0.005:
        data["max_bad_row_fraction"] = min(1.0, round(2 * bad + 0.005, 3))
    if count < len(present) and count < rows.rows:
        warnings.append(f"{rows.rows - count:,} rows lack a text and are left out")
    values = sequences.config(texts, name, data, columns, count)
    kept = {*both, *data.get("keep", ())}
    left_out = {
        column.name: "a sequence task reads one text" for column in columns if column.name not in kept
    }
    notes = [
        f"{texts.target.name!r} is taken as a text"
        + (" of its own" if texts.source is None else f" made from {texts.source.name!r}")
        + "; rows with the same "
        + ("text" if texts.source is None else "source")
        + " stay in one split"
    ]
    comments = {text.name: text.comment() for text in (texts.target, texts.source) if text is not None}
    return Inference(
        Config.model_validate(values), tuple(warnings), tuple(notes), comments, left_out, rows.rows
    )


def _format(source: Source) -> dict[str, str]:
    found = {"delimiter": source.delimiter} if source.delimiter != "," else {}
    return found | ({"format": source.format} if format_of(source.files[0]) is None else {})


class _Draft:
    """The parts of a config as they are found."""

    def __init__(
        self, source: Source, rows: Sample, goal: Target, columns: list[Column], path: str, label: str
    ) -> None:
        self._source, self._sample, self._goal = source, rows, goal
        self._columns, self._path, self._label = columns, path, label
        self._labelled = round(rows.rows * len(goal.rows) / rows.table.num_rows)
        self._warnings = list(goal.warnings)
        self._notes = list(goal.notes)

    def finish(self, time_column: str | None, name: str | None, null_values: list[str] | None) -> Inference:
        time = self._time(time_column)
        share = scale.eval_share(self._labelled)
        shown = [column.take(self._goal.rows) for column in self._columns]
        by_name = {column.name: column for column in shown}
        rows = analysis.arrange(by_name[time] if time else None, self._distinct(time), share)
        columns = [column.take(rows.order) for column in shown]
        analysis.drop_moving(columns, rows)
        for column in columns:
            if column.kind == "timestamp" and not parts(column):
                column.drop("its times hold no part that varies and returns")
        used = [column for column in columns if column.kind != "dropped"]
        analysis.recognise_codes(used, self._goal, rows)
        if not used:
            reasons = "; ".join(f"{column.name!r}: {column.reason}" for column in columns[:5])
            message = f"expected a column that can be a feature. Received: {reasons or 'the label only'}."
            raise init_error("INIT-009", message)
        powers = analysis.powers(used, self._goal, rows)
        used = self._without_leaks(used, powers)
        used = self._with_names_of_their_own(used)
        suggested = analysis.suggest_crosses(used, powers, self._goal, rows)
        names = {column.name for column in used}
        suggested = [cross for cross in suggested if cross_input(list(cross.columns))[1] not in names]
        for cross in suggested:
            if cross.gain >= leakage.SUSPICIOUS_PAIR:
                self._warnings.append(
                    f"columns {cross.columns[0]!r} and {cross.columns[1]!r} together are suspiciously "
                    f"strong (as a pair they remove {cross.gain:.0%} of the loss). Are both known when the "
                    "prediction is made?"
                )
        eval_rows = self._labelled * share
        labels = self._goal.values[rows.order]
        rules, moved = scale.gate(
            self._goal,
            labels[: rows.train],
            labels[rows.train :],
            scale.train_rows(self._labelled),
            eval_rows,
        )
        if moved and rows.by_time:
            self._warnings.append(
                "the label's mean differs between the older and the newest rows: "
                f"{labels[: rows.train].mean():.4g} and {labels[rows.train :].mean():.4g}; "
                "the bounds of the gate are widened for it"
            )
        limits = checks.limits(used, rows.fitted, rows.evaluated, eval_rows)
        values = {
            "name": name or default_name(self._path),
            "task": self._goal.task,
            "label": {"column": self._label, "classes": list(self._goal.classes)},
            "data": self._data(time, null_values, [column.name for column in used]),
            "features": {column.name: features.feature(column, self._labelled) for column in used},
            "crosses": [features.cross(cross) for cross in suggested],
            "model": scale.model(self._labelled),
            "train": scale.train(self._labelled),
            "check": {**limits, **scale.min_rows(self._labelled)},
            "evaluate": {"slices": features.slices(used, powers, eval_rows)},
            "gate": {"rules": rules},
        }
        comments = {column.name: features.comment(column) for column in used}
        comments |= {" x ".join(c.columns): f"removes {c.gain:.2%} of the loss" for c in suggested}
        left_out = {column.name: column.reason for column in columns if column.kind == "dropped"}
        self._note_columns(columns)
        return Inference(
            Config.model_validate(values), tuple(self._warnings), tuple(self._notes),
            comments | {self._label: self._label_comment()}, left_out, self._sample.rows,
        )  # fmt: skip

    def _time(self, given: str | None) -> str | None:
        times = [column for column in self._columns if column.kind == "timestamp"]
        if given is None:
            clear = analysis.clear_time(times)
            if clear is not None:
                self._notes.append(f"rows are split by the time in {clear!r}: the newest are evaluated")
                return clear
            if len(times) > 1:
                named = ", ".join(repr(column.name) for column in times)
                self._notes.append(f"there are several times ({named}); --time COLUMN splits rows by one")
            return None
        found = (
            next(column for column in self._columns if column.name == given) if given != self._label else None
        )
        if found is None or found.kind != "timestamp":
            message = f"expected a column of times: ISO 8601 text or epoch seconds. Received: time={given!r}."
            listed = ", ".join(column.name for column in times)
            raise init_error(
                "INIT-007", message, f"Columns of times: {listed}." if listed else "There are none."
            )
        if found.missing:
            self._warnings.append(
                f"{found.missing:.1%} of the rows have no time in {given!r}; they cannot be split"
            )
        return given

    def _distinct(self, time: str | None) -> Ints:
        """Positions of the labelled rows to judge columns by: the different ones where most repeat others.

        A split by hash holds equal rows together. Halves of the sample would each hold some of them, and any
        column with many values would seem to tell the label.
        """
        labelled = np.arange(len(self._goal.rows))
        if time is not None:
            return labelled
        first = np.isin(self._goal.rows, sample.first_of_equal_rows(self._sample.table))
        if first.sum() >= len(labelled) / 2:
            return labelled
        self._warnings.append(
            f"{len(labelled):,} labelled rows hold only {first.sum():,} different ones; equal rows share a "
            "split, so the shares of the splits may be far from those wanted"
        )
        return labelled[first] if first.sum() >= _FEWEST_ROWS else labelled

    def _without_leaks(self, used: list[Column], powers: dict[str, Any]) -> list[Column]:
        equal = [column for column in used if powers[column.name].level == "equal"]
        alone = len(equal) == len(used)
        for column in used:
            level, text = powers[column.name].level, powers[column.name].text()
            if level == "equal" and alone:
                self._warnings.append(
                    f"column {column.name!r} all but equals the label ({text}); it is kept because no other "
                    "column is left. Is it known when the prediction is made?"
                )
            elif level == "equal":
                self._warnings.append(
                    f"column {column.name!r} all but equals the label ({text}) and is left out of the "
                    "features. Add it only if it is known when the prediction is made."
                )
                column.drop(f"it all but equals the label ({text})")
            elif level == "suspicious":
                self._warnings.append(
                    f"column {column.name!r} is suspiciously strong ({text}). Is it known when the "
                    "prediction is made? If not, remove it from the features."
                )
        return [column for column in used if column.kind != "dropped"]

    def _with_names_of_their_own(self, used: list[Column]) -> list[Column]:
        """Without columns from which an input with the name of another column's would be made."""
        names = {column.name for column in used}
        for column in used:
            made = [column.name + suffix for suffix in _SUFFIXES[column.kind]]
            twice = sorted(names & set(made))
            if twice and len(names) > 1:
                column.drop(f"an input made from it would have the name of column {twice[0]!r}; rename one")
                names.discard(column.name)
        return [column for column in used if column.kind != "dropped"]

    def _data(self, time: str | None, null_values: list[str] | None, used: list[str]) -> dict[str, Any]:
        data: dict[str, Any] = {"path": self._path, "split": scale.split(self._labelled)}
        data |= _format(self._source)
        if null_values is not None:
            data["null_values"] = null_values
            self._notes.append(f"texts taken for missing values: {', '.join(map(repr, null_values[8:]))}")
        if time is not None:
            data["time_column"] = time
            data["split"]["by"] = "time"
        bad = self._sample.bad_rows / (self._sample.rows + self._sample.bad_rows)
        if bad:
            self._warnings.append(
                f"{self._sample.bad_rows:,} rows have a wrong number of fields and are left out"
            )
        infinite = kinds.infinite(self._sample.table, used)
        if infinite:
            self._warnings.append(
                f"{infinite:.1%} of the rows hold an infinite number in a feature and are left out"
            )
            bad += infinite
        if bad > 0.005:
            data["max_bad_row_fraction"] = min(1.0, round(2 * bad + 0.005, 3))
        return data

    def _label_comment(self) -> str:
        goal, rows = self._goal, self._sample.table.num_rows
        lacking = 1 - len(goal.rows) / rows
        text = f"{lacking:.1%} missing, left out" if lacking else ""
        if goal.task == "binary":
            text = f"{goal.classes[1]!r} in {goal.counts[1] / sum(goal.counts):.1%} of the rows" + (
                f"; {text}" if text else ""
            )
        return text

    def _note_columns(self, columns: list[Column]) -> None:
        for column in columns:
            if kinds.looks_like_dates(column):
                self._notes.append(
                    f"column {column.name!r} looks like dates; written as YYYY-MM-DD its parts could be used"
                )
            if kinds.looks_like_decimal_commas(column):
                self._notes.append(
                    f"column {column.name!r} looks like numbers with a decimal comma; written with a point "
                    "they could be used as numbers"
                )
            if column.kind == "dropped" and "equals the label" not in column.reason:
                self._notes.append(f"column {column.name!r} is no feature: {column.reason}")


def default_name(path: str) -> str:
    """A pipeline name from a path: its last plain part in lower case.

    Example:
        >>> default_name("data/Late Flights 2013.csv.gz"), default_name("rows/{SPAN}/*.parquet")
        ('late-flights-2013', 'rows')
    """
    plain = [part for part in Path(path).parts if not set(part) & set("*?[{")]
    words = re.findall(r"[a-z0-9]+", plain[-1].split(".")[0].lower()) if plain else []
    text = re.sub(r"^[^a-z]+", "", "-".join(words))[:63].strip("-")
    return text or "pipeline"
