"""The fake server reads requests more strictly than the client writes them."""

from __future__ import annotations

import pytest

from tests.pipeline.kubeflow.api.strict import BadRequestError, read


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        ("V2beta1Run", {"display_name": "a", "serviceAccount": "b"}, "unknown fields"),
        ("V2beta1Run", {"display_name": 1}, "no str"),
        ("V2beta1RecurringRun", {"mode": "ON"}, "none of"),
        ("V2beta1RecurringRun", {"max_concurrency": 1}, "no str"),
        ("V2beta1RecurringRun", {"no_catchup": "true"}, "no bool"),
        (
            "V2beta1RecurringRun",
            {"trigger": {"cron_schedule": {"start_time": "2026-01-01T00:00:00"}}},
            "zone",
        ),
        ("V2beta1Run", {"runtime_config": {"parameters": []}}, "no object"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(kind: str, body: object, told: str) -> None:
    with pytest.raises(BadRequestError, match=told):
        read(kind, body)


def test_a_body_that_fits_becomes_a_model() -> None:
    run = read("V2beta1Run", {"display_name": "a", "runtime_config": {"parameters": {"span": "1"}}})
    assert run.runtime_config.parameters == {"span": "1"}
