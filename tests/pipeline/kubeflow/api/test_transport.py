"""What is repeated, what is not, and how long it takes."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.errors import ApiError
from pipeline.kubeflow.api.token import Token
from pipeline.kubeflow.api.transport import Policy, Transport
from tests.pipeline.kubeflow.api.server import Fault, Server
from tests.pipeline.kubeflow.fixtures import QUICK


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_get_survives_a_burst(server: Server, client: Client, status: int) -> None:
    server.faults = [Fault("GET .*/healthz", status, times=3)]
    assert client.is_multi_user() is False
    assert server.made("healthz") == 4


def test_a_get_gives_up_after_the_last_try(server: Server, client: Client) -> None:
    server.faults = [Fault("healthz", 503, times=9)]
    with pytest.raises(ApiError, match=r"KFP-306: Expected success\. Received: 503 for GET .*upstream"):
        client.is_multi_user()
    assert server.made("healthz") == QUICK.attempts


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_what_would_fail_again_is_not_repeated(server: Server, client: Client, status: int) -> None:
    server.faults = [Fault("healthz", status, times=9)]
    with pytest.raises(ApiError):
        client.is_multi_user()
    assert server.made("healthz") == 1


@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_get_survives_lost_connections(server: Server, client: Client, drop: str) -> None:
    server.faults = [Fault("healthz", drop=drop, times=2)]
    assert client.is_multi_user() is False


def test_a_server_that_asks_to_wait_is_waited_for(server: Server) -> None:
    policy = Policy(attempts=2, base_seconds=0.01, cap_seconds=0.3)
    server.faults = [Fault("healthz", 429, {"Retry-After": "0.2"})]
    began = time.monotonic()
    Client(Transport(lambda: server.url, None, policy), None).is_multi_user()
    assert time.monotonic() - began >= 0.2


def test_a_slow_answer_ends_in_a_timeout(server: Server, client: Client) -> None:
    server.faults = [Fault("healthz", slow_seconds=1.0, times=9)]
    began = time.monotonic()
    with pytest.raises(ApiError, match=r"KFP-307.*nothing in 0\.5 s for GET"):
        client.is_multi_user()
    assert time.monotonic() - began < 10


def test_a_refused_connection_names_the_server() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(
        ApiError, match=rf"KFP-300: Expected a server at {address}\. Received: .*refused"
    ) as e:
        Client(Transport(lambda: address, None, QUICK), None).is_multi_user()
    assert not e.value.perhaps_done


def test_an_unknown_host_is_told() -> None:
    with pytest.raises(ApiError, match=r"KFP-300.*http://no-such-host\.invalid"):
        Client(Transport(lambda: "http://no-such-host.invalid", None, QUICK), None).is_multi_user()


def test_a_server_without_tls_is_told(server: Server) -> None:
    address = server.url.replace("http:", "https:")
    with pytest.raises(ApiError, match="KFP-308") as failed:
        Client(Transport(lambda: address, None, QUICK), None).is_multi_user()
    assert "--ca-file" in failed.value.hint


def test_a_redirect_is_not_followed(server: Server, client: Client) -> None:
    place = f"{server.url}/apis/v2beta1/healthz?state=secret"
    server.faults = [Fault("healthz", 302, {"Location": place})]
    with pytest.raises(ApiError, match=r"KFP-301.*302 for GET .*sends to http.*healthz\.") as failed:
        client.is_multi_user()
    assert "secret" not in str(failed.value)
    assert server.made("healthz") == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [("<!doctype html><p>Kubeflow", "text/html"), ("[]", "application/json"), ("ok", "text/plain")],
)
def test_a_page_in_place_of_an_answer_is_told(server: Server, client: Client, body: str, kind: str) -> None:
    server.faults = [Fault("healthz", 200, body=body, kind=kind)]
    with pytest.raises(ApiError, match=rf"KFP-309.*content of type {kind}") as failed:
        client.is_multi_user()
    assert "--host" in failed.value.hint


def test_an_answer_that_does_not_fit_the_api_is_told(server: Server, client: Client) -> None:
    server.faults = [Fault("/runs/a", 200, body='{"created_at": "no time"}', kind="application/json")]
    with pytest.raises(ApiError, match=r"KFP-309.*datetime"):
        client.call(client.runs.run_service_get_run, "a")


def test_a_token_that_was_replaced_is_read_again(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")

    class Replaced(Token):
        """Its file is replaced after it was read for the call."""

        def value(self) -> str:
            read = super().value()
            if server.calls == []:
                file.write_text("new\n")
            return read

    token = Token(file)
    client = Client(Transport(lambda: server.url, token, QUICK), None)
    server.token = "old"
    client.is_multi_user()
    file.write_text("new")
    server.token = "new"
    client.is_multi_user()
    assert server.authorizations == ["Bearer old", "Bearer new"]
    server.calls.clear()
    file.write_text("old")
    Client(Transport(lambda: server.url, Replaced(file), QUICK), None).is_multi_user()
    assert server.authorizations[2:] in (["Bearer new"], ["Bearer old", "Bearer new"])


def test_a_post_is_not_repeated_by_the_transport(server: Server, client: Client) -> None:
    server.faults = [Fault("POST .*/experiments", 503, times=9)]
    with pytest.raises(ApiError) as failed:
        client.call(client.experiments.experiment_service_create_experiment, {"display_name": "a"})
    assert failed.value.perhaps_done
    assert server.made("POST") == 1


def test_a_post_that_was_refused_as_too_many_is_repeated(server: Server, client: Client) -> None:
    server.faults = [Fault("POST .*/experiments", 429, times=2)]
    client.call(client.experiments.experiment_service_create_experiment, {"display_name": "a"})
    assert len(server.state.experiments) == 1


@pytest.mark.parametrize("address", ["http://absent.invalid:1", "http://127.0.0.1:1"])
def test_an_address_without_a_server_is_told_with_its_parentheses(address: str) -> None:
    transport = Transport(lambda: address, None, Policy(attempts=1, connect_timeout_seconds=2.0))
    with pytest.raises(ApiError, match="KFP-300") as failed:
        transport.request("GET", "/x")
    message = failed.value.message
    assert message.count("(") == message.count(")")
    assert " at 0x" not in message
