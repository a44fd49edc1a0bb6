"""The first thing a new training does: start from an earlier model, or say why not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
from absl import logging

from trainer.errors import TandemError
from trainer.optimizers import PerPart
from trainer.spec import FeatureSpec, Record
from trainer.warm_start.apply import Policy, apply, untouched
from trainer.warm_start.state import Inputs, read, rows_of


@dataclasses.dataclass(frozen=True)
class Origin(Record):
    """The earlier model.

    Args:
        file: what `write` wrote, or empty for none. Defaults to `""`.
        digest: digest of that model. Defaults to `""`.
        problem: why it cannot be used, or empty. Defaults to `""`.
    """

    file: str = ""
    digest: str = ""
    problem: str = ""


NO_ORIGIN = Origin()


def begin(
    model: keras.Model,
    optimizer: PerPart,
    features: FeatureSpec,
    meaning: Inputs,
    origin: Origin,
    policy: Policy,
) -> dict[str, Any]:
    """Applies the state of an earlier model; one that cannot be used leaves the model as it is.

    Args:
        model: a new model, changed in place.
        optimizer: built on it, changed in place.
        features: the columns.
        meaning: tokens, encodings and label units of the new training.
        origin: the earlier model.
        policy: `keep`, `decay` or `reset`.

    Returns:
        The report of `apply`, with `from` (the digest of the earlier model) and `policy`. `reason` says why
        the training started anew; it is empty if it did not.
    """
    problem = origin.problem if origin.problem or origin.file else "no model is served yet"
    report: dict[str, Any] = {}
    if not problem:
        try:
            report = apply(model, optimizer, features, meaning, read(Path(origin.file)), policy)
        except TandemError as error:
            problem = str(error)
        else:
            problem = report["reason"]
    if problem:
        report = {**untouched(sum(rows.size for rows in rows_of(model, features))), "reason": problem}
    if not problem:
        logging.info(
            "Warm start (%s) from model %s: %d rows of id columns taken over, %d fresh.",
            policy,
            origin.digest[:12],
            report["rows_taken"],
            report["rows_fresh"],
        )
        for name, entry in {**report["columns"], **report["layers"]}.items():
            if "reason" in entry:
                logging.info("%s starts anew: %s.", name, entry["reason"])
    elif origin.file or origin.problem:
        logging.warning("No warm start from model %s: %s", origin.digest[:12], problem)
    else:
        logging.info("No warm start: %s.", problem)
    return {"from": origin.digest, "policy": policy, **report}
