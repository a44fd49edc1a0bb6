"""Between what the backend tells a container and what TFX understands, both ways, by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pipeline.kubeflow.encoding import encode
from pipeline.kubeflow.pod import Pod
from pipeline.kubeflow.translate import executor_input, executor_output, merge_metadata
from trainer.errors import TandemError

Json = dict[str, Any]
POD = Pod({"/minio": "/objects", "/tandem": "/claim", "/tmp/kfp_outputs": "/work/told"})
BUCKET = "minio://mlpipeline/v2/artifacts/p/run"
MODEL: Json = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
INPUTS: Json = {
    "artifacts": {"model": {"artifactType": MODEL}},
    "parameters": {
        name: {"parameterType": kind}
        for name, kind in {
            "text": "STRING",
            "count": "NUMBER_INTEGER",
            "rate": "NUMBER_DOUBLE",
            "flag": "BOOLEAN",
            "status": "TASK_FINAL_STATUS",
        }.items()
    },
}
OUTPUTS: Json = {
    "artifacts": {
        "scores": {"artifactType": {"instanceSchema": "title: tfx.Examples\ntype: object\n"}},
        "page": {"artifactType": {"schemaTitle": "system.HTML", "schemaVersion": "0.0.1"}},
    },
    "parameters": {"digest": {"parameterType": "STRING"}},
}


def one(name: str, uri: str, kind: Json, metadata: Json | None = None) -> Json:
    entry: Json = {"name": name, "uri": uri, "type": kind}
    return {"artifacts": [entry | ({} if metadata is None else {"metadata": metadata})]}


def told(kind: Json, metadata: Json, **parameters: Any) -> Json:
    """As the backend tells it, with what TFX does not know in every place."""
    foreign = {"schemaTitle": "system.Artifact"}
    return {
        "inputs": {
            "artifacts": {
                "model": one("17", f"{BUCKET}/train/1/model", kind, metadata),
                "undeclared": one("18", f"{BUCKET}/x", foreign),
            },
            "parameterValues": parameters,
        },
        "outputs": {
            "artifacts": {
                "scores": one("scores", f"{BUCKET}/score/2/scores", foreign),
                "page": one("page", f"{BUCKET}/score/2/page", foreign),
                "executor-logs": one("executor-logs", f"{BUCKET}/score/2/executor-logs", foreign),
            },
            "parameters": {
                "digest": {"outputFile": "/tmp/kfp_outputs/digest"},
                "other": {"outputFile": "/x"},
            },
            "outputFile": "/tmp/kfp_outputs/output_metadata.json",
        },
    }


@pytest.mark.parametrize(
    "kind",
    [
        {"instanceSchema": ""},
        {"schemaTitle": "system.Artifact"},
        {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"},
        {},
    ],
    ids=["old backend", "new backend", "named by the backend", "nothing"],
)
def test_artifacts_have_declared_types_and_lie_where_the_launcher_puts_them(kind: Json) -> None:
    metadata = {
        "list": {"list": ["a", 1]},
        "struct": {"struct": {"a": None}},
        "plain": {"list": 1},
        "two": {"list": [], "struct": {}},
        "number": 3.0,
        "nothing": None,
        "display_name": "model",
        "store_session_info": "{}",
        "_kfp_workspace": True,
    }
    result = executor_input(told(kind, metadata), INPUTS, OUTPUTS, POD)
    assert result == {
        "inputs": {
            "artifacts": {
                "model": one(
                    "17",
                    "/objects/mlpipeline/v2/artifacts/p/run/train/1/model",
                    MODEL,
                    {
                        "list": ["a", 1],
                        "struct": {"a": None},
                        "plain": {"list": 1},
                        "two": {"list": [], "struct": {}},
                        "number": 3.0,
                        "remote_uri": f"{BUCKET}/train/1/model",
                    },
                )
            },
            "parameterValues": {},
        },
        "outputs": {
            "artifacts": {
                "scores": one(
                    "scores",
                    "/objects/mlpipeline/v2/artifacts/p/run/score/2/scores",
                    OUTPUTS["artifacts"]["scores"]["artifactType"],
                    {"remote_uri": f"{BUCKET}/score/2/scores"},
                ),
                "page": one(
                    "page",
                    "/objects/mlpipeline/v2/artifacts/p/run/score/2/page",
                    {"schemaTitle": "tfx.File"},
                    {"remote_uri": f"{BUCKET}/score/2/page"},
                ),
            },
            "outputFile": "/work/told/output_metadata.json",
            "parameters": {"digest": {"outputFile": "/work/told/digest"}},
        },
    }


def test_what_was_told_stays_as_it_was() -> None:
    given = told({"instanceSchema": ""}, {"span": {"list": [1]}}, text="a", count=1.0)
    before = copy.deepcopy(given)
    executor_input(given, INPUTS, OUTPUTS, POD)
    executor_output({"artifacts": {}}, given, OUTPUTS, POD, {})
    assert given == before


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("text", "plain", "plain"),
        ("text", "/tandem/data", "/claim/data"),
        ("text", '{"path": "/tandem/data"}', '{"path": "/claim/data"}'),
        ("text", encode("{{workflow.name}} /tandem"), "{{workflow.name}} /tandem"),
        ("text", encode("/tandem/grün"), "/claim/grün"),
        ("text", 2.0, "2.0"),
        ("text", {"b": 1, "a": [True]}, '{"a": [true], "b": 1}'),
        ("count", 7.0, 7),
        ("count", "7", 7),
        ("rate", 1, 1.0),
        ("flag", True, True),
        ("status", "FAILED", "FAILED"),
        ("status", {"state": "FAILED", "error": {"code": 4}}, '{"error": {"code": 4}, "state": "FAILED"}'),
    ],
)
def test_a_parameter_is_of_its_declared_kind(name: str, value: Any, wanted: Any) -> None:
    result = executor_input(told({}, {}, **{name: value}), INPUTS, OUTPUTS, POD)
    (found,) = result["inputs"]["parameterValues"].items()
    assert found == (name, wanted)
    assert type(found[1]) is type(wanted)


def test_undeclared_parameters_and_nulls_are_dropped() -> None:
    result = executor_input(told({}, {}, text=None, pipeline_run="x", flag=False), INPUTS, OUTPUTS, POD)
    assert result["inputs"]["parameterValues"] == {"flag": False}


def test_the_form_of_schema_2_0_is_read_too() -> None:
    given = told({}, {})
    given["inputs"]["parameters"] = given["inputs"].pop("parameterValues") | {"count": 2.0}
    assert executor_input(given, INPUTS, OUTPUTS, POD)["inputs"]["parameterValues"] == {"count": 2}


def test_a_step_without_anything_is_still_one() -> None:
    assert executor_input({}, {}, {}, POD) == {
        "inputs": {"artifacts": {}, "parameterValues": {}},
        "outputs": {"artifacts": {}, "outputFile": ""},
    }


def test_an_address_that_the_launcher_does_not_know_is_refused() -> None:
    given = told({}, {})
    given["inputs"]["artifacts"]["model"]["artifacts"][0]["uri"] = "https://host/model"
    with pytest.raises(TandemError, match=r"KFP-102.*uri=https://host/model"):
        executor_input(given, INPUTS, OUTPUTS, POD)


def written() -> Json:
    """As TFX's executor writes it."""
    metadata = {"split_names": '["eval"]', "rows": 5.0, "place": "/claim/x", "nothing": None}
    return {
        "artifacts": {
            "scores": one(
                "local", "/objects/elsewhere", {}, metadata | {"remote_uri": "x", "display_name": "y"}
            ),
            "page": {"artifacts": []},
            "executor-logs": one("executor-logs", "/x", {}),
            "invented": one("invented", "/x", {}),
        },
        "parameterValues": {"digest": "/claim/d", "undeclared": "x"},
    }


def test_the_launcher_gets_its_own_addresses_and_names_back() -> None:
    assert executor_output(written(), told({}, {}), OUTPUTS, POD, {}) == {
        "artifacts": {
            "scores": {
                "artifacts": [
                    {
                        "uri": f"{BUCKET}/score/2/scores",
                        "name": "scores",
                        "metadata": {"split_names": '["eval"]', "rows": 5.0, "place": "/tandem/x"},
                    }
                ]
            },
            "page": {"artifacts": [{"uri": f"{BUCKET}/score/2/page", "name": "page", "metadata": {}}]},
        },
        "parameterValues": {"digest": "/tandem/d"},
    }


def test_an_output_that_the_step_moved_has_its_new_address() -> None:
    moved = {"page": f"{BUCKET}/report/report.html"}
    result = executor_output(written(), told({}, {}), OUTPUTS, POD, moved)
    uris = {name: entry["artifacts"][0]["uri"] for name, entry in result["artifacts"].items()}
    assert uris == {"scores": f"{BUCKET}/score/2/scores", "page": f"{BUCKET}/report/report.html"}


def test_an_output_without_a_name_gets_none_and_nothing_written_is_nothing_told() -> None:
    given = told({}, {})
    del given["outputs"]["artifacts"]["page"]["artifacts"][0]["name"]
    result = executor_output({"artifacts": {"page": {}}}, given, OUTPUTS, POD, {})
    assert result == {
        "artifacts": {"page": {"artifacts": [{"uri": f"{BUCKET}/score/2/page", "metadata": {}}]}}
    }
    assert executor_output({}, given, OUTPUTS, POD, {}) == {"artifacts": {}}


def test_what_the_driver_wrote_is_kept_beside_what_the_executor_wrote() -> None:
    output: Json = {
        "artifacts": {
            "scores": {"artifacts": [{"uri": "a", "metadata": {"span": 9.0, "own": 1.0}}]},
            "page": {"artifacts": [{"uri": "b"}]},
        }
    }
    earlier = {
        "artifacts": {
            "scores": {
                "artifacts": [
                    {"uri": "z", "metadata": {"span": 3.0, "print": "p", "nothing": None, "remote_uri": "z"}}
                ]
            },
            "page": {"artifacts": [{"metadata": {"span": 3.0}}, {"metadata": {"second": 1}}]},
            "unknown": {"artifacts": [{"metadata": {"span": 3.0}}]},
        },
        "parameterValues": {"span": 3.0},
    }
    assert merge_metadata(output, earlier) == {
        "artifacts": {
            "scores": {"artifacts": [{"uri": "a", "metadata": {"span": 9.0, "own": 1.0, "print": "p"}}]},
            "page": {"artifacts": [{"uri": "b", "metadata": {"span": 3.0}}]},
        }
    }
    assert merge_metadata({"artifacts": {}}, {}) == {"artifacts": {}}
