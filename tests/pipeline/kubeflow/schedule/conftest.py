"""Takes the fixtures of this room's neighbours."""

from tests.pipeline.kubeflow.fixtures import (  # noqa: F401
    client,
    config_file,
    no_cluster,
    package_file,
    server,
)
