"""Ingestion: files of rows to split, typed, framed tf.Examples, whole or not at all."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from gzip import compress
from pathlib import Path
from typing import Any, Final

from absl import logging

from components.ingest import dead_letter, shard
from components.ingest.inputs import Selected, select
from components.ingest.parallel import map_tasks
from components.ingest.plan import Plan, make_plan
from components.ingest.prepare import prepare
from components.ingest.problems import data_error, missing_columns
from components.ingest.report import IngestReport
from components.ingest.sources import Source
from components.ingest.splitting import SPLITS, TimeCounts
from trainer.faults import point
from trainer.storage import fsync_directory

MAX_GROUPS: Final = 32


def _groups(count: int) -> list[range]:
    """At most `MAX_GROUPS` runs of consecutive files; they depend on nothing but the number of files."""
    groups = min(count, MAX_GROUPS)
    edges = [count * i // groups for i in range(groups + 1)]
    return [range(start, stop) for start, stop in itertools.pairwise(edges)]


def _scan_group(plan: Plan, sources: Sequence[Source]) -> dict[str, Any]:
    return {"files": [shard.scan(source, plan) for source in sources]}


def _first_look(
    plan: Plan, sources: Sequence[Source], limit: int | None, work: Path, beam_options: Sequence[str]
) -> tuple[Plan, shard.Selection, list[int]]:
    """Finds what needs all rows: their number for `limit`, the cut of a split by time."""
    by_quantile = plan.rule.by == "time" and plan.rule.eval_from is None
    if limit is None and not by_quantile:
        return plan, shard.Selection(), [0] * len(sources)
    looked = plan if by_quantile else dataclasses.replace(plan, time=None)
    tasks = [tuple(sources[i] for i in group) for group in _groups(len(sources))]
    results = map_tasks(functools.partial(_scan_group, looked), tasks, work, beam_options)
    scans = [scan for result in results for scan in result["files"]]
    first_rows, total = [], 0
    for scan in scans:
        first_rows.append(total)
        total += scan["rows"]
    if by_quantile and total:
        _check_features(scans, (str(plan.time), plan.label), sources)
        counts = TimeCounts()
        for scan in scans:
            counts.merge(TimeCounts.from_json(scan["times"]))
        rule = dataclasses.replace(plan.rule, eval_from=counts.cut(plan.rule.eval_fraction))
        plan = dataclasses.replace(plan, rule=rule)
    return plan, shard.Selection(limit, total), first_rows


def _check_features(
    results: Sequence[Mapping[str, Any]], columns: Sequence[str], sources: Sequence[Source]
) -> None:
    """Raises `INGEST-008` if a column occurs in no record of TFRecord files, which have no header."""
    if {source.format for source in sources} != {"tfrecord"}:
        return
    found = {name for result in results for name in result["features"]}
    lacking = [name for name in columns if name not in found]
    if found and lacking:
        files = sources[0].name if len(sources) == 1 else f"any of {len(sources)} TFRecord files"
        raise missing_columns(files, lacking, sorted(found))


def _sources(data: Mapping[str, Any], base: Path, work: Path) -> Selected:
    if not data["prepare"]:
        return select(data, base)
    if data["path"]:
        raise data_error("INGEST-001", "expected one of `data.path` and `data.prepare`. Received: both.")
    prepared = work / "prepared"
    point("ingest.prepare")
    prepared.mkdir()
    prepare(data["prepare"], base, prepared)
    split = dict(data["split"])
    for name in ("train_files", "validation_files", "eval_files"):
        if split[name] and Path(split[name]).is_relative_to(base):
            split[name] = str(Path(split[name]).relative_to(base))
    return select({**data, "path": ".", "split": split}, prepared)


def _check_rows(rows: Mapping[str, int], read: int, unlabelled: int, plan: Plan) -> None:
    if read == 0:
        raise data_error(
            "INGEST-004", "expected rows after the header. Received: rows=0.", "Check the files."
        )
    needed = ("train", "validation", "eval") if plan.rule.validation_given else ("train", "eval")
    for name in needed:
        if not rows[name]:
            raise data_error(
                "INGEST-017",
                f"expected rows in the split `{name}`. Received: rows={dict(rows)}, "
                f"unlabelled={unlabelled}, data.split.by={plan.rule.by}.",
                _way_to_rows(rows, unlabelled, plan),
            )


def _way_to_rows(rows: Mapping[str, int], unlabelled: int, plan: Plan) -> str:
    if unlabelled and not any(rows.values()):
        return "Every row lacks its label, or a text: correct the columns of the config, or the files."
    if plan.rule.needs_hash and plan.rule.key and sum(rows.values()) > 1:
        key = ", ".join(f"`{name}`" for name in plan.rule.key)
        return f"Rows of one {key} stay in one split: give more different ones, or set `data.split`."
    return "Change `data.split`, or give more rows."


def _publish_shards(
    results: Sequence[Mapping[str, Any]], splits: Iterable[str], work: Path, target: Path, gzip: bool
) -> None:
    """Moves the shards to `Split-<name>/data_tfrecord-<number>-of-<count>`, in the order of the files.

    A split without rows gets one shard without records, as the stock steps want a file in every split.
    """
    for name in splits:
        paths = [Path(path) for result in results for path in result["shards"][name]]
        if not paths:
            paths = [work / f"empty-{name}"]
            paths[0].write_bytes(compress(b"", mtime=0) if gzip else b"")
            point("ingest.write_empty", paths[0], paths[0])
        directory = target / f"Split-{name}"
        point("ingest.publish_split", directory)
        directory.mkdir()
        for number, path in enumerate(paths):
            final = f"data_tfrecord-{number:05d}-of-{len(paths):05d}" + (".gz" if gzip else "")
            path.rename(directory / final)


def _ingest(
    data: Mapping[str, Any], plan: Plan, base: Path, work: Path, target: Path, beam_options: Sequence[str]
) -> IngestReport:
    started = time.monotonic()
    selected = _sources(data, base, work)
    sources = selected.sources
    plan, selection, first_rows = _first_look(plan, sources, data["limit"], work, beam_options)
    gzip = data["compression"] == "gzip"
    tasks = []
    for number, group in enumerate(_groups(len(sources))):
        directory = work / f"group-{number:05d}"
        point("ingest.begin_group", directory)
        directory.mkdir()
        files = tuple(sources[i] for i in group)
        starts = tuple(first_rows[i] for i in group)
        tasks.append(shard.Task(files, starts, plan, selection, directory, gzip))
    results = map_tasks(shard.run, tasks, work, beam_options)
    _check_features(results, plan.columns, sources)
    misfits, bad, read, taken, unlabelled = (
        sum(result[name] for result in results) for name in ("misfits", "bad", "read", "taken", "unlabelled")
    )
    letters = target / dead_letter.FILE_NAME
    dead_letter.join([task.dead_letter for task in tasks], letters)
    share = (misfits + bad * read / max(taken, 1)) / max(misfits + read, 1)
    dead_letter.check_share(letters, misfits + bad, share, data["max_bad_row_fraction"])
    splits = [name for name in SPLITS if name != "validation" or plan.rule.has_validation]
    rows = {name: sum(result["rows"][name] for result in results) for name in splits}
    _check_rows(rows, read, unlabelled, plan)
    _publish_shards(results, splits, work, target, gzip)
    return IngestReport(
        rows=rows,
        unlabelled=unlabelled,
        bad=misfits + bad,
        read=read,
        files=[source.name for source in sources],
        spans=list(selected.resolved.spans),
        span=selected.resolved.span,
        version=selected.resolved.version,
        eval_from=plan.rule.eval_from,
        seconds=round(time.monotonic() - started, 3),
        columns=dict(plan.storage),
    )


def ingest(
    data: dict[str, Any],
    label: dict[str, Any],
    task: str,
    features: dict[str, dict[str, Any]],
    base_directory: Path,
    output_directory: Path,
    beam_options: Sequence[str] = (),
) -> IngestReport:
    """Reads the data and writes `Split-<name>/data_tfrecord-*`, `ingest.json` and `dead_letter.jsonl`.

    Memory does not grow with the number of rows. The output appears at once, by a rename of a sibling
    directory, and depends only on the input: neither the number of workers nor the machine changes a byte
    of the shards.

    Args:
        data: the data section of the config.
        label: the label section.
        task: `binary`, `multiclass`, `regression`, `seq2seq` or `language_model`.
        features: the feature sections by column.
        base_directory: directory of the config file, to which paths are relative.
        output_directory: where to write; absent or empty.
        beam_options: Beam options for several files. Defaults to `()`, the in-process FnApiRunner.

    Returns:
        The counts, as in `ingest.json`.

    Raises:
        TandemError: one of `problems.CODES`; nothing is left behind then.
    """
    if output_directory.exists() and any(output_directory.iterdir()):
        raise data_error(
            "INGEST-019", f"expected an absent or empty output directory. Received: {output_directory}."
        )
    plan = make_plan(data, label, task, features)
    output_directory.parent.mkdir(parents=True, exist_ok=True)
    work = output_directory.parent / f".{output_directory.name}.{uuid.uuid4().hex[:12]}"
    target = work / "output"
    point("ingest.begin")
    target.mkdir(parents=True)
    try:
        report = _ingest(data, plan, base_directory, work, target, beam_options)
        report.write(target)
        point("ingest.publish")
        target.replace(output_directory)
        fsync_directory(output_directory.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    rate = report.read / max(report.seconds, 1e-3)
    logging.info(
        "Ingested %s rows, %d unlabelled, %d bad, in %.1f s (%.0f rows/s).",
        report.rows, report.unlabelled, report.bad, report.seconds, rate,
    )  # fmt: skip
    return report
