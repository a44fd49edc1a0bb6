"""Inputs of a task, as the driver resolves them.

After `resolveInputs`, `resolveInputParameter` and `resolveUpstreamArtifacts` of
`backend/src/v2/driver/resolve.go` and, for the new backend, `driver/resolver/parameters.go`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from google.protobuf import struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.backend import Artifact, Variant
from pipeline.kubeflow.simulate.values import to_text, to_value
from trainer.errors import TandemError

State = Literal["COMPLETE", "CACHED", "FAILED", "SKIPPED"]
_KINDS = {
    "string_value": ("STRING",),
    "number_value": ("NUMBER_DOUBLE", "NUMBER_INTEGER"),
    "bool_value": ("BOOLEAN",),
    "list_value": ("LIST",),
    "struct_value": ("STRUCT", "TASK_FINAL_STATUS", "TASK_CONFIG"),
}
_NEW_STATES = {"COMPLETE": ("SUCCEEDED", 2), "SKIPPED": ("SKIPPED", 3), "FAILED": ("FAILED", 4)}
# A DAG that was skipped has no outputs to take.
_NO_OUTPUTS = ps.DagOutputsSpec()


@dataclasses.dataclass
class Execution:
    """A task or DAG that ended.

    Args:
        name: name of the task.
        state: as the backend names it.
        message: why it failed.
        parameters: output parameters of a container.
        artifacts: output artifacts of a container.
        outputs: what a DAG takes its outputs from.
        children: tasks of a DAG.
    """

    name: str
    state: State
    message: str = ""
    parameters: Mapping[str, struct_pb2.Value] = dataclasses.field(default_factory=dict)
    artifacts: Mapping[str, Artifact] = dataclasses.field(default_factory=dict)
    outputs: ps.DagOutputsSpec | None = None
    children: Mapping[str, Execution] = dataclasses.field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether what depends on it may run."""
        return self.state in ("COMPLETE", "CACHED")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the driver knows of the run.

    Args:
        run_id: UUID of the run.
        display_name: name of the run.
        resource_name: name of the workflow.
        created: moment of its creation, RFC 3339.
        variant: the backend.
    """

    run_id: str
    display_name: str
    resource_name: str
    created: str
    variant: Variant


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Resolved inputs.

    Args:
        parameters: values by name.
        artifacts: artifacts by name.
    """

    parameters: dict[str, struct_pb2.Value]
    artifacts: dict[str, Artifact]


def _failed(task: str, text: str) -> TandemError:
    return TandemError("KFP-213", f"Expected inputs of {task} that the driver can resolve. Received: {text}")


@dataclasses.dataclass(frozen=True)
class Resolver:
    """Resolves the inputs of the tasks of one DAG.

    Args:
        facts: of the run.
        parent: inputs of the DAG.
        done: tasks of the DAG that ended.
        dag_number: id of the execution of the DAG; `{{$.pipeline_task_uuid}}` gives it.
    """

    facts: Facts
    parent: Inputs
    done: Mapping[str, Execution]
    dag_number: int

    def inputs(self, name: str, task: ps.PipelineTaskSpec, component: ps.ComponentSpec) -> Inputs:
        """The inputs of a task.

        Raises:
            TandemError: `KFP-213` where the driver fails.
        """
        definitions = component.input_definitions
        parameters: dict[str, struct_pb2.Value] = {}
        nulls: set[str] = set()
        if component.WhichOneof("implementation") == "dag":
            for key, definition in definitions.parameters.items():
                if key not in task.inputs.parameters and definition.is_optional:
                    has_default = definition.HasField("default_value")
                    parameters[key] = definition.default_value if has_default else to_value(None)
                    nulls |= set() if has_default else {key}
        for key in sorted(task.inputs.parameters):
            value = self._parameter(name, task, key)
            if value.WhichOneof("kind") != "null_value":
                parameters[key] = value
            elif key not in definitions.parameters or not definitions.parameters[key].is_optional:
                raise _failed(name, f"null for parameter {key}")
        for key, definition in definitions.parameters.items():
            self._check(name, key, definition, parameters, nulls)
        artifacts = {key: self._artifact(name, key, spec) for key, spec in task.inputs.artifacts.items()}
        return Inputs(parameters, artifacts)

    def _parameter(self, name: str, task: ps.PipelineTaskSpec, key: str) -> struct_pb2.Value:
        spec = task.inputs.parameters[key]
        kind = spec.WhichOneof("kind")
        if spec.parameter_expression_selector:
            raise _failed(name, f"an expression selector of {key}, which is not simulated")
        if kind == "component_input_parameter":
            if spec.component_input_parameter not in self.parent.parameters:
                raise _failed(name, f"no input parameter {spec.component_input_parameter} of the parent DAG")
            return self.parent.parameters[spec.component_input_parameter]
        if kind == "task_output_parameter":
            source = spec.task_output_parameter
            return self._upstream_parameter(
                name, source.producer_task, source.output_parameter_key, self.done
            )
        if kind == "runtime_value":
            if spec.runtime_value.WhichOneof("value") != "constant":
                raise _failed(name, f"a runtime value of {key} that is no constant")
            return self._constant(name, spec.runtime_value.constant)
        if kind == "task_final_status":
            return self._final_status(name, task)
        raise _failed(name, f"no source of parameter {key}")

    def _constant(self, name: str, constant: struct_pb2.Value) -> struct_pb2.Value:
        # The whole text must be the placeholder; within a longer text the driver leaves it alone.
        known = {
            "{{$.pipeline_job_name}}": self.facts.display_name,
            "{{$.pipeline_job_resource_name}}": self.facts.resource_name,
            "{{$.pipeline_job_uuid}}": self.facts.run_id,
            "{{$.pipeline_task_name}}": name,
            "{{$.pipeline_task_uuid}}": str(self.dag_number),
        }
        if self.facts.variant == "new":
            known["{{$.pipeline_job_create_time_utc}}"] = self.facts.created
            known["{{$.pipeline_job_schedule_time_utc}}"] = self.facts.created
        replaced = known.get(constant.string_value)
        return constant if replaced is None else struct_pb2.Value(string_value=replaced)

    def _final_status(self, name: str, task: ps.PipelineTaskSpec) -> struct_pb2.Value:
        if not task.dependent_tasks:
            raise _failed(name, "no dependent task whose status it asks for")
        producer = self.done[task.dependent_tasks[0]]
        status = {
            "state": producer.state,
            "pipelineTaskName": producer.name,
            "pipelineJobResourceName": self.facts.resource_name,
            "error": {},
        }
        if self.facts.variant == "new":
            status["state"], code = _NEW_STATES.get(producer.state, ("SUCCEEDED", 2))
            status["error"] = {"code": code} | ({"message": producer.message} if producer.message else {})
        return to_value(status)

    def _upstream_parameter(
        self, name: str, producer: str, key: str, tasks: Mapping[str, Execution]
    ) -> struct_pb2.Value:
        if producer not in tasks:
            raise _failed(name, f"producer task, {producer}, not in tasks")
        found = tasks[producer]
        if found.outputs is None:
            if key not in found.parameters:
                raise _failed(name, f"no output parameter {key} of {producer}")
            return found.parameters[key]
        if key not in found.outputs.parameters:
            raise _failed(name, f"DAG {producer} has no output parameter {key}")
        spec = found.outputs.parameters[key]
        if spec.WhichOneof("kind") == "value_from_oneof":
            for one in spec.value_from_oneof.parameter_selectors:
                child = found.children.get(one.producer_subtask)
                if child is not None and child.state != "SKIPPED":
                    return self._upstream_parameter(
                        name, one.producer_subtask, one.output_parameter_key, found.children
                    )
        inner = spec.value_from_parameter
        return self._upstream_parameter(
            name, inner.producer_subtask, inner.output_parameter_key, found.children
        )

    def _artifact(self, name: str, key: str, spec: ps.TaskInputsSpec.InputArtifactSpec) -> Artifact:
        if spec.WhichOneof("kind") == "component_input_artifact":
            if spec.component_input_artifact not in self.parent.artifacts:
                raise _failed(name, f"no input artifact {spec.component_input_artifact} of the parent DAG")
            return self.parent.artifacts[spec.component_input_artifact]
        if spec.WhichOneof("kind") != "task_output_artifact":
            raise _failed(name, f"no source of artifact {key}")
        producer, output = (
            spec.task_output_artifact.producer_task,
            spec.task_output_artifact.output_artifact_key,
        )
        tasks = self.done
        while True:
            if producer not in tasks:
                raise _failed(name, f"cannot find producer task {producer}")
            found = tasks[producer]
            if found.outputs is None:
                if output not in found.artifacts:
                    raise _failed(name, f"cannot find output artifact key {output} of {producer}")
                return found.artifacts[output]
            known = found.outputs.artifacts
            selectors = known[output].artifact_selectors if output in known else ()
            if not selectors:
                raise _failed(name, f"DAG {producer} has no output artifact {output}")
            producer, output = selectors[-1].producer_subtask, selectors[-1].output_artifact_key
            tasks = found.children

    def _check(
        self,
        name: str,
        key: str,
        definition: ps.ComponentInputsSpec.ParameterSpec,
        parameters: dict[str, struct_pb2.Value],
        nulls: set[str],
    ) -> None:
        if key not in parameters:
            if not definition.is_optional and not definition.HasField("default_value"):
                raise _failed(name, f"neither value nor default value for non-optional parameter {key}")
            return
        if key in nulls:
            return
        wanted = ps.ParameterType.ParameterTypeEnum.Name(definition.parameter_type)
        kind = parameters[key].WhichOneof("kind") or "null_value"
        if wanted in _KINDS.get(kind, ()):
            return
        if wanted == "STRING":
            parameters[key] = struct_pb2.Value(string_value=to_text(parameters[key]))
            return
        raise _failed(name, f"type mismatch of parameter {key}: expect {wanted}, got {kind}")


def dag_outputs(component: ps.ComponentSpec) -> ps.DagOutputsSpec:
    """What a DAG takes its outputs from; never `None`, so that it is told from a container."""
    return component.dag.outputs if component.dag.HasField("outputs") else _NO_OUTPUTS
