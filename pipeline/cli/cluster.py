"""Options of the commands that talk to Kubeflow Pipelines."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipeline.kubeflow.api.connection import Options

_PANEL = "Cluster"
HostOption = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="URL",
        help="Address of Kubeflow Pipelines; KF_PIPELINES_ENDPOINT, or in a pod its service.",
        rich_help_panel=_PANEL,
    ),
]
TokenOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="File with a bearer token; in a pod the projected one.",
        rich_help_panel=_PANEL,
    ),
]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        metavar="FILE",
        help="Certificates to trust (PEM); those of the system.",
        rich_help_panel=_PANEL,
    ),
]
ForwardOption = Annotated[
    bool,
    typer.Option(
        "--port-forward", help="Go through `kubectl port-forward` in place of --host.", rich_help_panel=_PANEL
    ),
]
ContextOption = Annotated[
    str | None,
    typer.Option(
        "--context",
        metavar="NAME",
        help="With --port-forward: context of the kubeconfig.",
        rich_help_panel=_PANEL,
    ),
]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig", metavar="FILE", help="With --port-forward: the kubeconfig.", rich_help_panel=_PANEL
    ),
]
BackendOption = Annotated[
    str,
    typer.Option(
        "--backend-namespace",
        metavar="NAME",
        help="Where Kubeflow Pipelines is installed.",
        rich_help_panel=_PANEL,
    ),
]


_OPTIONS: dict[str, tuple[Any, Any]] = {
    "host": (HostOption, None),
    "token_file": (TokenOption, None),
    "ca_file": (CaOption, None),
    "port_forward": (ForwardOption, False),
    "context": (ContextOption, None),
    "kubeconfig": (KubeconfigOption, None),
    "backend_namespace": (BackendOption, "kubeflow"),
}


def with_cluster(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of this module in place of its parameter `cluster`."""

    @functools.wraps(command)
    def called(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in _OPTIONS}
        command(cluster=_options(**given), **arguments)

    # `Options` itself is known to type checkers only.
    known = {**command.__globals__, "Options": Any}
    signature = inspect.signature(command, eval_str=True, globals=known)
    own = [parameter for name, parameter in signature.parameters.items() if name != "cluster"]
    added = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)
        for name, (kind, default) in _OPTIONS.items()
    ]
    called.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *added]}
    return called


def _options(
    host: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    port_forward: bool,
    context: str | None,
    kubeconfig: Path | None,
    backend_namespace: str,
) -> Options:
    from pipeline.kubeflow.api.connection import Options
    from pipeline.kubeflow.api.forward import Cluster

    cluster = Cluster(backend_namespace, context, kubeconfig)
    return Options(host, token_file, ca_file, port_forward, cluster)


def typed(given: Options) -> list[str]:
    """The words that name the same cluster again."""
    words = [("--host", given.host), ("--token-file", given.token_file), ("--ca-file", given.ca_file)]
    cluster = given.cluster
    words += [("--context", cluster.context), ("--kubeconfig", cluster.kubeconfig)]
    if cluster.namespace != type(cluster)().namespace:
        words.append(("--backend-namespace", cluster.namespace))
    found = [word for option, value in words if value for word in (option, str(value))]
    return [*found, *(["--port-forward"] if given.port_forward else [])]
