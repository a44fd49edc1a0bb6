"""`tandem promote`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.options import ConfigArgument, SetOption

NamespaceOption = Annotated[
    str | None,
    typer.Option("--namespace", metavar="NAME", help="Namespace of the service; that of the config."),
]


def promote(config: ConfigArgument, namespace: NamespaceOption = None, overrides: SetOption = None) -> None:
    """Give a canary of the InferenceService all traffic, and wait until it has it."""
    from components.serve.api import connect
    from components.serve.promotion import promote as move
    from pipeline.config import load
    from pipeline.kubeflow.naming import service_name
    from trainer.errors import TandemError

    loaded = load(config, overrides or [])
    service = loaded.push.kserve
    if service is None:
        raise TandemError(
            "CLI-005",
            "Expected a config with `push.kserve`. Received: none",
            "Only a model that KServe serves has a canary; others are served as soon as they are pushed.",
            exit_status=2,
        )
    where = namespace or service.namespace or loaded.kubeflow.namespace
    name = service.name or service_name(loaded.name)
    typer.echo(f"{name}: {move(connect(where), name)} takes all traffic")
