"""The steps of a run, and which of them failed where."""

from __future__ import annotations

import kfp_server_api as kfp

from pipeline.kubeflow.deploy import tasks
from tests.pipeline.kubeflow.deploy.running import child, detail, failed_training


def run(*details: object, error: str = "") -> object:
    return kfp.V2beta1Run(
        run_details=kfp.V2beta1RunDetails(task_details=list(details)),
        error=kfp.GoogleRpcStatus(message=error) if error else None,
    )


def test_steps_come_in_the_order_of_the_pipeline_and_nothing_else_does() -> None:
    found = tasks.steps(
        run(detail("train", "RUNNING"), detail("ingest", "SUCCEEDED"), detail("root", "RUNNING"))
    )
    assert [(task.name, task.state, task.seconds) for task in found] == [
        ("ingest", "SUCCEEDED", 90.0),
        ("train", "RUNNING", None),
    ]


def test_a_run_without_details_has_no_steps() -> None:
    assert tasks.steps(kfp.V2beta1Run()) == []
    assert tasks.failures(kfp.V2beta1Run()) == []


def test_a_failure_names_step_message_and_the_pod_of_the_executor() -> None:
    (failure,) = tasks.failures(run(*failed_training()))
    assert failure == tasks.Failure(
        "train", "main: Error (exit code 1): out of memory", "flights-train-impl-3"
    )


def test_a_driver_that_failed_counts_as_its_step() -> None:
    error = kfp.GoogleRpcStatus(message="ImagePullBackOff")
    details = [
        detail("train-driver", "FAILED", error=error, child_tasks=[child("pod-1")]),
        detail("tfx-dag", "FAILED"),
    ]
    assert tasks.failures(run(*details)) == [tasks.Failure("train", "ImagePullBackOff", "pod-1")]


def test_where_no_step_is_named_the_backend_is_quoted() -> None:
    error = kfp.GoogleRpcStatus(message="pod deleted")
    found = tasks.failures(run(detail("root", "FAILED"), detail("n-17", "FAILED", error=error)))
    assert found[0] == tasks.Failure("n-17", "pod deleted", "")
    assert tasks.message_of(run(error="quota\nexceeded")) == "quota exceeded"
