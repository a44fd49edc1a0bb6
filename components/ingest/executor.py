"""Runs the ingestion and describes its output to TFX."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.ingest.core import ingest
from components.ingest.dead_letter import FILE_NAME as DEAD_LETTER
from components.ingest.report import FILE_NAME as REPORT
from trainer.storage import write_atomic

_LETTERS = 1000


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes Examples; span, version, splits and payload format are recorded as TFX's ExampleGen does."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Ingests into the `examples` artifact; `report` gets the counts and the first dead letters again.

        Raises:
            TandemError: as `ingest` does.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        data = json.loads(exec_properties["data"])
        if exec_properties.get("span"):
            data["span"] = int(exec_properties["span"])
        report = ingest(
            data=data,
            label=json.loads(exec_properties["label"]),
            task=exec_properties["task"],
            features=json.loads(exec_properties["features"]),
            base_directory=Path(exec_properties["base_directory"]),
            output_directory=Path(examples.uri),
            beam_options=tuple(self._beam_pipeline_args or ()),
        )
        examples.split_names = artifact_utils.encode_split_names(list(report.rows))
        examples_utils.set_payload_format(examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE)
        examples.set_int_custom_property("span", report.span)
        if report.version is not None:
            examples.set_int_custom_property("version", report.version)
        examples.set_string_custom_property("input_fingerprint", exec_properties["input_fingerprint"])
        target = artifact_utils.get_single_instance(output_dict["report"])
        write_atomic(Path(target.uri) / REPORT, (Path(examples.uri) / REPORT).read_bytes())
        with (Path(examples.uri) / DEAD_LETTER).open("rb") as letters:
            write_atomic(Path(target.uri) / DEAD_LETTER, b"".join(itertools.islice(letters, _LETTERS)))
