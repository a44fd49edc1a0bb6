"""The report page: one HTML file without scripts, without links to load, and with a policy that says so."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline.report import (
    calibration_section,
    churn_section,
    comparison,
    data_section,
    formats,
    group_section,
    model_section,
    run_section,
    sequence_section,
)
from pipeline.report.verdict import gate_rows, tally, verdict
from trainer.storage import write_atomic

TEMPLATES = Path(__file__).parent / "templates"
SECTIONS = (
    ("steps", "Steps"),
    ("data", "Data"),
    ("training", "Training"),
    ("codistillation", "Codistillation"),
    ("metrics", "Metrics"),
    ("churn", "Churn"),
    ("calibration", "Calibration"),
    ("sequences", "Sequences"),
    ("gate", "Gate"),
    ("lineage", "Lineage"),
    ("sizes", "Sizes and times"),
)


def sections(task: str, group: bool = False) -> list[tuple[str, str]]:
    """Sections of a page: calibration is of numbers and classes, `sequences` of sequences.

    Args:
        task: of the run.
        group: whether a group was trained, which has a section of its own. Defaults to `False`.
    """
    left_out = {"calibration" if task in sequence_section.TASKS else "sequences"}
    left_out |= set() if group else {"codistillation"}
    return [(key, title) for key, title in SECTIONS if key not in left_out]


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=formats.number,
        signed=functools.partial(formats.number, signed=True),
        count=formats.count,
        metric=formats.metric,
        plain=formats.plain,
        moment=formats.moment,
        seconds=formats.seconds,
        plural=formats.plural,
        whole_codes=formats.whole_codes,
    )
    return environment


def policy(css: str) -> str:
    """The content security policy: nothing is loaded, and the one style sheet is named by its SHA-256."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _context(view: Mapping[str, Any]) -> dict[str, Any]:
    summary, data = formats.mapping(view.get("summary")), formats.mapping(view.get("data"))
    metrics = formats.mapping(view.get("metrics"))
    gate = gate_rows(view)
    task = comparison.task_of(view)
    steps, step_axis = run_section.steps(view)
    replicas = group_section.replicas(view)
    warnings = data.get("warnings")
    return {
        "sections": sections(task, bool(replicas)),
        "summary": summary,
        "name": str(summary.get("name") or "pipeline"),
        "task": task,
        "examples": f"{comparison.example_of(task)}s",
        "verdict": verdict(view),
        "figures": run_section.figures(view),
        "steps": steps,
        "step_axis": step_axis,
        "data": data,
        "splits": data_section.splits(view),
        "spans": summary.get("spans") if isinstance(summary.get("spans"), list) else [],
        "dead_letter": formats.rows(data.get("dead_letter")),
        "anomalies": data_section.anomalies(view),
        "columns": data_section.columns(view),
        "distances": data_section.distances(view),
        "warnings": [str(text) for text in warnings] if isinstance(warnings, list) else [],
        "training": formats.mapping(view.get("training")),
        "training_steps": model_section.steps(view),
        "loss": model_section.loss_chart(view),
        "optimizer_state": model_section.optimizer_state(view),
        "throughput": model_section.throughput_chart(view),
        "history": model_section.history_table(view),
        "replicas": replicas,
        "group_heads": group_section.HEADS,
        "exchange_heads": group_section.EXCHANGE_HEADS,
        "group_sentence": group_section.sentence(view),
        "overall": list(comparison.overall(view).values()),
        "baseline_problem": str(metrics.get("baseline_problem") or ""),
        "prior_words": sequence_section.prior_words(task),
        "churn_rows": churn_section.rows(view, gate),
        "churn_words": churn_section.words(view),
        "slice_groups": model_section.slice_groups(view),
        "calibration": calibration_section.chart(view),
        "calibration_gaps": calibration_section.gaps(view),
        "predictions": calibration_section.prediction_histogram(view),
        "calibration_table": calibration_section.table(view),
        "calibration_words": calibration_section.words(task),
        **_sequences(view),
        "gate": gate,
        "gate_tally": tally(gate),
        "lineage": run_section.lineage(view),
        "artifacts": run_section.artifacts(view),
        "config_text": str(view.get("config_text") or ""),
        "sizes": run_section.sizes(view),
        "serving": run_section.serving(view),
    }


def _sequences(view: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "is_sequence": comparison.task_of(view) in sequence_section.TASKS,
        "sequence_facts": sequence_section.facts(view),
        "sequence_training": sequence_section.training_facts(view),
        "buckets": sequence_section.buckets(view),
        "lengths": sequence_section.lengths(view),
        "quantisation": sequence_section.quantisation(view),
        "worst": sequence_section.samples(view, "worst"),
        "by_chance": sequence_section.samples(view, "random"),
        "worst_texts": sequence_section.texts(view, "worst"),
        "texts_by_chance": sequence_section.texts(view, "random"),
        "attention": sequence_section.attention(view),
    }


def document(template: str, **context: Any) -> str:
    """A page as HTML that loads nothing; every value is escaped."""
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    page = _environment().get_template(template).render(css=Markup(css), policy=policy(css), **context)
    # Text from damaged files can hold lone surrogates, which no UTF-8 file can.
    return page.encode("utf-8", "replace").decode("utf-8")


def render(view: Mapping[str, Any]) -> str:
    """The report of a run as HTML.

    Args:
        view: what is known of the run, as plain values; any part may be absent or `None`, and the page then
            says that it was not recorded.

    Returns:
        One HTML document that loads nothing; every value of `view` is escaped.

    Example:
        >>> "Not finished" in render({})
        True
    """
    return document("report.html.j2", **_context(view))


def write(view: Mapping[str, Any], path: Path) -> None:
    """Writes the report to `path`, whole or not at all."""
    write_atomic(path, render(view))
