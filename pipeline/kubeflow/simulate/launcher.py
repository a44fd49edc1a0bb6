"""One attempt of a container task, as the launcher in its pod makes it (`component/launcher_v2.go`)."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.backend import Artifact, Backend, local_path, title_of
from pipeline.kubeflow.simulate.placeholders import fill, with_defaults
from pipeline.kubeflow.simulate.pod import Pod
from pipeline.kubeflow.simulate.store import ObjectStore
from pipeline.kubeflow.simulate.values import from_text
from trainer.errors import TandemError
from trainer.faults import point

_LOGS = "executor-logs"


class Runner(Protocol):
    """Runs commands of containers."""

    def run(
        self,
        command: list[str],
        pod: Pod,
        container: ps.PipelineDeploymentConfig.PipelineContainerSpec,
        log: Path,
        timeout_seconds: float | None,
    ) -> int | None:
        """Runs a command to its end.

        Args:
            command: command and arguments, filled in.
            pod: its pod.
            container: image and resources.
            log: file that output is added to.
            timeout_seconds: when it is killed; `None` for never.

        Returns:
            The exit status, negative for a signal; `None` after the timeout.
        """

    def stop(self) -> None:
        """Ends everything that runs, and lets nothing more begin."""

    def close(self) -> None:
        """Frees what is held between commands."""

    def host(self, pod: Pod) -> Callable[[str], str]:
        """How paths in placeholders are to be written for commands."""


@dataclasses.dataclass(frozen=True)
class Launcher:
    """Makes attempts.

    Args:
        backend: the version of the backend.
        store: the object store.
        runner: runs the command.
        numbers: a number for every new artifact.
        warn: told the task and what the launcher only warns of.
    """

    backend: Backend
    store: ObjectStore
    runner: Runner
    numbers: itertools.count[int]
    warn: Callable[[str, str], None]

    def attempt(
        self,
        given: ps.ExecutorInput,
        component: ps.ComponentSpec,
        container: ps.PipelineDeploymentConfig.PipelineContainerSpec,
        pod: Pod,
        log: Path,
        timeout_seconds: float | None,
    ) -> tuple[dict[str, struct_pb2.Value], dict[str, Artifact]]:
        """Runs the container once.

        Args:
            given: its input.
            component: its component.
            container: image, command and arguments.
            pod: its pod, made.
            log: file that its output is added to.
            timeout_seconds: longest time; `None` for any.

        Returns:
            Output parameters and artifacts.

        Raises:
            TandemError: `KFP-215` if the container or the launcher fails, `KFP-214` if an output lies
                outside of the root of the run, `KFP-211` if a parameter or metadata cannot be kept.
        """
        command = fill(
            [*container.command, *container.args], with_defaults(given, component), self.runner.host(pod)
        )
        try:
            self._download(given, pod, log)
            self._prepare(given, pod)
            status = self.runner.run(command, pod, container, log, timeout_seconds)
            if status is None:
                raise _failed(f"DeadlineExceeded: it was active longer than {timeout_seconds:g} s", log)
            if status != 0:
                raise _failed(f"exit status {status}", log)
            output = self._output(given, pod, log)
            parameters = _parameters(given, output, component, pod, log)
            return parameters, self._artifacts(given, output, pod, log)
        except OSError as error:
            raise _failed(str(error), log) from error

    def _download(self, given: ps.ExecutorInput, pod: Pod, log: Path) -> None:
        for name, several in given.inputs.artifacts.items():
            if not several.artifacts:
                continue
            uri = several.artifacts[0].uri
            path = local_path(uri)
            if path is None:
                self.warn(
                    log.stem, f"input {name}: no storage that the launcher knows, not downloaded: {uri}"
                )
                continue
            self.store.download(uri, Path(pod.host(path)))

    def _prepare(self, given: ps.ExecutorInput, pod: Pod) -> None:
        point("simulate.prepare_outputs")
        for parameter in given.outputs.parameters.values():
            Path(pod.host(parameter.output_file)).parent.mkdir(parents=True, exist_ok=True)
        for several in given.outputs.artifacts.values():
            for artifact in several.artifacts:
                path = local_path(artifact.uri)
                if path is not None:
                    Path(pod.host(path)).parent.mkdir(parents=True, exist_ok=True)

    def _output(self, given: ps.ExecutorInput, pod: Pod, log: Path) -> ps.ExecutorOutput:
        file = Path(pod.host(given.outputs.output_file))
        if not file.exists():
            return ps.ExecutorOutput()
        try:
            return json_format.Parse(file.read_text(encoding="utf-8"), ps.ExecutorOutput())
        except (json_format.ParseError, UnicodeDecodeError) as error:
            raise _failed(f"an output file that is no ExecutorOutput: {error}", log) from error

    def _artifacts(
        self, given: ps.ExecutorInput, output: ps.ExecutorOutput, pod: Pod, log: Path
    ) -> dict[str, Artifact]:
        kept = {}
        for name in sorted(given.outputs.artifacts):
            artifact = ps.RuntimeArtifact()
            artifact.CopyFrom(given.outputs.artifacts[name].artifacts[0])
            if name in output.artifacts and output.artifacts[name].artifacts:
                _merge(output.artifacts[name].artifacts[0], artifact)
            path = local_path(artifact.uri)
            if path is None:
                self.warn(
                    log.stem,
                    f"output {name}: no storage that the launcher knows, not uploaded: {artifact.uri}",
                )
            else:
                local = log if name == _LOGS else Path(pod.host(path))
                if not self.store.upload(local, artifact.uri, self.backend.run_root, link=local != log):
                    self.warn(log.stem, f"output {name}: nothing was written to {path}")
            if not title_of(artifact.type):
                raise _failed(f"output {name}: a type without title", log)
            kept[name] = self.backend.record(name, artifact, next(self.numbers))
        return kept


def _failed(text: str, log: Path) -> TandemError:
    return TandemError(
        "KFP-215",
        f"Expected a container that ends well. Received: {text}",
        f"Look at {log}.",
    )


def _merge(source: ps.RuntimeArtifact, target: ps.RuntimeArtifact) -> None:
    """`mergeRuntimeArtifacts`: URI and metadata are taken over, a type or name is not."""
    if source.uri:
        target.uri = source.uri
    for key, value in source.metadata.fields.items():
        target.metadata.fields[key].CopyFrom(value)


def _parameters(
    given: ps.ExecutorInput,
    output: ps.ExecutorOutput,
    component: ps.ComponentSpec,
    pod: Pod,
    log: Path,
) -> dict[str, struct_pb2.Value]:
    """`collectOutputParameters`: of the output file, or else of a file for each, which must be there."""
    values: Mapping[str, struct_pb2.Value] = output.parameter_values
    found = dict(values)
    definitions = component.output_definitions.parameters
    for name, parameter in given.outputs.parameters.items():
        if name in found:
            continue
        kind = ps.ParameterType.ParameterTypeEnum.Name(definitions[name].parameter_type)
        try:
            text = Path(pod.host(parameter.output_file)).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _failed(f"output parameter {name} cannot be read: {error}", log) from error
        found[name] = from_text(text, kind)
    return found
