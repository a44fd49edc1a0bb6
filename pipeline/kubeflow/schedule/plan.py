"""The schedule that a config declares, checked as a whole, and as the API takes it."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import kfp_server_api as kfp

from pipeline.config import Config
from pipeline.config.kubeflow import Schedule
from pipeline.kubeflow.schedule import cron, macros
from pipeline.kubeflow.schedule.moments import moment, require_order
from trainer.errors import TandemError


@dataclasses.dataclass(frozen=True)
class Plan:
    """When runs start, and of what.

    Args:
        name: of the recurring run.
        cron: when, or `None`.
        interval_seconds: how often, or `None`; one of both is set.
        start: first moment, or `None`.
        end: last moment, or `None`.
        max_concurrency: most runs at one time.
        catch_up: whether starts that a pause left out are made up for.
        enabled: whether it starts runs.
        span: span of each run; the newest if `None`.
        pipeline_id: of the pipeline, of which each run takes the newest version.
        experiment_id: of the experiment.
        namespace: of the runs, or `None`.
        pipeline_root: where artifacts go; the default of the backend if `None`.
        service_account: of the pods; the default of the backend if `None`.
    """

    name: str
    cron: cron.Cron | None
    interval_seconds: int | None
    start: datetime.datetime | None
    end: datetime.datetime | None
    max_concurrency: int
    catch_up: bool
    enabled: bool
    span: str | None
    pipeline_id: str
    experiment_id: str
    namespace: str | None
    pipeline_root: str | None
    service_account: str | None

    def request(self, enabled: bool) -> Any:
        """The recurring run as the API takes it."""
        times = {"start_time": self.start, "end_time": self.end}
        if self.cron is not None:
            schedule = kfp.V2beta1CronSchedule(cron=self.cron.text, **times)
            trigger = kfp.V2beta1Trigger(cron_schedule=schedule)
        else:
            periodic = kfp.V2beta1PeriodicSchedule(interval_second=str(self.interval_seconds), **times)
            trigger = kfp.V2beta1Trigger(periodic_schedule=periodic)
        return kfp.V2beta1RecurringRun(
            display_name=self.name,
            description="Declared in a Tandem config; `tandem schedule create CONFIG` replaces it.",
            # Without a version: each run takes the newest.
            pipeline_version_reference=kfp.V2beta1PipelineVersionReference(pipeline_id=self.pipeline_id),
            runtime_config=kfp.V2beta1RuntimeConfig(
                parameters=self.parameters, pipeline_root=self.pipeline_root
            ),
            trigger=trigger,
            mode="ENABLE" if enabled else "DISABLE",
            max_concurrency=str(self.max_concurrency),
            no_catchup=not self.catch_up,
            namespace=self.namespace,
            experiment_id=self.experiment_id,
            service_account=self.service_account,
        )

    @property
    def parameters(self) -> dict[str, str]:
        """Parameters of each run."""
        return {} if self.span is None else {"span": self.span}


def declared(config: Config) -> Schedule:
    """The section `kubeflow.schedule`, checked as far as that goes without a cluster.

    Raises:
        TandemError: `KFP-400` if there is none, `KFP-402` if not one of cron and interval is set, `KFP-403`
            if a moment is none or the end comes first; what `cron.parse` and `macros.layout_of` raise.
    """
    schedule = config.kubeflow.schedule
    if schedule is None:
        raise TandemError(
            "KFP-400",
            "Expected kubeflow.schedule in the config. Received: none.",
            "Add it, for example --set kubeflow.schedule.cron='0 3 * * *'.",
            exit_status=2,
        )
    given = [name for name in ("cron", "interval_seconds") if getattr(schedule, name) is not None]
    if len(given) != 1:
        raise TandemError(
            "KFP-402",
            "Expected either kubeflow.schedule.cron or kubeflow.schedule.interval_seconds. "
            f"Received: {' and '.join(given) or 'neither'}.",
            "Leave one out." if given else "Set one of them.",
            exit_status=2,
        )
    if schedule.cron is not None:
        cron.parse(schedule.cron)
    if schedule.span is not None:
        macros.layout_of(schedule.span)
    require_order(schedule.start, schedule.end)
    return schedule


def plan(config: Config, name: str, pipeline_id: str, experiment_id: str) -> Plan:
    """The plan of a config.

    Args:
        config: the config.
        name: of the recurring run.
        pipeline_id: of its pipeline.
        experiment_id: of its experiment.

    Raises:
        TandemError: as `declared`.
    """
    schedule, kubeflow = declared(config), config.kubeflow
    return Plan(
        name=name,
        cron=None if schedule.cron is None else cron.parse(schedule.cron),
        interval_seconds=schedule.interval_seconds,
        start=moment("start", schedule.start),
        end=moment("end", schedule.end),
        max_concurrency=schedule.max_concurrency,
        catch_up=schedule.catch_up,
        enabled=schedule.enabled,
        span=schedule.span,
        pipeline_id=pipeline_id,
        experiment_id=experiment_id,
        namespace=kubeflow.namespace,
        pipeline_root=kubeflow.pipeline_root,
        service_account=kubeflow.service_account,
    )
