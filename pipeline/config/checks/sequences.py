"""What belongs to sequence tasks alone, and what does not belong to them."""

from __future__ import annotations

from typing import Any

from pipeline.config.checks.report import Report
from pipeline.config.problems import Path
from pipeline.config.sequence import SEQUENCE_TASKS, SequenceModel

_TASK = ("task",)
_MODEL = ("model", "sequence")
_TABLES: tuple[tuple[tuple[str, str], Any], ...] = (
    (("train", "batch_size"), 512),
    (("train", "learning_rate_decay"), "none"),
    (("train", "calibrate"), False),
    (("train", "class_weights"), None),
    (("train", "warm_start"), "none"),
)
_INSTEAD = {
    "batch_size": "`train.sequence.batch_tokens`",
    "learning_rate_decay": "`train.sequence.schedule`",
}
_TEXT_FIELDS = (("vocabulary_size", None), ("min_count", 1), ("max_length", 128))


def check(values: dict[str, Any], report: Report) -> None:
    """Sections of the task at hand, one source, settings of the model that agree."""
    task = values["task"]
    if task in SEQUENCE_TASKS:
        _sequence(values, task, report)
    elif task is not None:
        _table(values, task, report)


def _table(values: dict[str, Any], task: str, report: Report) -> None:
    for section in ("model", "train"):
        if values[section]["sequence"] is not None:
            message = f"used for sequence tasks only, not for a {task} task; leave it out."
            report.add((section, "sequence"), message, depends=[_TASK])
    for name, default in (("units", None), *_TEXT_FIELDS):
        if values["label"][name] not in (default, None):
            message = f"used for sequence tasks only, not for a {task} task; leave it out."
            report.add(("label", name), message, values["label"][name], depends=[_TASK])


def _sequence(values: dict[str, Any], task: str, report: Report) -> None:
    if values["label"]["units"] is None:
        message = "required: `letters`, `characters`, `words`, `tokens` or `subwords`."
        report.add(("label", "units"), message, depends=[_TASK])
    _features(values["features"], task, report)
    if values["crosses"]:
        report.add(("crosses",), f"a {task} task has no crosses; leave them out.", depends=[_TASK])
    for path, default in _TABLES:
        section, name = path
        value = values[section][name]
        if value not in (default, None):
            message = f"a {task} task takes {_INSTEAD.get(name, 'no such setting')}; leave it out."
            report.add(path, message, value, depends=[_TASK])
    _parts(values["model"], task, report)
    model = values["model"]["sequence"]
    if model is None:
        return
    _stacks(model, task, report)
    _shared(values, model, task, report)
    beam, best = model["decoding"]["beam"], model["decoding"]["n_best"]
    if beam is not None and best is not None and best > beam:
        where = (*_MODEL, "decoding", "n_best")
        report.add(where, f"expected at most `beam`, {beam}.", best, depends=[(*_MODEL, "decoding", "beam")])
    auxiliary = (values["train"]["sequence"] or {}).get("auxiliary") or {}
    if task == "language_model" and auxiliary.get("task") not in ("none", None):
        where = ("train", "sequence", "auxiliary", "task")
        report.add(where, "a language model has no second task; expected none.", auxiliary["task"])
    elif auxiliary.get("task") == "reconstruct":
        _reconstruct(values, report)


def _reconstruct(values: dict[str, Any], report: Report) -> None:
    """The way back needs one vocabulary, which different kinds of units never are."""
    where, ours = ("train", "sequence", "auxiliary", "task"), values["label"]["units"]
    for name, feature in values["features"].items():
        units = feature["units"] if feature and feature["kind"] == "text" else None
        if units and ours and units != ours:
            message = f"needs equal units of `{name}` and the label, which are {units} and {ours}."
            depends: list[Path] = [("features", name, "units"), ("label", "units")]
            report.add(where, message, "reconstruct", depends=depends)


def _features(features: dict[str, Any], task: str, report: Report) -> None:
    for name, feature in features.items():
        if task == "language_model":
            message = "a language model has no features: its text is the label."
            report.add(("features", name), message, depends=[_TASK])
        elif feature and feature["kind"] != "text":
            message = "a seq2seq task reads a text; expected `text`."
            report.add(("features", name, "kind"), message, feature["kind"], depends=[_TASK])
    if task == "seq2seq" and len(features) != 1:
        message = "a seq2seq task needs exactly one feature, with `kind: text`."
        report.add(("features",), message, list(features), depends=[_TASK])


def _parts(model: dict[str, Any], task: str, report: Report) -> None:
    """The parts of Wide & Deep stay as they are by default."""
    from pipeline.config.model import Model  # it reads this module's neighbours

    for name in ("wide", "deep", "linear"):
        default = getattr(Model(), name).model_dump(mode="json")
        for field, value in model[name].items():
            if value != default[field] and value is not None:
                message = f"a {task} task is not Wide & Deep; expected `model.sequence`."
                report.add(("model", name, field), message, value, depends=[_TASK])


def _stacks(model: dict[str, Any], task: str, report: Report) -> None:
    for name in ("encoder", "decoder"):
        stack, where = model[name], (*_MODEL, name)
        units, heads = stack["units"], stack["heads"]
        if units and heads and units % heads:
            message = f"expected a divisor of `units`, {units}."
            report.add((*where, "heads"), message, heads, depends=[(*where, "units")])
        if stack["kind"] == "transformer" and units and units % 2:
            message = "expected an even number for a transformer, whose places are sines and cosines."
            report.add((*where, "units"), message, units, depends=[(*where, "kind")])
    encoder, heads = model["encoder"], model["decoder"]["heads"]
    if task == "seq2seq" and model["decoder"]["kind"] == "lstm" and encoder["units"] and heads:
        width = encoder["units"] * (2 if encoder["kind"] == "lstm" else 1)
        if width % heads:
            message = f"expected a divisor of the encoder's width, {width}, too."
            depends = [(*_MODEL, "encoder", "units"), (*_MODEL, "encoder", "kind")]
            report.add((*_MODEL, "decoder", "heads"), message, heads, depends=depends)
    default = SequenceModel().model_dump(mode="json")
    if task == "language_model":
        for field, value in model["encoder"].items():
            if value != default["encoder"][field] and value is not None:
                report.add((*_MODEL, "encoder", field), "a language model has no encoder.", value)


def _shared(values: dict[str, Any], model: dict[str, Any], task: str, report: Report) -> None:
    where = (*_MODEL, "shared_embeddings")
    if model["shared_embeddings"] != "all":
        return
    if task == "language_model":
        report.add(where, "a language model has no source; expected `none` or `decoder`.", "all")
    for name, feature in values["features"].items():
        if feature and feature["kind"] == "text" and feature["units"] and values["label"]["units"]:
            ours = {field: feature[field] for field in ("units", "vocabulary_size", "min_count")}
            theirs = {field: values["label"][field] for field in ours}
            if ours != theirs:
                message = f"needs equal units, vocabulary_size and min_count of `{name}` and the label."
                depends: list[Path] = [("features", name, field) for field in ours]
                report.add(where, message, "all", depends=[*depends, *(("label", field) for field in ours)])
