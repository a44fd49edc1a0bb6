"""The section about calibration: predicted against observed, and how many rows are predicted what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from pipeline.report import charts, comparison
from pipeline.report.formats import count, finite, mapping, number, plain, plural, rows, share
from pipeline.report.model_section import Chart


def _bins(view: Mapping[str, Any], model: str, kind: str) -> list[Mapping[str, Any]]:
    return rows(mapping(mapping(view.get("calibration")).get(model)).get(kind))


def _points(view: Mapping[str, Any], model: str) -> list[tuple[float, float, float]]:
    found = []
    for cell in _bins(view, model, "equal_weight"):
        values = [finite(cell.get(key)) for key in ("mean_prediction", "mean_label", "count")]
        if values[0] is not None and values[1] is not None and values[2]:
            found.append((values[0], values[1], values[2]))
    return found


def words(task: str) -> tuple[str, str, str]:
    """Heading, name of the prediction and name of what was observed, by task."""
    return {
        "regression": ("Predicted and actual", "mean prediction", "mean label"),
        "multiclass": ("Confidence and accuracy", "mean confidence", "accuracy"),
    }.get(task, ("Reliability", "mean predicted probability", "share of positives"))


def gaps(view: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Mean distance between prediction and label over the bins, weighted by rows, of each model."""
    found = []
    for model in ("candidate", "baseline"):
        cells = _points(view, model)
        total = sum(weight for _, _, weight in cells)
        if total:
            found.append((model, sum(abs(x - y) * weight for x, y, weight in cells) / total))
    return found


def chart(view: Mapping[str, Any]) -> Chart:
    """Mean prediction against mean label by bin, for candidate and baseline."""
    task = comparison.task_of(view)
    title, x_label, y_label = words(task)
    series = [
        charts.Series(
            model,
            model,
            tuple((x, y) for x, y, _ in _points(view, model)),
            "circle" if model == "candidate" else "diamond",
        )
        for model in ("candidate", "baseline")
    ]
    distances = ", ".join(f"{model} {number(gap)}" for model, gap in gaps(view))
    caption = f"Mean distance from the diagonal, weighted by rows: {distances}." if distances else ""
    description = f"{y_label.capitalize()} against {x_label} in bins. {caption}"
    drawing = charts.reliability_chart(
        "calibration", title, description, series, x_label, task != "regression"
    )
    return Chart(drawing, caption)


def prediction_histogram(view: Mapping[str, Any]) -> Chart:
    """Rows by prediction in bins of equal width; the baseline only where it has the same bins."""
    bins, others = (_bins(view, model, "equal_width") for model in ("candidate", "baseline"))
    counts = [finite(cell.get("count")) or 0.0 for cell in bins]
    total = sum(counts)
    if not total:
        return Chart(Markup(""), "")
    fullest = bins[counts.index(max(counts))]
    caption = (
        f"{share(max(counts) / total)} of the candidate's {plural(total, 'prediction')} lie between "
        f"{plain(fullest.get('lower'))} and {plain(fullest.get('upper'))}, the fullest of {len(bins)} bins."
    )
    same = [cell.get("upper") for cell in bins] == [cell.get("upper") for cell in others]
    drawing = charts.histogram(
        "predictions",
        "Rows by prediction",
        caption,
        counts,
        plain(bins[0].get("lower")),
        plain(bins[-1].get("upper")),
        [finite(cell.get("count")) or 0.0 for cell in others] if same else (),
    )
    return Chart(drawing, caption)


def table(view: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Bins of both models: model, range, rows, mean prediction, mean label."""
    return [
        (
            model,
            f"{plain(cell.get('lower'))} to {plain(cell.get('upper'))}",
            count(cell.get("count")),
            number(cell.get("mean_prediction")),
            number(cell.get("mean_label")),
        )
        for model in ("candidate", "baseline")
        for cell in _bins(view, model, "equal_weight")
        if finite(cell.get("count"))
    ]
