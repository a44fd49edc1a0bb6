"""Evaluations of checkpoints: the loss, and the metrics of the evaluation step."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pipeline.watch import records
from pipeline.watch.follow import Found, follow
from pipeline.watch.training import Training
from trainer.errors import TandemError

Split: TypeAlias = Literal["validation", "eval"]

COLUMNS = {
    "seq2seq": ("loss", "wer", "per", "exact_match", "bleu", "chrf", "length_ratio"),
    "language_model": ("loss", "perplexity", "bits_per_unit"),
}
"""What a line of an evaluation shows, by task."""


def evaluations(
    training: Training,
    split: Split = "validation",
    watch: bool = False,
    every_seconds: float = 10.0,
    limit: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[dict[str, Any]]:
    """Evaluates each new checkpoint, with the weights that it would be exported with.

    Args:
        training: the training.
        split: `validation` or `eval`.
        watch: bool. Go on until the training has ended.
        every_seconds: float. Pause between two looks. Defaults to `10.0`.
        limit: int or None. Most sources, the first ones. Defaults to `None`, all.
        sleep: called with the seconds to pause. Defaults to `time.sleep`.

    Yields:
        Entries as they are kept in `evaluations.jsonl`: `time`, `step`, `split`, `model` (`checkpoint` or
        `exported`), `sources`, `seconds` and `metrics`, None where not finite. `loss` is
        that of transformed examples, which the `eval` split lacks; that of an exported model is the one that
        its training recorded.

    Raises:
        TandemError: `DECODE-003` without a checkpoint, `DECODE-005` if the split holds nothing.
    """
    asked, answering = None, None
    for found in follow(training, watch, every_seconds, sleep):
        # Brings the model's libraries, for which a mistake need not wait.
        from pipeline.watch.answers import Answering, sources_of

        began = time.monotonic()
        asked = asked or sources_of(training, split, limit)
        answering = answering or Answering(training, split)
        metrics = {"loss": _loss(training, split, found, answering), **answering.metrics(found, asked)}
        entry = {
            "step": found.step,
            "split": split,
            "model": "checkpoint" if found.checkpoint is not None else "exported",
            "sources": len(asked),
            "metrics": {name: _finite(value) for name, value in metrics.items()},
            "seconds": round(time.monotonic() - began, 3),
        }
        yield records.append(training.run, entry)


def _loss(training: Training, split: Split, found: Found, answering: Any) -> float | None:
    if split != "validation":
        return None
    if found.checkpoint is not None:
        loss: float | None = answering.loss(found)
        return loss
    run = training.outputs("train").get("model_run")
    try:
        history = json.loads((run / "history.json").read_text()) if run else []
        return next((e["validation_loss"] for e in history if e["step"] == found.step), None)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def line(entry: dict[str, Any], task: str) -> str:
    """An evaluation on one line.

    Example:
        >>> entry = {"step": 1200, "sources": 40, "seconds": 2.5}
        >>> line({**entry, "metrics": {"loss": 0.25, "perplexity": 1.284}}, "language_model")
        'step 1200  loss 0.2500  perplexity 1.2840  40 sources, 2.5 s'
    """
    known = [(name, entry["metrics"].get(name)) for name in COLUMNS[task]]
    shown = [f"{name} {value:.4f}" for name, value in known if value is not None]
    step = "exported model" if entry["step"] is None else f"step {entry['step']}"
    return "  ".join([step, *shown, f"{entry['sources']} sources, {entry['seconds']:.1f} s"])


def empty_split(training: Training, split: str, files: Sequence[Path]) -> TandemError:
    """`DECODE-005`: there is nothing to ask."""
    return TandemError(
        "DECODE-005",
        f"Expected examples in the split {split} of run {training.run.run_id}. "
        f"Received: {len(files)} files without one",
        "Name another split, or set data.split in the config.",
        exit_status=2,
    )
