"""From what a user typed to a client that has been answered once."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.kubeflow.api import host, token
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.forward import Cluster, PortForward
from pipeline.kubeflow.api.transport import Policy, Transport
from trainer.errors import TandemError


@dataclasses.dataclass(frozen=True)
class Options:
    """How to reach the API.

    Args:
        host: address; see `host.find`.
        token_file: file with a token; see `token.found`.
        ca_file: certificates to trust; those of the system when not set.
        port_forward: whether to go through `kubectl port-forward` in place of a host.
        cluster: which cluster that is.
    """

    host: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    port_forward: bool = False
    cluster: Cluster = dataclasses.field(default_factory=Cluster)


@contextlib.contextmanager
def connect(options: Options, namespace: str | None, policy: Policy | None = None) -> Iterator[Client]:
    """A client of an API that answers.

    Args:
        options: how to reach it.
        namespace: of the user; needed where there are several users.
        policy: timeouts and retries. Defaults to `None`: those of `Policy()`.

    Raises:
        TandemError: `KFP-314` if the server has several users and no namespace is set, `KFP-315` if the
            certificates cannot be read; what `host.find`, `token.found` and the first call raise.
    """
    with contextlib.ExitStack() as stack:
        if options.port_forward and options.host:
            raise TandemError(
                "KFP-316",
                "Expected either --host or --port-forward. Received: both.",
                "Leave one out.",
                exit_status=2,
            )
        secret = token.found(options.token_file)
        if options.port_forward:
            forward = stack.enter_context(PortForward(options.cluster))
            base, shown = forward.address, "http://localhost:8080"
        else:
            address = host.find(options.host, options.cluster.namespace)
            if secret is not None:
                host.require_private(address)
            base, shown = (lambda: address), address
        try:
            transport = Transport(base, secret, policy, str(options.ca_file) if options.ca_file else None)
        except OSError as error:
            raise TandemError(
                "KFP-315",
                f"Expected a file of certificates (PEM). Received: path={str(options.ca_file)!r}, "
                f"{error.strerror or error}.",
                "Name it with --ca-file FILE.",
                exit_status=2,
            ) from None
        stack.callback(transport.close)
        client = Client(transport, namespace, os.environ.get(host.UI_VARIABLE) or shown)
        if client.is_multi_user() and not namespace:
            raise TandemError(
                "KFP-314",
                "Expected kubeflow.namespace, since this server has several users. Received: none.",
                "Set kubeflow.namespace to your own, for example --set kubeflow.namespace=NAME.",
                exit_status=2,
            )
        yield client
