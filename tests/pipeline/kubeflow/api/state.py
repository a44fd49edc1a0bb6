"""What a Kubeflow Pipelines backend keeps, and what it answers; no HTTP in here."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
import uuid
from collections.abc import Callable
from typing import Any

import kfp_server_api
import yaml

from tests.pipeline.kubeflow.api.strict import read, require

Json = dict[str, Any]
_LISTS = {
    "pipelines": "V2beta1ListPipelinesResponse",
    "pipeline_versions": "V2beta1ListPipelineVersionsResponse",
    "experiments": "V2beta1ListExperimentsResponse",
    "runs": "V2beta1ListRunsResponse",
    "recurring_runs": "V2beta1ListRecurringRunsResponse",
}
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 500: 13}


class RefusalError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message, "code": _CODES[status], "message": message, "details": []}


@dataclasses.dataclass
class State:
    """Everything the backend keeps; every object as the client's model."""

    multi_user: bool = False
    pipelines: list[Any] = dataclasses.field(default_factory=list)
    versions: list[Any] = dataclasses.field(default_factory=list)
    experiments: list[Any] = dataclasses.field(default_factory=list)
    runs: list[Any] = dataclasses.field(default_factory=list)
    recurring_runs: list[Any] = dataclasses.field(default_factory=list)
    objects: dict[str, bytes] = dataclasses.field(default_factory=dict)
    largest_page: int = 100
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC)
    # What a look at a run does to it.
    advance: Callable[[Any], None] = lambda _: None

    def listed(self, name: str, items: list[Any], query: Json) -> Json:
        """One page of a list, filtered and sorted as asked."""
        if self.multi_user and name in ("runs", "recurring_runs", "experiments"):
            require("namespace" in query, "Namespace cannot be empty in multi-user mode")
        found = [item for item in items if _in(item, query) and _matches(item, query.get("filter"))]
        key, _, order = query.get("sort_by", "created_at asc").partition(" ")
        found.sort(key=lambda item: getattr(item, key), reverse=order == "desc")
        start = int(query.get("page_token") or 0)
        size = min(int(query.get("page_size") or 10), self.largest_page)
        more = str(start + size) if start + size < len(found) else None
        response = getattr(kfp_server_api, _LISTS[name])
        # The names of the fields are those of the client: `recurringRuns`, but `pipeline_versions`.
        page = {name: found[start : start + size], "next_page_token": more, "total_size": len(found)}
        return as_json(response(**page))

    def create_pipeline(self, body: Json) -> Json:
        """A pipeline without a version."""
        pipeline = read("V2beta1Pipeline", body)
        name = pipeline.name or pipeline.display_name
        require(bool(name), "Pipeline's name cannot be empty")
        if any(item.name == name and item.namespace == pipeline.namespace for item in self.pipelines):
            raise RefusalError(409, f"Failed to create a new pipeline. The name {name} already exists.")
        pipeline.name, pipeline.pipeline_id, pipeline.created_at = name, str(uuid.uuid4()), self.now()
        self.pipelines.append(pipeline)
        return as_json(pipeline)

    def upload_version(self, query: Json, content: bytes) -> Json:
        """A version of a pipeline, of a file with one or two YAML documents."""
        pipeline = self.find(self.pipelines, "pipeline_id", query["pipelineid"])
        spec = next(iter(yaml.safe_load_all(content)))
        require(isinstance(spec, dict) and "pipelineInfo" in spec, "unknown template format: no IR")
        if any(item.name == query["name"] for item in self.versions):
            raise RefusalError(409, "Failed to create a pipeline version")
        version = kfp_server_api.V2beta1PipelineVersion(
            pipeline_id=pipeline.pipeline_id,
            pipeline_version_id=str(uuid.uuid4()),
            name=query["name"],
            display_name=query["name"],
            created_at=self.now(),
            pipeline_spec=spec,
        )
        self.versions.append(version)
        return as_json(version)

    def create_experiment(self, body: Json) -> Json:
        """An experiment."""
        experiment = read("V2beta1Experiment", body)
        require(bool(experiment.display_name), "Experiment's name cannot be empty")
        require(not self.multi_user or bool(experiment.namespace), "Experiment needs a namespace")
        if any(item.display_name == experiment.display_name for item in self.experiments):
            raise RefusalError(409, f"The name {experiment.display_name} already exist.")
        experiment.experiment_id, experiment.created_at = str(uuid.uuid4()), self.now()
        self.experiments.append(experiment)
        return as_json(experiment)

    def create_run(self, body: Json) -> Json:
        """A run of a version."""
        run = read("V2beta1Run", body)
        require(bool(run.display_name), "The run name is empty. Please specify a valid name.")
        self.find(self.experiments, "experiment_id", run.experiment_id)
        reference = run.pipeline_version_reference
        require(reference is not None, "no version")
        version = self.find(self.versions, "pipeline_version_id", reference.pipeline_version_id)
        require(version.pipeline_id == reference.pipeline_id, "version of another pipeline")
        _check_parameters(version.pipeline_spec, run.runtime_config)
        return as_json(self.add_run(run))

    def add_run(self, run: Any) -> Any:
        """Starts a run, whoever asks for it."""
        run.run_id, run.created_at, run.state = str(uuid.uuid4()), self.now(), "PENDING"
        self.runs.append(run)
        return run

    def get_run(self, run_id: str) -> Json:
        """A run; each look may find it further on."""
        run = self.find(self.runs, "run_id", run_id)
        self.advance(run)
        return as_json(run)

    def create_recurring_run(self, body: Json) -> Json:
        """A recurring run; several may have one name."""
        item = read("V2beta1RecurringRun", body)
        require(bool(item.display_name), "The job name is empty. Please specify a valid name.")
        self.find(self.experiments, "experiment_id", item.experiment_id)
        reference = item.pipeline_version_reference
        require(reference is not None, "no pipeline")
        self.find(self.pipelines, "pipeline_id", reference.pipeline_id)
        of_it = [version for version in self.versions if version.pipeline_id == reference.pipeline_id]
        require(bool(of_it), "the pipeline has no version")
        _check_parameters(of_it[-1].pipeline_spec, item.runtime_config)
        require(1 <= int(item.max_concurrency or 0) <= 10, "max concurrency must be between 1 and 10")
        _check_trigger(item.trigger)
        require(item.mode in ("ENABLE", "DISABLE"), "no mode")
        item.recurring_run_id, item.created_at = str(uuid.uuid4()), self.now()
        item.updated_at = item.created_at
        item.status = "ENABLED" if item.mode == "ENABLE" else "DISABLED"
        item.service_account = item.service_account or "pipeline-runner"
        self.recurring_runs.append(item)
        return as_json(item)

    def switch(self, recurring_run_id: str, enabled: bool) -> Json:
        """Enables or disables a recurring run."""
        item = self.find(self.recurring_runs, "recurring_run_id", recurring_run_id)
        item.mode, item.status = ("ENABLE", "ENABLED") if enabled else ("DISABLE", "DISABLED")
        item.updated_at = self.now()
        return {}

    def delete_recurring_run(self, recurring_run_id: str) -> Json:
        """Deletes a recurring run."""
        self.recurring_runs.remove(self.find(self.recurring_runs, "recurring_run_id", recurring_run_id))
        return {}

    @staticmethod
    def find(items: list[Any], key: str, value: str) -> Any:
        """The object with that id."""
        found = next((item for item in items if getattr(item, key) == value), None)
        if found is None:
            raise RefusalError(404, f"{key} {value} not found.")
        return found

    def enabled(self) -> list[Any]:
        """The recurring runs that start runs."""
        return [item for item in self.recurring_runs if item.status == "ENABLED"]


def as_json(item: Any) -> Json:
    made = kfp_server_api.ApiClient().sanitize_for_serialization(item)
    return json.loads(json.dumps(made).replace("+00:00", "Z"))


def _in(item: Any, query: Json) -> bool:
    wanted = {key: query[key] for key in ("namespace", "experiment_id") if key in query}
    return all(getattr(item, key, value) in (value, None) for key, value in wanted.items())


def _matches(item: Any, text: str | None) -> bool:
    if not text:
        return True
    asked = read("V2beta1Filter", json.loads(text), "filter")
    known = ("display_name", "name", "recurring_run_id", "state", "namespace", "experiment_id")
    for predicate in asked.predicates:
        require(predicate.key in known and predicate.operation == "EQUALS", f"filter {text}")
    return all(getattr(item, each.key) == each.string_value for each in asked.predicates)


def _check_parameters(spec: Json, runtime: Any) -> None:
    given = (runtime and runtime.parameters) or {}
    known = (spec["root"].get("inputDefinitions") or {}).get("parameters") or {}
    extra = set(given) - set(known)
    require(not extra, f"parameters {sorted(extra)} are not declared")
    for name, definition in known.items():
        optional = definition.get("isOptional") or "defaultValue" in definition
        require(name in given or optional, f"parameter {name} is not optional, yet has no value")
        kind = definition["parameterType"]
        require(kind != "STRING" or isinstance(given.get(name, ""), str), f"{name} is no STRING")


def _check_trigger(trigger: Any) -> None:
    require(trigger is not None, "no trigger")
    kinds = [trigger.cron_schedule, trigger.periodic_schedule]
    require(sum(kind is not None for kind in kinds) == 1, "either a cron or a periodic schedule")
    if trigger.cron_schedule is not None:
        require(len(trigger.cron_schedule.cron.split()) == 6, "Schedule cron is not a valid format")
    else:
        require(int(trigger.periodic_schedule.interval_second) >= 1, "invalid interval")


def tick(state: State, item: Any, moment: datetime.datetime, final: str = "SUCCEEDED") -> Any:
    """The controller starts a run that is due, and it ends."""
    run = kfp_server_api.V2beta1Run(
        display_name=f"{item.display_name}-{next(_COUNT)}",
        experiment_id=item.experiment_id,
        recurring_run_id=item.recurring_run_id,
        scheduled_at=moment,
    )
    state.add_run(run)
    run.created_at, run.state = moment + datetime.timedelta(seconds=2), final
    return run


_COUNT = itertools.count(1)
