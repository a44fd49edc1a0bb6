from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import v1 as tfx  # isort: skip
import tensorflow_data_validation as tfdv
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2

from components.ingest.component import Ingest
from components.ingest.executor import Executor
from pipeline.config.model import Data


def properties(place: Any, **given: Any) -> dict[str, str]:
    return {
        "data": json.dumps(Data(**given).model_dump(mode="json")),
        "label": json.dumps({"column": "y", "classes": ["no", "yes"], "missing": "drop"}),
        "task": "binary",
        "features": json.dumps({"size": {"kind": "numeric"}, "color": {"kind": "categorical"}}),
        "base_directory": str(place.base),
        "input_fingerprint": "abc",
        "fingerprint": "def",
    }


def report(place: Path) -> tfx.types.standard_artifacts.ExampleAnomalies:
    found = tfx.types.standard_artifacts.ExampleAnomalies()
    found.uri = str(place / "ingest" / "report" / "1")
    return found


def test_the_executor_records_splits_spans_and_format_and_tfdv_counts_what_is_missing(
    place: Any, tmp_path: Path
) -> None:
    lines = ["size,color,y"] + [f"{i if i % 4 else 'NA'},{'' if i % 5 else 'red'},yes" for i in range(200)]
    place.write("s-7/v-2/all.csv", "\n".join(lines))
    examples = tfx.types.standard_artifacts.Examples()
    examples.uri = str(tmp_path / "ingest" / "examples" / "1")
    Path(examples.uri).mkdir(parents=True)
    executor = Executor(
        base_beam_executor.BaseBeamExecutor.Context(beam_pipeline_args=["--runner=FnApiRunner"])
    )
    given = properties(place, path="s-{SPAN}/v-{VERSION}/*", compression="gzip")
    told = report(tmp_path)
    executor.Do({}, {"examples": [examples], "report": [told]}, given)

    assert json.loads(examples.split_names) == ["train", "validation", "eval"]
    assert examples.get_int_custom_property("span") == 7
    assert examples.get_int_custom_property("version") == 2
    assert examples_utils.get_payload_format(examples) == example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    assert {path.name for path in Path(examples.uri).iterdir()} == {
        "Split-train", "Split-validation", "Split-eval", "ingest.json", "dead_letter.jsonl",
    }  # fmt: skip
    for name in ("ingest.json", "dead_letter.jsonl"):
        assert (Path(told.uri) / name).read_bytes() == (Path(examples.uri) / name).read_bytes()
    missing = {"size": 0, "color": 0, "y": 0}
    rows = 0
    for split in ("train", "validation", "eval"):
        statistics = tfdv.generate_statistics_from_tfrecord(f"{examples.uri}/Split-{split}/data_tfrecord-*")
        rows += statistics.datasets[0].num_examples
        for feature in statistics.datasets[0].features:
            kind = feature.WhichOneof("stats")
            missing[feature.path.step[0]] += getattr(feature, kind).common_stats.num_missing
    assert rows == 200
    assert missing == {"size": 50, "color": 160, "y": 0}


def test_the_splits_are_those_that_the_config_asks_for(place: Any, tmp_path: Path) -> None:
    place.write("all.csv", "size,color,y\n" + "".join(f"{i},red,yes\n" for i in range(100)))
    for fraction, names in ((1e-9, ["train", "validation", "eval"]), (0.0, ["train", "eval"])):
        examples = tfx.types.standard_artifacts.Examples()
        examples.uri = str(tmp_path / str(fraction))
        given = properties(place, path="all.csv", split={"validation_fraction": fraction})
        Executor().Do({}, {"examples": [examples], "report": [report(tmp_path)]}, given)
        assert json.loads(examples.split_names) == names


def test_the_component_has_the_node_id_and_its_outputs(place: Any) -> None:
    component = Ingest(**properties(place, path="x"))
    assert component.id == "ingest"
    assert list(component.outputs) == ["examples", "report"]
    assert component.exec_properties["input_fingerprint"] == "abc"


def test_a_span_given_to_the_step_comes_before_that_of_the_config(place: Any, tmp_path: Path) -> None:
    for span in (3, 4):
        place.write(f"s-{span}/all.csv", "size,color,y\n" + "".join(f"{i},red,yes\n" for i in range(100)))
    for given, span in (("3", 3), ("", 4)):
        examples = tfx.types.standard_artifacts.Examples()
        examples.uri = str(tmp_path / f"span-{span}")
        told = properties(place, path="s-{SPAN}/*") | {"span": given}
        Executor().Do({}, {"examples": [examples], "report": [report(tmp_path)]}, told)
        assert examples.get_int_custom_property("span") == span
