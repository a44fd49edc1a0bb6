"""Runs a compiled pipeline task by task as the open-source Kubeflow Pipelines v2 backend would, without a
cluster.

It builds the input of each executor as the driver does, fills placeholders, moves files and reads outputs
as the launcher does, and decides order, cache, retries and deadlines as the compiler of workflows and Argo
do. So it is also what the entrypoint of containers is tested against. Names of Go files in this room are of
the repository kubeflow/pipelines.

Not emulated: ParallelFor and artifact iterators, expression selectors, parameters of type TASK_CONFIG,
workspaces, OCI artifacts, scheduling onto nodes, limits of memory and CPU outside of containers, and object
stores whose listing or rights differ from a file system.
"""

from pipeline.kubeflow.simulate.result import Outcome, Output, TaskResult, Watcher
from pipeline.kubeflow.simulate.run import Options, simulate

__all__ = ["Options", "Outcome", "Output", "TaskResult", "Watcher", "simulate"]
