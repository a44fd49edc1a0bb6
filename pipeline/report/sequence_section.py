"""The section about sequences: by length, int8 beside float32, samples with their errors, and attention."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pipeline.report import comparison
from pipeline.report.formats import ABSENT, count, finite, mapping, number, plain, rows, share, size
from pipeline.report.heat_map import heat_map, strongest_of

TASKS = ("seq2seq", "language_model")
SHOWN = {
    "seq2seq": ("wer", "per", "exact_match", "bleu", "chrf", "length_ratio"),
    "language_model": ("perplexity", "bits_per_unit"),
}
_JOINED = ("letters", "characters")
_SPACES = {" ": "␣", "\n": "↵", "\t": "⇥"}


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of numbers: heads, and rows whose first cell is their name."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True)
class Sample:
    """One source as text.

    Args:
        source: as it was asked.
        wanted: units of the closest reference, each with `same`, `other`, `missing` or `extra`.
        found: units of the best hypothesis, likewise.
        edits: how many units are wrong, of how many.
        score: of the best hypothesis.
        status: empty if it was answered as it is.
        others: further hypotheses with their scores.
        references: further references.
        baseline: best hypothesis of the blessed model; empty if there is none or it is the same.
    """

    source: str
    wanted: tuple[tuple[str, str], ...]
    found: tuple[tuple[str, str], ...]
    edits: str
    score: str
    status: str
    others: tuple[tuple[str, str], ...]
    references: tuple[str, ...]
    baseline: str


@dataclasses.dataclass(frozen=True)
class Attention:
    """The picture of one sample with its numbers in words."""

    title: str
    drawing: Markup
    strongest: tuple[tuple[str, str, str], ...]


def sequences(view: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was recorded of sequences; empty for other tasks."""
    return mapping(view.get("sequences"))


def facts(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Sources, references, rows that were left out, status of the answers, and speed."""
    found = sequences(view)
    noun = f"{comparison.example_of(comparison.task_of(view))}s"
    known = [(noun, count(found["sources"]))] if "sources" in found else []
    if finite(found.get("references")):
        known.append(("references", count(found["references"])))
    known += [
        (f"without {side}", count(value))
        for side, value in mapping(found.get("left_out")).items()
        if finite(value)
    ]
    words = {"unknown": "with unknown units", "truncated": "cut to the greatest length", "empty": "empty"}
    known += [
        (words[name], count(value)) for name, value in mapping(found.get("status")).items() if name in words
    ]
    for model, speed in mapping(found.get("speed")).items():
        if finite(mapping(speed).get("sources_per_second")):
            known.append((f"{noun} per second, {model}", count(mapping(speed)["sources_per_second"])))
    return known


def lengths(view: Mapping[str, Any]) -> Table | None:
    """Metrics of the candidate by range of the units of the source; of the baseline the main one alone."""
    entries = rows(sequences(view).get("by_length"))
    if not entries:
        return None
    names = [
        name
        for name in SHOWN.get(comparison.task_of(view), ())
        if any(name in mapping(entry.get("candidate")) for entry in entries)
    ]
    with_baseline = any(entry.get("baseline") for entry in entries)
    heads = ["Units", "Sources", *names, *([f"{names[0]}, baseline"] if with_baseline and names else [])]
    made = []
    for entry in entries:
        candidate, baseline = mapping(entry.get("candidate")), mapping(entry.get("baseline"))
        cells = [_range(str(entry.get("range") or ABSENT)), count(entry.get("sources"))]
        cells += [number(candidate.get(name)) for name in names]
        if with_baseline and names:
            cells.append(number(baseline.get(names[0])))
        made.append(tuple(cells))
    return Table(tuple(heads), tuple(made))


def _range(name: str) -> str:
    """`5 to 8` for `005-008`."""
    return " to ".join(part.lstrip("0") for part in name.split("-"))


def quantisation(view: Mapping[str, Any]) -> Table | None:
    """int8 weights beside float32 weights: metrics, size, speed, and how far they are apart."""
    found = mapping(sequences(view).get("quantisation"))
    mine, other = mapping(found.get("int8")), mapping(found.get("float32"))
    if not mine or not other:
        return None
    made = []
    for name in SHOWN.get(comparison.task_of(view), ()):
        if name in mine:
            first, second = finite(mine.get(name)), finite(other.get(name))
            difference = None if first is None or second is None else first - second
            made.append((name, number(first), number(second), number(difference, signed=True)))
    for label, key, write in (("size", "bytes", size), ("sources per second", "sources_per_second", count)):
        first, second = finite(mine.get(key)), finite(other.get(key))
        times = f"× {number(first / second)}" if first is not None and second else ABSENT
        made.append((label, write(first), write(second), times))
    return Table(("", "int8", "float32", "Change"), tuple(made))


def samples(view: Mapping[str, Any], which: str) -> list[Sample]:
    """Sources with references that were answered worst (`worst`) or drawn by chance (`random`)."""
    if comparison.task_of(view) == "language_model":
        return []
    kind = str(mapping(sequences(view).get("kinds")).get("target") or "")
    return [_sample(entry, kind) for entry in rows(mapping(sequences(view).get("samples")).get(which))]


def _sample(entry: Mapping[str, Any], kind: str) -> Sample:
    steps = [
        tuple(str(part) for part in step)
        for step in entry.get("steps") or ()
        if isinstance(step, Sequence) and len(step) == 3
    ]
    found = rows(entry.get("hypotheses"))
    best = str(found[0].get("text") or "") if found else ""
    references = [str(text) for text in entry.get("references") or ()]
    status, baseline = str(entry.get("status") or ""), str(entry.get("baseline") or "")
    return Sample(
        source=str(entry.get("source") or ""),
        wanted=tuple((step[0], visible(step[1], kind)) for step in steps if step[0] != "extra"),
        found=tuple((step[0], visible(step[2], kind)) for step in steps if step[0] != "missing"),
        edits=f"{plain(entry.get('edits'))} of {plain(entry.get('units'))}",
        score=number(found[0].get("score")) if found else ABSENT,
        status="" if status == "ok" else status,
        others=tuple((str(other.get("text") or ABSENT), number(other.get("score"))) for other in found[1:]),
        references=tuple(references) if len(references) > 1 else (),
        baseline="" if baseline == best else baseline,
    )


def visible(unit: str, kind: str) -> str:
    """A unit as it can be read: white space as a mark, and a space after units that are joined by one."""
    return _SPACES.get(unit, unit) if kind in _JOINED else f"{unit} "


def texts(view: Mapping[str, Any], which: str) -> Table | None:
    """Texts of a language model, `worst` or `random`, with what they cost."""
    entries = rows(mapping(sequences(view).get("samples")).get(which))
    if comparison.task_of(view) != "language_model" or not entries:
        return None
    made = [
        (
            str(entry.get("text") or ABSENT),
            number(entry.get("bits_per_unit")),
            count(entry.get("units")),
            str(entry.get("status") or ABSENT),
        )
        for entry in entries
    ]
    return Table(("Text", "Bits per unit", "Units", "Status"), tuple(made))


def attention(view: Mapping[str, Any]) -> list[Attention]:
    """Pictures of the samples that have them, each source once."""
    shown = mapping(sequences(view).get("samples"))
    made: dict[str, Attention] = {}
    for entry in [*rows(shown.get("random")), *rows(shown.get("worst"))]:
        found = mapping(entry.get("attention"))
        source, units = ([_mark(unit) for unit in found.get(key) or ()] for key in ("source_units", "units"))
        weights = [[finite(value) or 0.0 for value in line] for line in found.get("weights") or ()]
        title = str(entry.get("source") or "")
        if not source or not units or len(weights) != len(units) or title in made:
            continue
        if any(len(line) != len(source) for line in weights):
            continue
        strongest = tuple(
            (unit, read, share(weight)) for unit, read, weight in strongest_of(source, units, weights)
        )
        key = f"attention-{len(made)}"
        made[title] = Attention(
            title, heat_map(key, f"Attention of {title}", source, units, weights), strongest
        )
    return list(made.values())


def _mark(unit: Any) -> str:
    return _SPACES.get(str(unit), str(unit))


def buckets(view: Mapping[str, Any]) -> Table | None:
    """Buckets of the training batches: greatest lengths, batch size, examples and padding."""
    entries = rows(mapping(mapping(view.get("training")).get("sequences")).get("buckets"))
    if not entries:
        return None
    columns = (
        ("Source up to", "source", count),
        ("Target up to", "target", count),
        ("Batch", "batch", count),
        ("Examples", "examples", count),
        ("Padding", "padding_share", share),
    )
    known = [
        column for column in columns if any(finite(entry.get(column[1])) is not None for entry in entries)
    ]
    made = (tuple(write(entry.get(key)) for _, key, write in known) for entry in entries)
    return Table(tuple(head for head, _, _ in known), tuple(made))


def training_facts(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Skipped examples, padding and units per second of the training."""
    found = mapping(mapping(view.get("training")).get("sequences"))
    skipped = mapping(found.get("skipped"))
    known = [
        (label, count(skipped[name]))
        for name, label in (("empty", "skipped, empty"), ("long", "skipped, too long"))
        if finite(skipped.get(name)) is not None
    ]
    if finite(found.get("padding_share")) is not None:
        known.append(("padding", share(found["padding_share"])))
    if finite(found.get("tokens_per_second")) is not None:
        known.append(("units per second", count(found["tokens_per_second"])))
    return known


def prior_words(task: str) -> str:
    """What the prior is, for the sentence above the metrics."""
    return {
        "seq2seq": "the most frequent unit for each unit of the source (prior)",
        "language_model": "units drawn by their frequency alone (prior)",
    }.get(task, "a constant prediction (prior)")
