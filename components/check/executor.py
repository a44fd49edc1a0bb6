"""Stops the run before training when the data is not fit for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import logging
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.adapter import (
    Artifacts,
    directory,
    only,
    read_anomalies,
    read_statistics,
    split_names,
)
from components.adapter import Executor as BaseExecutor
from components.check.core import examine
from components.schema.core import KeptSchemas
from trainer.errors import TandemError
from trainer.storage import write_json

_SHOWN = 10


class Executor(BaseExecutor):
    """Reads `statistics`, `anomalies` and `schema`, writes `report/check.json`; keeps the first schema."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Examines the data.

        Raises:
            TandemError: `DATA-001` if the data must not be trained on.
        """
        statistics_uri, anomalies_uri = directory(inputs, "statistics"), directory(inputs, "anomalies")
        statistics, anomalies = {}, {}
        for split in split_names(only(inputs, "statistics")):
            found = read_statistics(statistics_uri, split)
            if found is not None:
                statistics[split] = found
            problems = read_anomalies(anomalies_uri, split)
            if problems is not None:
                anomalies[split] = problems
        previous_uri = properties["previous_statistics"]
        previous = read_statistics(previous_uri, "train") if previous_uri else None
        findings = examine(
            anomalies,
            statistics,
            previous,
            json.loads(properties["check"]),
            properties["label"],
            properties["time_column"],
        )
        for warning in findings.warnings:
            logging.warning("%s", warning)
        if findings.errors:
            listed = "; ".join(findings.errors[:_SHOWN])
            more = len(findings.errors) - _SHOWN
            raise TandemError(
                "DATA-001",
                f"Expected data that is fit to train on. Received: {listed}"
                + (f"; {more} more" if more > 0 else ""),
                "Correct the data; if it is the kept schema that should change, look at "
                "`tandem schema diff CONFIG` and keep the new one with `tandem schema accept CONFIG`; if a "
                "column is meant to differ from the run before, run once with `--set check.breaks=false`.",
                exit_status=2,
            )
        # Not before: a schema inferred from refused data would judge the corrected ones.
        kept, version = KeptSchemas(Path(properties["directory"])), int(properties["version"])
        if not kept.path(version).exists():
            text = (directory(inputs, "schema") / "schema.pbtxt").read_text()
            kept.keep(text_format.Parse(text, schema_pb2.Schema()), version, properties["origin"])
        write_json(directory(outputs, "report") / "check.json", findings.to_dict())
