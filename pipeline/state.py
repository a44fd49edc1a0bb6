"""What a run finds when it begins: data, kept schema, registry. With it equal, a repeated run is cached."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.ingest.fingerprint import fingerprint as input_fingerprint
from components.push.state import registry_state, warm_start_from
from components.schema.core import KeptSchemas
from pipeline import plan
from pipeline.config import Config
from pipeline.root import Root
from pipeline.runs.history import previous_statistics


@dataclasses.dataclass(frozen=True)
class State:
    """Parameters of steps that depend on more than the config; texts but for `schema_version`.

    Args:
        data: digest of the input files.
        run: digest of everything a run depends on.
        schema_version: version of the kept schema that is used.
        schema_state: of that version, see `KeptSchemas.state`.
        origin: digest of all that a schema is inferred from.
        previous_statistics: statistics of the newest run on other data; empty for none.
        baseline: see `components.push.state.RegistryState`.
        push: see `components.push.state.RegistryState`.
        warm_start_from: model that the training starts from; empty for none.
    """

    data: Any
    run: Any
    schema_version: Any
    schema_state: Any
    origin: Any
    previous_statistics: Any
    baseline: Any
    push: Any
    warm_start_from: Any


def text(value: Any) -> str:
    """JSON with sorted keys, as parameters of steps carry it."""
    return json.dumps(value, sort_keys=True)


def _digest(values: Any) -> str:
    return hashlib.sha256(text(values).encode()).hexdigest()[:16]


def find(
    config: Config, directory: Path, root: Root, serving: Path, fingerprints: Mapping[str, str]
) -> State:
    """Looks at the data, the kept schemas and the registry.

    Args:
        config: the configuration.
        directory: directory that relative paths of `data` refer to.
        root: where schemas, registry and runs are kept.
        serving: directory of all served models.
        fingerprints: of the sources and libraries of each step.

    Raises:
        TandemError: if the inputs cannot be found.
    """
    arguments = plan.ingest_arguments(config, directory)
    data = input_fingerprint(arguments["data"], directory)
    # How it runs on a cluster, how replicas are launched, and where copies go, make no other model.
    told = config.model_dump(
        mode="json",
        exclude={
            "kubeflow": True,
            "push": {"mirror", "kserve"},
            "train": {"codistillation": {"launch"}},
        },
    )
    run = _digest([told, data, dict(fingerprints)])
    registry = registry_state(serving, config.name, root.registry, run)
    kept = KeptSchemas(root.schema / config.name)
    place_free = {name: value for name, value in arguments.items() if name != "base_directory"}
    # With the identity of the registry: on another root nothing is kept yet, whatever a cache remembers.
    origin = _digest(
        [
            registry.baseline.partition("/")[0],
            place_free,
            data,
            plan.columns(config),
            config.label.column,
            text(plan.schema_arguments(config)),
        ]
        + [fingerprints[step] for step in ("ingest", "statistics", "schema")]
    )
    warm = config.train.warm_start != "none"
    return State(
        data=data,
        run=run,
        schema_version=kept.version(),
        schema_state=kept.state(kept.version(), origin),
        origin=origin,
        previous_statistics=previous_statistics(root, config.name, data),
        baseline=registry.baseline,
        push=registry.push,
        warm_start_from=warm_start_from(registry, serving / config.name) if warm else "",
    )
