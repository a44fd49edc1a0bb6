"""Pages are followed, and a post whose answer is lost is not made twice."""

from __future__ import annotations

import kfp_server_api as kfp
import pytest

from pipeline.kubeflow.api import pipelines, recurring, runs
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.errors import ApiError
from tests.pipeline.kubeflow.api.server import Fault, Server
from tests.pipeline.kubeflow.fixtures import PACKAGE

LOST = [
    pytest.param(Fault("POST", drop="after"), id="connection lost afterwards"),
    pytest.param(Fault("POST", drop="before"), id="connection lost before"),
    pytest.param(Fault("POST", slow_seconds=1.0), id="answer too late"),
    pytest.param(Fault("POST", 502), id="gateway error, nothing done"),
    pytest.param(Fault("POST", 200, body="<html>", kind="text/html"), id="a page, nothing done"),
]


@pytest.mark.parametrize("fault", LOST)
def test_an_experiment_is_made_once(server: Server, client: Client, fault: Fault) -> None:
    server.faults = [Fault(**{**vars(fault), "times": 1})]
    made = pipelines.ensure_experiment(client, "a")
    assert [item.experiment_id for item in server.state.experiments] == [made.experiment_id]
    assert pipelines.ensure_experiment(client, "a").experiment_id == made.experiment_id


@pytest.mark.parametrize("fault", LOST)
def test_a_version_is_uploaded_once(server: Server, client: Client, fault: Fault) -> None:
    pipeline = pipelines.ensure_pipeline(client, "a", "")
    server.faults = [Fault(**{**vars(fault), "times": 1})]
    made = pipelines.upload_version(client, pipeline.pipeline_id, "a-1", "", PACKAGE.encode())
    assert [item.pipeline_version_id for item in server.state.versions] == [made.pipeline_version_id]


@pytest.mark.parametrize("fault", LOST)
def test_a_run_is_started_once(server: Server, client: Client, fault: Fault) -> None:
    pipeline = pipelines.ensure_pipeline(client, "a", "")
    version = pipelines.upload_version(client, pipeline.pipeline_id, "a-1", "", PACKAGE.encode())
    experiment = pipelines.ensure_experiment(client, "a")
    reference = kfp.V2beta1PipelineVersionReference(pipeline.pipeline_id, version.pipeline_version_id)
    server.faults = [Fault(**{**vars(fault), "times": 1})]
    wanted = kfp.V2beta1Run(
        display_name="one",
        experiment_id=experiment.experiment_id,
        pipeline_version_reference=reference,
        runtime_config=kfp.V2beta1RuntimeConfig(parameters={}),
    )
    made = runs.start(client, wanted)
    assert [run.run_id for run in server.state.runs] == [made.run_id]


def test_a_post_that_the_server_refuses_is_not_repeated(server: Server, client: Client) -> None:
    with pytest.raises(ApiError, match=r"KFP-305.*POST .*/pipelines.*name cannot be empty"):
        pipelines.ensure_pipeline(client, "", "")
    assert server.made("POST") == 1


def test_a_name_that_another_took_meanwhile_is_used(server: Server, client: Client) -> None:
    server.state.create_experiment({"display_name": "a"})
    # The first look is too early.
    hidden, server.state.experiments = server.state.experiments, []
    made = client.create(
        lambda: client.call(
            _first(server, hidden, client.experiments.experiment_service_create_experiment),
            kfp.V2beta1Experiment(display_name="a"),
        ),
        lambda: pipelines.find_experiment(client, "a"),
    )
    assert made.experiment_id == hidden[0].experiment_id


def _first(server: Server, hidden: list, method):
    server.state.experiments = hidden
    return method


def test_every_page_is_read(server: Server, client: Client) -> None:
    server.state.largest_page = 2
    for name in "abcde":
        server.state.create_experiment({"display_name": name})
    listed = client.pages(client.experiments.experiment_service_list_experiments, "experiments")
    assert [item.display_name for item in listed] == list("abcde")
    assert server.made("GET .*experiments") == 3


def test_a_page_that_leads_to_itself_ends(server: Server, client: Client) -> None:
    page = '{"experiments": [], "next_page_token": "a"}'
    server.faults = [Fault("experiments", 200, body=page, kind="application/json", times=9)]
    with pytest.raises(ApiError, match=r"KFP-309.*the same page twice"):
        list(client.pages(client.experiments.experiment_service_list_experiments, "experiments"))


def test_everything_happens_in_the_namespace_of_the_user(server: Server, client: Client) -> None:
    server.state.multi_user = True
    mine, other = (Client(client.transport, name) for name in ("mine", "other"))
    assert mine.is_multi_user()
    pipelines.ensure_pipeline(mine, "a", "")
    pipelines.ensure_experiment(mine, "a")
    assert server.state.experiments[0].namespace == server.state.pipelines[0].namespace == "mine"
    assert pipelines.find_pipeline(other, "a") is None
    with pytest.raises(ApiError, match=r"KFP-305.*[Nn]amespace"):
        pipelines.ensure_experiment(client, "b")


def test_what_is_gone_counts_as_deleted(server: Server, client: Client) -> None:
    server.faults = [Fault("DELETE", drop="before")]
    recurring.delete(client, "7")
    assert server.made("DELETE") == 2
