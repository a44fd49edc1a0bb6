"""Infers the schema while none is kept; hands out the kept version afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.adapter import Artifacts, directory, read_statistics
from components.adapter import Executor as BaseExecutor
from components.schema.core import KeptSchemas, infer, to_text
from trainer.errors import TandemError
from trainer.storage import write_atomic


class Executor(BaseExecutor):
    """Reads `statistics`, writes `schema/schema.pbtxt`."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """See base class."""
        schema = KeptSchemas(Path(properties["directory"])).read(int(properties["version"]))
        if schema is None:
            statistics = read_statistics(directory(inputs, "statistics"), "train")
            if statistics is None:
                raise TandemError("SCHEMA-002", "Expected statistics of the train split. Received: none")
            check = json.loads(properties["check"])
            schema = infer(
                statistics,
                json.loads(properties["columns"]),
                properties["label"],
                check["min_domain_mass"],
                check["max_missing_increase"],
            )
        write_atomic(directory(outputs, "schema") / "schema.pbtxt", to_text(schema))
