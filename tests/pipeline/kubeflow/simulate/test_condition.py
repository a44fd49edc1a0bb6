"""Conditions, as CEL evaluates them."""

from __future__ import annotations

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.condition import holds
from trainer.errors import TandemError

GIVEN = json_format.ParseDict(
    {
        "inputs": {
            "parameterValues": {
                "n": 3,
                "word": "heads",
                "flag": True,
                "list": ["a", "b"],
                "json": '{"x": [1]}',
            },
            "artifacts": {"m": {"artifacts": [{"uri": "gs://b/m", "metadata": {"blessed": 1, "name": "x"}}]}},
        }
    },
    ps.ExecutorInput(),
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("inputs.artifacts['m'].artifacts[0].metadata['blessed'] == 1.0", True),
        ("!(inputs.artifacts['m'].artifacts[0].metadata['blessed'] == 1)", False),
        ("inputs.artifacts['m'].artifacts[0].uri == 'gs://b/m'", True),
        ("inputs.parameter_values['n'] > 2 && inputs.parameter_values['n'] <= 3.0", True),
        ("inputs.parameter_values['n'] < -2 || inputs.parameter_values['word'] != \"tails\"", True),
        ("int(inputs.parameter_values['n']) == 3 && inputs.parameter_values['flag']", True),
        ("'b' in inputs.parameter_values['list'] && size(inputs.parameter_values['list']) == 2", True),
        ("inputs.parameter_values['word'] in ['tails', 'edge']", False),
        ("parseJson(inputs.parameter_values['json'])['x'][0] == 1", True),
        ("inputs.parameter_values['n'] == '3'", False),
        ("has(inputs.artifacts['m'].artifacts[0].metadata['other'])", False),
        ("true || inputs.parameter_values['missing'] == 1", True),
        ("inputs.parameter_values['missing'] == 1 || true", True),
        ("false && inputs.parameter_values['missing'] == 1", False),
    ],
)
def test_a_condition_is_evaluated(condition: str, expected: bool) -> None:
    assert holds(condition, GIVEN) is expected


@pytest.mark.parametrize(
    "condition",
    [
        "inputs.parameter_values['missing'] == 1",
        "inputs.artifacts['m'].artifacts[1].uri == ''",
        "inputs.parameterValues['n'] == 3",
        "inputs.parameter_values['word'] > 3",
        "inputs.parameter_values['n']",
        "other == 1",
        "inputs.parameter_values['n'] ==",
        "inputs.parameter_values['n'] == 3 3",
        "inputs.parameter_values['n' == 3",
        "system('x') == 1",
        "1 == 1 # comment",
        "int('x') == 1",
        "",
    ],
)
def test_what_cannot_be_evaluated_is_refused(condition: str) -> None:
    with pytest.raises(TandemError, match="KFP-212"):
        holds(condition, GIVEN)
