"""What TFX's compiler writes, changed to what the open-source backend runs: one function for each difference.

Every pass takes the `PipelineSpec` as JSON and changes it in place. They know nothing of Tandem's steps, so
that they mend the output of any TFX pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pipeline.kubeflow.check.placeholders import CONSTANTS
from pipeline.kubeflow.encoding import encode, needs_encoding
from trainer.errors import TandemError

Json = dict[str, Any]

TFX_DAG = "tfx-dag"


def dags(spec: Json) -> Iterator[Json]:
    """The root and every component that holds tasks."""
    for component in (spec["root"], *spec.get("components", {}).values()):
        if "dag" in component:
            yield component


def tasks(spec: Json) -> Iterator[tuple[str, Json]]:
    """Every task with its name."""
    for component in dags(spec):
        yield from component["dag"]["tasks"].items()


def containers(spec: Json) -> Iterator[tuple[str, Json]]:
    """The container of every executor that has one, by executor label."""
    for label, executor in spec.get("deploymentSpec", {}).get("executors", {}).items():
        if "container" in executor:
            yield label, executor["container"]


def refuse_resolvers(spec: Json) -> None:
    """The backend runs no resolver: creating a run fails.

    Raises:
        TandemError: `KFP-051`, with the names.
    """
    found = [
        label
        for label, executor in spec.get("deploymentSpec", {}).get("executors", {}).items()
        if "resolver" in executor
    ]
    if found:
        raise TandemError(
            "KFP-051",
            f"Expected steps that run in containers. Received: resolvers {sorted(found)}",
            "Read the newest blessed model in a step of its own, as the step `baseline` does.",
            exit_status=2,
        )


def refuse_module_files(spec: Json) -> None:
    """A module file is packed into a wheel while compiling, into a place that pods may not reach.

    Raises:
        TandemError: `KFP-052`, with the tasks.
    """
    found = [
        name
        for name, task in tasks(spec)
        for parameter in ("module_file", "module_path")
        if task.get("inputs", {})
        .get("parameters", {})
        .get(parameter, {})
        .get("runtimeValue", {})
        .get("constant")
    ]
    if found:
        raise TandemError(
            "KFP-052",
            f"Expected functions named by import path. Received: a module file in {sorted(set(found))}",
            "Put the code into the image and name it, such as `preprocessing_fn='package.module.function'`.",
            exit_status=2,
        )


def drop_lifecycle(spec: Json) -> None:
    """The backend never calls the driver hook of a FileBasedExampleGen; the entrypoint runs that driver."""
    for _, container in containers(spec):
        container.pop("lifecycle", None)


def name_producers(spec: Json) -> None:
    """TFX names the producer of a parameter `<task>_task`, and gives every consumer the type of a text."""
    components = spec.get("components", {})
    for component in dags(spec):
        known = component["dag"]["tasks"]
        for task in known.values():
            for name, source in task.get("inputs", {}).get("parameters", {}).items():
                produced = source.get("taskOutputParameter")
                if produced is None:
                    continue
                producer = produced["producerTask"]
                if producer not in known and producer.removesuffix("_task") in known:
                    produced["producerTask"] = producer = producer.removesuffix("_task")
                if producer in known:
                    made = components[known[producer]["componentRef"]["name"]]
                    kind = made["outputDefinitions"]["parameters"][produced["outputParameterKey"]]
                    consumer = components[task["componentRef"]["name"]]
                    consumer["inputDefinitions"]["parameters"][name]["parameterType"] = kind["parameterType"]


def set_defaults(spec: Json, defaults: Mapping[str, Any]) -> None:
    """A parameter of the root needs a default: a run that does not give it is refused.

    Args:
        spec: the pipeline.
        defaults: value by parameter; one that is not named gets the empty value of its type.
    """
    empty: Json = {"STRING": "", "NUMBER_INTEGER": 0, "NUMBER_DOUBLE": 0.0, "BOOLEAN": False}
    for name, parameter in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        parameter["defaultValue"] = defaults.get(name, empty.get(parameter["parameterType"]))
        parameter["isOptional"] = True


def forward_parameters(spec: Json) -> None:
    """With an exit handler all tasks are in a DAG of their own, which must be handed the parameters."""
    inner = spec.get("components", {}).get(TFX_DAG)
    outer = spec["root"]["dag"]["tasks"].get(TFX_DAG)
    given = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    if inner is None or outer is None:
        return
    used = {
        source["componentInputParameter"]
        for task in inner["dag"]["tasks"].values()
        for source in task.get("inputs", {}).get("parameters", {}).values()
        if "componentInputParameter" in source
    }
    for name in sorted(used):
        definition = {key: value for key, value in given[name].items() if key != "defaultValue"}
        definition.pop("isOptional", None)
        inner.setdefault("inputDefinitions", {}).setdefault("parameters", {})[name] = definition
        sources = outer.setdefault("inputs", {}).setdefault("parameters", {})
        sources[name] = {"componentInputParameter": name}


def type_final_status(spec: Json) -> None:
    """TFX declares the final status of the exit handler as a text; the backend hands over a structure."""
    for _, task in tasks(spec):
        for name, source in task.get("inputs", {}).get("parameters", {}).items():
            if "taskFinalStatus" in source:
                component = spec["components"][task["componentRef"]["name"]]
                component["inputDefinitions"]["parameters"][name] = {
                    "parameterType": "TASK_FINAL_STATUS",
                    "isOptional": True,
                }


def set_caching(spec: Json, never: Collection[str], enabled: bool) -> None:
    """The backend's cache sees parameters and artifacts of a task, not what it reads beside them.

    Args:
        spec: the pipeline.
        never: tasks that are not cached.
        enabled: whether the others are.
    """
    for name, task in tasks(spec):
        if name == TFX_DAG:
            continue
        if enabled and name not in never:
            task["cachingOptions"] = {"enableCache": True}
        else:
            task["cachingOptions"] = {}


def encode_templates(spec: Json) -> None:
    """Argo fills in `{{...}}` anywhere, so no text may hold it but placeholders; long ones are packed."""
    for _, task in tasks(spec):
        for source in task.get("inputs", {}).get("parameters", {}).values():
            value = source.get("runtimeValue", {}).get("constant")
            if not isinstance(value, str) or value in CONSTANTS:
                continue
            if needs_encoding(value):
                source["runtimeValue"]["constant"] = encode(value)


def set_entrypoint(
    spec: Json, state: str, fingerprints: Mapping[str, str], sources: Mapping[str, str]
) -> None:
    """Gives the entrypoint what the arguments of TFX lack: step, state volume, digests, types of the outputs.

    Args:
        spec: the pipeline.
        state: root on the state volume; empty for none.
        fingerprints: digest of the sources of a step, by its name; a part of the backend's cache key.
        sources: digest of the sources alone of a step, which the image is held against.
    """
    steps = {
        component["executorLabel"]: (name, component)
        for name, component in spec["components"].items()
        if "executorLabel" in component
    }
    for label, container in containers(spec):
        name, component = steps[label]
        extra = ["--step", name]
        if state:
            extra += ["--state", state]
        if name in fingerprints:
            extra += ["--fingerprint", fingerprints[name]]
        if sources.get(name):
            extra += ["--sources", sources[name]]
        # The types of the inputs as they are now; TFX wrote them before the passes.
        given = container.get("args", [])
        if "--json_serialized_inputs_spec_args" in given:
            place = given.index("--json_serialized_inputs_spec_args") + 1
            given[place] = _compact(component.get("inputDefinitions", {}))
        extra += ["--json_serialized_outputs_spec_args", _compact(component.get("outputDefinitions", {}))]
        container["args"] = extra + given


def show_as(spec: Json, task: str, output: str, title: str) -> None:
    """Declares an output as a type that the backend's pages show, such as `system.HTML`."""
    for name, component in spec["components"].items():
        if name == task:
            component["outputDefinitions"]["artifacts"][output]["artifactType"] = {
                "schemaTitle": title,
                "schemaVersion": "0.0.1",
            }


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
