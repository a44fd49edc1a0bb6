"""Sections about the model: training curves and metrics by slice."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pipeline.report import charts, comparison
from pipeline.report.formats import ABSENT, count, finite, mapping, number, plain, plural, rows, size
from pipeline.report.svg import extent

MOST_TABLE_ROWS = 60


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart, the sentence under it, and whether it tells candidate and baseline apart."""

    drawing: Markup
    caption: str


@dataclasses.dataclass(frozen=True)
class SliceRow:
    """One slice as text, with its row of the dot plot."""

    name: str
    count: str
    dots: Markup
    candidate: str
    baseline: str
    change: str
    outcome: str


@dataclasses.dataclass(frozen=True)
class SliceGroup:
    """The slices of one slicing with the metric that the plot shows."""

    title: str
    metric: str
    hint: str
    axis: Markup
    remark: str
    rows: tuple[SliceRow, ...]
    metrics: tuple[str, ...]
    table: tuple[tuple[str, str, tuple[str, ...]], ...]
    with_baseline: bool


def history(view: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Records of the training loop in order of their step."""
    known = [
        entry
        for entry in rows(mapping(view.get("training")).get("history"))
        if finite(entry.get("step")) is not None
    ]
    return sorted(known, key=lambda entry: finite(entry.get("step")) or 0.0)


def _points(entries: Sequence[Mapping[str, Any]], key: str) -> tuple[charts.Point, ...]:
    return tuple(
        (step, value)
        for entry in entries
        if (step := finite(entry.get("step"))) is not None and (value := finite(entry.get(key))) is not None
    )


def loss_chart(view: Mapping[str, Any]) -> Chart:
    """Loss of training and validation over steps, the step whose weights are exported marked."""
    entries = history(view)
    train, valid = _points(entries, "loss"), _points(entries, "validation_loss")
    best = min(valid, key=lambda point: point[1], default=None)
    caption, marked = "", None
    if best is not None:
        caption = f"Lowest validation loss {number(best[1])} at step {count(best[0])}."
        exported = finite(mapping(view.get("training")).get("exported_step"))
        marked = next((point for point in valid if point[0] == exported), None)
    elif train:
        caption = f"Loss {number(train[-1][1])} at step {count(train[-1][0])}; there was no validation split."
    drawing = charts.line_chart(
        "loss",
        "Loss over steps",
        caption,
        [charts.Series("training", "prior", train), charts.Series("validation", "candidate", valid)],
        "step",
        marked,
        f"exported {number(marked[1])}" if marked else "",
    )
    return Chart(drawing, caption)


def steps(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How far the training went, whether it stopped early, and the step whose weights are exported."""
    training = mapping(view.get("training"))
    done, planned, exported = (training.get(key) for key in ("steps", "steps_planned", "exported_step"))
    facts = []
    if finite(done) is not None:
        facts.append(("steps", f"{count(done)} of {count(planned)}"))
    if isinstance(training.get("stopped_early"), bool):
        facts.append(("stopped early", "yes" if training["stopped_early"] else "no"))
    if finite(exported) is not None:
        facts.append(("exported step", count(exported)))
    return facts


def optimizer_state(view: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Memory of the optimizers' state: what, parameters, bytes, and bytes for each parameter.

    First each optimizer of the training, then all together, then what other optimizers would take for the
    same parameters.
    """
    state = mapping(mapping(view.get("training")).get("optimizer_state"))
    parts = [mapping(part) for part in mapping(state.get("parts")).values()]
    known = [
        (str(part.get("optimizer")), numbers, taken)
        for part in parts
        if (numbers := finite(part.get("parameters"))) and (taken := finite(part.get("bytes"))) is not None
    ]
    if not known:
        return []
    every = sum(numbers for _, numbers, _ in known)
    lines = list(known)
    if len(known) > 1:
        lines.append(("all of them", every, sum(taken for _, _, taken in known)))
    lines += [
        (f"{name} instead", every, taken)
        for name, value in mapping(state.get("others")).items()
        if (taken := finite(value)) is not None and [name] != [line[0] for line in known]
    ]
    return [(name, count(numbers), size(taken), plain(taken / numbers)) for name, numbers, taken in lines]


def throughput_chart(view: Mapping[str, Any]) -> Chart:
    """Examples per second over steps."""
    points = _points(history(view), "examples_per_second")
    mean = finite(mapping(view.get("training")).get("examples_per_second"))
    caption = f"{count(mean)} examples per second over the whole training." if mean is not None else ""
    drawing = charts.line_chart(
        "throughput",
        "Examples per second",
        caption,
        [charts.Series("examples per second", "candidate", points)],
        "step",
        from_zero=True,
    )
    return Chart(drawing, caption)


def history_table(view: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """At most 60 records, evenly chosen, the last one among them."""
    entries = history(view)
    stride = max(1, -(-len(entries) // MOST_TABLE_ROWS))
    chosen = entries[::-1][::stride][::-1]
    return [
        (
            count(entry.get("step")),
            plain(entry.get("epoch")),
            number(entry.get("loss")),
            number(entry.get("validation_loss")),
            count(entry.get("examples_per_second")),
        )
        for entry in chosen
    ]


def _remark(members: Sequence[comparison.Slice], metric: str, example: str) -> str:
    compared = [(one, one.comparisons[metric].from_baseline) for one in members if metric in one.comparisons]
    known = [(one, change) for one, change in compared if change.amount is not None]
    if not known:
        return "There is no baseline to compare with."
    worse = [(one, change) for one, change in known if change.outcome == "worse"]
    if not worse:
        return f"Not worse than the baseline in any of {plural(len(known), 'slice')}."
    one, change = max(worse, key=lambda item: abs(item[1].amount or 0.0))
    return (
        f"Worse than the baseline in {len(worse)} of {plural(len(known), 'slice')}, most in {one.name} "
        f"({number(change.amount, signed=True)} on {plural(one.count, example)})."
    )


def slice_groups(view: Mapping[str, Any]) -> list[SliceGroup]:
    """One group for each slicing; the plot shows the main metric, the table all of them."""
    whole = comparison.overall(view)
    made = []
    for columns, members in comparison.slices(view).items():
        metric = comparison.main_metric(whole) or comparison.main_metric(members[0].comparisons)
        if metric is None:
            continue
        shown = [(one, one.comparisons.get(metric)) for one in members]
        values = [
            value
            for _, cell in shown
            if cell is not None
            for value in (cell.candidate, cell.baseline, cell.lower, cell.upper)
            if value is not None
        ]
        reference = whole[metric].candidate if metric in whole else None
        scale = charts.Scale(*extent([*values, *([] if reference is None else [reference])], 0.06))
        table_rows = []
        for one, cell in shown:
            none = comparison.Change(None, "")
            change = cell.from_baseline if cell else none
            dots = Markup("")
            if cell:
                dots = charts.dot_row(
                    scale,
                    charts.Dot(cell.candidate, cell.lower, cell.upper),
                    charts.Dot(cell.baseline),
                    reference,
                )
            table_rows.append(
                SliceRow(
                    one.name,
                    count(one.count),
                    dots,
                    number(cell.candidate if cell else None),
                    number(cell.baseline if cell else None),
                    number(change.amount, signed=True),
                    change.outcome,
                )
            )
        names = tuple(
            dict.fromkeys(name for one in members for name in one.comparisons if name != "example_count")
        )
        made.append(
            SliceGroup(
                title=" × ".join(columns),
                metric=metric,
                hint=next((cell.hint for _, cell in shown if cell), ""),
                axis=charts.dot_axis(scale),
                remark=_remark(members, metric, comparison.example_of(comparison.task_of(view))),
                rows=tuple(table_rows),
                metrics=names,
                table=tuple(
                    (
                        one.name,
                        count(one.count),
                        tuple(
                            number(one.comparisons[name].candidate) if name in one.comparisons else ABSENT
                            for name in names
                        ),
                    )
                    for one in members
                ),
                with_baseline=any(cell is not None and cell.baseline is not None for _, cell in shown),
            )
        )
    return made
